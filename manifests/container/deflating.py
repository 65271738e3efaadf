"""Making DEFLATE streams, before it is known whether they will be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from isal import isal_zlib

from manifests.container.layout import SATURATED_32
from manifests.limits import DEFAULT, Limits

LEVEL: Final = 3
"""ISA-L's best ratio: within a tenth of ``zip -6`` at more than three times its speed."""
RAW: Final = -15
"""A stream without zlib or gzip wrapping, 32 KiB window. Source: APPNOTE 4.4.5 method 8, RFC 1951."""


@dataclass(frozen=True)
class Deflated:
    """What is known of some content and its DEFLATE stream. Lengths in bytes, the digest in lower-case hex."""

    length: int
    crc32: int
    stored_length: int
    stored_sha256: str


def deflate(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> Deflated:
    """Compress content as it comes.

    Args:
        chunks: The content, in order; consumed once.
        write: Takes each piece of the stream; a plain ``file.write`` will do.

    Returns:
        The lengths, the content's CRC-32 and the stream's digest.
    """
    compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW)
    hasher = hashlib.sha256()
    length = crc = stored_length = 0
    for chunk in chunks:
        crc = isal_zlib.crc32(chunk, crc)
        length += len(chunk)
        if piece := compressor.compress(chunk):
            hasher.update(piece)
            stored_length += len(piece)
            write(piece)
    piece = compressor.flush()
    hasher.update(piece)
    write(piece)
    return Deflated(length, crc, stored_length + len(piece), hasher.hexdigest())


def pays(deflated: Deflated, limits: Limits = DEFAULT) -> bool:
    """Tell whether a container may carry content deflated, and gains at least an eighth by it."""
    return (
        deflated.length < SATURATED_32
        and deflated.stored_length <= deflated.length - deflated.length // 8 - 1
        and not inflates_too_much(deflated.length, deflated.stored_length, limits)
    )


def inflates_too_much(length: int, stored_length: int, limits: Limits) -> bool:
    """Tell whether a member has the proportions of a decompression bomb."""
    return length > limits.inflate_ratio_floor and length > stored_length * limits.inflate_ratio
