"""Web pages that come where a file was asked for: what captive portals and proxies answer everything with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from bundler.fetch.answer import Answer
from bundler.fetch.errors import WebPageError
from bundler.fetch.urls import shown_url

_SNIFFED_BYTES = 512
_MARKUP = re.compile(
    rb"^[ \t]*<(?:!doctype|!--|/?(?:html|head|body|title|meta|link|script|style|base|h[1-6]|div|span|p|a|b|i|br|hr|img"
    rb"|ul|table|tr|form|input|iframe|frameset|font|center|pre|strong|em|main|header|section|noscript)\b)"
    rb"|<a\s+href|<br\b|</(?:body|html)>",
    re.MULTILINE,
)
"""A web page has one of these at the beginning of a line, or a link, not far from its beginning."""
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
    """Refuse a web page, by how it begins.

    What is called a page and has none of a page's marks is a file under a wrong name, as many servers and scripts send
    it; without a beginning the name alone tells.

    Raises:
        WebPageError: ``http.captive-portal``.
    """
    start = beginning[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    named = answer.html and (not start or _MARKUP.search(start) is not None)
    if not answer.unchanged and (named or start.startswith((b"<!doctype html", b"<html"))):
        raise WebPageError(
            "http.captive-portal",
            f"{shown_url(url)} answered with a web page instead of a file",
            todo="sign in to the network or proxy, correct the URL, or give the file's checksum",
        )


def beginning_of(answer: Answer) -> bytes:
    """Return the first bytes of a body that is called a page, to tell what it is; nothing of any other is read."""
    first = bytearray()
    while answer.html and len(first) < _SNIFFED_BYTES and (chunk := next(answer.chunks, b"")):
        first += chunk
    return bytes(first)
