"""Which volume carries what: pure arithmetic over lengths.

Every volume repeats the documents and the whole list of targets, and carries a share of the content. Costs are
upper bounds, so a volume may be some kilobytes smaller than it could be, and is never larger than it may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from manifests.errors import UsageError
from manifests.text import count_text

PRESETS = {"fat32": 4 * 1024**3 - 1, "dvd": 4_690_000_000, "cd": 700_000_000}
"""Largest file of FAT32; a 4.7 GB and a 700 MB disc, less room for the disc's file system and the slip."""

HELP = (
    "Largest length of one file: 4GB, 700MB, ... (GB = 10^9 bytes, GiB = 2^30), or fat32 (4 GiB - 1 byte), "
    "dvd (4.69 GB), cd (700 MB)."
)

MAX_BYTES = 10**15
"""No medium is larger, and every number here stays one that JSON carries exactly."""
MAX_VOLUMES = 9999
MEMBER_BYTES = 124
"""Of zip records per member, beside twice its name: both headers and both zip64 fields."""
END_BYTES = 98
"""Zip64 end record, its locator, end record."""
BLOB_ROW_BYTES, PATCH_ROW_BYTES, PART_ROW_BYTES = 300, 420, 160
"""One entry of the manifest's lists; digests and lengths are of fixed and bounded size."""
PARTED_ROW_BYTES = 2 * PART_ROW_BYTES
"""What is said of a target in parts beside its parts."""
LEAST_PART_BYTES = 64 * 1024
"""A part is not cut smaller than this, but for the last one."""

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", 1)}
_UNITS |= {f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGT", 1)}


@dataclass(frozen=True)
class Piece:
    """Something to share out. Lengths in bytes.

    Args:
        key: What the caller knows it by.
        length: Of the content, which is what is cut when it must be.
        stored_length: Of the bytes that stand for it when it is not cut.
        overhead: Beside them, in whichever volume it comes to.
        divisible: Whether it may be cut.
        offset: Where it begins, when it is itself a stretch of the content that ``key`` names; ``stretch`` says so.
    """

    key: str
    length: int
    stored_length: int
    overhead: int
    divisible: bool = True
    offset: int = 0
    stretch: bool = False

    @property
    def slice(self) -> Slice:
        """All of a stretch."""
        return Slice(self.key, self.offset, self.length)


@dataclass(frozen=True)
class Slice:
    """So much of a piece, from an offset of its content."""

    key: str
    offset: int
    length: int


@dataclass(frozen=True)
class Volume:
    """What one volume carries: whole pieces by key, and slices of others."""

    whole: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()


def parse_size(text: str) -> int:
    """Return a volume's size in bytes.

    Raises:
        UsageError: ``create.volume-size``.
    """
    if text.lower() in PRESETS:
        return PRESETS[text.lower()]
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)", text)
    size = None if found is None else _UNITS.get(found[2].upper())
    if found is None or size is None or (size := int(Decimal(found[1]) * size)) > MAX_BYTES:
        raise UsageError(
            "create.volume-size",
            f"{text!r} is not a valid size",
            need=f"such as 4GB, 700MB, 4GiB, {', '.join(PRESETS)}",
        )
    return size


def plan_volumes(pieces: Sequence[Piece], fixed: int, size: int | None) -> tuple[Volume, ...]:
    """Share pieces out among volumes, in their order as far as it goes without leaving room unused.

    Args:
        pieces: What is to be carried; the first come into the first volumes.
        fixed: What every volume needs before it carries anything, in bytes.
        size: What no volume may exceed; None for one volume, however large.

    Returns:
        At least one volume.

    Raises:
        UsageError: ``create.volume-size`` when the volumes are too small, or would be too many.
    """
    if size is None:
        stretches = tuple(piece.slice for piece in pieces if piece.stretch)
        return (Volume(tuple(piece.key for piece in pieces if not piece.stretch), stretches),)
    planned = _plan(pieces, fixed, size)
    if not isinstance(planned, int):
        return planned
    enough = size
    while isinstance(planned, int):
        enough = max(planned, enough + enough // 64)
        planned = _plan(pieces, fixed, enough)
    raise _too_small(size, enough)


def _plan(pieces: Sequence[Piece], fixed: int, size: int) -> tuple[Volume, ...] | int:
    """Return the volumes; where they are too small, a larger size, which may be too small as well."""
    reserved = 0
    while True:
        capacity = size - fixed - reserved
        least = max((piece.overhead for piece in pieces), default=0) + LEAST_PART_BYTES
        least = max([least, *(piece.overhead + piece.stored_length for piece in pieces if not piece.divisible)])
        if capacity < least and not (reserved == 0 and _all_fit(pieces, capacity)):
            return fixed + reserved + least
        try:
            volumes = _fill(pieces, capacity)
        except _TooManyError:
            return 2 * size
        rows = _rows(volumes)
        if rows <= reserved:
            return volumes
        reserved = rows


def _all_fit(pieces: Sequence[Piece], capacity: int) -> bool:
    return capacity >= 0 and all(piece.overhead + piece.stored_length <= capacity for piece in pieces)


def _rows(volumes: Sequence[Volume]) -> int:
    """Return what the list of parts takes in every manifest."""
    slices = [part.key for volume in volumes for part in volume.slices]
    return PART_ROW_BYTES * len(slices) + PARTED_ROW_BYTES * len(set(slices))


class _TooManyError(Exception):
    """More than :data:`MAX_VOLUMES`."""


class _Filling:
    """Volumes while they are filled."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rooms = [capacity]
        self._whole: list[list[str]] = [[]]
        self._slices: list[list[Slice]] = [[]]

    def put_whole(self, piece: Piece) -> None:
        """Put a whole piece into the first volume that has room for it."""
        cost = piece.overhead + piece.stored_length
        found = next((index for index, room in enumerate(self._rooms) if room >= cost), None)
        index = self._open() if found is None else found
        self._rooms[index] -= cost
        if piece.stretch:
            self._slices[index].append(piece.slice)
        else:
            self._whole[index].append(piece.key)

    def cut(self, piece: Piece) -> None:
        """Fill the last volume with the beginning of a piece, and new ones with the rest."""
        offset = 0
        while offset < piece.length:
            room = self._rooms[-1] - piece.overhead
            index = len(self._rooms) - 1 if room >= LEAST_PART_BYTES else self._open()
            length = min(self._rooms[index] - piece.overhead, piece.length - offset)
            self._rooms[index] -= piece.overhead + length
            self._slices[index].append(Slice(piece.key, piece.offset + offset, length))
            offset += length

    def volumes(self) -> tuple[Volume, ...]:
        return tuple(
            Volume(tuple(whole), tuple(slices)) for whole, slices in zip(self._whole, self._slices, strict=True)
        )

    def _open(self) -> int:
        if len(self._rooms) == MAX_VOLUMES:
            raise _TooManyError
        self._rooms.append(self._capacity)
        self._whole.append([])
        self._slices.append([])
        return len(self._rooms) - 1


def _fill(pieces: Sequence[Piece], capacity: int) -> tuple[Volume, ...]:
    filling = _Filling(capacity)
    for piece in pieces:
        if piece.overhead + piece.stored_length <= capacity:
            filling.put_whole(piece)
        else:
            filling.cut(piece)
    return filling.volumes()


def _too_small(size: int, enough: int) -> UsageError:
    kilobytes = enough // 1000 + 2  # signed documents differ by some bytes from one sealing to the next
    return UsageError(
        "create.volume-size",
        f"The volumes are too small: each must carry metadata and the list of targets, and they may be {MAX_VOLUMES}",
        have=count_text(size, "byte"),
        need=count_text(kilobytes * 1000, "byte"),
        todo=f"--volume-size {kilobytes}KB",
    )
