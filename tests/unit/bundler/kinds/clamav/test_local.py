"""Files of one directory, read as an upstream's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.fetch.errors import GoneError
from bundler.fetch.fetcher import WantedFile
from bundler.kinds.clamav.local import LocalFiles
from manifests.errors import FetchError
from tests.support.benches import Bench


def test_a_file_is_found_by_the_last_part_of_its_address(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with bench.workbench() as workbench:
        files = LocalFiles("s", tmp_path, workbench)
        assert files.head_bytes(f"{tmp_path}/a", 3) == b"123"
        assert b"".join(workbench.read(files.get(WantedFile("/x/a", "a")).blob)) == b"12345"
        assert files.document_or_none("a", max_bytes=5) == b"12345"
        assert files.marks(["a", "b"]).keys() == {"a"}


def test_what_is_not_there_is_gone_and_what_is_too_long_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with bench.workbench() as workbench:
        files = LocalFiles("s", tmp_path, workbench)
        assert files.get_or_none(WantedFile("b", "b")) is None
        assert files.document_or_none("b", max_bytes=5) is None
        with pytest.raises(GoneError, match="there is no b in"):
            files.head_bytes("b", 3)
        with pytest.raises(FetchError, match="too large"):
            files.get(WantedFile("a", "a", max_bytes=4))


@pytest.mark.parametrize(("kind", "code"), [("link", "directory.link"), ("fifo", "directory.special")])
def test_only_regular_files_are_read(bench: Bench, tmp_path: Path, kind: str, code: str) -> None:
    if kind == "link":
        (tmp_path / "a").symlink_to("/etc/hostname")
    else:
        os.mkfifo(tmp_path / "a")
    with bench.workbench() as workbench, pytest.raises(FetchError) as caught:
        LocalFiles("s", tmp_path, workbench).get(WantedFile("a", "a"))
    assert caught.value.code == code
