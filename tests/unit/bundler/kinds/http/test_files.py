"""The list of files that a configuration gives."""

from __future__ import annotations

from typing import Any

import pytest

from bundler.kinds.http.files import RemoteFile, read_url_list, require_sound_url, require_url_path
from bundler.sources.checksums import Checksum
from manifests.errors import ConfigurationError

U = "https://up.invalid/d/"


@pytest.mark.parametrize(
    ("entry", "file"),
    [
        (U + "a.txt?v=1", RemoteFile(U + "a.txt?v=1", "a.txt")),
        ({"url": U, "path": "x/y"}, RemoteFile(U, "x/y")),
        ({"url": U + "a", "md5": "AB" * 16}, RemoteFile(U + "a", "a", Checksum("md5", "ab" * 16))),
        ({"url": U + "a", "sha256_url": U + "sums"}, RemoteFile(U + "a", "a", None, ("sha256", U + "sums"))),
        ({"url": U + "a", "signature_url": U + "s"}, RemoteFile(U + "a", "a", signature_url=U + "s")),
    ],
)
def test_an_entry_says_the_name_the_checksum_and_the_sidecars_of_its_file(entry: Any, file: RemoteFile) -> None:
    assert read_url_list("s", [entry]) == (file,)


def test_files_are_in_the_order_of_their_paths() -> None:
    files = read_url_list("s", [U + "b", {"url": U + "c", "path": "a"}, U + "B"])
    assert [file.path for file in files] == sorted(file.path for file in files)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([U], "source.url"),
        ([U + "a", "https://other.invalid/a"], "source.url"),
        ([U + "a", {"url": U + "x", "path": "a/b"}], "source.url"),
        ([{"url": U + "a", "path": "../a"}], "source.url"),
        (["https://[/a"], "source.url"),
        ([{"url": U + "a", "md5": "ab" * 16, "sha256_url": U + "s"}], "source.checksum"),
        ([{"url": U + "a", "sha256_url": "https://[/s"}], "source.url"),
    ],
)
def test_a_list_that_leaves_something_open_is_refused(entries: list[Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_url_list("s", entries)
    assert caught.value.code == code


def test_what_is_refused_is_shown_without_its_query() -> None:
    for refuse in (
        lambda: require_sound_url("s", "https://[/a?token=t0ken"),
        lambda: require_url_path("s", U + "?token=t0ken", ""),
    ):
        with pytest.raises(ConfigurationError) as caught:
            refuse()
        assert "t0ken" not in str(caught.value)
    assert require_sound_url("s", U + "a?token=t0ken") == U + "a?token=t0ken"
    assert require_url_path("s", U, "a/b") == "a/b"
