"""Rule packs, sound ones and hostile ones, made by the tools that people use."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from py7zr import SevenZipFile

FILES = {
    "intrusion-prevention/1012483.xml": b"<rule id='1012483'/>",
    "integrity-monitoring/1002770.xml": b"<entity/>",
    "log-inspection/1003802.xml": b"<group/>",
    "application-type/300.json": b"{}",
}


def rule(file: str, body: bytes, **fields: Any) -> dict[str, Any]:
    """Return one row of the table for a file ``<kind>/<identifier>.<suffix>``."""
    kind, _, rest = file.partition("/")
    base = {
        "kind": kind,
        "identifier": rest.rpartition(".")[0],
        "name": f"Rule {rest}",
        "file": file,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return base | fields


def table(files: Mapping[str, bytes] = FILES, **fields: Any) -> dict[str, Any]:
    """Return a table of contents that fits the files; ``fields`` replace its own."""
    base: dict[str, Any] = {
        "format": "sealift-rulepack/1",
        "release": "25-054",
        "released": "2025-12-23",
        "rules": [rule(name, body) for name, body in files.items()],
    }
    return base | fields


def members(files: Mapping[str, bytes] = FILES, **fields: Any) -> dict[str, bytes]:
    """Return all files of a sound pack."""
    return {"rulepack.json": json.dumps(table(files, **fields)).encode(), **files}


def pack_7z(files: Mapping[str, bytes], *, plain_header: bool = False, **options: Any) -> bytes:
    """Pack with py7zr; a plain header is one that is not itself compressed."""
    buffer = io.BytesIO()
    with SevenZipFile(buffer, "w", **options) as archive:
        archive.set_encoded_header_mode(not plain_header)
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()


def pack_zip(files: Mapping[str, bytes] | list[tuple[zipfile.ZipInfo | str, bytes]], method: int = 8) -> bytes:
    """Pack with the standard library; a list may hold what a mapping cannot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(name, data)
    return buffer.getvalue()


def renamed_7z(data: bytes, old: str, new: str) -> bytes:
    """Write another name of the same length into a 7z made with a plain header, checksums included."""
    if len(old) != len(new) or old.encode("utf-16-le") not in data:
        raise ValueError(f"{old!r} cannot be replaced by {new!r}")
    changed = data.replace(old.encode("utf-16-le"), new.encode("utf-16-le"))
    return sealed_7z(changed)


def sealed_7z(data: bytes) -> bytes:
    """Make the checksums of a 7z's header right again."""
    offset, size = struct.unpack_from("<QQ", data, 12)
    header = data[32 + offset : 32 + offset + size]
    start = struct.pack("<QQI", offset, size, zlib.crc32(header))
    return data[:8] + struct.pack("<I", zlib.crc32(start)) + start + data[32:]


def pack_directory(tmp_path: Path, **fields: Any) -> Path:
    """Lay out what an open rule pack is built from."""
    root = tmp_path / "rules"
    for name, body in FILES.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(body)
    written = table(**fields)
    written.pop("format")
    for entry in written["rules"]:
        entry.pop("length")
        entry.pop("sha256")
    (root / "rulepack.json").write_text(json.dumps(written))
    return root
