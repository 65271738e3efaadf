"""Source ``dsm-rules``: rule packs out of a Deep Security Manager, by its SOAP interface."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from bundler.fetch.credentials import PROXY_CREDENTIALS_SCHEMA, UpstreamCredentials
from bundler.kinds.dsm_rules.channel import Endpoint, HttpsChannel
from bundler.sources.base import JSON, CheckedTarget, Pull, PulledTarget, SourceCheck, TargetState, Workbench
from bundler.sources.paths import existing_file, require_target_path
from bundler.sources.versions import Floor
from manifests import clock
from manifests.archives import rulepack
from manifests.archives.rulepack import OPEN_LABEL, VENDOR_LABEL, Release
from manifests.disk.blobs import Blob
from manifests.dsm import SOAP_PATH, Account, Manager, SecurityUpdate, signed_in
from manifests.errors import ConfigurationError, FetchError
from manifests.manifest import TargetFacts
from manifests.text import count_text

_LIMITS = ("timeout_seconds", "total_seconds", "max_bytes")
_WEB_PAGES = (b"<!doctype html", b"<html")
_RELEASE, _RELEASED = "release", "released at"
"""The two things that have a version: the release in a pack's name, and the instant the vendor released it."""
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DsmRulesSource:
    """Carry a manager's rule packs as they are.

    Args:
        endpoint: Where the manager is.
        credentials: Who signs in.
        newest: So many of the newest are carried.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset({*_LIMITS, "ca", "fingerprint", "credentials"})
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url", "credentials"],
        "properties": {
            "url": {"type": "string", "pattern": "^https://[^\\s/?#@]+(/[^\\s?#]*)?$"},
            "credentials": PROXY_CREDENTIALS_SCHEMA,
            "newest": {"type": "integer", "minimum": 1, "maximum": 1000},
            "ca": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"},
            "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
            "total_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
            "max_bytes": {"type": "integer", "minimum": 1, "maximum": 1073741824},
        },
    }

    name: str
    endpoint: Endpoint
    credentials: UpstreamCredentials
    newest: int = 1

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` when ``ca`` is relative or missing, ``source.credentials``, or
                ``source.ca`` when there is both an authority and a fingerprint to know the manager by.
        """
        url = options["url"].rstrip("/")
        given: dict[str, Any] = {key: options[key] for key in _LIMITS if key in options}
        if "ca" in options:
            given["ca"] = existing_file(name, options["ca"], need="a PEM bundle")
        if "fingerprint" in options:
            given["fingerprint"] = options["fingerprint"].replace(":", "").lower()
        if "ca" in given and "fingerprint" in given:
            raise ConfigurationError(
                "source.ca", f"Source {name!r}: the manager is known by ca or by fingerprint", need="one of them"
            )
        endpoint = Endpoint(url if urlsplit(url).path else url + SOAP_PATH, **given)
        credentials = UpstreamCredentials.from_config(name, "credentials", options["credentials"])
        return cls(name, endpoint, credentials, options.get("newest", 1))

    def pull(self, bench: Workbench) -> Pull:
        """Export what is new of the newest packs.

        Raises:
            FetchError: ``dsm.*``.
            RollbackError: ``source.older``: the newest pack there is older than the newest that came before.
            MalformedError: ``archive.*``, ``rulepack.*`` or ``json.*``: a pack is a hostile or damaged archive.
        """
        with self._manager() as manager:
            updates = self._choose(bench, manager.security_updates())
            packs = [self._carried(bench, manager, update) for update in updates]
        packs.sort(key=lambda pack: pack[0].path)
        targets = tuple(target for target, _ in packs)
        checked = sum(item.label == OPEN_LABEL for _, item in packs)
        vendor = len(packs) - checked
        said = [f"{checked} of {len(packs)} open rule packs, checked inside"] if checked else []
        said += [f"{vendor} of {count_text(len(packs), 'vendor pack')} carried, inside not verified"] if vendor else []
        return Pull(
            targets=targets,
            verification="; ".join([*said, "exported by the manager over TLS; no upstream signature checked"]),
            items=tuple(item for _, item in packs),
            memo={"packs": {update.name: _note(update) for update in updates}},
            version=_version_text(updates[0]),
            floor=_versions(updates[0]),
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Sign in and list the packs; export nothing.

        Raises:
            FetchError: ``dsm.*``.
            RollbackError: ``source.older``.
        """
        with self._manager() as manager:
            there = manager.security_updates()
        updates = self._choose(bench, there)
        targets = tuple(
            CheckedTarget(update.name, known.length, TargetState.UNCHANGED)
            if (known := self._known(bench, update))
            else CheckedTarget(update.name, None, TargetState.TO_EXPORT)
            for update in sorted(updates, key=lambda update: update.name)
        )
        host = urlsplit(self.endpoint.url).netloc
        note = f"signed in to {host}; {count_text(len(there), 'rule pack')} there, the newest is {updates[0].name}"
        return SourceCheck(targets, note, _version_text(updates[0]))

    @contextmanager
    def _manager(self) -> Iterator[Manager]:
        user = self.credentials.user or ""
        account = Account(user, self.credentials.secret.read(user))
        with HttpsChannel(self.endpoint) as channel, signed_in(channel, account) as manager:
            yield manager

    def _choose(self, bench: Workbench, there: Sequence[SecurityUpdate]) -> tuple[SecurityUpdate, ...]:
        """Return the packs to carry, the newest first."""
        wanted = [update for update in there if bench.globs.takes(update.name)]
        updates = tuple(sorted(wanted, key=_age, reverse=True)[: self.newest])
        if not updates:
            raise FetchError(
                "dsm.no-packs",
                f"Source {self.name!r}: the manager has no rule pack to carry",
                have=f"{len(there)} there, none of them included" if there else "none at all",
                todo="let the manager download rule updates, or correct include and exclude",
            )
        for update in updates:
            self._check_name(update, updates)
        self._check_not_older(bench, updates[0], there)
        return updates

    def _check_not_older(self, bench: Workbench, newest: SecurityUpdate, there: Sequence[SecurityUpdate]) -> None:
        """Compare by release where both have one, else by day and time.

        A manager that still has the pack of the floor did not go back: include and exclude choose otherwise now.
        """
        versions = _versions(newest)
        thing = _RELEASE if _RELEASE in versions and _RELEASE in bench.floor else _RELEASED
        if bench.floor.get(thing) not in [_versions(update).get(thing, ()) for update in there]:
            bench.check_not_older(self.name, thing, versions.get(thing, ()))

    def _check_name(self, update: SecurityUpdate, updates: Sequence[SecurityUpdate]) -> None:
        if sum(other.name == update.name for other in updates) > 1:
            raise FetchError(
                "dsm.duplicate-name",
                f"Source {self.name!r}: the manager has two rule packs named {update.name!r}",
                todo="delete one of them in the manager's console, under Updates, Rules",
            )
        what = f"the pack {update.name!r}"
        require_target_path(self.name, update.name, what=what, code="dsm.name")
        if "/" in update.name:
            raise FetchError("dsm.name", f"Source {self.name!r}: {what} has a slash in its name")

    def _carried(self, bench: Workbench, manager: Manager, update: SecurityUpdate) -> tuple[PulledTarget, TargetFacts]:
        known = self._known(bench, update)
        items = () if bench.previous is None else bench.previous.items
        if known is not None and (item := next((item for item in items if item.path == update.name), None)):
            return PulledTarget(update.name, known), item
        bench.progress.start(f"{self.name}: {update.name}")
        content = manager.export(update.id)
        item = self._inside(update, content)
        blob = bench.batch.add([content])
        bench.progress.advance(blob.length)
        return PulledTarget(update.name, blob), item

    def _known(self, bench: Workbench, update: SecurityUpdate) -> Blob | None:
        """Return what the last good pull exported as this very pack."""
        return bench.remembered(update.name) if bench.memo("packs").get(update.name) == _note(update) else None

    def _inside(self, update: SecurityUpdate, content: bytes) -> TargetFacts:
        """Say what is known of a pack; what is an archive must be a harmless one.

        Raises:
            FetchError: ``dsm.content``.
            MalformedError: ``archive.*``, ``rulepack.*`` or ``json.*``.
        """
        if not content or content[:512].lstrip().lower().startswith(_WEB_PAGES):
            raise FetchError(
                "dsm.content",
                f"Source {self.name!r}: the manager exported no rule pack as {update.name!r}",
                have="a web page" if content else "an empty file",
                todo="delete it in the manager's console and let the manager download it again",
            )
        pack = rulepack.read_rule_pack(io.BytesIO(content))
        facts: dict[str, str | int] = {} if pack is None else dict(pack.facts())
        facts["name"] = update.name
        if update.released is not None:
            facts["released"] = clock.instant_text(update.released)
        named = Release.of_file(update.name)
        if named is not None:
            facts["version"] = str(named)
        return TargetFacts(update.name, VENDOR_LABEL if pack is None else OPEN_LABEL, tuple(sorted(facts.items())))


def _age(update: SecurityUpdate) -> tuple[Release, datetime, int]:
    """Return what packs are ordered by: their release, then when the vendor released them."""
    return Release.of_file(update.name) or Release(0, 0), update.released or _EARLIEST, update.id


def _note(update: SecurityUpdate) -> Mapping[str, JSON]:
    released = None if update.released is None else clock.instant_text(update.released)
    return {"id": update.id, "name": update.name, "released": released}


def _versions(update: SecurityUpdate) -> Floor:
    """Return what a pack can be compared by."""
    release = Release.of_file(update.name)
    found: Floor = {} if release is None else {_RELEASE: (release.year, release.number)}
    return found if update.released is None else {**found, _RELEASED: _numbers(clock.instant_text(update.released))}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", text))


def _version_text(update: SecurityUpdate) -> str | None:
    release = Release.of_file(update.name)
    return (
        str(release)
        if release is not None
        else None
        if update.released is None
        else clock.instant_text(update.released)
    )
