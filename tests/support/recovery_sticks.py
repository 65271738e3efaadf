"""A stick with a bundle and its recovery data, and what may happen to the two."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from bundler.seal.recovery import write_recovery
from manifests import recovery
from manifests.progress import CancelToken, NoProgress
from manifests.recovery.packets import (
    FILE_PACKET,
    MAIN_PACKET,
    PACKET_HEADER,
    PACKET_MAGIC,
    RecoverySet,
    packet_at,
    packets_in,
)
from manifests.recovery.side_file import COPIES, PAGE_BYTES
from relay.importing import recovery as repair
from tests.support.damage import pages_of

QUIET = NoProgress()


LENGTH = 700_001


class Stick:
    """A directory with a bundle (any bytes will do here) and its recovery data, and the relay's own directory."""

    def __init__(self, path: Path, percent: float = 5, length: int = LENGTH) -> None:
        self.path = path / "stick"
        self.temporary = path / "tmp"
        self.path.mkdir()
        self.temporary.mkdir()
        self.content = random.Random(length).randbytes(length)
        self.bundle = self.path / "acme-000007-full.zip"
        self.bundle.write_bytes(self.content)
        self.side = write_recovery(self.bundle, percent, QUIET, workspace=self.temporary)

    def attempt(self) -> repair.RepairedBundle | None:
        return repair.repair_bundle(self.bundle, self.temporary, QUIET, CancelToken())

    def check_whole(self) -> repair.RepairedBundle:
        """Repair; the copy is what was sealed, the medium as it was, and nothing is left."""
        before = self.fingerprint()
        repaired = self.attempt()
        assert repaired is not None
        with repaired:
            assert repaired.path.read_bytes() == self.content
            assert [entry.name for entry in repaired.path.parent.iterdir()] == ["bundle.zip"]
        assert list(self.temporary.iterdir()) == []
        assert self.fingerprint() == before
        return repaired

    def check_none(self) -> None:
        assert self.attempt() is None
        assert list(self.temporary.iterdir()) == []

    def fingerprint(self) -> dict[str, str]:
        return {entry.name: hashlib.sha256(entry.read_bytes()).hexdigest() for entry in self.path.iterdir()}


def blocks_lost(stick: Stick, count: int) -> list[int]:
    return random.Random(count).sample(pages_of(LENGTH), count)


def copy_pages(stick: Stick) -> list[list[int]]:
    """Return the pages of each copy of what the side file says of the bundle."""
    data = stick.side.read_bytes()
    starts = [
        at
        for at in range(0, len(data), PAGE_BYTES)
        if data.startswith(PACKET_MAGIC, at) and kind_at(data, at) == MAIN_PACKET
    ]
    length = sum(PACKET_HEADER.size + len(packet.body) for packet in list(packets_in(data))[:4])
    assert len(starts) == COPIES
    return [[start // PAGE_BYTES + page for page in range(-(-length // PAGE_BYTES))] for start in starts]


def kind_at(data: bytes, offset: int) -> bytes | None:
    packet = packet_at(data, offset)
    return None if packet is None else packet.kind


def forged(stick: Stick, *, name: str = "x.zip", length: int = LENGTH, block_bytes: int = 4096) -> RecoverySet:
    side = recovery.read_side_file(stick.side)
    assert side is not None
    checksums = side.recovery_set.checksums
    return RecoverySet(name, length, b"m" * 16, b"k" * 16, block_bytes, checksums)


def beginning(made: RecoverySet, places: str) -> bytes:
    return made.packet(MAIN_PACKET) + made.packet(FILE_PACKET) + made.creator(f"Sealift; copies at {places}")
