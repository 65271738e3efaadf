"""python-tuf's own client over a directory of metadata: the second opinion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater


class DirectoryFetcher(FetcherInterface):
    """Serves ``dir:///<name>`` from a directory; 404 for what is not there. Keeps what was asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = urlparse(url).path.lstrip("/")
        self.asked.append(name)
        path = self.directory / name
        if not path.exists():
            raise DownloadHTTPError(f"no {name}", 404)
        return iter([path.read_bytes()])


def updater(metadata: Path, cache: Path, *, root: bytes | None, now: datetime) -> Updater:
    """Return a client at a given time; ``root`` pins the first one, None goes on with the cache."""
    cache.mkdir(exist_ok=True)
    found = Updater(
        str(cache), "dir:///", fetcher=DirectoryFetcher(metadata), target_base_url="dir:///", bootstrap=root
    )
    found._trusted_set.reference_time = now
    return found
