"""A file that somebody named: the right one is read, and what was named by mistake costs nothing."""

from __future__ import annotations

import os
import resource
import socket
import threading
from pathlib import Path

import pytest

from manifests.disk.given_file import GivenFile, open_given_file, read_given_file
from manifests.errors import ConfigurationError, UsageError

MAX = 1000


def refused(path: Path) -> UsageError | ConfigurationError:
    with pytest.raises(UsageError) as caught:
        read_given_file(path, max_bytes=MAX, what="a key", pipe_seconds=0.2)
    assert caught.value.need is not None
    assert "a key" in caught.value.need
    assert str(path) in caught.value.what
    return caught.value


@pytest.mark.parametrize("length", [0, 1, MAX])
def test_a_file_is_read_whole_with_its_mode(tmp_path: Path, length: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * length)
    path.chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    whole = GivenFile(b"x" * length, 0o640)
    assert read_given_file(path, max_bytes=MAX, what="a key") == whole
    assert read_given_file(tmp_path / "link", max_bytes=MAX, what="a key") == whole


@pytest.mark.parametrize("length", [MAX + 1, 8 * 2**30])
def test_a_file_too_large_for_its_kind_is_refused_unread(tmp_path: Path, length: int) -> None:
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(length)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refused(path)
    assert error.code == "file.too-large"
    assert error.have == f"{length:,} bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_file_of_proc_says_no_length_and_is_bounded_all_the_same() -> None:
    assert refused(Path("/proc/kallsyms")).code == "file.too-large"
    assert read_given_file(Path("/proc/self/comm"), max_bytes=MAX, what="a key").data.endswith(b"\n")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full", "/dev/random"])
def test_a_device_is_refused_unopened(device: str) -> None:
    error = refused(Path(device))
    assert (error.code, error.what) == ("file.kind", f"{device} is a device")


def test_a_directory_and_a_socket_are_refused_as_what_they_are(tmp_path: Path) -> None:
    assert refused(tmp_path).what == f"{tmp_path} is a directory"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert refused(tmp_path / "socket").what == f"{tmp_path / 'socket'} is a socket"


@pytest.mark.parametrize("name", ["none", "none/inner", "file/inner"])
def test_what_is_not_there_is_a_mistake_in_typing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / name).code == "file.missing"
    with pytest.raises(ConfigurationError):
        read_given_file(tmp_path / name, max_bytes=MAX, what="a key", error=ConfigurationError)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").code == "file.silent"


@pytest.mark.parametrize(("length", "taken"), [(3, True), (MAX, True), (MAX + 1, False), (200_000, False)])
def test_what_a_shell_brings_through_a_pipe_is_read_and_bounded(length: int, *, taken: bool) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            try:
                file.write(b"x" * length)
                file.flush()
            except BrokenPipeError:
                pass

    writer = threading.Thread(target=write)
    writer.start()
    path = Path(f"/dev/fd/{reading}")
    try:
        if taken:
            assert read_given_file(path, max_bytes=MAX, what="a key") == GivenFile(b"x" * length, 0)
        else:
            assert refused(path).code == "file.too-large"
    finally:
        os.close(reading)
        writer.join()


def test_a_file_that_is_read_in_place_is_regular(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(b"pack")
    with open_given_file(tmp_path / "pack", what="a pack") as file:
        assert file.read() == b"pack"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(UsageError), open_given_file(path, what="a pack"):
            pass
