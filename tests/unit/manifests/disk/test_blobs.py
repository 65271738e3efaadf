"""The content-addressed store: whole or absent."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.disk.blobs import CHUNK_BYTES, Blob, BlobStore
from manifests.errors import NotAuthenticError, StorageError
from manifests.progress import NoProgress


def blob_of(content: bytes) -> Blob:
    return Blob(hashlib.sha256(content).hexdigest(), len(content))


HELLO = blob_of(b"hello")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    made = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    made.create()
    return made


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[BlobStore]:
    """A store on a file system of 2 MiB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", mounted], check=True)
    try:
        made = BlobStore(mounted / "blobs", mounted / "tmp")
        made.create()
        yield made
    finally:
        subprocess.run(["umount", mounted], check=True)


def files(store: BlobStore) -> list[str]:
    """Every file of the store, temporary ones included."""
    found = [*store.root.rglob("*"), *store.temporary.rglob("*")]
    return sorted(path.name for path in found if path.is_file())


def test_a_committed_blob_is_read_back(store: BlobStore) -> None:
    with store.batch() as batch:
        assert batch.add([b"hel", b"", b"lo"]) == HELLO
        batch.commit()
    assert store.has_blob(HELLO)
    assert b"".join(store.read(HELLO.sha256)) == b"hello"
    assert store.digest(HELLO.sha256) == HELLO
    assert store.path(HELLO.sha256).stat().st_mode & 0o777 == 0o444
    assert files(store) == [HELLO.sha256]


@given(chunks=st.lists(st.binary(max_size=50), max_size=8))
def test_chunks_do_not_matter(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    base = tmp_path_factory.mktemp("store")
    store = BlobStore(base, base)
    with store.batch() as batch:
        assert batch.add(chunks) == blob_of(b"".join(chunks))


def test_large_content_is_read_in_bounded_chunks(store: BlobStore) -> None:
    with store.batch() as batch:
        blob = batch.add([bytes(CHUNK_BYTES + 1)])
        batch.commit()
    assert [len(chunk) for chunk in store.read(blob.sha256)] == [CHUNK_BYTES, 1]


def test_nothing_is_visible_before_commit_and_nothing_is_left_without_it(store: BlobStore) -> None:
    with store.batch() as batch:
        batch.add([b"hello"])
        assert not store.has_blob(HELLO)
    assert files(store) == []


def test_wrong_content_is_refused_and_leaves_nothing(store: BlobStore) -> None:
    with store.batch() as batch:
        with pytest.raises(NotAuthenticError) as caught:
            batch.add([b"hellp"], HELLO)
        assert caught.value.code == "blob.digest"
        assert files(store) == []


@pytest.mark.parametrize("content", [b"hell", b"hello!"])
def test_wrong_length_is_refused(store: BlobStore, content: bytes) -> None:
    with store.batch() as batch, pytest.raises(NotAuthenticError):
        batch.add([content], HELLO)


def test_content_that_fails_while_it_comes_leaves_nothing_and_spoils_nothing(store: BlobStore) -> None:
    def failing() -> Iterator[bytes]:
        yield b"hel"
        raise ConnectionResetError

    with store.batch() as batch:
        batch.add([b"good"])
        with pytest.raises(StorageError):
            batch.add(failing())
        batch.commit()
    assert files(store) == [blob_of(b"good").sha256]


def test_equal_content_is_stored_once(store: BlobStore) -> None:
    for _ in range(2):
        with store.batch() as batch:
            assert batch.add([b"hello"]) == HELLO
            assert batch.add([b"hello"]) == HELLO
            batch.commit()
    assert files(store) == [HELLO.sha256]


def test_a_truncated_blob_is_not_held_and_is_healed_by_the_next(store: BlobStore) -> None:
    store.path(HELLO.sha256).write_bytes(b"hel")
    assert not store.has_blob(HELLO)
    with store.batch() as batch:
        batch.add([b"hello"], HELLO)
        batch.commit()
    assert store.digest(HELLO.sha256) == HELLO


def test_a_damaged_blob_is_told_by_its_digest(store: BlobStore) -> None:
    store.path(HELLO.sha256).write_bytes(b"hellp")
    assert store.has_blob(HELLO)
    assert store.digest(HELLO.sha256) == blob_of(b"hellp")


def test_a_missing_blob_is_a_storage_error(store: BlobStore) -> None:
    with pytest.raises(StorageError) as caught:
        store.digest(HELLO.sha256)
    assert caught.value.code == "storage.io"


@pytest.mark.needs("root")
def test_a_full_disk_leaves_nothing_of_the_batch(small_store: BlobStore) -> None:
    with small_store.batch() as batch:
        batch.add([b"small"])
        with pytest.raises(StorageError) as caught:
            batch.add(bytes(CHUNK_BYTES) for _ in range(3))
    assert caught.value.code == "storage.full"
    assert files(small_store) == []


COMMIT = """
import sys
from pathlib import Path
from manifests.disk.blobs import BlobStore
from manifests.errors import StorageError
base = Path(sys.argv[1])
store = BlobStore(base / "blobs", base / "tmp")
try:
    with store.batch() as batch:
        batch.add([b"hello"])
        batch.add([b"world"])
        batch.commit()
except StorageError as error:
    print(error.code)
"""


def strace(base: Path, *options: str) -> str:
    command = ["strace", "-f", "-qq", *options, sys.executable, "-c", COMMIT, base]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.needs("strace")
def test_content_is_durable_before_a_name_is_visible_and_names_before_commit_returns(
    store: BlobStore, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    strace(tmp_path, "-o", str(log), "-y", "-e", "trace=syncfs,rename,fchmod")
    calls = [
        line.split(maxsplit=1)[1].partition("(")[0] for line in log.read_text().splitlines() if str(tmp_path) in line
    ]
    assert calls == ["fchmod", "fchmod", "syncfs", "rename", "rename", "syncfs"]


@pytest.mark.needs("strace")
def test_when_syncing_fails_no_name_is_visible(store: BlobStore, tmp_path: Path) -> None:
    assert strace(tmp_path, "-o", "/dev/null", "-e", "inject=syncfs:error=EIO:when=1") == "storage.io"
    assert files(store) == []


@pytest.mark.needs("strace")
def test_when_the_last_sync_fails_the_commit_fails_and_visible_names_are_whole(
    store: BlobStore, tmp_path: Path
) -> None:
    assert strace(tmp_path, "-o", "/dev/null", "-e", "inject=syncfs:error=EIO:when=2") == "storage.io"
    assert files(store) == sorted(blob_of(content).sha256 for content in (b"hello", b"world"))
    assert store.digest(HELLO.sha256) == HELLO


@pytest.mark.needs("strace")
def test_when_a_rename_fails_temporary_files_are_removed(store: BlobStore, tmp_path: Path) -> None:
    assert strace(tmp_path, "-o", "/dev/null", "-e", "inject=rename:error=ENOSPC:when=2") == "storage.full"
    assert files(store) == [HELLO.sha256]


def test_sweeping_removes_what_a_killed_batch_left(store: BlobStore) -> None:
    (store.temporary / "blob-0123").write_bytes(b"half")
    (store.temporary / "other").write_bytes(b"not ours")
    store.sweep()
    assert files(store) == ["other"]


def test_making_a_store_twice_is_harmless(store: BlobStore) -> None:
    with store.batch() as batch:
        batch.add([b"hello"])
        batch.commit()
    store.create()
    assert store.has_blob(HELLO)
    assert len([entry for entry in store.root.iterdir() if entry.is_dir()]) == 256


def test_blobs_are_listed_by_digest_and_nothing_else_is_one(tmp_path):
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    with store.batch() as batch:
        blobs = [batch.add([data]) for data in (b"one", b"three", b"")]
        batch.commit()
    (store.root / "00" / "notes.txt").write_text("not a blob")
    (store.root / "lost+found").mkdir()
    assert list(store.list_blobs()) == sorted(blobs, key=lambda blob: blob.sha256)


def test_removed_blobs_are_gone_and_one_that_was_gone_already_is_passed_over(tmp_path):
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    with store.batch() as batch:
        one, two = batch.add([b"one"]), batch.add([b"two"])
        batch.commit()
    store.remove_blobs([one, Blob("0" * 64, 1)], NoProgress())
    assert list(store.list_blobs()) == [two]


def test_a_slice_is_what_stands_there_and_ends_with_the_blob(tmp_path):
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    with store.batch() as batch:
        blob = batch.add([b"0123456789"])
        batch.commit()
    assert b"".join(store.read_slice(blob.sha256, 3, 4)) == b"3456"
    assert b"".join(store.read_slice(blob.sha256, 8, 9)) == b"89"
