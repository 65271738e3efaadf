"""Small archives whose tables of contents list far more than they are long, by the formats' own descriptions.

Source: 7zFormat.txt of the LZMA SDK; APPNOTE 4.3.12, 4.3.16.
"""

from __future__ import annotations

import lzma
import struct
import zlib

_FILTER = {"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 1 << 24, "lc": 3, "lp": 0, "pb": 2}
_PROPERTIES = bytes([(2 * 5 + 0) * 9 + 3]) + struct.pack("<I", 1 << 24)


def number(value: int) -> bytes:
    """A number as 7z writes it: leading ones of the first byte say how many more follow."""
    for more in range(8):
        if value < 1 << (7 * (more + 1)):
            first = (0xFF << (8 - more)) & 0xFF | value >> (8 * more)
            return bytes([first]) + (value & ((1 << 8 * more) - 1)).to_bytes(more, "little")
    return b"\xff" + value.to_bytes(8, "little")


def seven_zip(header: bytes, *, compressed: bool = True) -> bytes:
    """An archive of this header, and of nothing else."""
    if not compressed:
        return _start(b"", header)
    packed = lzma.compress(header, format=lzma.FORMAT_RAW, filters=[_FILTER])
    sizes = b"\x06" + number(0) + number(1) + b"\x09" + number(len(packed)) + b"\x00"
    coder = b"\x01\x23\x03\x01\x01" + number(len(_PROPERTIES)) + _PROPERTIES
    crc = b"\x0a\x01" + struct.pack("<I", zlib.crc32(header))
    folder = b"\x07\x0b\x01\x00" + coder + b"\x0c" + number(len(header)) + crc + b"\x00"
    return _start(packed, b"\x17" + sizes + folder + b"\x00")


def _start(packed: bytes, header: bytes) -> bytes:
    fields = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(fields)) + fields + packed + header


def files_header(count: int, *properties: bytes) -> bytes:
    return b"\x01\x05" + number(count) + b"".join(properties) + b"\x00\x00"


def prop(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + number(len(data)) + data


def empty_files(count: int) -> bytes:
    """A header of so many files that are empty and have no name."""
    bits = b"\xff" * ((count + 7) // 8)
    return files_header(count, prop(14, bits), prop(15, bits), prop(17, b"\x00" + b"\x00\x00" * count))


def streams_header(*, packed: int = 1, folders: bytes = b"", counts: bytes = b"") -> bytes:
    streams = b"\x06" + number(0) + number(packed) + b"\x09" + b"\x01" * packed + b"\x00"
    return b"\x01\x04" + streams + folders + counts + b"\x00\x00"


def folders_of(count: int, coders: int = 1) -> bytes:
    """So many folders of so many coders that copy."""
    bonds = b"".join(number(index + 1) + number(index) for index in range(coders - 1))
    folder = number(coders) + b"\x01\x00" * coders + bonds
    return b"\x07\x0b" + number(count) + b"\x00" + folder * count + b"\x0c" + b"\x01" * (count * coders) + b"\x00"


SEVEN_ZIPS: dict[str, tuple[bytes, str]] = {
    "millions of empty files": (seven_zip(empty_files(7_000_000)), "archive.count"),
    "more files than a table of contents may list": (seven_zip(empty_files(9_000_000)), "archive.bomb"),
    "a few files too many": (seven_zip(empty_files(50_001)), "archive.count"),
    "files without any property": (seven_zip(files_header(7_000_000, prop(25, bytes(8_000_000)))), "archive.count"),
    "a plain header": (seven_zip(empty_files(200_000), compressed=False), "archive.count"),
    "packed streams": (seven_zip(streams_header(packed=5_000_000)), "archive.count"),
    "folders": (seven_zip(streams_header(folders=folders_of(900_000))), "archive.count"),
    "coders": (seven_zip(streams_header(folders=folders_of(40_000, 30))), "archive.count"),
    "substreams": (
        seven_zip(streams_header(folders=folders_of(1), counts=b"\x08\x0d" + number(7_000_000) + b"\x00" * 8_000_000)),
        "archive.count",
    ),
    "folders that stand elsewhere": (
        seven_zip(streams_header(folders=b"\x07\x0b" + number(9) + b"\x01" + number(2))),
        "archive.damaged",
    ),
    "names that are read a million times": (
        seven_zip(files_header(50_000, *[prop(17, b"\x01" + number(9))] * 1_000_000, bytes(100_000))),
        "archive.damaged",
    ),
    "a header described at length": (seven_zip(b"\x17" + bytes(70_000), compressed=False), "archive.bomb"),
}


def zip_directory(count: int, declared: int | None = None) -> bytes:
    """A zip with so many central records of one byte, whatever its end record declares."""
    fixed = (20, 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    record = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fixed) + b"a"
    front, told = b"PK\x03\x04" + bytes(26), min(count, 65_535) if declared is None else declared
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, told, told, len(record) * count, len(front), 0)
    return front + record * count + end
