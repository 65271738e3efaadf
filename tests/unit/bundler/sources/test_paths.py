"""Paths of the configuration, and names of upstreams that become target paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.sources.paths import absolute_path, existing_file, require_target_path
from manifests.errors import ConfigurationError, FetchError


@pytest.mark.parametrize("path", ["a", "./a", "~/a", ""])
def test_a_relative_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        absolute_path("s", path)
    assert caught.value.code == "source.path"


def test_a_file_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    assert existing_file("s", str(tmp_path / "a"), need="a key") == tmp_path / "a"
    for path in (tmp_path, tmp_path / "b"):
        with pytest.raises(ConfigurationError) as caught:
            existing_file("s", str(path), need="a key")
        assert (caught.value.code, caught.value.need) == ("source.path", "a key")


def test_a_disk_image_is_no_file_of_keys(tmp_path: Path) -> None:
    with (tmp_path / "image").open("wb") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(ConfigurationError) as caught:
        existing_file("s", str(tmp_path / "image"), need="a key")
    assert (caught.value.code, caught.value.have) == ("source.path", "8,589,934,592 bytes")


@pytest.mark.parametrize("path", ["../a", "a\\b", "a/" * 20, "", "\ud800"])
def test_a_name_that_cannot_be_carried_is_refused_in_the_words_of_its_kind(path: str) -> None:
    with pytest.raises(FetchError) as caught:
        require_target_path("s", path, what="the pack", code="kind.name", todo="rename it")
    assert (caught.value.code, caught.value.todo) == ("kind.name", "rename it")
    assert caught.value.what.startswith("Source 's': the pack cannot be carried under its name: ")


def test_where_the_configuration_gives_the_name_it_is_at_fault() -> None:
    assert require_target_path("s", "a/b", what="x", code="c", error=ConfigurationError) == "a/b"
    with pytest.raises(ConfigurationError):
        require_target_path("s", "..", what="x", code="c", error=ConfigurationError)
