"""Secrets that open keys: passphrases of key files, PINs of tokens; from files or the terminal.

A passphrase belongs to a key file, a PIN to a token. A wrong passphrase costs nothing, so each that is known is tried;
a wrong PIN brings a token nearer to being locked, so none is tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

from bundler.keys.secret_lines import SecretLine, Warn
from manifests.errors import ConfigurationError

FILE_VARIABLE = "SEALIFT_PASSPHRASE_FILE"
PIN_FILE_VARIABLE = "SEALIFT_PIN_FILE"
MIN_CHARACTERS = 8
"""NIST SP 800-63B section 5.1.1.1: the least that a memorised secret may have."""
ATTEMPTS = 3
"""Times that a person may mistype."""

Ask = Callable[[str], str]
"""Puts a question to a person and returns what was typed, unseen."""

Opened = TypeVar("Opened")


class TokenTries(Enum):
    """What a token says of the PINs that it will still take before it locks itself."""

    ALL = "all"
    FEWER = "fewer"
    LAST = "last"
    NONE = "none"


class TokenPinError(ConfigurationError):
    """A PIN is wrong, or must not be tried: a job that runs on its own ends, or it would lock the token."""


def unheard(_: str) -> None:
    """Warn nobody."""


class Secrets:
    """Gives each secret once it is needed, and asks for none twice.

    Args:
        ask: Asks a person; raises when there is none.
        passphrase_files: The first line of one of them opens a key file; none to ask.
        pin_file: Its first line opens the token; None to ask.
        attended: Whether somebody is there who sees what happens to a token.
        warn: Told about files that others may read.
    """

    def __init__(
        self,
        ask: Ask,
        passphrase_files: Sequence[Path] = (),
        pin_file: Path | None = None,
        *,
        attended: bool = True,
        warn: Warn = unheard,
    ) -> None:
        self._ask = ask
        self._attended = attended
        self.warn = warn
        option = f"--passphrase-file or {FILE_VARIABLE}"
        self._files = tuple(SecretLine(path, option, warn) for path in passphrase_files)
        pin_option = f"--pin-file or {PIN_FILE_VARIABLE}"
        self._pin_file = None if pin_file is None else SecretLine(pin_file, pin_option, warn)
        self._worked: list[bytes] = []
        self._of_brought: set[bytes] = set()
        self._pins: dict[str, str] = {}
        self._refused: set[str] = set()

    @classmethod
    def choose(
        cls,
        ask: Ask,
        environment: Mapping[str, str],
        passphrase_files: Sequence[Path],
        pin_file: Path | None,
        *,
        attended: bool = True,
        warn: Warn = unheard,
    ) -> Secrets:
        """Take the files given on the command line, then the one that the environment names; of PINs, one file."""
        named = _path(environment.get(FILE_VARIABLE))
        files = (*passphrase_files, *([] if named is None else [named]))
        return cls(ask, files, pin_file or _path(environment.get(PIN_FILE_VARIABLE)), attended=attended, warn=warn)

    def unlock(self, name: str, open_with: Callable[[bytes], Opened | None], *, brought: bool = False) -> Opened:
        """Open one key.

        Args:
            name: What to call the key in the question.
            open_with: Returns the opened key, or None when the passphrase is wrong.
            brought: Whether the key was brought along: its owner may be asked even though files were given, and its
                passphrase is not for keys that stay here.

        Raises:
            ConfigurationError: ``passphrase.wrong``, ``passphrase.missing``, and as :meth:`SecretLine.read`.
        """
        for passphrase in self._worked:
            if (opened := open_with(passphrase)) is not None:
                return self._note(passphrase, opened, brought=brought and passphrase in self._of_brought)
        for file in self._files:
            passphrase = file.read().encode("utf-8")
            if (opened := open_with(passphrase)) is not None:
                return self._note(passphrase, opened, brought=brought)
        if self._files and not brought:
            raise self._wrong(name)
        for _ in range(ATTEMPTS):
            passphrase = self._asked(name).encode("utf-8")
            if (opened := open_with(passphrase)) is not None:
                return self._note(passphrase, opened, brought=brought)
        raise self._wrong(name)

    def new_passphrase(self) -> bytes:
        """Return the passphrase for keys made now: from a file that is nobody else's, else asked twice.

        Raises:
            ConfigurationError: ``passphrase.short``, ``passphrase.differs``, ``passphrase.missing``,
                ``passphrase.whose``: the only files belong to keys that were brought along; and as
                :meth:`SecretLine.read`.
        """
        if self._files:
            for file in self._files:
                passphrase = file.read().encode("utf-8")
                if passphrase not in self._of_brought:
                    return _long_enough(passphrase)
            raise ConfigurationError(
                "passphrase.whose",
                "The passphrase that was given belongs to the key that was brought along",
                need="one for the new keys that stay here",
                todo="give its file as well: --new-passphrase-file FILE; or leave them open: --no-passphrase",
            )
        passphrase = _long_enough(self._ask("New passphrase for the key files").encode("utf-8"))
        if self._ask("The same again").encode("utf-8") != passphrase:
            raise ConfigurationError("passphrase.differs", "The two passphrases are not the same")
        self._worked.append(passphrase)
        return passphrase

    def pin(self, token: str, tries: TokenTries = TokenTries.ALL) -> str:
        """Return the PIN of a token.

        Args:
            token: What to call it.
            tries: What it says of itself, just now.

        Raises:
            TokenPinError: ``pkcs11.pin``: it is known to be wrong, or the token may not take another wrong one.
            ConfigurationError: ``passphrase.missing``, and as :meth:`SecretLine.read`.
        """
        if tries is TokenTries.NONE:
            raise _untried(token, "is locked", "unlock it with its own tool, such as pkcs11-tool --unlock-pin")
        if token in self._refused:
            raise _untried(token, "has refused this PIN", "correct the PIN, then start again")
        typed = self._pin_file is None
        if tries is TokenTries.LAST and not (typed and self._attended):
            raise _untried(
                token,
                "takes one more PIN and is locked after it",
                "type it on a terminal, without --pin-file and SEALIFT_PIN_FILE",
            )
        if tries is TokenTries.FEWER and not self._attended and token not in self._pins:
            raise _untried(
                token, "was given a wrong PIN", "enter the right one once, with somebody there: bundle create"
            )
        if token not in self._pins:
            last = " (the last try before the token is locked)" if tries is TokenTries.LAST else ""
            self._pins[token] = self._pin_file.read() if self._pin_file else self._ask(f"PIN of {token}{last}")
        return self._pins[token]

    def refused_pin(self, token: str, reason: str) -> TokenPinError:
        """Take note that a token refused its PIN, so that it is not tried again, and return the error."""
        self._refused.add(token)
        source = f" (from {self._pin_file})" if self._pin_file else ""
        return TokenPinError(
            "pkcs11.pin",
            f"The PIN{source} is wrong for {token} ({reason})",
            have="one try less before the token is locked",
            todo="correct the PIN before anything tries it again",
        )

    def _note(self, passphrase: bytes, opened: Opened, *, brought: bool) -> Opened:
        if passphrase not in self._worked:
            self._worked.append(passphrase)
        if brought:
            self._of_brought.add(passphrase)
        else:
            self._of_brought.discard(passphrase)
        return opened

    def _asked(self, name: str) -> str:
        try:
            return self._ask(f"Passphrase of {name}")
        except ConfigurationError:
            if self._files:
                raise self._wrong(name) from None
            raise

    def _wrong(self, name: str) -> ConfigurationError:
        source = f" (from {', '.join(map(str, self._files))})" if self._files else ""
        return ConfigurationError(
            "passphrase.wrong",
            f"The passphrase{source} does not open {name}",
            todo="give the file of each key: --passphrase-file may stand several times" if self._files else None,
        )


def _long_enough(passphrase: bytes) -> bytes:
    if len(passphrase.decode("utf-8")) < MIN_CHARACTERS:
        raise ConfigurationError(
            "passphrase.short", "The passphrase is too short", need=f"at least {MIN_CHARACTERS} characters"
        )
    return passphrase


def _untried(token: str, why: str, todo: str) -> TokenPinError:
    return TokenPinError("pkcs11.pin", f"No PIN was tried: {token} {why}", todo=todo)


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
        f"{question} is needed, but there is no terminal to ask on",
        need=f"{terminal}--passphrase-file (--pin-file), or {FILE_VARIABLE} ({PIN_FILE_VARIABLE})",
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
