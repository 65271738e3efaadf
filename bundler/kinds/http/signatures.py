"""Upstreams' own detached signatures: which program's, by which key, and whether they are good."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from bundler.kinds.http import signatures_ed25519 as ed25519
from bundler.kinds.http.errors import WrongSignatureError
from bundler.sources.paths import absolute_path
from manifests.disk.durable import storage_errors
from manifests.errors import ConfigurationError

SigningProgram = Literal["gpg", "minisign", "signify"]
PROGRAMS: tuple[SigningProgram, ...] = get_args(SigningProgram)
SUFFIXES: Mapping[SigningProgram, str] = {"gpg": ".asc", "minisign": ".minisig", "signify": ".sig"}
"""What each program's signatures are called by, after the file's own name."""
SIGNATURE_BYTES = 64 * 1024
"""No detached signature is longer."""

SIGNATURE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["program", "key"],
    "properties": {
        "program": {"enum": list(PROGRAMS)},
        "key": {"type": "string", "minLength": 1},
        "suffix": {"type": "string", "pattern": "^\\.[A-Za-z0-9._-]{1,20}$"},
        "of": {"enum": ["files", "checksums"]},
    },
}
"""What may stand in ``signature = {…}``."""

_GPGV_SECONDS = 300
_KEY_FILE_BYTES = 64 * 1024
_ARMOUR = b"-----BEGIN PGP"
_STATUS = "[GNUPG:] "
_NOT_GOOD = frozenset({"ERRSIG", "NO_PUBKEY", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"})
"""Said of a signature that counts for nothing, beside which another may be good: its key is not in the keyring, or is
no longer to be used."""
_SPOILT = frozenset({"BADSIG", "NODATA", "UNEXPECTED"})
"""Said of a signature of something else, and of what is none."""
_VERDICTS = frozenset({"NEWSIG", "GOODSIG", "BADSIG"}) | _NOT_GOOD


@dataclass(frozen=True)
class Signature:
    """How the files of a source are signed.

    Args:
        program: Whose format.
        key: The keyring of ``gpgv``, or the file with the public key; with minisign and signify also the key itself.
        suffix: Makes a signature's URL out of its file's.
        of_lists: The checksum lists are signed, and the files are what those list.
    """

    program: SigningProgram
    key: str
    suffix: str
    of_lists: bool = False

    @classmethod
    def from_config(cls, source: str, table: Mapping[str, str]) -> Self:
        """Read how a source is signed from a table that fits :data:`SIGNATURE_SCHEMA`.

        Raises:
            ConfigurationError: ``source.path`` for a relative or missing file, ``source.signature`` for one that
                is no key.
            StorageError: The file cannot be read.
        """
        program = next(program for program in PROGRAMS if program == table["program"])
        suffix = table.get("suffix", SUFFIXES[program])
        made = cls(program, table["key"], suffix, of_lists=table.get("of") == "checksums")
        made.check_key(source)
        return made

    def check_key(self, source: str) -> None:
        """Refuse a key that no signature can be checked with.

        Raises:
            ConfigurationError: As :meth:`from_config`.
            StorageError: The file cannot be read.
        """
        if self.program != "gpg":
            self._public_key(source)
            return
        beginning = _read(absolute_path(source, self.key), source)[: len(_ARMOUR)]
        if beginning == _ARMOUR:
            raise ConfigurationError(
                "source.signature",
                f"Source {source!r}: {self.key} is ASCII-armoured, and gpgv reads binary keyrings",
                todo=f"gpg --dearmor < {self.key} > {self.key}.gpg",
            )

    def verify(self, path: Path, signature: Path, name: str) -> str:
        """Check a file and return who signed it.

        Args:
            path: The file.
            signature: Its detached signature.
            name: What to call the signature in errors.

        Raises:
            NotAuthenticError: ``http.signature``, ``http.signature-format``.
            ConfigurationError: ``source.signature`` when the key or ``gpgv`` is not there any more.
            StorageError: A file cannot be read.
        """
        if self.program == "gpg":
            return f"GPG key {_gpgv(Path(self.key), path, signature, name)}"
        key = self._public_key(name)
        with storage_errors(signature):
            ed25519.verify_signature_file(self.program, key, path, signature.read_bytes(), name)
        return f"{self.program} key {key.shown}"

    def _public_key(self, source: str) -> ed25519.PublicKey:
        if not self.key.startswith(("/", ".", "~")) and len(self.key) == 56:
            return ed25519.read_upstream_key(self.key, f"Source {source!r}: key")
        path = absolute_path(source, self.key)
        return ed25519.read_upstream_key(_read(path, source).decode("utf-8", "replace"), str(path))


def _read(path: Path, source: str) -> bytes:
    with storage_errors(path):
        try:
            with path.open("rb") as file:
                return file.read(_KEY_FILE_BYTES)
        except FileNotFoundError:
            raise ConfigurationError("source.path", f"Source {source!r}: there is no file {path}") from None


def _gpgv(keyring: Path, path: Path, signature: Path, name: str) -> str:
    """Return the primary fingerprint of the key that signed; of several, all that are in the keyring and good.

    Source: gpgv(1); doc/DETAILS of GnuPG, "Format of the --status-fd output".
    """
    command = ["gpgv", "--status-fd", "1", "--keyring", str(keyring), "--", str(signature), str(path)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GPGV_SECONDS,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigurationError("source.signature", "There is no gpgv", todo="apt-get install gpgv") from None
    except subprocess.TimeoutExpired:
        raise WrongSignatureError("http.signature", f"{name}: gpgv did not end in {_GPGV_SECONDS} seconds") from None
    said = _status_lines(done.stdout)
    words = {fields[0] for fields in said}
    good = sorted(_good_keys(said))
    if not good or words & _SPOILT or (done.returncode != 0 and not words & _NOT_GOOD):
        have = sorted(words & (_SPOILT | _NOT_GOOD))
        raise WrongSignatureError(
            "http.signature",
            f"{name} is not a good signature of a key in {keyring.name}",
            have=", ".join(have) or f"gpgv left with {done.returncode}",
        )
    return " and ".join(good)


def _status_lines(output: bytes) -> list[list[str]]:
    lines = output.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix(_STATUS).split() for line in lines if line.startswith(_STATUS)]
    return [fields for fields in said if fields]


def _good_keys(said: list[list[str]]) -> set[str]:
    """Return the primary fingerprints of the keys whose signatures are good.

    A file may be signed by several, while its publisher changes keys. ``VALIDSIG`` follows the verdict on its
    signature, also on one by an expired or revoked key.
    """
    found, verdict = set(), ""
    for fields in said:
        if fields[0] in _VERDICTS:
            verdict = fields[0]
        elif fields[0] == "VALIDSIG" and len(fields) >= 11 and verdict == "GOODSIG":
            found.add(fields[10])
    return found


__all__ = ["PROGRAMS", "SIGNATURE_BYTES", "SIGNATURE_SCHEMA", "SUFFIXES", "Signature", "SigningProgram"]
