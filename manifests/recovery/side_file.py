"""The side file: everything that a bundle's recovery needs in one file, made so that it outlives damage itself.

It is an ordinary PAR2 file. What the packets say of the bundle stands in it several times, each copy at the
beginning of a page, with the places of all copies in the creator's packet: so a copy can be put together from
the good pages of all of them. Recovery blocks stand once; a few more are made than the loss that is promised.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import BinaryIO

from manifests.disk.blobs import CHUNK_BYTES
from manifests.recovery.packets import (
    BLOCK_CHECKSUM,
    BLOCK_EXPONENT,
    CHECKSUMS_PACKET,
    CREATOR_PACKET,
    DIGEST_BYTES,
    FILE_PACKET,
    MAIN_PACKET,
    PACKET_HEADER,
    PACKET_MAGIC,
    RECOVERY_PACKET,
    Packet,
    RecoverySet,
    described_set,
    md5_of,
    packet_at,
    packets_in,
)

PAGE_BYTES = 4096
"""The unit in which media lose content, and in which Linux reads them."""
COPIES = 5
"""Copies of what is said of the bundle. With 5 % of pages lost, one page is lost in all of them once in 3 million."""
_CREATOR = "Sealift; copies at"
_PLACE_DIGITS = 14
_ATTEMPTS = 4096
"""Ways to put the pages of copies together that are tried; the likeliest first."""
_NEEDLESS_FACTOR = 4
"""Bytes hashed in vain, as a multiple of the side file's length, before the search for recovery blocks ends."""


@dataclass(frozen=True)
class SideFile:
    """A side file that was read: the set and the undamaged recovery blocks as ``(exponent, offset of the block)``."""

    path: Path
    recovery_set: RecoverySet
    recovery: tuple[tuple[int, int], ...]


def write_side_file(volume: BinaryIO, name: str, out: BinaryIO) -> RecoverySet:
    """Lay out what the program wrote as a side file.

    Args:
        volume: The program's recovery volume, whole.
        name: The bundle's name.
        out: The side file.
    """
    critical, blocks = _walk(volume)
    found = described_set(critical[MAIN_PACKET], critical[FILE_PACKET])
    if found is None:
        raise ValueError("the program wrote another kind of set than it was asked for")
    made = dataclasses.replace(found, name=name, checksums=critical[CHECKSUMS_PACKET].body[DIGEST_BYTES:])
    places = _places(made, len(blocks))
    head = _head(made, places)
    for number, place in enumerate(places):
        out.seek(place)
        out.write(head)
        for exponent, offset in blocks[_share(number, len(blocks))]:
            volume.seek(offset)
            out.write(made.recovery(exponent, volume.read(made.block_bytes)))
    return made


def side_file_length(name: str, blocks: int, block_bytes: int, recovery_blocks: int) -> int:
    """Return the length of a side file in bytes."""
    made = RecoverySet(name, blocks * block_bytes, b"", b"", block_bytes, bytes(blocks * BLOCK_CHECKSUM.size))
    places = _places(made, recovery_blocks)
    return places[-1] + len(_head(made, places))


def write_plain_side_file(side: SideFile, recovery: Sequence[tuple[int, int]], name: str, out: BinaryIO) -> None:
    """Write what the program needs for a repair, and nothing else of the side file.

    Args:
        side: The side file that was read.
        recovery: The recovery blocks to take.
        name: The name that the program will find the damaged file by, whatever the side file says.
        out: The file that the program is given.
    """
    renamed = dataclasses.replace(side.recovery_set, name=name)
    for kind in (MAIN_PACKET, FILE_PACKET, CHECKSUMS_PACKET):
        out.write(renamed.packet(kind))
    with side.path.open("rb") as file:
        for exponent, offset in recovery:
            file.seek(offset)
            out.write(renamed.recovery(exponent, file.read(renamed.block_bytes)))


def read_side_file(path: Path) -> SideFile | None:
    """Read a side file that may be damaged, or anything at all; ``None`` when nothing of ours is left in it.

    Args:
        path: A file that does not change and can be read everywhere; bytes that were lost are zeros.
    """
    with path.open("rb") as file:
        found = _find_head(file)
        if found is None:
            return None
        described_set, places, before = found
        checksums = _gather(file, described_set, places, before)
        if checksums is None:
            return None
        whole = dataclasses.replace(described_set, checksums=checksums)
        recovery = dict(_find_recovery(file, whole))
    return SideFile(path, whole, tuple(sorted(recovery.items())))


def _places(made: RecoverySet, recovery_blocks: int) -> tuple[int, ...]:
    """Return the offsets of the copies, recovery blocks evenly between them."""
    head = len(_head(made, (0,) * COPIES))
    packet = PACKET_HEADER.size + BLOCK_EXPONENT.size + made.block_bytes
    places, offset = [], 0
    for number in range(COPIES):
        places.append(offset)
        share = len(range(recovery_blocks)[_share(number, recovery_blocks)])
        offset += -(-(head + share * packet) // PAGE_BYTES) * PAGE_BYTES
    return tuple(places)


def _share(number: int, blocks: int) -> slice:
    """Return which recovery blocks follow a copy; none follows the last."""
    gaps = COPIES - 1
    return slice(number * blocks // gaps, min(number + 1, gaps) * blocks // gaps)


def _head(made: RecoverySet, places: Sequence[int]) -> bytes:
    """Return one copy, padded to whole pages. Its first page says where all copies are."""
    return _padded(_beginning(made, places) + made.packet(CHECKSUMS_PACKET))


def _beginning(made: RecoverySet, places: Sequence[int]) -> bytes:
    text = " ".join([_CREATOR, *(f"{place:0{_PLACE_DIGITS}}" for place in places)])
    return made.packet(MAIN_PACKET) + made.packet(FILE_PACKET) + made.creator(text)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % PAGE_BYTES)


def _walk(volume: BinaryIO) -> tuple[dict[bytes, Packet], list[tuple[int, int]]]:
    """Return the critical packets of the program's own volume, and its blocks as ``(exponent, offset)``."""
    critical: dict[bytes, Packet] = {}
    blocks = []
    offset = 0
    while len(header := volume.read(PACKET_HEADER.size)) == PACKET_HEADER.size:
        _, length, _, set_id, kind = PACKET_HEADER.unpack(header)
        if kind == RECOVERY_PACKET:
            blocks.append(
                (
                    BLOCK_EXPONENT.unpack(volume.read(BLOCK_EXPONENT.size))[0],
                    offset + PACKET_HEADER.size + BLOCK_EXPONENT.size,
                )
            )
        else:
            critical[kind] = Packet(set_id, kind, volume.read(length - PACKET_HEADER.size))
        offset += length
        volume.seek(offset)
    return critical, blocks


def _find_head(file: BinaryIO) -> tuple[RecoverySet, tuple[int, ...], int] | None:
    """Return the set without checksums, the places of the copies, and how many bytes of a copy precede checksums."""
    for chunk in _chunks(file):
        for offset in range(0, len(chunk), PAGE_BYTES):
            if chunk.startswith(PACKET_MAGIC, offset):
                head = {packet.kind: packet for packet in packets_in(chunk[offset : offset + PAGE_BYTES])}
                found = _understood(head)
                if found is not None:
                    return found
    return None


def _understood(head: dict[bytes, Packet]) -> tuple[RecoverySet, tuple[int, ...], int] | None:
    if not {MAIN_PACKET, FILE_PACKET, CREATOR_PACKET} <= head.keys():
        return None
    found = described_set(head[MAIN_PACKET], head[FILE_PACKET])
    text = head[CREATOR_PACKET].body.rstrip(b"\x00").decode("ascii", "replace")
    numbers = text.removeprefix(_CREATOR).split()
    if found is None or len(numbers) != COPIES or not all(_is_place(number) for number in numbers):
        return None
    before = sum(PACKET_HEADER.size + len(head[kind].body) for kind in (MAIN_PACKET, FILE_PACKET, CREATOR_PACKET))
    return found, tuple(int(number) for number in numbers), before


def _is_place(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) <= _PLACE_DIGITS


def _gather(file: BinaryIO, found: RecoverySet, places: Sequence[int], before: int) -> bytes | None:
    """Put the checksums together from the pages of all copies: those that most copies agree on first."""
    packet_bytes = PACKET_HEADER.size + DIGEST_BYTES + found.blocks * BLOCK_CHECKSUM.size
    length = before + packet_bytes
    copies = []
    for place in places:
        file.seek(place)
        copies.append(_padded(file.read(length)))
    pages = [_candidates(copies, offset) for offset in range(0, length, PAGE_BYTES)]
    for choice in islice(product(*pages), _ATTEMPTS):
        packet = packet_at(b"".join(choice)[: before + packet_bytes], before)
        if packet is not None and packet.kind == CHECKSUMS_PACKET and packet.set_id == found.set_id:
            return packet.body[DIGEST_BYTES:]
    return None


def _candidates(copies: Sequence[bytes], offset: int) -> list[bytes]:
    """Return what the copies have for one page, the commonest first; a page of zeros was lost."""
    pages = Counter(copy[offset : offset + PAGE_BYTES] for copy in copies)
    return [page for page, _ in pages.most_common() if any(page)]


def _find_recovery(file: BinaryIO, whole: RecoverySet) -> Iterator[tuple[int, int]]:
    """Yield ``(exponent, offset of the block)`` of every undamaged recovery packet, wherever it stands."""
    packet_bytes = PACKET_HEADER.size + BLOCK_EXPONENT.size + whole.block_bytes
    needle = PACKET_HEADER.pack(PACKET_MAGIC, packet_bytes, b"", b"", b"")[: len(PACKET_MAGIC) + 8]
    in_vain = _NEEDLESS_FACTOR * file.seek(0, 2)
    offset = _find(file, needle, 0)
    while offset is not None and in_vain > 0:
        file.seek(offset)
        packet = packet_at(file.read(packet_bytes))
        if packet is not None and packet.kind == RECOVERY_PACKET and packet.set_id == whole.set_id:
            yield BLOCK_EXPONENT.unpack_from(packet.body)[0], offset + PACKET_HEADER.size + BLOCK_EXPONENT.size
            offset = _find(file, needle, offset + packet_bytes)
        else:
            in_vain -= packet_bytes
            offset = _find(file, needle, offset + len(needle))


def _find(file: BinaryIO, needle: bytes, start: int) -> int | None:
    """Return where ``needle`` begins next."""
    position, kept = start, b""
    file.seek(start)
    while chunk := file.read(CHUNK_BYTES):
        window = kept + chunk
        found = window.find(needle)
        if found >= 0:
            return position - len(kept) + found
        position += len(chunk)
        kept = window[-(len(needle) - 1) :]
    return None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def count_damaged_blocks(file: BinaryIO, whole: RecoverySet) -> int:
    """Count the blocks of a file that are not what they were; one that is missing is damaged."""
    file.seek(0)
    damaged = 0
    for number in range(whole.blocks):
        block = file.read(whole.block_bytes)
        expected, _ = BLOCK_CHECKSUM.unpack_from(whole.checksums, number * BLOCK_CHECKSUM.size)
        damaged += md5_of(block.ljust(whole.block_bytes, b"\x00")) != expected
    return damaged
