"""Which file is read rule by rule, and by which reader. A new format is a new file and a line in a table here."""

from __future__ import annotations

from fnmatch import fnmatchcase

from bundler.rules.archive import read_archive
from bundler.rules.rule import Reader, Rule
from bundler.rules.rulepack import read_pack_rules
from bundler.rules.sigma import read_sigma_rules
from bundler.rules.suricata import read_suricata_rules
from bundler.rules.yara import read_yara_rules

_TEXTS: tuple[tuple[str, Reader], ...] = (
    ("*.rules", read_suricata_rules),
    ("*.yar", read_yara_rules),
    ("*.yara", read_yara_rules),
    ("*.yml", read_sigma_rules),
    ("*.yaml", read_sigma_rules),
)


def _text_reader_of(path: str) -> Reader | None:
    return _find(path, _TEXTS)


def _read_archive(data: bytes) -> tuple[Rule, ...]:
    return read_archive(data, _text_reader_of)


_ARCHIVES = ("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tbz", "*.tbz2", "*.tar.xz", "*.txz", "*.zip")
_READERS: tuple[tuple[str, Reader], ...] = (
    *_TEXTS,
    ("*.dsru", read_pack_rules),
    *((pattern, _read_archive) for pattern in _ARCHIVES),
)


def reader_of(path: str) -> Reader | None:
    """Return the reader for files of this name, if their format is known."""
    return _find(path, _READERS)


def _find(path: str, table: tuple[tuple[str, Reader], ...]) -> Reader | None:
    name = path.rpartition("/")[2].lower()
    return next((reader for pattern, reader in table if fnmatchcase(name, pattern)), None)
