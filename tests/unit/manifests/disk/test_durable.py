"""Durable writes: old or new content, never a mixture, never a left-over."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.disk import durable
from manifests.errors import StorageError, UsageError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", mounted], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", mounted], check=True)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def traced(strace: list[str], code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code under strace."""
    program = [sys.executable, "-c", code, *map(str, arguments)]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *strace, *program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


WRITE = """
import sys
from pathlib import Path
from manifests.disk import durable
from manifests.errors import StorageError, UsageError
try:
    durable.write_file(Path(sys.argv[1]), b"new")
except StorageError as error:
    print(error.code, error.details["errno"])
"""


def test_a_write_makes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write_file(path, b"old")
    durable.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_the_mode_is_the_one_asked_for(tmp_path: Path) -> None:
    durable.write_file(tmp_path / "key", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.needs("root")
def test_a_full_disk_leaves_the_old_content_and_nothing_else(small_disk: Path) -> None:
    path = small_disk / "file"
    durable.write_file(path, b"old")
    with pytest.raises(StorageError) as caught:
        durable.write_file(path, bytes(512 * 1024))
    assert caught.value.code == "storage.full"
    assert caught.value.details == {"errno": errno.ENOSPC}
    assert path.read_bytes() == b"old"
    assert names(small_disk) == ["file"]


@pytest.mark.needs("root")
def test_a_read_only_file_system_is_called_so(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageError) as caught:
        durable.write_file(small_disk / "file", b"x")
    assert caught.value.code == "storage.read-only"
    with pytest.raises(StorageError) as caught:
        durable.make_directory(small_disk / "a" / "b")
    assert caught.value.code == "storage.read-only"


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("call", "content"),
    [("write:when=1", b"old"), ("fsync:when=1", b"old"), ("rename", b"old"), ("fsync:when=2", b"new")],
)
@pytest.mark.parametrize(("name", "code"), [("EIO", "storage.io"), ("ENOSPC", "storage.full")])
def test_a_failing_call_is_an_error_and_leaves_no_temporary_file(
    tmp_path: Path, call: str, content: bytes, name: str, code: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    call, _, when = call.partition(":")
    done = traced(["-e", f"inject={call}:error={name}" + (f":{when}" if when else "")], WRITE, path)
    assert done.stdout.split() == [code, str(getattr(errno, name))], done.stderr
    assert names(tmp_path) == ["file"]
    assert path.read_bytes() == content


@pytest.mark.needs("strace")
def test_a_file_is_synced_before_it_is_renamed_and_its_directory_after(tmp_path: Path) -> None:
    log = tmp_path / "log"
    target = tmp_path / "directory"
    target.mkdir()
    command = ["strace", "-f", "-y", "-o", log, "-e", "trace=fsync,fdatasync,rename,renameat,renameat2"]
    subprocess.run([*command, sys.executable, "-c", WRITE, target / "file"], check=True)
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if str(target) in line]
    assert [call.partition("(")[0] for call in calls] == ["fsync", "rename", "fsync"]
    assert ".tmp>" in calls[0]
    assert f"<{target}>" in calls[2]


@pytest.mark.needs("strace")
def test_syncing_a_failing_file_system_is_an_error(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from manifests.disk import durable\n"
        "try:\n durable.sync_filesystem(Path(sys.argv[1]))\nexcept OSError as error:\n print(error.errno)"
    )
    done = traced(["-e", "inject=syncfs:error=EIO"], code, tmp_path)
    assert done.stdout.split() == [str(errno.EIO)], done.stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "storage.full"),
        (errno.EDQUOT, "storage.full"),
        (errno.EROFS, "storage.read-only"),
        (errno.EACCES, "storage.permission"),
        (errno.EPERM, "storage.permission"),
        (errno.EFBIG, "storage.file-too-large"),
        (errno.EIO, "storage.io"),
        (errno.ENOENT, "storage.io"),
    ],
)
def test_every_cause_has_its_code(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(StorageError) as caught, durable.storage_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code
    assert str(tmp_path) in caught.value.what


def test_a_directory_is_made_with_its_parents_and_may_be_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    durable.make_directory(path)
    durable.make_directory(path)
    assert path.is_dir()


def test_a_file_where_a_directory_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StorageError):
        durable.make_directory(tmp_path / "a" / "b")


def test_what_a_failed_block_was_making_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "half"
    path.write_bytes(b"x")
    with pytest.raises(KeyboardInterrupt), durable.removed_on_failure(path):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_asking_the_disk_to_begin_changes_nothing_and_fails_nowhere(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"content")
        durable.start_writing(file.fileno())
        file.write(b", more")
    ends = os.pipe()
    durable.start_writing(ends[1])  # nothing of it has a place on a disk
    for end in ends:
        os.close(end)
    assert (tmp_path / "file").read_bytes() == b"content, more"


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full", "/dev/stdout", "pipe", "directory"])
def test_no_file_takes_the_place_of_what_is_none(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    path = tmp_path / name
    before = path.lstat().st_mode
    with pytest.raises(UsageError) as caught:
        durable.write_file(path, b"x")
    assert caught.value.code == "file.kind"
    assert path.lstat().st_mode == before


def test_a_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "link").symlink_to("other")
    durable.write_file(tmp_path / "link", b"new")
    assert [(tmp_path / name).read_bytes() for name in ("link", "other")] == [b"new", b"other"]
