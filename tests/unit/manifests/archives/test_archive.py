from __future__ import annotations

import hashlib
import io

import pytest

from manifests.archives.archive import archive_kind_of, open_archive
from tests.support.archives import FILES
from tests.support.rule_packs import pack_7z, pack_zip

PACKERS = {"7z": pack_7z, "zip": pack_zip}


@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_every_file_is_read_and_hashed_and_only_those_asked_for_are_kept(kind: str) -> None:
    archive = open_archive(io.BytesIO(PACKERS[kind](FILES)))
    assert archive is not None
    assert archive.kind == kind
    members = archive.read(keep={"a.txt"})
    assert [(m.name, m.length, m.sha256) for m in members] == [
        (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(FILES.items())
    ]
    assert [m.data for m in members] == [b"one", None, None]


@pytest.mark.parametrize("kind", ["7z", "zip"])
def test_an_archive_can_be_read_twice(kind: str) -> None:
    archive = open_archive(io.BytesIO(PACKERS[kind](FILES)))
    assert archive is not None
    assert archive.read() == archive.read()


@pytest.mark.parametrize("start", [b"", b"PK", b"<xml/>", b"MZ" + b"x" * 100, b"Rar!\x1a\x07"])
def test_anything_else_is_no_archive(start: bytes) -> None:
    assert archive_kind_of(io.BytesIO(start)) is None
    assert open_archive(io.BytesIO(start)) is None
