"""One writer at a time, across processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from manifests.disk.lock import exclusive_lock
from manifests.errors import LockedError, StorageError

HOLD = """
import sys
from pathlib import Path
from manifests.disk.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until told otherwise."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_lock_held_by_another_process_names_that_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process, pytest.raises(LockedError) as caught, exclusive_lock(path):
        pass
    assert caught.value.code == "lock.held"
    assert caught.value.have == f"process {process.pid} holds lock"
    assert caught.value.exit_code == 41


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        process.kill()
        process.wait()
        with exclusive_lock(path):
            assert path.read_text() == f"{os.getpid()}\n"


def test_waiting_ends_when_the_holder_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        with exclusive_lock(path, wait_seconds=60):
            assert process.wait(60) == 0


def test_waiting_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path):
        begun = time.monotonic()
        with pytest.raises(LockedError), exclusive_lock(path, wait_seconds=0.3):
            pass
        assert time.monotonic() - begun >= 0.3


def test_a_second_lock_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive_lock(path), pytest.raises(LockedError), exclusive_lock(path):
        pass
    with exclusive_lock(path):
        pass


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), exclusive_lock(path):
        raise ZeroDivisionError
    with exclusive_lock(path):
        pass


def test_the_lock_file_stays(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "lock").exists()


def test_a_missing_directory_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught, exclusive_lock(tmp_path / "none" / "lock"):
        pass
    assert caught.value.code == "storage.io"


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", "import sys; sys.stdin.readline()"]
    with exclusive_lock(path):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, close_fds=False)
    with child, exclusive_lock(path):
        child.kill()


NO_LOCKS = """
#include <errno.h>
int flock(int fd, int op) { errno = NUMBER; return -1; }
"""

TAKE = """
import sys
from pathlib import Path
from manifests.disk.lock import exclusive_lock
from manifests.errors import StorageError
try:
    with exclusive_lock(Path(sys.argv[1])):
        print("taken")
except StorageError as error:
    print(error.code, error.exit_code)
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler to stand for a file system without locks")
@pytest.mark.parametrize("number", ["ENOLCK", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EBADF"])
def test_a_file_system_without_locks_is_said_and_nothing_is_done(tmp_path: Path, number: str) -> None:
    source, library = tmp_path / "f.c", tmp_path / "f.so"
    source.write_text(NO_LOCKS.replace("NUMBER", number))
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    command = [sys.executable, "-c", TAKE, str(tmp_path / "lock")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "storage.no-locks 40\n"
