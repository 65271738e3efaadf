"""What a receipt says: the types, and the one JSON document they are written as."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from typing import Any, Literal

from manifests import clock
from manifests.byte_ranges import Ranges
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.names import check_publisher_name, check_source_name
from manifests.schemas import documents as schemas
from manifests.schemas import strictjson
from manifests.text import count_text

RECEIPT_FORMAT = "sealift-receipt/1"
RECEIPT_NAME = "receipt"
RECEIPT_PAYLOAD_TYPE = "application/vnd.sealift.receipt+json"

MAX_PAYLOAD_BYTES = MIB // 2
"""Ceiling on the document: twice :data:`MAX_DIGESTS` digests take some 300 KB."""
MAX_DIGESTS = 2048
"""Of damaged content, and of a pending generation. A site with more says less than it has, never more."""
MAX_RANGES = 512
"""Of content that comes in parts, over all of it; a site with more says less. Some 60 KB."""
MAX_GENERATIONS = 10_000
"""Generations of one receipt: 27 years of daily ones."""

MAX_NOTE_CHARACTERS = 200

DamageKind = Literal["missing", "altered", "manifest", "database"]

_SITE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class DamageCount:
    """So many things are not what they were: blobs (``missing``, ``altered``), manifests, parts of the database."""

    kind: DamageKind
    count: int


@dataclass(frozen=True)
class SourceAge:
    """When the content of a source that is served was pulled in the DMZ."""

    name: str
    pulled_at: datetime


@dataclass(frozen=True)
class FeaturesState:
    """The list of features to disable as the site has it: SHA-256 of its JSON form, and how many items."""

    sha256: str
    count: int


@dataclass(frozen=True)
class Receipt:
    """What one site has at one instant.

    Args:
        site_keyid: Key id of the site's key (TUF 4.2), derived from ``site_public``.
        site_public: The site's Ed25519 public key, hex.
        serial: Grows with every receipt of the site.
        created: When, by the site's clock.
        publisher: Whose bundles it takes; None before the first one.
        root_version: Version of the root it trusts, ``root_sha256`` the digest of its bytes.
        timestamp_version: Of the trusted timestamp, 0 before the first bundle; likewise ``snapshot_version``.
        rings: Ring name and the generation it serves (0: none), by name.
        generations: Held whole but for ``without``; ascending.
        without: Digests of their content that is damaged or missing; ascending.
        pending_generation: The newest generation of which only a part has arrived.
        pending_holds: Digests of content of such generations that are stored already; ascending.
        pending_parts: Digests of their content that comes in parts, with the bytes that are stored; ascending.
        damage: What is not what it was, by kind.
        free_bytes: Room for more content.
        sources: Age of what is served, by name.
        gates: Results of checks; none yet.
        connectivity: What of the vendor's cloud the site can reach.
        features: What it was told to disable.
        name: What the site is called, when its operator wants that said.
        note: A line of the operator's.
    """

    site_keyid: str
    site_public: str
    serial: int
    created: datetime
    publisher: str | None
    root_version: int
    root_sha256: str
    timestamp_version: int
    snapshot_version: int
    rings: tuple[tuple[str, int], ...]
    generations: tuple[int, ...]
    without: tuple[str, ...]
    damage: tuple[DamageCount, ...]
    free_bytes: int
    sources: tuple[SourceAge, ...]
    connectivity: str
    features: FeaturesState
    pending_generation: int | None = None
    pending_holds: tuple[str, ...] = ()
    pending_parts: tuple[tuple[str, Ranges], ...] = ()
    gates: tuple[()] = ()
    name: str | None = None
    note: str | None = None

    @property
    def newest(self) -> int:
        """The newest generation that is held, 0 when there is none."""
        return self.generations[-1] if self.generations else 0


def check_site_name(name: str) -> str:
    """Return the name of a site.

    Raises:
        MalformedError: ``name.site``.
    """
    if not _SITE_NAME.fullmatch(name):
        raise MalformedError(
            "name.site", f"{name[:80]!r} cannot be the name of a site", need="1-63 of a-z, 0-9 and inner hyphens"
        )
    return name


def check_note(note: str) -> str:
    """Return a note for the publisher.

    Raises:
        MalformedError: ``name.note``.
    """
    if not 1 <= len(note) <= MAX_NOTE_CHARACTERS or not note.isprintable():
        raise MalformedError(
            "name.note",
            "The note is not a line of text",
            have=count_text(len(note), "character"),
            need=f"1 to {MAX_NOTE_CHARACTERS} characters, all of them visible",
        )
    return note


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt's document, in the one way we write them.

    Raises:
        MalformedError: The receipt breaks a rule that every reader checks.
    """
    site = {"public": receipt.site_public, "name": receipt.name, "note": receipt.note}
    holds: dict[str, Any] = {"generations": _ranges(receipt.generations), "without": list(receipt.without)}
    if receipt.pending_generation is not None:
        holds["pending"] = {"generation": receipt.pending_generation, "holds": list(receipt.pending_holds)}
        if receipt.pending_parts:
            parts = {digest: [list(pair) for pair in ranges] for digest, ranges in receipt.pending_parts}
            holds["pending"]["parts"] = parts
    value: dict[str, Any] = {
        "format": RECEIPT_FORMAT,
        "site": {key: text for key, text in site.items() if text is not None},
        "serial": receipt.serial,
        "created": clock.instant_text(receipt.created),
        "trusted": {
            "root": {"version": receipt.root_version, "sha256": receipt.root_sha256},
            "timestamp": receipt.timestamp_version,
            "snapshot": receipt.snapshot_version,
        },
        "rings": dict(receipt.rings),
        "holds": holds,
        "damage": {damage.kind: damage.count for damage in receipt.damage},
        "free_bytes": receipt.free_bytes,
        "sources": {source.name: clock.instant_text(source.pulled_at) for source in receipt.sources},
        "gates": list(receipt.gates),
        "connectivity": receipt.connectivity,
        "features": {"sha256": receipt.features.sha256, "count": receipt.features.count},
    }
    if receipt.publisher is not None:
        value["publisher"] = receipt.publisher
    data = strictjson.encode_json(value)
    decode_receipt(data, receipt.site_keyid)
    return data


def read_receipt_json(data: bytes) -> dict[str, Any]:
    """Read the document's bytes as JSON that its schema allows.

    Raises:
        MalformedError: ``json.*``, ``receipt.schema``.
    """
    value: dict[str, Any] = strictjson.decode_json(data, name=RECEIPT_NAME, max_bytes=MAX_PAYLOAD_BYTES, max_depth=8)
    schemas.check_document(value, "receipt", name=RECEIPT_NAME)
    return value


def decode_receipt(data: bytes, site_keyid: str) -> Receipt:
    """Read a receipt's document whose signature by ``site_keyid`` holds.

    Raises:
        MalformedError: ``json.*``, ``receipt.schema``, ``receipt.order``, ``receipt.generations``,
            ``receipt.ranges``, ``name.*`` or ``time.format``.
    """
    return receipt_from_json(read_receipt_json(data), site_keyid)


def receipt_from_json(value: dict[str, Any], site_keyid: str) -> Receipt:
    """Make the type from a document that :func:`read_receipt_json` returned; raises as :func:`decode_receipt`."""
    site, trusted, holds = value["site"], value["trusted"], value["holds"]
    pending = holds.get("pending")
    publisher = value.get("publisher")
    name = site.get("name")
    return Receipt(
        site_keyid=site_keyid,
        site_public=site["public"],
        serial=value["serial"],
        created=clock.parse_instant(value["created"]),
        publisher=None if publisher is None else check_publisher_name(publisher),
        root_version=trusted["root"]["version"],
        root_sha256=trusted["root"]["sha256"],
        timestamp_version=trusted["timestamp"],
        snapshot_version=trusted["snapshot"],
        rings=tuple(sorted(value["rings"].items())),
        generations=_numbers(holds["generations"]),
        without=_ascending("without", holds["without"]),
        pending_generation=None if pending is None else pending["generation"],
        pending_holds=() if pending is None else _ascending("pending", pending["holds"]),
        pending_parts=() if pending is None else _parts(pending.get("parts", {})),
        damage=tuple(DamageCount(kind, count) for kind, count in sorted(value["damage"].items())),
        free_bytes=value["free_bytes"],
        sources=tuple(
            SourceAge(check_source_name(source), clock.parse_instant(at))
            for source, at in sorted(value["sources"].items())
        ),
        connectivity=value["connectivity"],
        features=FeaturesState(value["features"]["sha256"], value["features"]["count"]),
        name=None if name is None else check_site_name(name),
        note=site.get("note"),
    )


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Return ascending numbers as ranges: 1, 2, 3, 7 are [1, 3] and [7, 7]."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _numbers(ranges: list[list[int]]) -> tuple[int, ...]:
    """Return the numbers of ranges that are ascending, apart from each other and not too many."""
    backwards = any(first > last for first, last in ranges)
    touching = any(left[1] + 1 >= right[0] for left, right in pairwise(ranges))
    if backwards or touching or sum(last - first + 1 for first, last in ranges) > MAX_GENERATIONS:
        raise MalformedError(
            "receipt.generations",
            "The receipt's ranges of generations are not ascending, touch each other, or are too long",
            need=f"at most {MAX_GENERATIONS:,} generations",
        )
    return tuple(chain.from_iterable(range(first, last + 1) for first, last in ranges))


def _parts(value: dict[str, list[list[int]]]) -> tuple[tuple[str, Ranges], ...]:
    """Return the bytes that are stored of content in parts, by digest."""
    if sum(map(len, value.values())) > MAX_RANGES:
        raise MalformedError("receipt.ranges", "The receipt lists too many ranges", need=f"at most {MAX_RANGES}")
    for ranges in value.values():
        edges = list(chain.from_iterable(ranges))
        if any(left >= right for left, right in pairwise(edges)):
            raise MalformedError(
                "receipt.ranges", "The receipt's ranges of bytes are not ascending, touch each other, or are empty"
            )
    return tuple((digest, tuple((first, behind) for first, behind in value[digest])) for digest in sorted(value))


def _ascending(what: str, digests: list[str]) -> tuple[str, ...]:
    if any(left >= right for left, right in pairwise(digests)):
        raise MalformedError(
            "receipt.order", f"The receipt's digests ({what}) are not ascending, or one is listed twice"
        )
    return tuple(digests)
