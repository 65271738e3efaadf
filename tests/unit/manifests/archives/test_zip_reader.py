"""Foreign zip archives, behind checks of our own."""

from __future__ import annotations

import io

import pytest

from manifests.archives.zip_reader import ZipReader
from manifests.errors import ArchiveMethodError, DamagedArchiveError
from tests.support.rule_packs import pack_zip

FILES = {"a.xml": b"<a/>" * 100, "b/c.xml": b"<c/>"}


def test_what_is_declared_comes_out() -> None:
    reader = ZipReader(io.BytesIO(pack_zip(FILES)))
    assert {entry.name: entry.length for entry in reader.entries()} == {"a.xml": 400, "b/c.xml": 4}
    found: dict[str, bytes] = {}
    reader.read(lambda name, chunk: found.update({name: found.get(name, b"") + chunk}))
    assert found == FILES


def test_a_download_that_broke_off_is_told_from_a_method_that_is_not_known() -> None:
    with pytest.raises(DamagedArchiveError) as broken:
        ZipReader(io.BytesIO(pack_zip(FILES)[:-40])).entries()
    assert broken.value.code == "archive.truncated"
    with pytest.raises(ArchiveMethodError):
        ZipReader(io.BytesIO(pack_zip(FILES, method=12))).entries()
