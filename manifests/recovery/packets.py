"""PAR2 packets of a recovery set with one file: written, and read from bytes that nobody vouches for.

A packet carries its own MD5, so a damaged one is told from a whole one; MD5 guards against bad sectors here
and against nobody's will. Source: Parity Volume Set Specification 2.0.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

PACKET_MAGIC = b"PAR2\x00PKT"
PACKET_HEADER = struct.Struct("<8sQ16s16s16s")
"""Magic, length of the packet, MD5 of all that follows, set, type."""
MAIN_PACKET = b"PAR 2.0\x00Main\x00\x00\x00\x00"
FILE_PACKET = b"PAR 2.0\x00FileDesc"
CREATOR_PACKET = b"PAR 2.0\x00Creator\x00"
CHECKSUMS_PACKET = b"PAR 2.0\x00IFSC\x00\x00\x00\x00"
RECOVERY_PACKET = b"PAR 2.0\x00RecvSlic"

DIGEST_BYTES = 16
BLOCK_CHECKSUM = struct.Struct("<16sI")
"""MD5 and CRC-32 of one block, the last one padded with zeros."""
BLOCK_EXPONENT = struct.Struct("<I")
MAX_SET_BLOCKS = 32_768
"""The code works in GF(2^16) with half of its elements as constants."""
MAX_RECOVERY_BLOCK_BYTES = 16 * 1024 * 1024
"""One block is in memory at a time; 8,192 of these are 128 GiB."""
_MAIN_BODY = struct.Struct("<QI16s")
_FILE_BODY = struct.Struct("<16s16s16sQ")
_MD5_BEGIN = 32
"""A packet's MD5 covers it from here on."""


@dataclass(frozen=True)
class Packet:
    """One whole packet."""

    set_id: bytes
    kind: bytes
    body: bytes

    def encode(self) -> bytes:
        """Return the packet's bytes; the body's length is a multiple of 4."""
        covered = self.set_id + self.kind + self.body
        return (
            PACKET_HEADER.pack(
                PACKET_MAGIC, PACKET_HEADER.size + len(self.body), md5_of(covered), self.set_id, self.kind
            )
            + self.body
        )


@dataclass(frozen=True)
class RecoverySet:
    """What is known of the file that the recovery blocks were made from.

    ``checksums``: :data:`BLOCK_CHECKSUM` of every block in order; ``md5_16k``: of the first 16 KiB. Lengths in bytes.
    """

    name: str
    length: int
    md5: bytes
    md5_16k: bytes
    block_bytes: int
    checksums: bytes

    @property
    def blocks(self) -> int:
        """Blocks that the file is made of."""
        return -(-self.length // self.block_bytes)

    @cached_property
    def file_id(self) -> bytes:
        """Identifier of the file in the set."""
        return md5_of(self.md5_16k + struct.pack("<Q", self.length) + self.name.encode("ascii"))

    @cached_property
    def set_id(self) -> bytes:
        """Identifier of the set: every packet carries it."""
        return md5_of(self._main_body())

    def packet(self, kind: bytes) -> bytes:
        """Return the packet of a kind: main, file or checksums."""
        bodies = {
            MAIN_PACKET: self._main_body(),
            FILE_PACKET: self._file_body(),
            CHECKSUMS_PACKET: self.file_id + self.checksums,
        }
        return Packet(self.set_id, kind, bodies[kind]).encode()

    def creator(self, text: str) -> bytes:
        """Return the packet that names the program, or says anything else in ASCII."""
        return Packet(self.set_id, CREATOR_PACKET, _padded(text)).encode()

    def recovery(self, exponent: int, block: bytes) -> bytes:
        """Return the packet of one recovery block."""
        return Packet(self.set_id, RECOVERY_PACKET, BLOCK_EXPONENT.pack(exponent) + block).encode()

    def _main_body(self) -> bytes:
        return _MAIN_BODY.pack(self.block_bytes, 1, self.file_id)

    def _file_body(self) -> bytes:
        return _FILE_BODY.pack(self.file_id, self.md5, self.md5_16k, self.length) + _padded(self.name)


def md5_of(data: bytes | memoryview) -> bytes:
    """Return the MD5 that the format asks for."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def packet_at(data: bytes, offset: int = 0) -> Packet | None:
    """Return the whole, undamaged packet that begins at ``offset``, or ``None``."""
    if len(data) - offset < PACKET_HEADER.size:
        return None
    magic, length, digest, set_id, kind = PACKET_HEADER.unpack_from(data, offset)
    if magic != PACKET_MAGIC or length < PACKET_HEADER.size or length % 4 or offset + length > len(data):
        return None
    if md5_of(memoryview(data)[offset + _MD5_BEGIN : offset + length]) != digest:
        return None
    return Packet(set_id, kind, data[offset + PACKET_HEADER.size : offset + length])


def packets_in(data: bytes) -> Iterator[Packet]:
    """Yield the packets that stand one after the other at the beginning of ``data``, up to the first bad one."""
    offset = 0
    while (packet := packet_at(data, offset)) is not None:
        yield packet
        offset += PACKET_HEADER.size + len(packet.body)


def described_set(main: Packet, file: Packet) -> RecoverySet | None:
    """Return the set that two packets describe, without its checksums; ``None`` when it is none of ours."""
    if len(main.body) != _MAIN_BODY.size or len(file.body) < _FILE_BODY.size:
        return None
    block_bytes, files, _ = _MAIN_BODY.unpack(main.body)
    _, digest, digest_16k, length = _FILE_BODY.unpack_from(file.body)
    name = file.body[_FILE_BODY.size :].rstrip(b"\x00")
    if files != 1 or not name.isascii() or not 0 < block_bytes <= MAX_RECOVERY_BLOCK_BYTES or block_bytes % 4:
        return None
    found = RecoverySet(name.decode("ascii"), length, digest, digest_16k, block_bytes, b"")
    consistent = found.set_id == main.set_id == file.set_id and 0 < found.blocks <= MAX_SET_BLOCKS
    return found if consistent else None


def _padded(text: str) -> bytes:
    data = text.encode("ascii")
    return data + bytes(-len(data) % 4)
