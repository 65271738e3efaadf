"""Pieces of a file that shrinks, gives short reads or cannot be read."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from manifests.container import (
    MemberReader,
    read_directory,
)
from manifests.errors import DamagedContainerError, StorageError
from manifests.limits import MIB
from tests.support.containers import ZEROS, container
from tests.support.zip_forge import good


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(container(("a", ZEROS * 3)))
    with path.open("rb") as file:
        (member,) = read_directory(file)
        chunks = iter(MemberReader(file, member))
        next(chunks)
        os.truncate(path, MIB + MIB // 2)
        with pytest.raises(DamagedContainerError) as refusal:
            list(chunks)
    assert refusal.value.code == "zip.truncated"


class FailingMedium(io.BytesIO):
    """A stick that is pulled out: every read fails as the kernel lets it fail."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_medium_that_cannot_be_read_is_a_storage_error():
    data = container(("a", b"content"))
    (member,) = read_directory(io.BytesIO(data))
    for attempt in (
        lambda: read_directory(FailingMedium(data)),
        lambda: list(MemberReader(FailingMedium(data), member)),
    ):
        with pytest.raises(StorageError) as failure:
            attempt()
        assert failure.value.code == "storage.io"


def test_short_reads_are_put_together():
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    data = good().build()
    assert [member.name for member in read_directory(Slow(data))] == ["manifest.json", "blobs/abc", "notes.md"]
