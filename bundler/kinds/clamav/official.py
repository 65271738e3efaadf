"""ClamAV's own host: it serves ``freshclam`` and ``cvdupdate`` alone, and says so with a status and no word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from bundler.fetch.errors import FORBIDDEN, TOO_MANY, HttpStatusError

_DOMAIN = "clamav.net"


def is_official(url: str) -> bool:
    """Tell whether an address is one of ClamAV's own hosts."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    return host == _DOMAIN or host.endswith("." + _DOMAIN)


@contextmanager
def telling_who_is_served(url: str) -> Iterator[None]:
    """Say of a refusal by ClamAV's own host why it refuses, and what to do instead.

    Args:
        url: The mirror that the block asks.

    Raises:
        HttpStatusError: The same in other words.
    """
    try:
        yield
    except HttpStatusError as error:
        if not is_official(url) or error.status not in {FORBIDDEN, TOO_MANY}:
            raise
        raise error.reworded(
            have=f"HTTP status {error.status}: this host serves freshclam and cvdupdate alone",
            need="a mirror of your own, or a directory that one of them fills",
            todo='run "cvd update" (pip install cvdupdate), and give the source path = its directory instead of url',
        ) from error
