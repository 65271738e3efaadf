"""Builds zips that are good by default and can be wrong in any field.

A second, independent writer of the container format: it shares no code with ``manifests.container``,
so that a good forgery being accepted, and being the same bytes, says something.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from manifests.container import MemberReader, read_directory

LOCAL = {
    "signature": "4s",
    "version": "H",
    "flags": "H",
    "method": "H",
    "time": "H",
    "date": "H",
    "crc": "I",
    "stored_length": "I",
    "length": "I",
    "name_length": "H",
    "extra_length": "H",
}
CENTRAL = {
    "signature": "4s",
    "made_by": "H",
    "version": "H",
    "flags": "H",
    "method": "H",
    "time": "H",
    "date": "H",
    "crc": "I",
    "stored_length": "I",
    "length": "I",
    "name_length": "H",
    "extra_length": "H",
    "comment_length": "H",
    "disk": "H",
    "internal": "H",
    "external": "I",
    "offset": "I",
}
ZIP64_END = {
    "signature": "4s",
    "size": "Q",
    "made_by": "H",
    "version": "H",
    "disk": "I",
    "directory_disk": "I",
    "disk_count": "Q",
    "count": "Q",
    "directory_length": "Q",
    "directory_offset": "Q",
}
ZIP64_LOCATOR = {"signature": "4s", "disk": "I", "offset": "Q", "disks": "I"}
END = {
    "signature": "4s",
    "disk": "H",
    "directory_disk": "H",
    "disk_count": "H",
    "count": "H",
    "directory_length": "I",
    "directory_offset": "I",
    "comment_length": "H",
}

Fields = dict[str, Any]


def pack(form: dict[str, str], values: Fields, lies: Fields) -> bytes:
    """Encode one record; ``lies`` replace fields."""
    unknown = lies.keys() - form.keys()
    if unknown:
        raise KeyError(f"no such fields: {unknown}")
    chosen = {**values, **lies}
    return struct.pack("<" + "".join(form.values()), *(chosen[name] for name in form))


def raw_deflate(content: bytes) -> bytes:
    """Compress with zlib, not with the library that the product uses."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


@dataclass
class Entry:
    """One member. ``data`` is what stands in the zip; the dictionaries replace single fields."""

    name: bytes
    content: bytes = b""
    deflated: bool = False
    data: bytes | None = None
    gap: bytes = b""
    """Bytes before the local header."""
    local: Fields = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central: Fields = field(default_factory=dict)
    central_extra: bytes = b""
    comment: bytes = b""
    hidden: bool = False
    """Without a central record."""
    absent: bool = False
    """Without a local header and data."""

    @property
    def stored(self) -> bytes:
        if self.data is not None:
            return self.data
        return raw_deflate(self.content) if self.deflated else self.content

    def common(self) -> Fields:
        return {
            "version": 20,
            "flags": 0,
            "method": 8 if self.deflated else 0,
            "time": 0,
            "date": 33,
            "crc": zlib.crc32(self.content),
            "stored_length": len(self.stored),
            "length": len(self.content),
        }

    def local_header(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        values = {
            **self.common(),
            "signature": b"PK\x03\x04",
            "name_length": len(name),
            "extra_length": len(self.local_extra),
        }
        return pack(LOCAL, values, self.local) + name + self.local_extra

    def central_record(self, offset: int) -> bytes:
        values = {
            **self.common(),
            "signature": b"PK\x01\x02",
            "made_by": 3 << 8 | 45,
            "name_length": len(self.name),
            "extra_length": len(self.central_extra),
            "comment_length": len(self.comment),
            "disk": 0,
            "internal": 0,
            "external": 0o100644 << 16,
            "offset": offset,
        }
        return pack(CENTRAL, values, self.central) + self.name + self.central_extra + self.comment

    def both(self, **lies: Any) -> None:
        """Tell the same lie in both records."""
        self.local.update(lies)
        self.central.update(lies)


@dataclass
class Forge:
    """One zip. Every attribute but ``entries`` is a way to be wrong."""

    entries: list[Entry]
    prefix: bytes = b""
    adjusted: bool = False
    """Whether offsets count the prefix."""
    before_directory: bytes = b""
    order: list[int] | None = None
    """Order of the central records."""
    after_directory: bytes = b""
    zip64_end: Fields | None = None
    zip64_locator: Fields | None = None
    end: Fields = field(default_factory=dict)
    comment: bytes = b""
    suffix: bytes = b""

    def build(self) -> bytes:
        body = bytearray()
        base = len(self.prefix) if self.adjusted else 0
        offsets = []
        for entry in self.entries:
            body += entry.gap
            offsets.append(base + len(body))
            if not entry.absent:
                body += entry.local_header() + entry.stored
        body += self.before_directory
        indexes = self.order or range(len(self.entries))
        records = [
            self.entries[index].central_record(offsets[index]) for index in indexes if not self.entries[index].hidden
        ]
        directory = b"".join(records)
        numbers = {
            "disk": 0,
            "directory_disk": 0,
            "disk_count": len(records),
            "count": len(records),
            "directory_length": len(directory),
            "directory_offset": base + len(body),
        }
        end = self._end(numbers, base + len(body) + len(directory) + len(self.after_directory))
        return self.prefix + bytes(body) + directory + self.after_directory + end + self.comment + self.suffix

    def _end(self, numbers: Fields, offset: int) -> bytes:
        records = b""
        small = dict(numbers)
        if numbers["count"] >= 0xFFFF:
            small["disk_count"] = small["count"] = 0xFFFF
            self.zip64_end = self.zip64_end or {}
            self.zip64_locator = self.zip64_locator or {}
        if self.zip64_end is not None:
            large = {"signature": b"PK\x06\x06", "size": 44, "made_by": 3 << 8 | 45, "version": 45, **numbers}
            records += pack(ZIP64_END, large, self.zip64_end)
        if self.zip64_locator is not None:
            locator = {"signature": b"PK\x06\x07", "disk": 0, "offset": offset, "disks": 1}
            records += pack(ZIP64_LOCATOR, locator, self.zip64_locator)
        values = {**small, "signature": b"PK\x05\x06", "comment_length": len(self.comment)}
        return records + pack(END, values, self.end)


def good() -> Forge:
    """A good container of three members, the last one deflated."""
    return Forge(
        [
            Entry(b"manifest.json", b'{"format": "none"}\n'),
            Entry(b"blobs/abc", bytes(range(256))),
            Entry(b"notes.md", b"All is well. " * 100, deflated=True),
        ]
    )


def read_all(data: bytes) -> dict[str, bytes]:
    """Read a container as the product does: the structure, then every member to its end."""
    file = io.BytesIO(data)
    return {member.name: b"".join(MemberReader(file, member)) for member in read_directory(file)}
