"""Which file is read rule by rule, and by which reader. A new format is a new file and a line in a table here."""

from __future__ import annotations

from fnmatch import fnmatchcase

from bundler.rules import archive, rulepack, sigma, suricata, yara
from bundler.rules.rule import Reader, Rule

_TEXTS: tuple[tuple[str, Reader], ...] = (
    ("*.rules", suricata.read),
    ("*.yar", yara.read),
    ("*.yara", yara.read),
    ("*.yml", sigma.read),
    ("*.yaml", sigma.read),
)


def _text_reader_of(path: str) -> Reader | None:
    return _find(path, _TEXTS)


def _read_tar(data: bytes) -> tuple[Rule, ...]:
    return archive.read_tar(data, _text_reader_of)


def _read_zip(data: bytes) -> tuple[Rule, ...]:
    return archive.read_zip(data, _text_reader_of)


_READERS: tuple[tuple[str, Reader], ...] = (
    *_TEXTS,
    ("*.dsru", rulepack.read),
    ("*.tar.gz", _read_tar),
    ("*.tgz", _read_tar),
    ("*.zip", _read_zip),
)


def reader_of(path: str) -> Reader | None:
    """Return the reader for files of this name, if their format is known."""
    return _find(path, _READERS)


def _find(path: str, table: tuple[tuple[str, Reader], ...]) -> Reader | None:
    name = path.rpartition("/")[2].lower()
    return next((reader for pattern, reader in table if fnmatchcase(name, pattern)), None)
