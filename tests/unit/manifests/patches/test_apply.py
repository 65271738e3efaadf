"""Patches applied by each engine: every byte, bounded, and refused by name."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from bundler.plan import patch_engines
from manifests import patches
from manifests.disk.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.errors import MalformedError, StorageError
from tests.support.patches import ENGINES, MEMORY, blob, by_engine, changed


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(6))
def test_a_patch_gives_back_every_byte_of_the_target(engine, seed, tmp_path):
    rng = random.Random(seed)
    old = rng.randbytes(rng.randrange(9000, 60_000)) * rng.randrange(1, 30)
    new = changed(old, seed)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    path = by_engine(engine, tmp_path / "old", tmp_path / "new", blob(new), tmp_path)
    chunks = list(patches.apply_patch(engine, tmp_path / "old", path, blob(new)))
    assert b"".join(chunks) == new
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert path.stat().st_size < len(new)


def test_a_batch_takes_the_result_and_checks_its_digest(tmp_path):
    old, store = random.Random(7).randbytes(40_000), BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    new = changed(old, 7)
    (tmp_path / "new").write_bytes(new)
    with store.batch() as batch:
        base = batch.add([old])
        batch.commit()
    made = patch_engines.make_patch(store.path(base.sha256), tmp_path / "new", blob(new), store.temporary, MEMORY)
    assert made is not None
    with store.batch() as batch:
        batch.add(patches.apply_patch(made.engine, store.path(base.sha256), made.path, blob(new)), blob(new))
        batch.commit()
    assert store.digest(blob(new).sha256) == blob(new)
    store.sweep()
    assert not made.path.exists()


def test_an_engine_of_another_version_is_named(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(MalformedError) as refusal:
        list(patches.apply_patch("courgette", tmp_path / "old", tmp_path / "old", Blob("0" * 64, 5)))
    assert refusal.value.code == "patch.engine"
    assert refusal.value.need == "courgette"
    assert tuple(patch_engines._ENGINES) == ("hdiffpatch", "zstd", "hdiffpatch+deflate")
    assert set(patch_engines._ENGINES) == set(patches.ENGINES)


def test_a_base_that_cannot_be_read_is_a_storage_error(tmp_path):
    (tmp_path / "patch").write_bytes(b"HDIFF13&")
    with pytest.raises(StorageError) as failure:
        list(patches.apply_patch("hdiffpatch", tmp_path / "none", tmp_path / "patch", Blob("0" * 64, 5)))
    assert failure.value.code == "storage.io"


_PEAK = """
import sys
from pathlib import Path
from manifests import patches
from manifests.disk.blobs import Blob

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

before = kilobytes("VmRSS")
expected = Blob(sys.argv[4], int(sys.argv[5]))
total = sum(len(chunk) for chunk in patches.apply_patch(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), expected))
assert total == expected.length
print((kilobytes("VmHWM") - before) // 1024)
"""


@pytest.mark.parametrize(("engine", "limit_mb"), [("hdiffpatch", 48), ("zstd", 130)])
def test_applying_takes_less_memory_than_base_and_result(engine, limit_mb, tmp_path):
    half = random.Random(10).randbytes(30_000_000)
    old = half + random.Random(11).randbytes(30_000_000) if engine == "zstd" else half
    new = bytearray(old)
    for at in range(0, len(new), 1_000_000):
        new[at] ^= 255
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    expected = blob(bytes(new))
    if engine == "zstd":
        path = by_engine(engine, tmp_path / "old", tmp_path / "new", expected, tmp_path)
    else:
        path = tmp_path / "one-cover"
        path.write_bytes(one_cover(bytes(old), bytes(new)))
    command = [sys.executable, "-c", _PEAK, engine, str(tmp_path / "old"), str(path), expected.sha256]
    run = subprocess.run([*command, str(expected.length)], check=True, capture_output=True, text=True)
    assert int(run.stdout) <= limit_mb


def one_cover(old: bytes, new: bytes) -> bytes:
    """Write an HDIFF13 patch by hand: all of the base, with differences every million bytes."""

    def number(value: int, tag: int = 0, bits: int = 0) -> bytes:
        groups = [value & 0x7F]
        while (value := value >> 7) > 0:
            groups.insert(0, value & 0x7F | 0x80)
        first = groups[0] & 0x7F
        if first >= 1 << (7 - bits):
            return bytes([tag << (8 - bits) | 0x80 >> bits, *groups])
        more = (0x80 >> bits) if len(groups) > 1 else 0
        return bytes([tag << (8 - bits) | more | first, *groups[1:]])

    controls, codes, at = b"", b"", 0
    for place in range(0, len(new), 1_000_000):
        controls += number(place - at - 1, 0, 2) if place > at else b""
        controls += number(0, 2, 2)
        codes += bytes([(new[place] - old[place]) % 256])
        at = place + 1
    controls += number(len(new) - at - 1, 0, 2)
    covers = number(0, 0, 1) + number(0) + number(len(new))
    sections = (covers, controls, codes, b"")
    sizes = b"".join(number(len(section)) + number(0) for section in sections)
    return b"HDIFF13&\0" + number(len(new)) + number(len(old)) + number(1) + sizes + b"".join(sections)
