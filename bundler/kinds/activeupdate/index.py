"""The index of an ActiveUpdate tree, found the way clients find it: in ``ini_xml.zip``, else as ``server.ini``."""

from __future__ import annotations

import io
from dataclasses import dataclass

from bundler.fetch.errors import BusyError, HttpStatusError, WebPageError
from bundler.fetch.fetcher import Fetcher
from bundler.kinds.activeupdate import components as activeupdate_components
from bundler.kinds.activeupdate import ini as activeupdate_ini
from bundler.kinds.activeupdate.components import ComponentIndex
from manifests.archives.archive import open_archive
from manifests.archives.base import ArchiveLimits
from manifests.errors import DamagedArchiveError, MalformedError
from manifests.limits import MIB

ZIP_NAME = "ini_xml.zip"
INI_NAME = "server.ini"

_LIMITS = ArchiveLimits(
    packed_bytes=16 * MIB,
    entries=1_000,
    total_bytes=64 * MIB,
    entry_bytes=activeupdate_ini.MAX_BYTES,
)


@dataclass(frozen=True)
class FoundIndex:
    """An index: its bytes as the upstream has them, what it lists, and which file it stood in."""

    data: bytes
    index: ComponentIndex
    origin: str


def find_index(fetcher: Fetcher, url: str) -> FoundIndex:
    """Return the index of the tree at ``url``.

    Raises:
        FetchError: As :meth:`bundler.fetch.fetcher.Fetcher.document`.
        MalformedError: ``archive.*`` for a hostile zip, ``ini.*``, or ``activeupdate.*``.
    """
    data, origin = _from_zip(fetcher, url), f"{INI_NAME} in {ZIP_NAME}"
    if data is None:
        data, origin = fetcher.document(f"{url}/{INI_NAME}", max_bytes=activeupdate_ini.MAX_BYTES), INI_NAME
    return FoundIndex(data, activeupdate_components.read_components(activeupdate_ini.parse_ini(data, INI_NAME)), origin)


def _from_zip(fetcher: Fetcher, url: str) -> bytes | None:
    """Return ``server.ini`` out of the zip, or ``None`` where a client would ask for the plain file.

    That is where the server answers anything else than a zip that can be read: it has none, or refuses or fails, or
    gives a page. Whoever is busy, or wants to know who asks, says so of the plain file too.
    """
    try:
        packed = fetcher.document(f"{url}/{ZIP_NAME}", max_bytes=_LIMITS.packed_bytes)
    except (WebPageError, HttpStatusError) as error:
        if isinstance(error, BusyError):
            raise
        return None
    try:
        return _unpacked(packed)
    except DamagedArchiveError:  # a zip that nobody can read is as good as none
        return None
    except MalformedError as error:  # one that is hostile is no accident
        raise error.reworded(what=f"{ZIP_NAME} is refused: {error.what}") from error


def _unpacked(packed: bytes) -> bytes | None:
    """Return ``server.ini`` out of the zip, in memory; nothing is written anywhere."""
    archive = open_archive(io.BytesIO(packed), _LIMITS)
    if archive is None or archive.kind != "zip":
        return None
    name = next((entry.name for entry in archive.files if entry.name.casefold() == INI_NAME), None)
    if name is None:
        return None
    return next(member.data for member in archive.read({name}) if member.name == name)
