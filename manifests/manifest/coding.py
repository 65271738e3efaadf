"""A manifest's bytes: written in one way, read strictly."""

from __future__ import annotations

import unicodedata
from typing import Any

from manifests import clock
from manifests.errors import MalformedError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.manifest import rules
from manifests.manifest.types import (
    AbsentSource,
    BlobMember,
    DocumentMember,
    Manifest,
    Part,
    Parted,
    PatchMember,
    SourceRecord,
    Target,
    TargetFacts,
)
from manifests.schemas import documents as schemas
from manifests.schemas import strictjson

BUNDLE_FORMAT = "sealift-bundle/1"
MANIFEST_NAME = "manifest.json"

MAX_FREE_TEXT = 2000
"""Characters of one free text."""


def one_line(text: str) -> str:
    """Return a text as a manifest may carry it: one line, NFC, nothing that moves a terminal's cursor, bounded."""
    shown = "".join(" " if _moves_the_cursor(char) else char for char in unicodedata.normalize("NFC", text))
    whole = shown.encode("utf-8", "replace").decode("utf-8")
    return whole if len(whole) <= MAX_FREE_TEXT else whole[: MAX_FREE_TEXT - 3] + "..."


def _moves_the_cursor(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or "\u2028" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest's bytes, in the one way we write them. Free texts pass :func:`one_line`.

    Raises:
        MalformedError: The manifest breaks a rule that every reader checks.
    """
    value: dict[str, Any] = {
        "format": BUNDLE_FORMAT,
        "publisher": manifest.publisher,
        "snapshot_version": manifest.snapshot_version,
        "root_version": manifest.root_version,
        "created": clock.instant_text(manifest.created),
        "kind": "full" if manifest.since is None else "since",
        "volume": {"index": manifest.volume_index, "count": manifest.volume_count},
        "tool": manifest.tool,
        "sources": [_source_to_json(source) for source in manifest.sources],
        "targets": [
            {"path": t.path, "length": t.length, "sha256": t.sha256, "arrives": t.arrives} for t in manifest.targets
        ],
        "documents": [_document_to_json(document) for document in manifest.documents],
        "blobs": [_blob_to_json(blob) for blob in manifest.blobs],
        "patches": [_patch_to_json(patch) for patch in manifest.patches],
        "parts": [_parted_to_json(parted) for parted in manifest.parted],
    }
    if manifest.since is not None:
        value["since"] = manifest.since
    if manifest.absent:
        value["absent"] = [_absent_to_json(source) for source in manifest.absent]
    data = strictjson.encode_json(value)
    decode_manifest(data)
    return data


def decode_manifest(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """Read a manifest, checking its form and that its parts agree with each other.

    Raises:
        MalformedError: ``json.*``, ``manifest.*``, ``path.*``, ``name.*`` or ``time.format``;
            see :func:`manifests.manifest.rules.check_manifest`.
    """
    value = strictjson.decode_json(
        data, name=MANIFEST_NAME, max_bytes=limits.manifest_bytes, max_depth=limits.json_depth
    )
    schemas.check_document(value, "manifest", name=MANIFEST_NAME)
    manifest = Manifest(
        publisher=value["publisher"],
        snapshot_version=value["snapshot_version"],
        root_version=value["root_version"],
        created=clock.parse_instant(value["created"]),
        tool=value["tool"],
        sources=tuple(_source_from_json(source) for source in value["sources"]),
        targets=tuple(Target(t["path"], t["length"], t["sha256"], t["arrives"]) for t in value["targets"]),
        documents=tuple(_document_from_json(document) for document in value["documents"]),
        blobs=tuple(_blob_from_json(blob) for blob in value["blobs"]),
        patches=tuple(_patch_from_json(patch) for patch in value["patches"]),
        parted=tuple(_parted_from_json(parted) for parted in value["parts"]),
        since=value.get("since"),
        volume_index=value["volume"]["index"],
        volume_count=value["volume"]["count"],
        absent=tuple(AbsentSource(s["name"], s["kind"], s["failure"]) for s in value.get("absent", ())),
    )
    rules.check_manifest(manifest)
    return manifest


def _source_to_json(source: SourceRecord) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": source.name,
        "kind": source.kind,
        "state": "fresh" if source.failure is None else "last-good",
        "pulled_at": clock.instant_text(source.pulled_at),
        "verification": one_line(source.verification),
        "items": [_item_to_json(item) for item in source.items],
    }
    texts = {"failure": source.failure, "version": source.version, "licence": source.licence}
    facts = {"fresh_days": source.fresh_days, "mount": source.mount, "deliver": source.deliver}
    value |= {key: one_line(text) for key, text in texts.items() if text is not None}
    value |= {key: fact for key, fact in facts.items() if fact is not None}
    return value


def _absent_to_json(source: AbsentSource) -> dict[str, Any]:
    return {"name": source.name, "kind": source.kind, "failure": one_line(source.failure)}


def _item_to_json(item: TargetFacts) -> dict[str, Any]:
    facts = {name: one_line(fact) if isinstance(fact, str) else fact for name, fact in item.facts}
    return {"path": item.path, "label": one_line(item.label), "facts": facts}


def _source_from_json(value: dict[str, Any]) -> SourceRecord:
    if (value["state"] == "last-good") != ("failure" in value):
        raise MalformedError(
            "manifest.sources", f"Source {value['name']!r} gives a state and no reason, or the reverse"
        )
    return SourceRecord(
        name=value["name"],
        kind=value["kind"],
        pulled_at=clock.parse_instant(value["pulled_at"]),
        verification=value["verification"],
        items=tuple(TargetFacts(i["path"], i["label"], tuple(sorted(i["facts"].items()))) for i in value["items"]),
        failure=value.get("failure"),
        version=value.get("version"),
        licence=value.get("licence"),
        fresh_days=value.get("fresh_days"),
        mount=value.get("mount"),
        deliver=value.get("deliver"),
    )


def _document_to_json(document: DocumentMember) -> dict[str, Any]:
    value: dict[str, Any] = {"name": document.name, "length": document.length, "sha256": document.sha256}
    if document.deflated is not None:
        stored_sha256, stored_length = document.deflated
        value |= {"method": "deflate", "stored_sha256": stored_sha256, "stored_length": stored_length}
    return value


def _document_from_json(value: dict[str, Any]) -> DocumentMember:
    deflated = (value["stored_sha256"], value["stored_length"]) if "method" in value else None
    return DocumentMember(value["name"], value["length"], value["sha256"], deflated)


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


def _patch_to_json(patch: PatchMember) -> dict[str, Any]:
    return {
        "sha256": patch.sha256,
        "length": patch.length,
        "base_sha256": patch.base_sha256,
        "base_length": patch.base_length,
        "engine": patch.engine,
        "patch_sha256": patch.patch_sha256,
        "patch_length": patch.patch_length,
    }


def _patch_from_json(value: dict[str, Any]) -> PatchMember:
    return PatchMember(
        sha256=value["sha256"],
        length=value["length"],
        base_sha256=value["base_sha256"],
        base_length=value["base_length"],
        engine=value["engine"],
        patch_sha256=value["patch_sha256"],
        patch_length=value["patch_length"],
    )


def _parted_to_json(parted: Parted) -> dict[str, Any]:
    return {
        "sha256": parted.sha256,
        "length": parted.length,
        "parts": [
            {"sha256": part.sha256, "length": part.length} | ({"arrives": "held"} if part.held else {})
            for part in parted.parts
        ],
    }


def _parted_from_json(value: dict[str, Any]) -> Parted:
    parts = tuple(Part(part["sha256"], part["length"], "arrives" in part) for part in value["parts"])
    return Parted(value["sha256"], value["length"], parts)
