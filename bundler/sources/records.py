"""What the home remembers of each source: its last good pull, its floor, and why the newest pull failed.

One file per source, ``<home>/sources/<name>.json``, replaced durably and only after the content that
it names is durable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bundler.sources.base import Pull, PulledTarget
from bundler.sources.globs import GlobSet
from bundler.sources.versions import Floor
from manifests import clock
from manifests.disk import durable
from manifests.disk.blobs import Blob
from manifests.errors import ConfigurationError, MalformedError
from manifests.limits import MIB
from manifests.manifest import TargetFacts
from manifests.schemas import strictjson

FORMAT = "sealift-source/1"
_MAX_BYTES = 512 * MIB
_VERSION = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})*")


@dataclass(frozen=True)
class GoodPull:
    """A pull that succeeded, when, and the digest of the configuration it was made with."""

    pull: Pull
    pulled_at: datetime
    configuration: str


@dataclass(frozen=True)
class FailedPull:
    """Why the newest pull failed, and when."""

    code: str
    text: str
    failed_at: datetime


@dataclass(frozen=True)
class PullRecord:
    """All that is remembered of one source.

    Args:
        name: The source's.
        kind: Of another kind nothing is remembered.
        good: The last good pull; a changed configuration voids it.
        failure: Cleared by the next good pull.
        floor: What the upstream must not go back behind, however the source is configured since.
    """

    name: str
    kind: str
    good: GoodPull | None = None
    failure: FailedPull | None = None
    floor: Floor = field(default_factory=dict)


def configuration_digest(kind: str, options: Mapping[str, Any], transport: frozenset[str], globs: GlobSet) -> str:
    """Return the digest of what a source is configured to yield, apart from how it is fetched."""
    said = {key: options[key] for key in options if key not in transport}
    return hashlib.sha256(strictjson.encode_json([kind, said, globs.include, globs.exclude])).hexdigest()


def load_record(directory: Path, name: str, kind: str) -> PullRecord:
    """Read a source's record; an empty one when it was never pulled, or was of another kind then.

    Raises:
        ConfigurationError: ``source.record`` when the file is damaged.
        StorageError: It cannot be read.
    """
    record = load_record_of_any_kind(directory, name)
    return record if record is not None and record.kind == kind else PullRecord(name, kind)


def load_record_of_any_kind(directory: Path, name: str) -> PullRecord | None:
    """Read a source's record, whatever kind it was of then.

    Raises:
        ConfigurationError: ``source.record`` when the file is damaged.
        StorageError: It cannot be read.
    """
    path = directory / f"{name}.json"
    with durable.storage_errors(path):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        value = strictjson.decode_json(data, name=path.name, max_bytes=_MAX_BYTES)
        return _from_json(value)
    except (MalformedError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "source.record",
            f"{path} is damaged: {error}",
            todo=f"delete it, then: bundle pull {name}",
        ) from error


def save_record(directory: Path, record: PullRecord) -> None:
    """Replace a source's record durably.

    Raises:
        StorageError: The disk is full, read-only or failing; the old record stands.
    """
    durable.make_directory(directory)
    durable.write_file(directory / f"{record.name}.json", strictjson.encode_json(_to_json(record)))


def _to_json(record: PullRecord) -> dict[str, Any]:
    value: dict[str, Any] = {"format": FORMAT, "name": record.name, "kind": record.kind, "good": None, "failure": None}
    value["floor"] = {thing: ".".join(map(str, version)) for thing, version in record.floor.items()}
    if record.good is not None:
        pull = record.good.pull
        value["good"] = {
            "pulled_at": clock.instant_text(record.good.pulled_at),
            "configuration": record.good.configuration,
            "verification": pull.verification,
            "targets": [[target.path, target.blob.length, target.blob.sha256] for target in pull.targets],
            "items": [[item.path, item.label, [list(fact) for fact in item.facts]] for item in pull.items],
            "memo": pull.memo,
            "version": pull.version,
        }
    if record.failure is not None:
        failure = record.failure
        value["failure"] = {
            "code": failure.code,
            "text": failure.text,
            "failed_at": clock.instant_text(failure.failed_at),
        }
    return value


def _from_json(value: dict[str, Any]) -> PullRecord:
    if value["format"] != FORMAT:
        raise MalformedError("source.format", f"its format is {value['format']!r}", need=FORMAT)
    good, failure = value["good"], value["failure"]
    return PullRecord(
        name=value["name"],
        kind=value["kind"],
        good=None if good is None else _good_from_json(good),
        failure=None
        if failure is None
        else FailedPull(failure["code"], failure["text"], clock.parse_instant(failure["failed_at"])),
        floor=_floor_from_json(value.get("floor", {})),
    )


def _floor_from_json(value: Mapping[str, str]) -> Floor:
    """Read a floor. Versions are text, because their parts may be larger than a number in JSON."""
    for thing, text in value.items():
        if not _VERSION.fullmatch(text):
            raise MalformedError("source.floor", f"the floor of {thing!r} is {text[:40]!r}", need="a version")
    return {thing: tuple(map(int, text.split("."))) for thing, text in value.items()}


def _good_from_json(value: dict[str, Any]) -> GoodPull:
    pull = Pull(
        targets=tuple(PulledTarget(path, Blob(sha256, length)) for path, length, sha256 in value["targets"]),
        verification=value["verification"],
        items=tuple(
            TargetFacts(path, label, tuple((key, fact) for key, fact in facts)) for path, label, facts in value["items"]
        ),
        memo=value["memo"],
        version=value["version"],
    )
    return GoodPull(pull, clock.parse_instant(value["pulled_at"]), value["configuration"])
