"""The version that every role's next one must be above."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.repository.floor import floor_path, read_floor, write_floor
from manifests.errors import ConfigurationError


def test_a_repository_without_a_floor_stays_above_nothing(tmp_path: Path) -> None:
    assert read_floor(tmp_path / "metadata") == 0


def test_a_floor_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_floor(tmp_path / "metadata", 41)
    assert read_floor(tmp_path / "metadata") == 41


@pytest.mark.parametrize(
    "data", ["x", "[]", "{}", '{"format":"sealift-floor/1","above":"9"}', '{"format":"y","above":9}']
)
def test_a_floor_that_was_changed_by_hand_is_named_with_what_to_do(tmp_path: Path, data: str) -> None:
    path = floor_path(tmp_path / "metadata")
    path.write_text(data)
    with pytest.raises(ConfigurationError) as caught:
        read_floor(tmp_path / "metadata")
    assert caught.value.code == "repository.damaged"
    assert str(path) in caught.value.what
    assert "bundle restored" in (caught.value.todo or "")
