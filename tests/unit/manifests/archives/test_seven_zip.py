"""Archives of 7-Zip, also those that only its own program reads."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from manifests.archives.archive import open_archive
from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS
from manifests.archives.seven_zip import _program_path
from manifests.errors import MalformedError
from tests.support.archives import FILES


def test_what_the_ordinary_7z_writes_is_read(tmp_path: Path) -> None:
    make_tree(tmp_path)
    for option in ("-mx9", "-ms=off", "-m0=PPMd", "-m0=Deflate64", "-m0=BZip2", "-m0=Copy"):
        path = tmp_path / f"{option}.7z"
        seven_zip(tmp_path, "a", option, path, "tree")
        with path.open("rb") as file:
            archive = open_archive(file)
            assert archive is not None
            assert {m.name: m.sha256 for m in archive.read()} == expected_tree()


def test_a_filter_that_py7zr_lacks_is_read_by_7zz(tmp_path: Path) -> None:
    make_tree(tmp_path)
    path = tmp_path / "bcj2.7z"
    seven_zip(tmp_path, "a", "-m0=BCJ2", "-m1=LZMA", "-m2=LZMA:d64k", "-m3=LZMA:d64k", *BINDINGS, path, "tree")
    with path.open("rb") as file:
        archive = open_archive(file)
        assert archive is not None
        assert {m.name: m.sha256 for m in archive.read()} == expected_tree()


def test_damage_behind_a_filter_that_py7zr_lacks_is_refused(tmp_path: Path) -> None:
    make_tree(tmp_path)
    path = tmp_path / "bcj2.7z"
    seven_zip(tmp_path, "a", "-m0=BCJ2", "-m1=LZMA", "-m2=LZMA:d64k", "-m3=LZMA:d64k", *BINDINGS, path, "tree")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with path.open("rb") as file:
        archive = open_archive(file)
        assert archive is not None
        with pytest.raises(MalformedError) as caught:
            archive.read()
    assert caught.value.code == "archive.damaged"


def test_a_time_limit_ends_the_helper(tmp_path: Path) -> None:
    make_tree(tmp_path)
    path = tmp_path / "bcj2.7z"
    seven_zip(tmp_path, "a", "-m0=BCJ2", "-m1=LZMA", "-m2=LZMA:d64k", "-m3=LZMA:d64k", *BINDINGS, path, "tree")
    with path.open("rb") as file:
        archive = open_archive(file, replace(DEFAULT_ARCHIVE_LIMITS, seconds=0))
        assert archive is not None
        with pytest.raises(MalformedError) as caught:
            archive.read()
    assert caught.value.code == "archive.damaged"


BINDINGS = ("-mb0:1", "-mb0s1:2", "-mb0s2:3")


def seven_zip(directory: Path, *arguments: object) -> None:
    subprocess.run(
        [_program_path(), *(str(argument) for argument in arguments)],
        cwd=directory,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def make_tree(directory: Path) -> None:
    for name, data in FILES.items():
        path = directory / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def expected_tree() -> dict[str, str]:
    return {f"tree/{name}": hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
