"""Files of the product itself, which no source carries: homes, private keys, secrets, sealed bundles.

A source that names ``/srv`` may hold the publisher's home, and a stick's directory may lie inside a source. What is
found there is known by what it is, not by its path, so that no link, mount or other spelling hides it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bundler.sources.globs import GlobSet
from manifests.container import read_front
from manifests.container.recognise import begins_with_member
from manifests.errors import FetchError
from manifests.limits import KIB
from manifests.manifest import MANIFEST_NAME
from manifests.manifest.signature import SIGNATURE_NAME

_HOMES = {
    "a publisher's home": frozenset({"bundler.toml", "keys"}),
    "a relay's home": frozenset({"relay.toml", "state.db"}),
}
"""What stands in a directory that is one."""
_PRIVATE_KEY = re.compile(rb"(?m)^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\r?\n(?:[A-Za-z0-9+/=]{16,}|Proc-Type:)")
"""A key itself, not a rule that looks for one: the line stands alone, and what follows it is the key."""
_LOOKED_AT_BYTES = 4 * KIB


@dataclass(frozen=True)
class OwnPlace:
    """A file or directory of ours that this run knows of.

    Args:
        path: Where it is.
        what: What it is, for people.
        names: Such as files get that come to stand in the directory; of a file none.
        glob: What fits all of them.
    """

    path: Path
    what: str
    names: tuple[str, ...] = ()
    glob: str = ""


@dataclass(frozen=True)
class OwnFiles:
    """Places of ours by device and inode."""

    places: Mapping[tuple[int, int], OwnPlace]

    @classmethod
    def of(cls, places: Iterable[OwnPlace]) -> OwnFiles:
        """Look the places up; what is not there has nothing to be carried."""
        found: dict[tuple[int, int], OwnPlace] = {}
        for place in places:
            with suppress(OSError):
                status = place.path.stat()
                found[status.st_dev, status.st_ino] = place
        return cls(found)

    def refuse_directory(self, source: str, path: str, at: Path, status: os.stat_result, globs: GlobSet) -> None:
        """Refuse a directory into which this run writes, unless what it writes is not taken.

        Args:
            source: The source's name.
            path: The directory's path below the source, with its slash; nothing for the source's own directory.
            at: Where it is.
            status: What it is.
            globs: What is taken.

        Raises:
            FetchError: ``directory.own-file``.
        """
        place = self.places.get((status.st_dev, status.st_ino))
        if place is None or not any(globs.takes(path + name) for name in place.names):
            return
        raise _refusal(source, at, place.what, f'choose another, or write exclude = ["{path}{place.glob}"]')

    def refuse_file(self, source: str, path: str, at: Path, status: os.stat_result) -> None:
        """Refuse a file that is a secret of this run, under whatever name.

        Raises:
            FetchError: ``directory.own-file``.
        """
        place = self.places.get((status.st_dev, status.st_ino))
        if place is not None:
            raise _refusal(source, at, place.what, f'move it elsewhere, or write exclude = ["{path}"]')


NO_OWN_FILES = OwnFiles({})


def kind_of_home(names: Collection[str]) -> str | None:
    """Return what home a directory is, by the names in it; None when it is none."""
    return next((kind for kind, marks in _HOMES.items() if marks.issubset(names)), None)


def refuse_home(source: str, home: str, at: Path, kind: str) -> None:
    """Refuse a file that stands in a home.

    Args:
        source: The source's name.
        home: The home's path below the source, with its slash; nothing when it is the source's own directory.
        at: Where the home is.
        kind: What it is.

    Raises:
        FetchError: ``directory.own-file``.
    """
    way = f'move it elsewhere, or write exclude = ["{home}**"]' if home else "name another path"
    raise _refusal(source, at, f"{kind}, with private keys", way)


def refuse_own_content(source: str, path: str, at: Path, file: BinaryIO) -> None:
    """Refuse a file that is a sealed bundle or a private key. Its position is not moved.

    Raises:
        FetchError: ``directory.own-file``.
        OSError: It cannot be read.
    """
    way = f'move it elsewhere, or write exclude = ["{path}"]'
    if _PRIVATE_KEY.search(os.pread(file.fileno(), _LOOKED_AT_BYTES, 0)):
        raise _refusal(source, at, "a private key", way)
    if begins_with_member(file.fileno(), MANIFEST_NAME):
        position = file.tell()
        names = [member.name for member in read_front(file)[:2]]
        file.seek(position)
        if names == [MANIFEST_NAME, SIGNATURE_NAME]:
            raise _refusal(source, at, "a sealed bundle", way)


def _refusal(source: str, at: Path, what: str, way: str) -> FetchError:
    return FetchError(
        "directory.own-file",
        f"Source {source!r} would carry {str(at)!r}, which is {what}",
        need="what the sites shall get, and nothing of Sealift's own",
        todo=way,
    )
