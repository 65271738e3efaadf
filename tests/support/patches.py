"""Engines, and targets that differ from their base."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from bundler.plan import patch_engines
from manifests.disk.blobs import Blob
from manifests.limits import MIB

MEMORY = 1024 * MIB


ENGINES = ("hdiffpatch", "zstd")


def blob(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data))


def changed(data: bytes, seed: int, places: int = 40) -> bytes:
    """Overwrite, insert, remove and move some of it."""
    rng, result = random.Random(seed), bytearray(data)
    for _ in range(places):
        at = rng.randrange(len(result))
        what = rng.randrange(4)
        if what == 0:
            result[at : at + 20] = rng.randbytes(20)
        elif what == 1:
            result[at:at] = rng.randbytes(rng.randrange(300))
        elif what == 2:
            del result[at : at + rng.randrange(300)]
        else:
            result[at : at + 400] = bytes((byte + 3) % 256 for byte in result[at : at + 400])
    moved = result[:5000]
    return bytes(result[5000:] + moved)


def by_engine(engine: str, base: Path, target: Path, expected: Blob, directory: Path) -> Path:
    path = directory / f"{engine}.patch"
    path.write_bytes(b"".join(patch_engines._ENGINES[engine](base, target)))
    return path
