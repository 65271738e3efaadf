"""URLs: how they are shown, whose they are, where a redirect leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit, urlunsplit

from manifests.errors import FetchError
from manifests.text import printable

BASE_URL_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s?#]*)?$"}
"""Where a tree begins: no query."""
FILE_URL_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^https?://[^\\s/?#@]+/[^\\s#]*$"}
"""Where a file is."""
FILE_NAME_SCHEMA: Mapping[str, str] = {"type": "string", "pattern": "^[^\\s/:?#]+$"}
"""A file of a directory that is named elsewhere."""

_USER = re.compile(r"//[^\s'\"]*@")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
"""What stays as it is in a redirect; blanks and what is no ASCII are escaped."""
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
    return decoded_name(urlsplit(url).path.rpartition("/")[2])


def decoded_name(part: str) -> str:
    """Return the name that a part of a URL's path gives a file.

    What is not UTF-8 keeps its escapes, such as ``r%E8gle``: so it stays the name of one file and no other's.
    """
    return escape_stray_bytes(unquote_to_bytes(part).decode("utf-8", "surrogateescape"))


def escape_stray_bytes(text: str) -> str:
    """Return a text whose bytes that are not UTF-8, decoded by ``surrogateescape``, are written as in a URL."""
    return "".join(f"%{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in text)


def url_beside(url: str, suffix: str) -> str:
    """Return the URL of a file that stands beside another: the other's, with a suffix to its path."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))


def redirect_target(url: str, location: str) -> str:
    """Return where a redirect leads.

    Args:
        url: Which URL redirects.
        location: As the header has it, each byte a character; bytes that stand there raw are escaped.

    Raises:
        FetchError: ``http.redirect-downgrade`` from https to http, ``http.redirect-target`` to what is not fetched.
    """
    try:
        target = urljoin(url, _escaped(location))
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


def _escaped(location: str) -> str:
    """Return a URL reference in ASCII: a host in other letters as DNS has it, all else that is raw by its bytes.

    Raises:
        ValueError: A host that DNS cannot have.
    """
    raw = location.encode("latin-1", "replace").strip()
    if raw.isascii():
        return quote(raw, safe=_ASCII)
    before, slashes, rest = raw.partition(b"//")
    host, *after = re.split(rb"(?=[/?#])", rest, maxsplit=1) if before in {b"", b"http:", b"https:"} else [b"", rest]
    if host and not host.isascii():
        host = host.decode("utf-8").encode("idna")
    return quote(before + slashes + host + b"".join(after), safe=_ASCII)
