"""Paths in a ``server.ini``: only what can mean nothing but a file below the upstream's address is taken."""

from __future__ import annotations

import re

from bundler.kinds.activeupdate.ini import IniLine
from manifests.errors import MalformedError
from manifests.names import check_target_path

_FILE = re.compile(r"[^,=\s]*[/\\][^,=/\\]*\.[^,=/\\]+")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+ -]*")
_DRIVE = re.compile(r"[A-Za-z]:")
_OURS = frozenset({"server.ini", "ini_xml.zip"})


def component_path(line: IniLine, path: str) -> str:
    """Return a path that can only mean a file below the upstream's address.

    Raises:
        MalformedError: ``activeupdate.traversal``, ``.absolute``, ``.backslash`` or ``.name``.
    """
    _check_inside(line, path)
    parts = path.split("/")
    if not all(_PLAIN.fullmatch(part) for part in parts) or "." not in parts[-1] or path.casefold() in _OURS:
        raise line_error(line, "activeupdate.name", f"names the file {path[:200]!r}")
    if parts[-1].casefold().endswith(".sig"):
        raise line_error(line, "activeupdate.name", f"lists the signature {path[:200]!r} as a component")
    try:
        return check_target_path(path)
    except MalformedError as error:
        raise line_error(line, "activeupdate.name", f"names a file that cannot be carried: {error.what}") from None


def _check_inside(line: IniLine, path: str) -> None:
    shown = repr(path[:200])
    if ".." in re.split(r"[/\\]", path):
        raise line_error(line, "activeupdate.traversal", f"points out of the tree: {shown}")
    if path.startswith(("/", "\\")) or _DRIVE.match(path) or "://" in path:
        raise line_error(line, "activeupdate.absolute", f"holds an absolute path: {shown}")
    if "\\" in path:
        raise line_error(line, "activeupdate.backslash", f"holds a backslash in a path: {shown}")


def points_to_file(line: IniLine) -> bool:
    """Tell whether a line that is no component names files.

    Raises:
        MalformedError: ``activeupdate.traversal``.
    """
    fields = [field.strip() for field in line.value.split(",")]
    for field in fields:
        if ".." in re.split(r"[/\\]", field):
            _check_inside(line, field)
    return any(_FILE.fullmatch(field) for field in fields)


def line_error(line: IniLine, code: str, what: str) -> MalformedError:
    """Return the error for a line of the index."""
    place = ascii(f"{line.key} of [{line.section}]")[1:-1]
    return MalformedError(code, f"server.ini: line {line.number}, {place}, {what}", line=line.number)
