"""ClamAV's databases without a signature: how many signatures stand in one, by the form that its suffix names.

Source: the ClamAV manual, "Signatures"; the suffixes are those that ClamAV 1.4 loads, apart from its signed databases.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from bundler.rules.archive import tar_members
from bundler.rules.rule import MAX_FILE_BYTES
from bundler.rules.yara import read_yara_rules
from manifests.errors import MalformedError
from manifests.limits import MIB

_LINE_BYTES = MIB
"""So much of one line is looked at at once."""
_EXTENDED = rb"[^:\s][^:]*:\d{1,3}:[^:]*:.+"
_HASH = rb"[0-9A-Fa-f]+:(?:\d+|\*):.+"
_SECTION = rb"(?:\d+|\*):[0-9A-Fa-f]+:.+"
_LOGICAL = rb"[^;\s][^;]*;[^;]*;[^;]+;.+"
_FIELDS = rb"[^:{<\s][^:]*:[^:]*:.+"
_URLS = rb"[A-Z][A-Za-z0-9,-]*:.+"
_ONE_NAME = rb"[^\s{}<>]+"
_FORMS: Mapping[str, re.Pattern[bytes]] = {
    suffix: re.compile(form)
    for suffixes, form in (
        (".db", rb"[^=:{<\s][^=:]*=[0-9A-Fa-f?*(){}\[\]|!,\- ]+"),
        (".ndb .ndu .sdb", _EXTENDED),
        (".hdb .hdu .hsb .hsu .fp .sfp .imp", _HASH),
        (".mdb .mdu .msb .msu", _SECTION),
        (".ldb .ldu .crb .pwdb", _LOGICAL),
        (".cdb .idb .ftm .zmd .rmd", _FIELDS),
        (".pdb .gdb .wdb .cfg", _URLS),
        (".ign .ign2", _ONE_NAME),
        (".info", _FIELDS),
    )
    for suffix in suffixes.split()
}
_WHOLE: Mapping[str, re.Pattern[bytes]] = {
    ".cbc": re.compile(rb"ClamBC"),
    ".cat": re.compile(rb"\x30"),
    ".ioc": re.compile(rb"<IndicatorItem\b"),
}
"""What one signature, or the whole file, begins with."""
_YARA = (".yar", ".yara")
_CONTAINER = (".cvd", ".cld", ".cud")
_HEADER_BYTES = 512
_HEADER = re.compile(rb"ClamAV-VDB:[^:]*:\d{1,10}:(\d{1,10}):")

UNSIGNED = frozenset((*_FORMS, *_WHOLE, *_YARA, ".cud"))
"""The suffixes of what ClamAV loads without a signature, in lower case."""


def suffix_of(path: str) -> str:
    """Return a name's suffix as the tables here have it."""
    return PurePosixPath(path).suffix.lower()


def is_database(path: str) -> bool:
    """Tell whether a file of this name is a database of ClamAV, signed or not."""
    return suffix_of(path) in UNSIGNED or suffix_of(path) in _CONTAINER


def count_signatures(path: str, file: BinaryIO) -> int | None:
    """Count the signatures of a database; ``None`` where nobody can tell.

    Args:
        path: Its name.
        file: Its content, from the beginning.
    """
    suffix = suffix_of(path)
    if suffix in _FORMS:
        return sum(_FORMS[suffix].fullmatch(line) is not None for line in _lines(file))
    if suffix in _CONTAINER:
        return _count_inside(file)
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        return None
    if suffix in _WHOLE:
        found = _WHOLE[suffix]
        return len(found.findall(data)) if suffix == ".ioc" else int(found.match(data) is not None)
    try:
        return len(read_yara_rules(data))
    except MalformedError:
        return None


def _count_inside(file: BinaryIO) -> int | None:
    """Count by what the header says; where it says none, by what is inside: some do not count."""
    header = _HEADER.match(file.read(_HEADER_BYTES))
    if header is None or int(header[1]) > 0:
        return int(header[1]) if header else None
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        return None
    try:
        members = tar_members(data, lambda name: suffix_of(name) in UNSIGNED - {".info", ".cfg", ".cud"})
        counts = [count_signatures(name, io.BytesIO(content)) for name, content in members]
    except MalformedError:
        return None
    return None if None in counts else sum(count for count in counts if count is not None)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are neither empty nor a comment."""
    while line := file.readline(_LINE_BYTES):
        line = line.strip()
        if line and not line.startswith(b"#"):
            yield line
