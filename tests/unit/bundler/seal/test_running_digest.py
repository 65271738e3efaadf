"""The digest taken behind a writer is the digest of the file, and its thread ends with the block."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from bundler.seal.running_digest import RunningDigest
from manifests.errors import StorageError

CONTENT = bytes(range(256)) * 12_000


@pytest.mark.parametrize("reached", [(), (len(CONTENT),), (1, 2**20, 2**20 + 1, 2**21), (2**21, 7)])
def test_wherever_the_writer_was_when_it_said_so_the_digest_is_that_of_the_file(
    tmp_path: Path, reached: tuple[int, ...]
) -> None:
    path = tmp_path / "file"
    written = 0
    with path.open("wb", buffering=0) as file, RunningDigest(path) as digest:
        for end in reached:
            written += file.write(CONTENT[written:end])
            digest.reach(end)
        file.write(CONTENT[written:])
        assert digest.hexdigest() == hashlib.sha256(CONTENT).hexdigest()


def test_what_is_not_final_yet_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file, RunningDigest(path) as digest:
        file.write(b"final, header")
        digest.reach(5)
        file.seek(5)
        file.write(b": HEADER")
        assert digest.hexdigest() == hashlib.sha256(b"final: HEADER").hexdigest()


def test_a_file_that_cannot_be_read_is_said_to_whoever_asks_for_the_digest(tmp_path: Path) -> None:
    with RunningDigest(tmp_path / "gone") as digest:
        digest.reach(1)
        with pytest.raises(StorageError) as refused:
            digest.hexdigest()
    assert refused.value.code == "storage.io"


def test_no_thread_is_left_when_the_writer_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    before = threading.active_count()

    def fail() -> None:
        with RunningDigest(path) as digest:
            digest.reach(len(CONTENT))
            raise StorageError("storage.full", "The disk is full")

    with pytest.raises(StorageError):
        fail()
    assert threading.active_count() == before
