"""The first line of a file that holds a passphrase or a PIN: read once, however people write such files."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError
from manifests.limits import KIB
from manifests.text import decode_text

_FILE_BYTES = 16 * KIB
"""Ceiling on the file of a secret."""
MAX_LINE_BYTES = 4 * KIB
"""Longer than any passphrase, shorter than what somebody names by mistake."""

Warn = Callable[[str], None]
"""Takes a sentence for the operator."""


class SecretLine:
    """The secret in the first line of a file. A pipe is read once.

    Args:
        path: The file, the pipe, or the end of one that the shell calls ``/dev/fd/63``.
        option: What names it, for errors.
        warn: Told when others may read it.
    """

    def __init__(self, path: Path, option: str, warn: Warn) -> None:
        self._path = path
        self._option = option
        self._warn = warn
        self._text: str | None = None

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> str:
        """Return the secret.

        Raises:
            ConfigurationError: ``passphrase.empty``; ``passphrase.utf8``; ``passphrase.long``; ``passphrase.key``:
                it is a key file.
            UsageError: ``file.*``: there is no such file, or it is none that can be read.
            StorageError: It cannot be read.
        """
        if self._text is None:
            what = f"the file of {self._option}, with the secret in its first line"
            given = read_given_file(self._path, max_bytes=_FILE_BYTES, what=what)
            warn_readable(self._path, given.mode, self._warn)
            self._text = self._checked(_decode(given.data, self._path))
        return self._text

    def _checked(self, text: str) -> str:
        line = text.split("\n", 1)[0].rstrip("\r")
        if len(line.encode("utf-8")) >= MAX_LINE_BYTES:
            raise ConfigurationError(
                "passphrase.long",
                f"The first line of {self._path} is too long for a secret",
                need=f"fewer than {MAX_LINE_BYTES:,} bytes in the file that {self._option} names",
            )
        if not line:
            raise ConfigurationError(
                "passphrase.empty",
                f"The first line of {self._path} is empty",
                need=f"the secret in the first line of the file that {self._option} names",
                todo="a pipe gives its text once: name a file where it is read by several commands",
            )
        if line.startswith("-----BEGIN "):
            raise ConfigurationError(
                "passphrase.key",
                f"{self._path} is a key file",
                need=f"a file with the secret in its first line for {self._option}",
            )
        return line


def warn_readable(path: Path, mode: int, warn: Warn) -> None:
    """Say what to type when others than its owner may read a secret file."""
    if mode & 0o077:
        warn(f"{path} can be read by others (mode {mode:o}). Run: chmod 600 {path}")


def _decode(data: bytes, path: Path) -> str:
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.split(b"\n", 1)[0]  # what follows may have any encoding
    try:
        return decode_text(data)
    except UnicodeDecodeError:
        raise ConfigurationError(
            "passphrase.utf8", f"{path} is not UTF-8 text", todo=f"write its first line again, as UTF-8: {path}"
        ) from None
