"""Files of secrets as people, editors and shells write them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bundler.keys.secret_lines import SecretLine
from manifests.errors import ConfigurationError, UsageError

SECRET = "correct horse"


def line(path: Path, warned: list[str] | None = None) -> SecretLine:
    return SecretLine(path, "--passphrase-file", (warned if warned is not None else []).append)


@pytest.mark.parametrize(
    "data",
    [
        b"correct horse",
        b"correct horse\n",
        b"correct horse\r\n",
        b"correct horse\nand a remark\n",
        b"correct horse\n\xff\xfe not UTF-8\n",
        b"\xef\xbb\xbfcorrect horse\r\n",
        "correct horse\r\n".encode("utf-16"),
        b"\xfe\xff" + "correct horse\n".encode("utf-16-be"),
    ],
)
def test_the_first_line_is_the_secret_however_the_file_was_written(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert line(tmp_path / "file").read() == SECRET


def test_blanks_belong_to_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("  two words \n")
    assert line(tmp_path / "file").read() == "  two words "


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "passphrase.empty"),
        (b"\n", "passphrase.empty"),
        (b"\r\nsecond\n", "passphrase.empty"),
        (b"\xef\xbb\xbf\n", "passphrase.empty"),
        (b"\xff\xfe", "passphrase.empty"),
        (b"caf\xe9\n", "passphrase.utf8"),
        (b"x" * 5000, "passphrase.long"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n", "passphrase.key"),
    ],
)
def test_what_is_no_secret_is_refused_and_says_which_file(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        line(tmp_path / "file").read()
    assert caught.value.code == code
    assert str(tmp_path / "file") in str(caught.value)


def test_a_file_that_is_not_there_is_a_mistake_in_typing_and_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        line(tmp_path / "nope").read()
    assert "--passphrase-file" in str(caught.value)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(f"{SECRET}\n",))
    writer.start()
    secret = line(fifo)
    assert [secret.read(), secret.read()] == [SECRET, SECRET]
    writer.join()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o644, 1), (0o606, 1)])
def test_a_file_that_others_can_read_is_said_once_with_what_to_type(tmp_path: Path, mode: int, warned: int) -> None:
    (tmp_path / "file").write_text(SECRET)
    (tmp_path / "file").chmod(mode)
    told: list[str] = []
    secret = line(tmp_path / "file", told)
    assert [secret.read(), secret.read()] == [SECRET, SECRET]
    assert len(told) == warned
    assert all(f"chmod 600 {tmp_path}/file" in sentence and f"{mode:o}" in sentence for sentence in told)
