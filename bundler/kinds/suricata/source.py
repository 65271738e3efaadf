"""Source ``suricata``: rule sets chosen from an index, and an index of our own that leads clients to the relay."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

from bundler.fetch.errors import HttpStatusError
from bundler.fetch.fetcher import FetchedFile, Fetcher, WantedFile
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import FILE_URL_SCHEMA, file_name_of, shown_url, url_beside
from bundler.kinds.suricata.index import (
    INDEX_BYTES,
    NAME_PATTERN,
    IndexEntry,
    RuleIndex,
    choose_entries,
    encode_rule_index,
    fill_url,
    read_rule_index,
)
from bundler.kinds.suricata.parameters import PARAMETERS_SCHEMA, Parameters
from bundler.rules.archive import is_archive, read_archive
from bundler.rules.rule import MAX_FILE_BYTES, Reader, Rule
from bundler.rules.suricata import read_suricata_rules
from bundler.sources.base import NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench, state_of
from bundler.sources.checksum_list import parse_checksum_file
from bundler.sources.checksums import Checksum, ChecksumError
from bundler.sources.emptiness import empty_error
from bundler.sources.paths import require_target_path
from manifests.disk.blobs import Blob
from manifests.errors import ConfigurationError, FetchError, MalformedError
from manifests.limits import MIB
from manifests.manifest import TargetFacts
from manifests.names import check_path_set

INDEX_URL = "https://www.openinfosecfoundation.org/rules/index.yaml"
"""The index that suricata-update asks for unless told otherwise."""
RELAY_URL = "https://localhost:4122"
INDEX = "index.yaml"

_MD5_BYTES = 4096
_RULES_BYTES = 256 * MIB
"""Ceiling on one rule set; the largest in use are some five million bytes packed."""
_CHECKSUM = {"if": {"type": "string"}, "then": FILE_URL_SCHEMA, "else": {"type": "boolean"}}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 1000}
_NAME = {"type": "string", "pattern": f"^{NAME_PATTERN}$"}
_ARCHIVE = re.compile(r"\.(?:tar|t[gbx]z2?|tar\.(?:gz|bz2|xz)|zip)$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:\.rules|\.tar(?:\.(?:gz|bz2|xz))?|\.t[gbx]z2?|\.zip)+$")
_SPOKEN_BYTES = 60


@dataclass(frozen=True)
class RuleSet:
    """One rule set to fetch: its entry in an index, where it is, and under which path it is carried."""

    entry: IndexEntry
    url: str
    path: str

    @property
    def checksum_url(self) -> str | None:
        """Where its server publishes its MD5, if it does."""
        if isinstance(self.entry.checksum, str):
            return self.entry.checksum
        return url_beside(self.url, ".md5") if self.entry.checksum else None


@dataclass(frozen=True)
class PlannedFetch:
    """How a rule set is fetched. ``trouble``: whose MD5 is published and cannot be used, and why, for people."""

    wanted: WantedFile
    trouble: str | None


@dataclass(frozen=True)
class SuricataSource:
    """Carry rule sets of Suricata.

    Args:
        index: Where the index is.
        sources: Names of what is chosen from it.
        own: Rule sets given by URL.
        suricata_version: Of the engines inside, for URLs that depend on it.
        parameters: What subscribers fill into URLs.
        relay_url: How the clients inside reach the relay.
        options: How to fetch.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS | {"parameters"}
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "index": FILE_URL_SCHEMA,
            "sources": {"type": "array", "uniqueItems": True, "items": _NAME},
            "urls": {
                "type": "array",
                "items": {
                    "if": {"type": "object"},
                    "then": {
                        "additionalProperties": False,
                        "required": ["url"],
                        "properties": {
                            "url": FILE_URL_SCHEMA,
                            "name": _NAME,
                            "checksum": {
                                "if": {"type": "string"},
                                "then": FILE_URL_SCHEMA,
                                "else": {"type": "boolean"},
                            },
                            **dict.fromkeys(("summary", "vendor", "license"), _TEXT),
                        },
                    },
                    "else": FILE_URL_SCHEMA,
                },
            },
            "suricata_version": {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){1,2}$"},
            "parameters": PARAMETERS_SCHEMA,
            "relay_url": {"type": "string", "pattern": "^https?://[^\\s/?#@]+/?$"},
            **FETCH_KEYS,
        },
    }

    name: str
    index: str
    sources: tuple[str, ...]
    own: tuple[IndexEntry, ...]
    suricata_version: str | None
    parameters: Parameters
    relay_url: str
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.url`` when there is nothing to fetch or two rule sets have one name;
                ``source.parameters`` for a rule set that is not chosen; ``source.*`` as :func:`fetch_options`.
        """
        sources = tuple(sorted(options.get("sources", ())))
        own = tuple(_own(name, given) for given in options.get("urls", ()))
        names = [*sources, *(entry.name for entry in own)]
        if not names:
            raise ConfigurationError(
                "source.url", f"Source {name!r} has nothing to fetch", need='sources = ["et/open"], urls, or both'
            )
        for unknown in sorted(options.get("parameters", {}).keys() - set(sources)):
            raise ConfigurationError(
                "source.parameters",
                f"Source {name!r} has parameters for {unknown!r}, which is none of its sources",
                have=", ".join(sources) or "none",
            )
        for double in sorted({given for given in names if names.count(given) > 1}):
            raise ConfigurationError(
                "source.url", f"Source {name!r} has two rule sets {double!r}", todo="give one of them another name"
            )
        return cls(
            name,
            options.get("index", INDEX_URL),
            sources,
            own,
            options.get("suricata_version"),
            Parameters.from_config(name, options.get("parameters", {})),
            options.get("relay_url", RELAY_URL).rstrip("/"),
            fetch_options(name, options),
        )

    def pull(self, bench: Workbench) -> Pull:
        """Fetch what changed and write the index.

        Raises:
            FetchError: As :class:`Fetcher`; ``suricata.unknown-source``, ``.obsolete``, ``.parameter``,
                ``.parameter-host``, ``.name``.
            MalformedError: ``suricata.index``, ``suricata.index-syntax``; ``rules.*`` or ``archive.*`` for a rule set
                that suricata-update could not read.
        """
        with self.parameters.hidden(), self._fetcher(bench) as fetcher:
            index = self._index(fetcher)
            sets = self._rule_sets(index)
            plans, fetched = fetcher.once_more(lambda: self._fetch(fetcher, sets), (ChecksumError,))
            memo = fetcher.memo()
        items = tuple(_item(self.name, bench, rules, file) for rules, file in zip(sets, fetched, strict=True))
        targets = self._targets(bench, index, sets, fetched)
        return Pull(
            targets=targets,
            verification=_verification(plans),
            items=tuple(sorted(items, key=lambda item: item.path)),
            memo=memo,
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Read the index and what the servers publish of the rule sets' MD5.

        Raises:
            FetchError: As :meth:`pull`.
            MalformedError: ``suricata.index``, ``suricata.index-syntax``.
        """
        with self.parameters.hidden(), self._fetcher(bench) as fetcher:
            sets = self._rule_sets(self._index(fetcher))
            looks = [fetcher.look(self._plan(fetcher, rules).wanted) for rules in sets]
        targets = [CheckedTarget(look.path, look.length, state_of(unchanged=look.unchanged)) for look in looks]
        asked = [self.index] if self.sources else []
        hosts = sorted({urlsplit(url).netloc for url in (*asked, *(entry.url for entry in self.own))})
        return SourceCheck(tuple(sorted(targets, key=lambda target: target.path)), f"reached {', '.join(hosts)}")

    def _fetcher(self, bench: Workbench) -> Fetcher:
        return Fetcher(replace(self.options, url_secrets=self.parameters.url_secrets), bench, self.name)

    def _fetch(
        self, fetcher: Fetcher, sets: Sequence[RuleSet]
    ) -> tuple[tuple[PlannedFetch, ...], tuple[FetchedFile, ...]]:
        plans = tuple(self._plan(fetcher, rules) for rules in sets)
        return plans, fetcher.get_all([plan.wanted for plan in plans])

    def _index(self, fetcher: Fetcher) -> RuleIndex:
        """Return what is to be carried, and what the upstream's index says beside it."""
        own = {entry.name: entry for entry in self.own}
        if not self.sources:
            return RuleIndex(own)
        name = shown_url(self.index)
        upstream = read_rule_index(fetcher.document(self.index, max_bytes=INDEX_BYTES), name=name)
        taken = {entry.name: entry for entry in choose_entries(upstream.entries, self.sources, index=name)}
        return RuleIndex({**own, **taken}, upstream.versions)

    def _rule_sets(self, index: RuleIndex) -> tuple[RuleSet, ...]:
        sets = tuple(self._rule_set(entry) for entry in index.entries.values())
        check_path_set(path for rules in sets for path in (rules.path, f"{rules.path}.md5"))
        return sets

    def _rule_set(self, entry: IndexEntry) -> RuleSet:
        version = {"__version__": self.suricata_version} if self.suricata_version else {}
        values = self.parameters.of(entry.name)
        name = file_name_of(fill_url(entry, {**dict.fromkeys(values, "x"), **version}))
        path = require_target_path(self.name, f"{entry.name}/{name}", what=entry.name, code="suricata.name")
        url = fill_url(entry, {**values, **version})
        self.parameters.require_hosts(entry.name, url)
        return RuleSet(entry, url, path)

    def _plan(self, fetcher: Fetcher, rules: RuleSet) -> PlannedFetch:
        """Ask for the MD5 that the rule set's server publishes.

        Where there is none that can be used, suricata-update goes on without it. So do we, and say so.
        """
        check, trouble = None, None
        try:
            check = self._published_md5(fetcher, rules)
        except FetchError as error:  # its text may name a URL with a subscriber's secret in it
            said = f"answer {error.status}" if isinstance(error, HttpStatusError) else error.code
            trouble = f"{rules.entry.name}: {said}"
        return PlannedFetch(WantedFile(rules.url, rules.path, check=check, max_bytes=_RULES_BYTES), trouble)

    def _published_md5(self, fetcher: Fetcher, rules: RuleSet) -> Checksum | None:
        url = rules.checksum_url
        data = None if url is None else fetcher.document_or_none(url, max_bytes=_MD5_BYTES)
        if url is None or data is None:
            return None
        return parse_checksum_file(data, "md5", rules.path.rpartition("/")[2], name=shown_url(url))

    def _targets(
        self, bench: Workbench, index: RuleIndex, sets: Sequence[RuleSet], fetched: Sequence[FetchedFile]
    ) -> tuple[PulledTarget, ...]:
        """Return the rule sets, each with its bare MD5 as suricata-update compares it, and the index."""
        moved = RuleIndex({rules.entry.name: self._moved(rules) for rules in sets}, index.versions)
        targets = [PulledTarget(INDEX, bench.batch.add([encode_rule_index(moved)]))]
        for file in fetched:
            digest = hashlib.md5(usedforsecurity=False)
            for chunk in bench.read(file.blob):
                digest.update(chunk)
            targets += [
                PulledTarget(file.path, file.blob),
                PulledTarget(f"{file.path}.md5", bench.batch.add([f"{digest.hexdigest()}\n".encode()])),
            ]
        return tuple(sorted(targets, key=lambda target: target.path))

    def _moved(self, rules: RuleSet) -> IndexEntry:
        return rules.entry.moved(f"{self.relay_url}/{self.name}/{quote(rules.path)}")


def _own(source: str, given: str | Mapping[str, Any]) -> IndexEntry:
    table = {"url": given} if isinstance(given, str) else given
    stem = _SUFFIX.sub("", file_name_of(table["url"]))
    name = table.get("name", f"{source}/{stem}")
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigurationError(
            "source.url", f"Source {source!r}: no name can be made of {table['url']!r}", todo="give it a name"
        )
    texts = {"summary": f"{stem}, carried by Sealift", "vendor": source, "license": "unknown"} | {
        key: table[key] for key in ("summary", "vendor", "license") if key in table
    }
    return IndexEntry(name, table["url"].replace("%", "%%"), table.get("checksum", True), tuple(texts.items()))


def _item(source: str, bench: Workbench, rules: RuleSet, file: FetchedFile) -> TargetFacts:
    """Count the rules of a set, and so make sure that suricata-update will be able to read it."""
    items = bench.previous.items if bench.previous else ()
    before = next((item for item in items if item.path == file.path), None)
    if file.unchanged and before is not None:
        return before
    counts = _counts(source, bench, file, expected=before is not None and bool(before.facts))
    return TargetFacts(file.path, f"Suricata rules {rules.entry.name}", counts)


def _counts(source: str, bench: Workbench, file: FetchedFile, *, expected: bool) -> tuple[tuple[str, str | int], ...]:
    """Count rules; nothing for what is too large, or no rules and, by its name, not expected to be any."""
    if file.blob.length > MAX_FILE_BYTES:
        return ()
    data = _whole(bench, file.blob)
    try:
        rules, known = read_rule_set(file.path, data)
    except MalformedError as error:
        raise error.reworded(what=f"{file.path}: {error.what}") from error
    expected = expected or known
    if not rules and expected and not bench.allow_empty:
        have = repr(data[:_SPOKEN_BYTES].decode("utf-8", "replace")) if data else "an empty file"
        raise empty_error(source, file.path, "rule", have="an archive without any" if is_archive(data) else have)
    return (("rules", len(rules)), ("enabled", sum(rule.enabled for rule in rules))) if rules or expected else ()


def read_rule_set(path: str, data: bytes) -> tuple[tuple[Rule, ...], bool]:
    """Return the rules of a set as ``suricata-update`` reads it: by what it is, whatever it is called.

    Returns:
        The rules, and whether it says that it is made of rules: by its own name, or by that of a file in it.

    Raises:
        MalformedError: ``rules.*`` or ``archive.*``: it is called an archive and is none, or is damaged.
    """
    if is_archive(data) or _ARCHIVE.search(path):
        members: list[str] = []

        def reader_of(name: str) -> Reader | None:
            if not name.endswith(".rules"):
                return None
            members.append(name)
            return read_suricata_rules

        return read_archive(data, reader_of), bool(members)
    return read_suricata_rules(data), path.endswith(".rules")


def _whole(bench: Workbench, blob: Blob) -> bytes:
    return b"".join(bench.read(blob))


def _verification(plans: Sequence[PlannedFetch]) -> str:
    wanted = [plan.wanted for plan in plans]
    published = sum(one.check is not None for one in wanted)
    plain = sum(one.url.startswith("http:") for one in wanted)
    said = [f"{published} of {len(wanted)} match the MD5 that their server publishes; no upstream signature checked"]
    said = said if published else [NOT_VERIFIED]
    troubles = [plan.trouble for plan in plans if plan.trouble is not None]
    if troubles:
        said.append(f"{len(troubles)} of {len(wanted)} not verified, the published MD5 cannot be used ({troubles[0]})")
    return "; ".join(said + ([f"{plain} of {len(wanted)} came over plain http"] if plain else []))
