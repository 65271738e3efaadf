"""The ``hdiffpatch+deflate`` engine: an HDIFF13 patch between the records of two archives.

The format, numbers as in ``section``::

    "SLFOLD1" + NUL
    length of the result's records
    count of the base's deflate streams, and for each how far behind the last one's beginning it begins
    an HDIFF13 patch from the base's records to the result's, to the end of the file

The base's records follow from its bytes and these places alone, so a reader looks for no archives. Nothing depends
on a compressor: see ``deflate``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from manifests.errors import MalformedError
from manifests.patches import hdiff
from manifests.patches.deflate import MAX_FOLDED_BYTES, encode_number, fold_streams, unfold_streams
from manifests.patches.section import PatchSection, malformed_patch

FOLDED_MAGIC = b"SLFOLD1\0"
_MAX_GROWTH = 16
"""A bit may become a byte and ten bits four, at most."""


def folded_header(records_length: int, streams: tuple[int, ...]) -> bytes:
    """Return what stands before the HDIFF13 patch."""
    steps = (place - last for last, place in zip((0, *streams), streams, strict=False))
    return (
        FOLDED_MAGIC + encode_number(records_length) + encode_number(len(streams)) + b"".join(map(encode_number, steps))
    )


def apply_folded(base: BinaryIO, patch: BinaryIO, length: int) -> Iterator[bytes]:
    """Apply a patch over unfolded streams; see :func:`manifests.patches.apply_patch`.

    The records of the base go to a nameless file beside it.
    """
    if base.seek(0, 2) > MAX_FOLDED_BYTES or length > MAX_FOLDED_BYTES:
        raise MalformedError(
            "patch.length",
            "A patch of an archive is for files beyond its limit",
            need=f"at most {MAX_FOLDED_BYTES:,} bytes",
        )
    records_length, streams, start = _open(patch)
    # Checked before anything is made: the records' length decides how much a patch may write beside itself.
    if records_length > _MAX_GROWTH * length + _MAX_GROWTH:
        raise malformed_patch("its records are larger than they can be")
    base.seek(0)
    # Base to records, records to records, records to result: only the last is believed, by its digest.
    with tempfile.TemporaryFile(dir=Path(patch.name).parent) as records:
        records.writelines(unfold_streams(base.read(), streams))
        source = _Source(hdiff.apply_hdiff(records, patch, records_length, start=start))
        yield from fold_streams(source.take, length)
        source.finish()


def _open(patch: BinaryIO) -> tuple[int, tuple[int, ...], int]:
    patch_length = patch.seek(0, 2)
    head = PatchSection(patch, 0, patch_length, patch_length, window_log=None)
    if patch_length < len(FOLDED_MAGIC) or head.read(len(FOLDED_MAGIC)) != FOLDED_MAGIC:
        raise malformed_patch("it is not a patch of an archive")
    records_length, count = head.number()[1], head.number()[1]
    if count > head.left:
        raise malformed_patch("it ends early")
    streams = tuple(accumulate(head.number()[1] for _ in range(count)))
    return records_length, streams, patch_length - head.left


class _Source:
    """Chunks as a thing to take bytes from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer, self._at = b"", 0

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            MalformedError: ``patch.format`` when there are fewer.
        """
        while size > len(self._buffer) - self._at:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise malformed_patch("its records end early")
            self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        self._at += size
        return self._buffer[self._at - size : self._at]

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._at != len(self._buffer) or any(self._chunks):
            raise malformed_patch("its records say more than the result holds")
