"""Applying a patch: a blob rebuilt from one that is held already, as a stream that is bounded and not believed yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from manifests.disk.blobs import CHUNK_BYTES, Blob
from manifests.disk.durable import storage_errors
from manifests.errors import MalformedError
from manifests.patches import folded, hdiff, prefix
from manifests.text import count_text

_APPLY: Mapping[str, Callable[[BinaryIO, BinaryIO, int], Iterator[bytes]]] = {
    "hdiffpatch": hdiff.apply_hdiff,
    "hdiffpatch+deflate": folded.apply_folded,
    "zstd": prefix.apply_prefix,
}
ENGINES = tuple(_APPLY)


def apply_patch(engine: str, base: Path, patch: Path, expected: Blob) -> Iterator[bytes]:
    """Rebuild a blob from its base and a patch, as a stream.

    The chunks are not believed: hand them to ``Batch.add(..., expected)``, which checks the digest. Never more than
    ``expected.length`` bytes come out, and memory is bounded by the formats (some 40 MB for ``hdiffpatch``, 120 MB
    for ``zstd``, base and 60 MB for ``hdiffpatch+deflate``), whatever the patch says and however large base and
    result are. ``hdiffpatch+deflate`` also needs room beside the patch, for a nameless file of up to some twice the
    base (16 times at the very most).

    1. the engine is one that is known here
    2. the engine reads base and patch within the bounds of its format
    3. what comes out is counted, and must be as long as expected
    4. the caller compares the digest: a patch that lies makes other content, which is refused

    Args:
        engine: One of ``ENGINES``.
        base: The file of the base blob.
        patch: A file with the patch and nothing else.
        expected: What must come out.

    Yields:
        The result in order, in chunks of at most ``CHUNK_BYTES``.

    Raises:
        MalformedError: ``patch.engine`` for an engine that is not known; ``patch.format`` when the patch breaks its
            format; ``patch.base`` when it was made for a base of another length, or reads beyond it;
            ``patch.length`` when the result would be shorter or longer than ``expected``.
        StorageError: Base or patch cannot be read.
    """
    if engine not in _APPLY:  # 1
        raise MalformedError(
            "patch.engine", "The patch needs an engine that this version does not have",
            have=", ".join(ENGINES), need=engine, todo="update the relay, or ask for a full bundle",
        )  # fmt: skip
    with storage_errors(base), base.open("rb") as old, storage_errors(patch), patch.open("rb") as file:
        yield from _even(_APPLY[engine](old, file, expected.length), expected.length)  # 2, 3


def _even(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """Yield ``pieces`` in chunks worth a write each, and refuse any other sum than ``length`` bytes."""
    waiting: list[bytes] = []
    size = total = 0
    for piece in pieces:
        total += len(piece)
        if total > length:
            raise MalformedError("patch.length", "A patch makes more than it should", need=count_text(length, "byte"))
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES // 2:
            yield b"".join(waiting)
            waiting, size = [], 0
    if total != length:
        raise MalformedError(
            "patch.length",
            "A patch makes less than it should",
            have=count_text(total, "byte"),
            need=count_text(length, "byte"),
        )
    if waiting:
        yield b"".join(waiting)
