"""What the zstd engine refers to."""

from __future__ import annotations

import random

from bundler.plan import patch_engines
from manifests import patches
from tests.support.patches import blob, by_engine


def test_a_window_slides_over_a_base_larger_than_a_prefix(tmp_path, monkeypatch):
    monkeypatch.setattr(patches.prefix, "PREFIX_SEGMENT_BYTES", 64 * 1024)
    monkeypatch.setattr(patches.prefix, "PREFIX_BYTES", 192 * 1024)
    monkeypatch.setattr(patch_engines, "_MARGIN_BYTES", 64 * 1024)
    old = random.Random(5).randbytes(900_000)
    inserted = random.Random(6).randbytes(300_000)
    for new in (old[:450_000] + inserted + old[450_000:], inserted + old, old[200_000:], old):
        (tmp_path / "old").write_bytes(old)
        (tmp_path / "new").write_bytes(new)
        path = by_engine("zstd", tmp_path / "old", tmp_path / "new", blob(new), tmp_path)
        assert b"".join(patches.apply_patch("zstd", tmp_path / "old", path, blob(new))) == new
        assert path.stat().st_size < max(0, len(new) - len(old)) * 1.05 + 100_000
