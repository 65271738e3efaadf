"""Making DEFLATE streams, before it is known whether they will be used."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Final

from isal import isal_zlib

from manifests.container.layout import SATURATED_32
from manifests.limits import DEFAULT_LIMITS, Limits

DEFLATE_LEVEL: Final = 3
"""ISA-L's best ratio: within an eighth of ``zip -6`` at seven times its speed. Level 2 is a sixth larger."""
DEFLATE_SEGMENT_BYTES: Final = 1024 * 1024
"""Beginning anew costs a third of a percent at this length, and one in a hundred at a quarter of it."""
SEGMENTS_AHEAD: Final = 4
"""How many are being compressed or wait for their turn."""
MIN_GAIN_BYTES: Final = 256
"""A deflated member has a second digest in the manifest, and is inflated at every site."""
RAW_DEFLATE: Final = -15
"""A stream without zlib or gzip wrapping, 32 KiB window. Source: APPNOTE 4.4.5 method 8, RFC 1951."""


@dataclass(frozen=True)
class Deflated:
    """What is known of some content and its DEFLATE stream. Lengths in bytes, the digest in lower-case hex."""

    length: int
    crc32: int
    stored_length: int
    stored_sha256: str


def deflate_content(
    chunks: Iterable[bytes], write: Callable[[bytes], object], pool: Executor | None = None
) -> Deflated:
    """Compress content as it comes.

    The stream is made of segments that know nothing of each other and end on a byte, so several cores can work
    on one file; it is the same stream whoever makes it.

    Args:
        chunks: The content, in order; consumed once.
        write: Takes each piece of the stream; a plain ``file.write`` will do.
        pool: Where to compress; here, without one.

    Returns:
        The lengths, the content's CRC-32 and the stream's digest.
    """
    hasher = hashlib.sha256()
    length = crc = stored_length = 0
    for content, piece in _compressed(_segments(chunks), pool):
        crc = isal_zlib.crc32(content, crc)
        length += len(content)
        hasher.update(piece)
        stored_length += len(piece)
        write(piece)
    return Deflated(length, crc, stored_length, hasher.hexdigest())


_Segment = tuple[bytes, bool]
"""Some content, and whether it is the last."""


def _segments(chunks: Iterable[bytes]) -> Iterator[_Segment]:
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        if size >= DEFLATE_SEGMENT_BYTES:
            yield b"".join(gathered), False
            gathered, size = [], 0
        gathered.append(chunk)
        size += len(chunk)
    yield b"".join(gathered), True


def _compressed(segments: Iterator[_Segment], pool: Executor | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield each segment with its part of the stream, in order."""
    if pool is None:
        yield from map(_compress, segments)
        return
    waiting: deque[Future[tuple[bytes, bytes]]] = deque()
    for segment in segments:
        waiting.append(pool.submit(_compress, segment))
        if len(waiting) > SEGMENTS_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _compress(segment: _Segment) -> tuple[bytes, bytes]:
    """Compress one segment; every one but the last ends in an empty stored block. Source: RFC 1951 3.2.4."""
    content, last = segment
    compressor = isal_zlib.compressobj(DEFLATE_LEVEL, isal_zlib.DEFLATED, RAW_DEFLATE)
    flush = isal_zlib.Z_FINISH if last else isal_zlib.Z_FULL_FLUSH
    return content, compressor.compress(content) + compressor.flush(flush)


def deflating_pays(deflated: Deflated, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Tell whether a container may carry content deflated, and gains at least an eighth and more than it costs."""
    return (
        deflated.length < SATURATED_32
        and deflated.stored_length <= deflated.length - max(deflated.length // 8 + 1, MIN_GAIN_BYTES)
        and not inflates_too_much(deflated.length, deflated.stored_length, limits)
    )


def inflates_too_much(length: int, stored_length: int, limits: Limits) -> bool:
    """Tell whether a member has the proportions of a decompression bomb."""
    return length > limits.inflate_ratio_floor and length > stored_length * limits.inflate_ratio
