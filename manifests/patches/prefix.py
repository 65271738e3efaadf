"""The ``zstd`` engine: segments of the result, each one zstd frame with a stretch of the base as its prefix.

The format: segments to the end of the file, each a zstd skippable frame, so that the whole is a zstd stream by its
syntax, and then one frame. All numbers little-endian::

    magic 0x184D2A5E (4 bytes), 24 (4 bytes)
    base offset, base length, length of the frame (8 bytes each)
    the frame, which states its content's length

A prefix and the frame's content are in memory while it is read, so both are bounded; a window that slides over the
base keeps them so for files of any size.

Source: RFC 8878, 3.1 (frames) and 3.1.2 (skippable frames); ZSTD_DCtx_refPrefix of the zstd manual.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from backports.zstd import ZstdDict, ZstdError, get_frame_info

from manifests.errors import MalformedError
from manifests.patches.section import PatchSection, malformed_patch
from manifests.text import count_text

PREFIX_SEGMENT_BYTES = 16 * 1024 * 1024
"""Largest content of one segment: what zstd keeps in memory to read one frame."""

PREFIX_BYTES = 48 * 1024 * 1024
"""Largest stretch of the base for one segment: in memory twice for a moment, once as read and once as zstd's own."""

SEGMENT_HEADER = struct.Struct("<IIQQQ")
SKIPPABLE = 0x184D2A5E
_FRAME_HEADER_BYTES = 18
_WINDOW_LOG = PREFIX_SEGMENT_BYTES.bit_length() - 1
_PIECE_BYTES = 256 * 1024


def segment_header(base_offset: int, base_length: int, frame_length: int) -> bytes:
    """Return what stands before a segment's frame."""
    return SEGMENT_HEADER.pack(SKIPPABLE, SEGMENT_HEADER.size - 8, base_offset, base_length, frame_length)


def apply_prefix(base: BinaryIO, patch: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield the result of a patch in pieces of at most 256 KiB; see :func:`manifests.patches.apply_patch`."""
    base_length, patch_length = base.seek(0, 2), patch.seek(0, 2)
    offset = total = 0
    window: tuple[int, int] | None = None
    stretch: ZstdDict | None = None
    section: PatchSection | None = None
    while offset < patch_length:
        base_offset, prefix_length, frame_length, content_length = _segment(patch, offset, patch_length)
        if base_offset + prefix_length > base_length:
            raise MalformedError("patch.base", "A patch reads beyond its base", have=count_text(base_length, "byte"))
        total += content_length
        if total > length:
            raise MalformedError("patch.length", "A patch makes more than it should", need=count_text(length, "byte"))
        if window != (base_offset, prefix_length):
            stretch = section = None  # given back before the next is read
            window, stretch = (base_offset, prefix_length), _prefix(base, base_offset, prefix_length)
        section = PatchSection(
            patch, offset + SEGMENT_HEADER.size, frame_length, content_length, window_log=_WINDOW_LOG, base=stretch
        )
        while section.left:
            yield section.read(min(section.left, _PIECE_BYTES))
        section.finish()
        offset += SEGMENT_HEADER.size + frame_length


def _segment(patch: BinaryIO, offset: int, patch_length: int) -> tuple[int, int, int, int]:
    """Read and check one segment's header: base offset and length, length of the frame and of its content."""
    patch.seek(offset)
    data = patch.read(SEGMENT_HEADER.size + _FRAME_HEADER_BYTES)
    if len(data) <= SEGMENT_HEADER.size:
        raise malformed_patch("it ends early")
    magic, size, base_offset, prefix_length, frame_length = SEGMENT_HEADER.unpack_from(data)
    if magic != SKIPPABLE or size != SEGMENT_HEADER.size - 8:
        raise malformed_patch("a segment does not begin as it should")
    if frame_length > patch_length - offset - SEGMENT_HEADER.size:
        raise malformed_patch("it ends early")
    try:
        content_length = get_frame_info(data[SEGMENT_HEADER.size :]).decompressed_size
    except ZstdError as error:
        raise malformed_patch(str(error)) from error
    if (
        content_length is None
        or not 0 < content_length <= PREFIX_SEGMENT_BYTES
        or not 0 < prefix_length <= PREFIX_BYTES
    ):
        raise malformed_patch("a segment is larger than allowed, or empty")
    return base_offset, prefix_length, frame_length, content_length


def _prefix(base: BinaryIO, offset: int, length: int) -> ZstdDict:
    base.seek(offset)
    data = base.read(length)
    if len(data) != length:
        raise MalformedError("patch.base", "The base became shorter while a patch was read")
    return ZstdDict(data, is_raw=True)
