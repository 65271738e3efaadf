"""The recovery side file, taken apart by the rules of docs/format.md alone."""

from __future__ import annotations

import hashlib
import math
import random
import struct
from pathlib import Path

import pytest

from bundler.seal.recovery import write_recovery
from manifests.progress import NoProgress

PAGE = 4096
KINDS = {b"PAR 2.0\0Main\0\0\0\0": "Main", b"PAR 2.0\0FileDesc": "FileDesc", b"PAR 2.0\0Creator\0": "Creator"}
KINDS |= {b"PAR 2.0\0IFSC\0\0\0\0": "IFSC", b"PAR 2.0\0RecvSlic": "Recovery"}
HEAD = ["Main", "FileDesc", "Creator", "IFSC"]


def packets(data: bytes, offset: int) -> tuple[list[tuple[str, bytes]], int]:
    """Return kind and body of the packets from an offset on, and where they end."""
    found = []
    while data[offset : offset + 8] == b"PAR2\0PKT":
        length, digest, _, kind = struct.unpack_from("<Q16s16s16s", data, offset + 8)
        assert hashlib.md5(data[offset + 32 : offset + length], usedforsecurity=False).digest() == digest
        found.append((KINDS[kind], data[offset + 64 : offset + length]))
        offset += length
    return found, offset


@pytest.mark.parametrize(("length", "percent", "pages"), [(1_000_001, 5.0, 1), (70_000_000, 2.0, 3)])
def test_the_side_file_is_laid_out_as_the_page_says(tmp_path: Path, length: int, percent: float, pages: int) -> None:
    bundle = tmp_path / "plant-000001-full.zip"
    bundle.write_bytes(random.Random(1).randbytes(length))
    side = write_recovery(bundle, percent, NoProgress(), workspace=tmp_path / "work")
    assert side.name == "plant-000001-full.zip.par2"
    data = side.read_bytes()

    blocks = math.ceil(length / (pages * PAGE))
    assert math.ceil(length / PAGE / pages) <= 8192 < (math.ceil(length / PAGE / (pages - 1)) if pages > 1 else 8193)
    r = blocks * percent / 100
    recovery = math.ceil(r * (1 + 2 * percent / 100) + 2 * math.sqrt(r))

    head, _ = packets(data, 0)
    places = [int(number) for number in dict(head)["Creator"].rstrip(b"\0").split(b"copies at ")[1].split(b" ")]
    assert dict(head)["Creator"].startswith(b"Sealift; copies at 00000000000000 ")
    assert len(places) == 5
    assert struct.unpack_from("<QI", dict(head)["Main"]) == (pages * PAGE, 1)
    assert len(dict(head)["IFSC"]) == 16 + 20 * blocks
    for k, place in enumerate(places):
        assert place % PAGE == 0
        copy = packets(data, place)[0][:4]
        assert [kind for kind, _ in copy] == HEAD
        assert copy == head[:4]
        begin = place + -(-sum(64 + len(body) for _, body in copy) // PAGE) * PAGE
        blocks_here, end = packets(data, begin) if k < 4 else ([], begin)
        share = range(k * recovery // 4, (k + 1) * recovery // 4) if k < 4 else range(0)
        assert [struct.unpack_from("<I", body)[0] for _, body in blocks_here] == list(share)
        assert -(-end // PAGE) * PAGE == (places[k + 1] if k < 4 else len(data))
