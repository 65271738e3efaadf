"""Where an archive has its deflate streams: gzip, zip, and the ClamAV container, which is gzip behind 512 bytes."""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b\x08"
_CLAMAV = b"ClamAV-VDB:"
_CLAMAV_HEADER_BYTES = 512
_ZIP = b"PK\x03\x04"
_PIECE_BYTES = 1024 * 1024
_MAX_RATIO = 200
_EXTRA, _NAME, _COMMENT, _CHECK = 4, 8, 16, 2


def may_have_streams(head: bytes) -> bool:
    """Tell by the first bytes whether there may be streams."""
    return head.startswith((_GZIP, _CLAMAV, _ZIP))


def find_streams(data: bytes) -> tuple[int, ...]:
    """Return where deflate streams begin that inflate to their end, in order and none within another.

    A wrong guess costs nothing but size: what is unfolded folds back to the same bits, and is checked to.
    """
    if data.startswith(_ZIP):
        return _in_zip(data)
    at = _CLAMAV_HEADER_BYTES if data.startswith(_CLAMAV) else 0
    found = []
    while data.startswith(_GZIP, at):
        start = _behind_gzip_header(data, at)
        end = _end(data, start)
        if end is None:
            break
        found.append(start)
        at = end + 8
    return tuple(found)


def _in_zip(data: bytes) -> tuple[int, ...]:
    found, at = [], 0
    while (at := data.find(_ZIP, at)) >= 0 and at + 30 <= len(data):
        method = int.from_bytes(data[at + 8 : at + 10], "little")
        names = int.from_bytes(data[at + 26 : at + 28], "little") + int.from_bytes(data[at + 28 : at + 30], "little")
        start = at + 30 + names
        end = _end(data, start) if method == zlib.DEFLATED else None
        found += [start] if end is not None else []
        at = end if end is not None else at + 4
    return tuple(found)


def _behind_gzip_header(data: bytes, at: int) -> int:
    """Return where a gzip member's stream begins. Source: RFC 1952, 2.3."""
    flags = data[at + 3] if at + 3 < len(data) else 0
    at += 10
    if flags & _EXTRA:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            at = data.find(b"\0", at) + 1 or len(data)
    return at + 2 if flags & _CHECK else at


def _end(data: bytes, start: int) -> int | None:
    """Return where a stream ends, or ``None`` when it does not."""
    inflater, view, at, room = zlib.decompressobj(-zlib.MAX_WBITS), memoryview(data), start, _MAX_RATIO * len(data)
    try:
        while not inflater.eof and at < len(data) and room > 0:
            waiting = view[at : at + _PIECE_BYTES]
            room -= len(inflater.decompress(waiting, _PIECE_BYTES))
            at += len(waiting) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
    except zlib.error:
        return None
    return at if inflater.eof else None
