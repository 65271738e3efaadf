"""The manifest: the signed list of what a bundle carries and how each target is rebuilt.

The exact bytes are what is signed and kept; the types here are a checked reading of them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from manifests import clock, schemas, strictjson
from manifests.errors import MalformedError
from manifests.limits import DEFAULT, Limits
from manifests.names import check_path_set, check_source_name, check_target_path

FORMAT = "sealift-bundle/1"
NAME = "manifest.json"
NOTES_NAME = "notes.md"
TUF_PREFIX = "tuf/"
BLOB_PREFIX = "blobs/"

MAX_TEXT = 2000
"""Characters of one free text."""

Method = Literal["stored", "deflate"]
Arrival = Literal["blob", "held"]


@dataclass(frozen=True)
class Item:
    """What is known of the inside of one target: a label and facts such as rule counts."""

    path: str
    label: str
    facts: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True)
class SourceRecord:
    """Where a source's targets came from, and how sure the publisher is of them.

    ``failure`` is set when the newest pull failed and what was pulled at ``pulled_at`` is carried.
    """

    name: str
    kind: str
    pulled_at: datetime
    verification: str
    failure: str | None = None
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Target:
    """One file that agents can ask for. ``length`` in bytes, ``sha256`` in lower-case hex."""

    path: str
    length: int
    sha256: str
    arrives: Arrival = "blob"


@dataclass(frozen=True)
class Document:
    """A member that is stored as it is: TUF metadata or release notes."""

    name: str
    length: int
    sha256: str


@dataclass(frozen=True)
class BlobMember:
    """A member ``blobs/<sha256>``: its content, and the bytes that stand for it in the zip; the same when stored."""

    sha256: str
    length: int
    method: Method
    stored_sha256: str
    stored_length: int

    @property
    def name(self) -> str:
        """Name of the zip member."""
        return BLOB_PREFIX + self.sha256


@dataclass(frozen=True)
class Manifest:
    """A whole manifest. ``documents`` and ``blobs`` stand in the order of the zip, ``targets`` sorted by path."""

    publisher: str
    snapshot_version: int
    root_version: int
    created: datetime
    tool: str
    sources: tuple[SourceRecord, ...]
    targets: tuple[Target, ...]
    documents: tuple[Document, ...]
    blobs: tuple[BlobMember, ...]
    since: int | None = None
    volume_index: int = 1
    volume_count: int = 1

    @property
    def file_name(self) -> str:
        """The name a bundle is given; recognition never depends on it."""
        kind = "full" if self.since is None else f"since-{self.since:06d}"
        volume = f"-v{self.volume_index}-of-{self.volume_count}" if self.volume_count > 1 else ""
        return f"{self.publisher}-{self.snapshot_version:06d}-{kind}{volume}.zip"


def one_line(text: str) -> str:
    """Return a text as a manifest may carry it: one line, NFC, nothing that moves a terminal's cursor, bounded."""
    shown = "".join(" " if _moves_the_cursor(char) else char for char in unicodedata.normalize("NFC", text))
    whole = shown.encode("utf-8", "replace").decode("utf-8")
    return whole if len(whole) <= MAX_TEXT else whole[: MAX_TEXT - 3] + "..."


def _moves_the_cursor(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or "\u2028" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def encode(manifest: Manifest) -> bytes:
    """Write a manifest's bytes, in the one way we write them. Free texts pass :func:`one_line`.

    Raises:
        MalformedError: The manifest breaks a rule that every reader checks.
    """
    value: dict[str, Any] = {
        "format": FORMAT,
        "publisher": manifest.publisher,
        "snapshot_version": manifest.snapshot_version,
        "root_version": manifest.root_version,
        "created": clock.to_text(manifest.created),
        "kind": "full" if manifest.since is None else "since",
        "volume": {"index": manifest.volume_index, "count": manifest.volume_count},
        "tool": manifest.tool,
        "sources": [_source_to_json(source) for source in manifest.sources],
        "targets": [
            {"path": t.path, "length": t.length, "sha256": t.sha256, "arrives": t.arrives} for t in manifest.targets
        ],
        "documents": [{"name": d.name, "length": d.length, "sha256": d.sha256} for d in manifest.documents],
        "blobs": [_blob_to_json(blob) for blob in manifest.blobs],
    }
    if manifest.since is not None:
        value["since"] = manifest.since
    data = strictjson.encode(value)
    decode(data)
    return data


def decode(data: bytes, limits: Limits = DEFAULT) -> Manifest:
    """Read a manifest, checking its form and that its parts agree with each other.

    Raises:
        MalformedError: ``json.*``, ``manifest.schema``, ``manifest.order``, ``manifest.volume``,
            ``manifest.since``, ``manifest.held``, ``manifest.sources``, ``manifest.documents``,
            ``manifest.blobs``, ``path.*``, ``name.*`` or ``time.format``.
    """
    value = strictjson.decode(data, name=NAME, max_bytes=limits.manifest_bytes, max_depth=limits.json_depth)
    schemas.check(value, "manifest", name=NAME)
    manifest = Manifest(
        publisher=value["publisher"],
        snapshot_version=value["snapshot_version"],
        root_version=value["root_version"],
        created=clock.from_text(value["created"]),
        tool=value["tool"],
        sources=tuple(_source_from_json(source) for source in value["sources"]),
        targets=tuple(Target(t["path"], t["length"], t["sha256"], t["arrives"]) for t in value["targets"]),
        documents=tuple(Document(d["name"], d["length"], d["sha256"]) for d in value["documents"]),
        blobs=tuple(_blob_from_json(blob) for blob in value["blobs"]),
        since=value.get("since"),
        volume_index=value["volume"]["index"],
        volume_count=value["volume"]["count"],
    )
    _check_consistency(manifest)
    return manifest


def _source_to_json(source: SourceRecord) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": source.name,
        "kind": source.kind,
        "state": "fresh" if source.failure is None else "last-good",
        "pulled_at": clock.to_text(source.pulled_at),
        "verification": one_line(source.verification),
        "items": [_item_to_json(item) for item in source.items],
    }
    if source.failure is not None:
        value["failure"] = one_line(source.failure)
    return value


def _item_to_json(item: Item) -> dict[str, Any]:
    facts = {name: one_line(fact) if isinstance(fact, str) else fact for name, fact in item.facts}
    return {"path": item.path, "label": one_line(item.label), "facts": facts}


def _blob_to_json(blob: BlobMember) -> dict[str, Any]:
    value: dict[str, Any] = {"sha256": blob.sha256, "length": blob.length, "method": blob.method}
    if blob.method != "stored":
        value |= {"stored_sha256": blob.stored_sha256, "stored_length": blob.stored_length}
    return value


def _blob_from_json(value: dict[str, Any]) -> BlobMember:
    sha256, length, method = value["sha256"], value["length"], value["method"]
    if method == "stored":
        return BlobMember(sha256, length, method, sha256, length)
    return BlobMember(sha256, length, method, value["stored_sha256"], value["stored_length"])


def _source_from_json(value: dict[str, Any]) -> SourceRecord:
    if (value["state"] == "last-good") != ("failure" in value):
        raise MalformedError(
            "manifest.sources", f"Source {value['name']!r} gives a state and no reason, or the reverse"
        )
    return SourceRecord(
        name=value["name"],
        kind=value["kind"],
        pulled_at=clock.from_text(value["pulled_at"]),
        verification=value["verification"],
        failure=value.get("failure"),
        items=tuple(Item(i["path"], i["label"], tuple(sorted(i["facts"].items()))) for i in value["items"]),
    )


def _check_consistency(manifest: Manifest) -> None:
    """Refuse a manifest whose parts contradict each other."""
    if manifest.volume_index > manifest.volume_count:
        raise MalformedError("manifest.volume", f"Volume {manifest.volume_index} of {manifest.volume_count}")
    if manifest.since is not None and manifest.since >= manifest.snapshot_version:
        raise MalformedError("manifest.since", "The bundle is an increment since a version that is not older")
    if manifest.since is None and any(target.arrives == "held" for target in manifest.targets):
        raise MalformedError("manifest.held", "A full bundle takes a target for held")
    _check_sorted("sources", [source.name for source in manifest.sources])
    _check_sorted("targets", [target.path for target in manifest.targets])
    names = {check_source_name(source.name) for source in manifest.sources}
    lengths: dict[str, int] = {}
    for target in manifest.targets:
        check_target_path(target.path)
        source_name, _, rest = target.path.partition("/")
        if not rest or source_name not in names:
            raise MalformedError("manifest.sources", f"Target {target.path!r} belongs to no source of the manifest")
        if lengths.setdefault(target.sha256, target.length) != target.length:
            raise MalformedError("manifest.blobs", f"The digest {target.sha256} is given two lengths")
    check_path_set(target.path for target in manifest.targets)
    paths = {target.path for target in manifest.targets}
    for source in manifest.sources:
        for item in source.items:
            if item.path not in paths or not item.path.startswith(source.name + "/"):
                raise MalformedError("manifest.sources", f"Item {item.path!r} is no target of source {source.name!r}")
    _check_members(manifest, lengths)


def _check_members(manifest: Manifest, lengths: dict[str, int]) -> None:
    """Refuse blobs that no target needs, that stand twice, or whose lengths differ."""
    if len({document.name for document in manifest.documents}) != len(manifest.documents):
        raise MalformedError("manifest.documents", "A document stands twice")
    carried = {blob.sha256: blob for blob in manifest.blobs}
    if len(carried) != len(manifest.blobs):
        raise MalformedError("manifest.blobs", "A blob stands twice")
    needed = {target.sha256 for target in manifest.targets if target.arrives == "blob"}
    if manifest.volume_count == 1 and needed != carried.keys():
        raise MalformedError("manifest.blobs", "The blobs are not those that the targets need")
    for blob in manifest.blobs:
        if blob.sha256 not in needed or lengths[blob.sha256] != blob.length:
            raise MalformedError("manifest.blobs", f"The blob {blob.sha256} does not fit any target")


def _check_sorted(what: str, keys: list[str]) -> None:
    if any(left >= right for left, right in pairwise(keys)):
        raise MalformedError("manifest.order", f"The {what} are not in ascending order, or one stands twice")
