"""Secrets that open keys: passphrases of key files, PINs of tokens; from a file or the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError
from manifests.limits import KIB

FILE_VARIABLE = "SEALIFT_PASSPHRASE_FILE"
PIN_FILE_VARIABLE = "SEALIFT_PIN_FILE"
MIN_CHARACTERS = 8
"""NIST SP 800-63B section 5.1.1.1: the least that a memorised secret may have."""
_SECRET_BYTES = 16 * KIB
"""Ceiling on a file with a passphrase or PIN."""
ATTEMPTS = 3
"""Times that a person may mistype."""

Ask = Callable[[str], str]
"""Puts a question to a person and returns what was typed, unseen."""

Opened = TypeVar("Opened")


class Secrets:
    """Gives each secret once it is needed, and asks for none twice.

    Args:
        ask: Asks a person; raises when there is none.
        passphrase_file: Its first line opens the key files; None to ask.
        pin_file: Its first line opens the token; None to ask.
    """

    def __init__(self, ask: Ask, passphrase_file: Path | None = None, pin_file: Path | None = None) -> None:
        self._ask = ask
        self._passphrase_file = passphrase_file
        self._pin_file = pin_file
        self._worked: list[bytes] = []
        self._pins: dict[str, str] = {}

    @classmethod
    def choose(
        cls, ask: Ask, environment: Mapping[str, str], passphrase_file: Path | None, pin_file: Path | None
    ) -> Secrets:
        """Take the files given on the command line, else those that the environment names."""
        return cls(
            ask,
            passphrase_file or _path(environment.get(FILE_VARIABLE)),
            pin_file or _path(environment.get(PIN_FILE_VARIABLE)),
        )

    def unlock(self, name: str, open_with: Callable[[bytes], Opened | None]) -> Opened:
        """Open one key.

        Args:
            name: What to call the key in the question.
            open_with: Returns the opened key, or None when the passphrase is wrong.

        Raises:
            ConfigurationError: ``passphrase.wrong``, ``passphrase.missing``.
            StorageError: The passphrase file cannot be read.
        """
        for passphrase in self._worked:
            if (opened := open_with(passphrase)) is not None:
                return opened
        attempts = 1 if self._passphrase_file else ATTEMPTS
        for _ in range(attempts):
            passphrase = self._passphrase(f"Passphrase of {name}")
            if (opened := open_with(passphrase)) is not None:
                self._worked.append(passphrase)
                return opened
        source = f" (from {self._passphrase_file})" if self._passphrase_file else ""
        raise ConfigurationError("passphrase.wrong", f"The passphrase{source} does not open {name}")

    def new_passphrase(self) -> bytes:
        """Return the passphrase for keys made now: from the file, else asked twice.

        Raises:
            ConfigurationError: ``passphrase.short``, ``passphrase.differs``, ``passphrase.missing``.
            StorageError: The passphrase file cannot be read.
        """
        if self._worked:
            return self._worked[0]
        passphrase = self._passphrase("New passphrase for the key files")
        if len(passphrase.decode("utf-8")) < MIN_CHARACTERS:
            raise ConfigurationError(
                "passphrase.short", "The passphrase is too short", need=f"at least {MIN_CHARACTERS} characters"
            )
        if self._passphrase_file is None and self._passphrase("The same again") != passphrase:
            raise ConfigurationError("passphrase.differs", "The two passphrases are not the same")
        self._worked.append(passphrase)
        return passphrase

    def pin(self, token: str) -> str:
        """Return the PIN of a token.

        Raises:
            ConfigurationError: ``passphrase.missing``.
            StorageError: The PIN file cannot be read.
        """
        if token not in self._pins:
            self._pins[token] = _first_line(self._pin_file) if self._pin_file else self._ask(f"PIN of {token}")
        return self._pins[token]

    def _passphrase(self, question: str) -> bytes:
        if self._passphrase_file is not None:
            return _first_line(self._passphrase_file).encode("utf-8")
        return self._ask(question).encode("utf-8")


def ask_on_terminal(question: str) -> str:
    """Ask on the terminal, without echo.

    Raises:
        ConfigurationError: ``passphrase.missing`` when there is no terminal.
    """
    import sys

    import click

    if not sys.stdin.isatty():
        raise _nobody(question, "a terminal, ")
    answer: str = click.prompt(question, hide_input=True, err=True)
    return answer


def ask_nobody(question: str) -> str:
    """Ask nobody: a job that runs on its own would wait for an answer for ever, however it was begun.

    Raises:
        ConfigurationError: ``passphrase.missing``.
    """
    raise _nobody(question, "")


def _nobody(question: str, terminal: str) -> ConfigurationError:
    return ConfigurationError(
        "passphrase.missing",
        f"There is nobody to ask: {question}",
        need=f"{terminal}--passphrase-file (--pin-file), or {FILE_VARIABLE} ({PIN_FILE_VARIABLE})",
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _first_line(path: Path) -> str:
    data = read_given_file(path, max_bytes=_SECRET_BYTES, what="a file whose first line is the secret").data
    try:
        return data.decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ConfigurationError("passphrase.utf8", f"{path} is not UTF-8 text") from None
