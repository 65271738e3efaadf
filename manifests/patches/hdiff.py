"""The ``hdiffpatch`` engine: HDiffPatch's ``HDIFF13`` format, applied as a stream.

The format, all numbers of variable length (:meth:`PatchSection.number`)::

    "HDIFF13&" + ("zstd" or nothing) + NUL
    result length, base length, number of covers
    for each of covers, controls, codes, rest: length, length of its zstd frame (0: stored as it is)
    the four sections

A *cover* says that a stretch of the result resembles a stretch of the base: how far the base position moves from
the end of the last cover (tag: backwards), the gap in the result before it, its length. Gaps are filled from the
*rest*. What covers take from the base is corrected by adding, byte by byte modulo 256, a run-length coded stream
as long as the whole result: *controls* are lengths less one, tagged 0 (zeros), 1 (255), 2 (one byte from the
*codes*, repeated) or 3 (so many bytes from the codes).

HDiffPatch's own Python interface takes and returns whole files, which is three times the memory that a relay
may use, and would have foreign C++ read what came over the gap; so the reading is ours and the making is theirs.

Source: HDiffPatch 4.12, ``libHDiffPatch/HPatch/patch.c`` (read_diffz_head, patchByClip).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from manifests.errors import MalformedError
from manifests.patches.section import PatchSection, malformed_patch
from manifests.text import count_text

WINDOW_LOG = 23
"""Largest zstd window of a section, as a power of two: 8 MiB, four sections at a time."""

_MAGIC = b"HDIFF13&"
_COMPRESSIONS = (b"", b"zstd")
_COPY_BYTES = 256 * 1024
_ZEROS, _LITERAL, _REPEATED = 0, 3, 2


def apply_hdiff(base: BinaryIO, patch: BinaryIO, length: int, *, start: int = 0) -> Iterator[bytes]:
    """Yield the result of a patch in pieces of at most 256 KiB; see :func:`manifests.patches.apply_patch`.

    ``start`` is where the patch begins in its file.
    """
    base_length = base.seek(0, 2)
    count, covers, runs, rest = _open(patch, start, base_length, length)
    base_at = result_at = 0
    for _ in range(count):
        backwards, move = covers.number(tag_bits=1)
        gap, size = covers.number()[1], covers.number()[1]
        base_at += -move if backwards else move
        result_at += gap + size
        if base_at < 0 or base_at + size > base_length:
            raise MalformedError("patch.base", "A patch reads beyond its base", have=count_text(base_length, "byte"))
        if result_at > length:
            raise malformed_patch("a cover ends beyond the result")
        yield from _gap(rest, runs, gap)
        yield from _cover(base, base_at, runs, size)
        base_at += size
    yield from _gap(rest, runs, length - result_at)
    for section in (covers, rest):
        section.finish()
    runs.finish()


def _open(patch: BinaryIO, start: int, base_length: int, length: int) -> tuple[int, PatchSection, _Runs, PatchSection]:
    """Check the header against what is expected, and return the number of covers and the sections."""
    patch_length = patch.seek(0, 2)
    magic = PatchSection(patch, start, patch_length - start, patch_length - start, window_log=None)
    name = magic.read(min(len(_MAGIC) + 5, patch_length - start))
    compression = name[len(_MAGIC) :].split(b"\0")[0]
    if not name.startswith(_MAGIC) or compression not in _COMPRESSIONS:
        raise malformed_patch("it is no HDIFF13 patch")
    offset = start + len(_MAGIC) + len(compression) + 1
    header = PatchSection(patch, offset, patch_length - offset, patch_length - offset, window_log=None)
    says_length, says_base, count = (header.number()[1] for _ in range(3))
    if says_base != base_length:
        raise MalformedError(
            "patch.base", "A patch was made for another base",
            have=count_text(base_length, "byte"), need=count_text(says_base, "byte"), todo="ask for a full bundle",
        )  # fmt: skip
    if says_length != length:
        raise MalformedError(
            "patch.length",
            "A patch makes something else",
            have=count_text(says_length, "byte"),
            need=count_text(length, "byte"),
        )
    lengths = [(header.number()[1], header.number()[1]) for _ in range(4)]
    offset = patch_length - header.left
    sections = []
    for content_length, frame_length in lengths:
        window_log = WINDOW_LOG if frame_length and compression else None
        stored_length = frame_length or content_length
        sections.append(PatchSection(patch, offset, stored_length, content_length, window_log=window_log))
        offset += stored_length
    if offset != patch_length:
        raise malformed_patch("its sections do not fill it")
    covers, controls, codes, rest = sections
    return count, covers, _Runs(controls, codes), rest


def _gap(rest: PatchSection, runs: _Runs, size: int) -> Iterator[bytes]:
    runs.skip(size)
    while size:
        piece = rest.read(min(size, _COPY_BYTES))
        size -= len(piece)
        yield piece


def _cover(base: BinaryIO, offset: int, runs: _Runs, size: int) -> Iterator[bytes]:
    base.seek(offset)
    while size:
        piece = base.read(min(size, _COPY_BYTES))
        if not piece:
            raise MalformedError("patch.base", "The base became shorter while a patch was read")
        size -= len(piece)
        yield runs.add(piece)


class _Runs:
    """The stream that is added: run-length coded, one byte for each of the result."""

    def __init__(self, controls: PatchSection, codes: PatchSection) -> None:
        self._controls, self._codes = controls, codes
        self._kind = self._left = self._value = 0

    def add(self, piece: bytes) -> bytes:
        """Return ``piece`` with its share of the stream added."""
        self._refill()
        if self._kind == _ZEROS and self._left >= len(piece):
            self._left -= len(piece)
            return piece
        sums, at = [], 0
        while at < len(piece):
            self._refill()
            size = min(self._left, len(piece) - at)
            sums.append(self._sum(piece[at : at + size]))
            self._left -= size
            at += size
        return b"".join(sums)

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes of the stream."""
        while size:
            self._refill()
            step = min(self._left, size, _COPY_BYTES)
            if self._kind == _LITERAL:
                self._codes.read(step)
            self._left -= step
            size -= step

    def finish(self) -> None:
        """Check that nothing is left of it."""
        if self._left:
            raise malformed_patch("its runs are longer than the result")
        self._controls.finish()
        self._codes.finish()

    def _refill(self) -> None:
        while not self._left:
            self._kind, less_one = self._controls.number(tag_bits=2)
            self._left = less_one + 1
            self._value = self._codes.read(1)[0] if self._kind == _REPEATED else 255

    def _sum(self, piece: bytes) -> bytes:
        if self._kind == _ZEROS:
            return piece
        if self._kind == _LITERAL:
            return _add(piece, self._codes.read(len(piece)))
        return _add(piece, bytes((self._value,)) * len(piece))


def _add(one: bytes, other: bytes) -> bytes:
    """Add byte by byte modulo 256: low seven bits as one large number, high bits apart, so that no carry crosses."""
    size = len(one)
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    low = int.from_bytes(b"\x7f" * size, "little")
    high = int.from_bytes(b"\x80" * size, "little")
    return (((a & low) + (b & low)) ^ ((a ^ b) & high)).to_bytes(size, "little")
