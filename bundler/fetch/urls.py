"""URLs: how they are shown, whose they are, where a redirect leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from manifests.errors import FetchError
from manifests.text import printable

BASE_URL_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s?#]*)?$"}
"""Where a tree begins: no query."""
FILE_URL_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^https?://[^\\s/?#@]+/[^\\s#]*$"}
"""Where a file is."""
FILE_NAME_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^[^\\s/:?#]+$"}
"""A file of a directory that is named elsewhere."""

_USER = re.compile(r"//[^\s'\"]*@")
_PORTS = {"http": 80, "https": 443}


def shown_url(url: str) -> str:
    """Return a URL, or what is none, for people: without query and user, where a token or a password may stand."""
    text = url.partition("?")[0].partition("#")[0]
    return printable(text if is_sound(url) else _USER.sub("//***@", text))


def is_sound(url: str) -> bool:
    """Tell whether a URL can be fetched: http or https, a host, a port that exists, no user and password."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _PORTS and "@" not in parts.netloc and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def host_and_port_of(url: str) -> str:
    """Return ``host:port`` of a sound URL, in lower case, the port always given."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or _PORTS[parts.scheme]}"


def file_name_of(url: str) -> str:
    """Return the last part of a URL's path, decoded."""
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")


def url_beside(url: str, suffix: str) -> str:
    """Return the URL of a file that stands beside another: the other's, with a suffix to its path."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))


def redirect_target(url: str, location: str) -> str:
    """Return where a redirect leads.

    Raises:
        FetchError: ``http.redirect-downgrade`` from https to http, ``http.redirect-target`` to what is not fetched.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not is_sound(target):
        raise FetchError("http.redirect-target", f"{shown_url(url)} redirects to something that is not fetched")
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise FetchError(
            "http.redirect-downgrade",
            f"{shown_url(url)} redirects from https to http",
            have=shown_url(target),
            need="https",
        )
    return target
