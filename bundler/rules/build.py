"""Make an open rule pack (``.dsru``) from a directory.

The directory has ``rulepack.json`` and the rule files that it names. ``length`` and ``sha256`` are
filled in; the same directory always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS
from manifests.archives.rulepack import (
    MAX_TABLE_BYTES,
    RULE_PACK_FORMAT,
    RULE_PACK_SUFFIX,
    RULE_TABLE_NAME,
    Release,
    RulePack,
    decode_rule_table,
    read_rule_pack,
)
from manifests.disk import durable
from manifests.disk.durable import storage_errors
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError, MalformedError
from manifests.names import check_target_path
from manifests.schemas import strictjson


@dataclass(frozen=True)
class BuiltPack:
    """A pack that was written: its file, length in bytes, digest, and what is in it."""

    path: Path
    length: int
    sha256: str
    pack: RulePack


def build_pack(directory: Path, out: Path | None = None, release: str | None = None) -> BuiltPack:
    """Write a pack and read it back.

    Args:
        directory: Where ``rulepack.json`` and the rule files are.
        out: The file to write; ``<release>.dsru`` here when None.
        release: Takes the place of the one in ``rulepack.json``.

    Raises:
        ConfigurationError: ``rulepack.no-table`` or ``rulepack.no-file`` when a file is missing.
        MalformedError: ``rulepack.*``, ``json.*``, ``path.*``.
        StorageError: The disk is full, read-only or failing.
    """
    table = _table(directory, release)
    bodies = _bodies(directory, table)
    for rule in table.get("rules", []):
        body = bodies[rule["file"]]
        rule.update(length=len(body), sha256=hashlib.sha256(body).hexdigest())
    data = strictjson.encode_json(table)
    pack = decode_rule_table(data)
    packed = _pack({RULE_TABLE_NAME: data, **bodies})
    if read_rule_pack(io.BytesIO(packed)) != pack:
        raise MalformedError("rulepack.read-back", "What was packed does not read back as it should")
    path = out or Path(f"{pack.release}{RULE_PACK_SUFFIX}")
    durable.write_file(path.absolute(), packed)
    return BuiltPack(path, len(packed), hashlib.sha256(packed).hexdigest(), pack)


def _table(directory: Path, release: str | None) -> dict[str, Any]:
    path = directory / RULE_TABLE_NAME
    with storage_errors(path):
        if not path.exists():
            raise ConfigurationError(
                "rulepack.no-table", f"There is no {path}", need=f"{RULE_TABLE_NAME} and the rule files that it names"
            )
    what = "the table of a rule pack"
    data = read_given_file(path, max_bytes=MAX_TABLE_BYTES, what=what, error=ConfigurationError).data
    table = strictjson.decode_json(data, name=str(path), max_bytes=MAX_TABLE_BYTES)
    if not isinstance(table, dict):
        raise MalformedError("rulepack.schema", f"{path} is not a table")
    table.setdefault("format", RULE_PACK_FORMAT)
    if release is not None:
        table["release"] = str(Release.parse(release))
    return table


def _bodies(directory: Path, table: dict[str, Any]) -> dict[str, bytes]:
    """Read the rule files, in the order of their names."""
    rules = table.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(r, dict) and isinstance(r.get("file"), str) for r in rules):
        raise MalformedError("rulepack.schema", f"{directory / RULE_TABLE_NAME}: every rule needs a file")
    return {name: _body(directory, name) for name in sorted({rule["file"] for rule in rules})}


def _body(directory: Path, name: str) -> bytes:
    path = directory / check_target_path(name)
    with storage_errors(path):
        if path.is_symlink() or not path.is_file():
            raise ConfigurationError(
                "rulepack.no-file", f"There is no regular file {path}", todo="correct rulepack.json"
            )
        if path.stat().st_size > DEFAULT_ARCHIVE_LIMITS.entry_bytes:
            raise MalformedError(
                "rulepack.too-large",
                f"{path} is too large",
                need=f"at most {DEFAULT_ARCHIVE_LIMITS.entry_bytes:,} bytes",
            )
        return path.read_bytes()


def _pack(files: dict[str, bytes]) -> bytes:
    """Pack files in the given order, without the time of day that py7zr would note for each."""
    from py7zr import SevenZipFile
    from py7zr.helpers import ArchiveTimestamp

    buffer = io.BytesIO()
    with SevenZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
            archive.header.files_info.files[-1].update(
                dict.fromkeys(("creationtime", "lastwritetime", "lastaccesstime"), ArchiveTimestamp.from_datetime(0.0))
            )
    return buffer.getvalue()
