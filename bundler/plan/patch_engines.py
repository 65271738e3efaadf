"""Make one patch: all engines, within a memory budget, and never believed before it was applied.

How a patch is read stands in ``manifests.patches``. Measurements and reasons: docs/adr, patch engines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backports.zstd import CompressionParameter, ZstdCompressor, ZstdDict

from bundler.plan.patch_streams import find_streams
from manifests import patches
from manifests.disk.blobs import CHUNK_BYTES, Blob
from manifests.disk.durable import removed_on_failure, storage_errors
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.patches import folded, hdiff, prefix
from manifests.patches.deflate import MAX_FOLDED_BYTES, unfold_streams

HDIFF_BASE_BYTES = 256 * 1000 * 1000
"""Above it HDiffPatch's time and memory are out of proportion: 7 s and 500 MB for 57 MB."""

HDIFF_BASE_FACTOR, HDIFF_TARGET_FACTOR, HDIFF_EXTRA_BYTES = 6, 2, 48 * MIB
"""Memory that making one takes, measured at most: base and target themselves, and the base's suffix array."""

SMALLEST_BASE_BYTES = 64
"""Nothing can be gained from less, and zstd takes no prefix below 8 bytes."""

ZSTD_BYTES = 256 * MIB
"""Memory that making a prefix patch takes at most, whatever the sizes."""

GOOD, POOR = 0.05, 0.5
"""HDiffPatch's result as a share of the target: below the first no other engine is tried, between the two a prefix
patch if it is quick to make, above the second all of them."""

_RECORDS_FACTOR = 2
"""An archive's records are 1.5 to 1.8 times its length."""

_MARGIN_BYTES = (prefix.PREFIX_BYTES - prefix.PREFIX_SEGMENT_BYTES) // 2
_LOW_HASH_LOG, _HIGH_HASH_LOG = 17, 23
QUICK = ((1, 1),)
_FAR = ((1, 1), (3, 1))
_NEAR = (*_FAR, (9, 0))
"""Levels of zstd, each with long-distance matching or without; the smallest frame is taken. Without it, matches far
back are lost in large files and short ones found in small files."""


@dataclass(frozen=True)
class PatchFile:
    """A patch that was made and applied once: its engine, the file it stands in, and the file's digest."""

    engine: patches.Engine
    path: Path
    blob: Blob


def make_patch(base: Path, target: Path, expected: Blob, directory: Path, memory_bytes: int) -> PatchFile | None:
    """Make the smaller of the patches that the memory allows.

    Args:
        base: What the readers have.
        target: What they shall have.
        expected: Digest and length of ``target``.
        directory: Where the patch's file is made; the caller removes it.
        memory_bytes: What may be taken beside the interpreter; given back before this returns.

    Returns:
        The patch, in a file named ``blob-patch-<digest>``; ``None`` when nothing fits into the memory, when base or
        target are empty, or when no patch comes out right.

    Raises:
        StorageError: A file cannot be read or written.
    """
    with storage_errors(base):
        base_length = base.stat().st_size
    made: list[PatchFile] = []
    for engine, engine_make in _ENGINES.items():
        if _worth_trying(engine, base_length, expected.length, memory_bytes, made):
            path = directory / f"blob-patch-{engine}-{expected.sha256}"
            patch = _checked(engine, engine_make, base, target, expected, path)
            made += [patch] if patch else []
    made.sort(key=lambda patch: patch.blob.length)
    for patch in made[1:]:
        patch.path.unlink()
    return made[0] if made else None


def _worth_trying(
    engine: patches.Engine, base_length: int, length: int, memory_bytes: int, made: list[PatchFile]
) -> bool:
    if base_length < SMALLEST_BASE_BYTES or length == 0:
        return False
    poor = not made or made[0].blob.length > POOR * length
    need = HDIFF_BASE_FACTOR * base_length + HDIFF_TARGET_FACTOR * length + HDIFF_EXTRA_BYTES
    if engine == "hdiffpatch":
        return base_length <= HDIFF_BASE_BYTES and need <= memory_bytes
    if engine == "hdiffpatch+deflate":
        return poor and max(base_length, length) <= MAX_FOLDED_BYTES and _RECORDS_FACTOR * need <= memory_bytes
    fits = memory_bytes >= min(ZSTD_BYTES, 8 * (base_length + length) + 48 * MIB)
    small = length <= prefix.PREFIX_SEGMENT_BYTES
    return fits and (poor or (small and made[0].blob.length > GOOD * length))


def _checked(
    engine: patches.Engine, engine_make: Callable[[Path, Path], Iterator[bytes]],
    base: Path, target: Path, expected: Blob, path: Path,
) -> PatchFile | None:  # fmt: skip
    """Make a patch, apply it as a reader will, and return it if the result is right."""
    hasher, length = hashlib.sha256(), 0
    with removed_on_failure(path):
        with storage_errors(path), path.open("wb") as file:
            for piece in engine_make(base, target):
                hasher.update(piece)
                length += len(piece)
                file.write(piece)
        result = hashlib.sha256()
        with suppress(MalformedError):
            for chunk in patches.apply_patch(engine, base, path, expected):
                result.update(chunk)
        if result.hexdigest() == expected.sha256:
            return PatchFile(engine, path, Blob(hasher.hexdigest(), length))
    path.unlink()
    return None


def _make_hdiff(base: Path, target: Path) -> Iterator[bytes]:
    return _hdiff(_bytes(base), _bytes(target))


def _make_folded(base: Path, target: Path) -> Iterator[bytes]:
    """Yield a patch between the records of two archives, or nothing when one of them has no deflate streams."""
    old, new = _bytes(base), _bytes(target)
    old_streams, new_streams = find_streams(old), find_streams(new)
    if not old_streams or not new_streams:
        return
    try:
        old_records, new_records = (
            b"".join(unfold_streams(old, old_streams)),
            b"".join(unfold_streams(new, new_streams)),
        )
    except MalformedError:
        return
    yield folded.folded_header(len(new_records), old_streams)
    yield from _hdiff(old_records, new_records)


def _bytes(path: Path) -> bytes:
    with storage_errors(path):
        return path.read_bytes()


def _hdiff(old: bytes, new: bytes) -> Iterator[bytes]:
    """Yield an HDIFF13 patch. An engine that fails yields nothing, and the check finds that nothing is no patch."""
    import hdiffpatch

    compression = hdiffpatch.ZStdConfig(level=20, window=hdiff.WINDOW_LOG)
    with suppress(hdiffpatch.HDiffPatchError, MemoryError):
        data = hdiffpatch.diff(old, new, compression, validate=False, big_cache_match=True)
        del old, new
        for offset in range(0, len(data), CHUNK_BYTES):
            yield data[offset : offset + CHUNK_BYTES]


def _make_prefix(base: Path, target: Path) -> Iterator[bytes]:
    with storage_errors(base), base.open("rb") as old, storage_errors(target), target.open("rb") as new:
        base_length, length = old.seek(0, 2), new.seek(0, 2)
        settings = _NEAR if base_length + length <= 2 * prefix.PREFIX_SEGMENT_BYTES else _FAR
        for offset in range(0, length, prefix.PREFIX_SEGMENT_BYTES):
            new.seek(offset)
            content = new.read(prefix.PREFIX_SEGMENT_BYTES)
            best: tuple[int, bytes, int] | None = None
            for start in window_starts(offset, base_length, length):
                old.seek(start)
                window = old.read(prefix.PREFIX_BYTES)
                frame = smallest_frame(window, content, settings)
                if best is None or len(frame) < len(best[1]):
                    best = (start, frame, len(window))
            if best is not None:
                yield prefix.segment_header(best[0], best[2], len(best[1])) + best[1]


def window_starts(offset: int, base_length: int, length: int) -> tuple[int, ...]:
    """Return where the base's window for the segment at ``offset`` may begin: aligned to both files' beginnings.

    And, where the lengths differ by more than the window forgives, to both files' ends.
    """
    last = max(0, base_length - prefix.PREFIX_BYTES)
    from_front = min(max(0, offset - _MARGIN_BYTES), last)
    from_end = min(max(0, offset + base_length - length - _MARGIN_BYTES), last)
    return (from_front,) if abs(base_length - length) <= _MARGIN_BYTES // 2 else tuple({from_front: 0, from_end: 0})


def smallest_frame(window: bytes, content: bytes, settings: tuple[tuple[int, int], ...]) -> bytes:
    """Return ``content`` as the smallest zstd frame that refers to ``window``, over some settings."""
    base = ZstdDict(window, is_raw=True)
    together = (len(window) + len(content)).bit_length()
    hash_log = min(max(together, _LOW_HASH_LOG), _HIGH_HASH_LOG)
    frames = []
    for level, far in settings:
        options = {
            int(CompressionParameter.compression_level): level,
            int(CompressionParameter.window_log): max(together, 10),
            int(CompressionParameter.hash_log): hash_log,
            int(CompressionParameter.chain_log): hash_log,
            int(CompressionParameter.enable_long_distance_matching): far,
        }
        compressor = ZstdCompressor(options=options, zstd_dict=base.as_prefix)
        frames.append(compressor.compress(content, mode=ZstdCompressor.FLUSH_FRAME))
    return min(frames, key=len)


_ENGINES: Mapping[patches.Engine, Callable[[Path, Path], Iterator[bytes]]] = {
    "hdiffpatch": _make_hdiff,
    "zstd": _make_prefix,
    "hdiffpatch+deflate": _make_folded,
}
"""In the order of trying."""
