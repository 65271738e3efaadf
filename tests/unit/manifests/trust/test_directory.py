"""Trusted metadata on disk, and the URL of a target."""

from __future__ import annotations

from pathlib import Path

import pytest
from tuf.api.metadata import TargetFile

from manifests.errors import ConfigurationError
from manifests.trust import TrustedState
from manifests.trust.directory import MetadataDirectory, target_url, with_slash
from tests.support.tuf_simulator import TufSimulator


def test_what_was_saved_is_loaded_and_only_what_changed_is_written(sim: TufSimulator, tmp_path: Path) -> None:
    directory = MetadataDirectory(tmp_path / "metadata")
    with pytest.raises(ConfigurationError) as caught:
        directory.load()
    assert caught.value.code == "tuf-client.no-root"
    root = sim.files["1.root.json"]
    directory.initialise(root)
    before = directory.load()
    assert before == TrustedState(root=root)
    after = TrustedState(root=root, timestamp=b"{}", targets=(("a/b", b"[]"), ("targets", b"{}")))
    stamp = (directory.path / "root.json").stat().st_ino
    directory.save(before, after)
    assert directory.load() == after
    assert (directory.path / "a%2Fb.json").read_bytes() == b"[]"
    assert (directory.path / "root.json").stat().st_ino == stamp


def test_a_target_is_asked_for_by_its_digest_where_snapshots_are_consistent() -> None:
    target = TargetFile(1, {"sha256": "ab"}, "a/b c%41%.txt")
    assert target_url(target, consistent=False) == "a/b%20c%41%25.txt"
    assert target_url(target, consistent=True) == "a/ab.b%20c%41%25.txt"
    assert [with_slash(url) for url in ("https://x", "https://x/")] == ["https://x/", "https://x/"]
