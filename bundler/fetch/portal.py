"""Web pages that come where a file was asked for: what captive portals and proxies answer everything with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from bundler.fetch.answer import Answer
from bundler.fetch.errors import WebPageError
from bundler.fetch.urls import shown_url

_SNIFFED_BYTES = 512
_SUFFIXES = (".html", ".htm", ".xhtml")


def is_page(path: str) -> bool:
    """Tell whether a web page is what is asked for."""
    return path.lower().endswith(_SUFFIXES)


def without_portal(url: str, answer: Answer) -> Iterator[bytes]:
    """Yield the body if it is no web page.

    Raises:
        WebPageError: ``http.captive-portal``.
    """
    if answer.start or is_page(urlsplit(url).path):
        return answer.chunks
    first = bytearray()
    while len(first) < _SNIFFED_BYTES and (chunk := next(answer.chunks, b"")):
        first += chunk
    refuse_portal(url, answer, bytes(first))
    return chain([bytes(first)] if first else [], answer.chunks)


def refuse_portal(url: str, answer: Answer, beginning: bytes = b"") -> None:
    """Refuse a web page, by what it is called and by how it begins.

    Raises:
        WebPageError: ``http.captive-portal``.
    """
    start = beginning[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not answer.unchanged and (answer.html or start.startswith((b"<!doctype html", b"<html"))):
        raise WebPageError(
            "http.captive-portal",
            f"{shown_url(url)} answered with a web page instead of a file",
            todo="sign in to the network or proxy, correct the URL, or give the file's checksum",
        )
