"""What we ask of a server beside the URL, and what its answer's headers say."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import requests

from bundler.fetch.errors import UnboundedError, WrongRangeError
from bundler.fetch.urls import shown_url
from manifests.clock import Clock
from manifests.errors import FetchError

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", re.IGNORECASE)
"""Names of units are compared without case (RFC 9110 section 14.1)."""
_NO_CODING = frozenset(
    {"identity", "none", "binary", "7bit", "8bit", "aws-chunked"}
    | {"utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"}
)
"""What stands in ``Content-Encoding`` and changes no byte: how characters are encoded, what object stores keep of an
upload."""
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("gzip", "x-gzip"), (".gz", ".tgz", ".taz", ".svgz")),
    **dict.fromkeys(("bzip2", "x-bzip2"), (".bz2", ".tbz", ".tbz2")),
    **dict.fromkeys(("xz", "x-xz"), (".xz", ".txz")),
    **dict.fromkeys(("compress", "x-compress"), (".z",)),
    "zstd": (".zst", ".tzst"),
    "br": (".br",),
}
"""Some servers call a file that is itself compressed encoded: its bytes are the file."""
_LENGTH = re.compile(r"[0-9]{1,15}")
_SETTLED = timedelta(seconds=60)
"""A Last-Modified this much older than the answer is a strong validator (RFC 7232 section 2.2.2)."""


@dataclass(frozen=True)
class GivenValidators:
    """What a server gave us to ask "still the same?" with (RFC 9110 section 8.8).

    Args:
        etag: As it came.
        last_modified: As it came.
        strong: The one of them that tells any two contents apart, for ``If-Range``; ``None`` if there is none.
    """

    etag: str | None = None
    last_modified: str | None = None
    strong: str | None = None

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None

    def updated(self, newer: GivenValidators) -> GivenValidators:
        """Return these with what a 304 says of them."""
        return newer if newer else self

    @property
    def modified_at(self) -> datetime | None:
        """``last_modified`` as an instant, if it is one."""
        return parse_http_date(self.last_modified)


@dataclass(frozen=True)
class Ask:
    """What is asked beside the URL: nothing, a condition, or a range.

    Args:
        unless: Send the body only if it is not what these came with.
        start: First byte wanted.
        end: Last byte wanted; the end of the file when ``None``.
        if_range: Send a range only if the file still has this validator, else all of it.
    """

    unless: GivenValidators | None = None
    start: int | None = None
    end: int | None = None
    if_range: str | None = None

    @property
    def is_peek(self) -> bool:
        """Whether the first bytes are asked for, to look at them."""
        return self.start == 0 and self.end is not None

    def headers(self) -> dict[str, str]:
        """Return it as request headers."""
        given = self.unless or GivenValidators()
        span = None if self.start is None else f"bytes={self.start}-{'' if self.end is None else self.end}"
        pairs = (
            ("If-None-Match", given.etag),
            ("If-Modified-Since", given.last_modified),
            ("Range", span),
            ("If-Range", self.if_range),
        )
        return {name: value for name, value in pairs if value}


ALL = Ask()
"""Nothing beside the URL."""


@dataclass(frozen=True)
class Answer:
    """A server's answer whose body has not been read yet.

    Args:
        url: Whose answer it is, at the end of the redirects.
        unchanged: 304: there is no body.
        start: Where in the file the body begins; 0 unless a range was asked for and given.
        length: Of the body, in bytes, if the server says.
        bounded: It can be told where the body ends: not just by the connection's end, which may come early.
        html: It is called a web page.
        coding: How it was encoded on its way; ``None`` where its bytes are the file.
        validators: To ask again with.
        chunks: Yields the body once, as it came over the wire.
    """

    url: str
    unchanged: bool
    start: int
    length: int | None
    bounded: bool
    html: bool
    coding: str | None
    validators: GivenValidators
    chunks: Iterator[bytes]

    @property
    def total(self) -> int | None:
        """Length of the whole file in bytes, if the server says. Of a range to the end only."""
        return None if self.length is None else self.start + self.length


def read_validators(headers: Mapping[str, str]) -> GivenValidators:
    """Read an answer's validators."""
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    if etag is not None and not etag.startswith("W/"):
        return GivenValidators(etag, modified, etag)
    at, now = parse_http_date(modified), parse_http_date(headers.get("Date"))
    settled = at is not None and now is not None and now - at >= _SETTLED
    return GivenValidators(etag, modified, modified if settled else None)


def is_html(headers: Mapping[str, str]) -> bool:
    """Tell whether the body is called a web page."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Tell whether the body comes in chunks."""
    return _transfer(headers) == "chunked"


def require_bounded(url: str, answer: Answer) -> None:
    """Refuse a body that ends with its connection, and so may be cut short unnoticed (RFC 9112 section 8).

    Raises:
        UnboundedError: ``http.unbounded``.
    """
    if not answer.bounded:
        raise UnboundedError(
            "http.unbounded",
            f"{shown_url(url)}: its server says neither how long it is nor where it ends, "
            "so it may be cut short unnoticed",
            need="Content-Length, or chunks",
            todo="correct the server, or give the file's checksum",
        )


def read_length(url: str, headers: Mapping[str, str]) -> int | None:
    """Read ``Content-Length``.

    Raises:
        FetchError: ``http.protocol``; ``http.encoding`` for a body that is encoded on its way, but for chunks.
    """
    transfer = _transfer(headers)
    if transfer not in {"chunked", "identity"}:
        raise FetchError(
            "http.encoding", f"{shown_url(url)} is sent as {transfer[:40]!r} though we asked for the file as it is"
        )
    text = headers.get("Content-Length")
    if text is None or transfer == "chunked":
        return None
    if _LENGTH.fullmatch(text):
        return int(text)
    raise FetchError("http.protocol", f"{shown_url(url)} gives the length {text[:40]!r}", need="one whole number")


def _transfer(headers: Mapping[str, str]) -> str:
    return headers.get("Transfer-Encoding", "identity").strip().lower()


def check_beginning(url: str, headers: Mapping[str, str]) -> None:
    """Check that a 206 gives a file from its first byte on, however much of it.

    Caches answer with whole blocks, with all of the file, or leave ``Content-Range`` out. What came is the beginning
    of a file that is read whole afterwards.

    Raises:
        WrongRangeError: ``http.range``: it says that it begins elsewhere, or it comes in several parts.
    """
    said = headers.get("Content-Range", "").strip()
    match = _CONTENT_RANGE.fullmatch(said)
    several = headers.get("Content-Type", "").strip().lower().startswith("multipart/byteranges")
    if several or (said and (match is None or int(match[1]) != 0)):
        raise WrongRangeError(
            "http.range",
            f"{shown_url(url)} answers with another part than it was asked for",
            have="several parts" if several else f"Content-Range {said[:80]!r}",
            need="its first bytes",
        )


def check_range(url: str, ask: Ask, headers: Mapping[str, str]) -> int:
    """Check that a 206 answers what was asked, and return where it begins.

    Raises:
        WrongRangeError: ``http.range``: another range, another file, or no sense (RFC 9110 sections 14.4 and 15.3.7).
    """
    said = headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(said.strip())
    announced = read_length(url, headers)
    etag = headers.get("ETag")
    if match is not None and _same_file(ask, etag, headers.get("Last-Modified")):
        first, last = int(match[1]), int(match[2])
        total = None if match[3] == "*" else int(match[3])
        whole = _reaches_end(ask, last, total)
        if first == ask.start and first <= last and whole and announced in {None, last - first + 1}:
            return first
    raise WrongRangeError(
        "http.range",
        f"{shown_url(url)} answers with another part than it was asked for",
        have=f"Content-Range {said[:80]!r}, ETag {(etag or '')[:80]!r}",
        need=f"bytes from {ask.start} of the file with {(ask.if_range or 'any validator')[:80]}",
    )


def _same_file(ask: Ask, etag: str | None, modified: str | None) -> bool:
    """Tell whether a part continues the file that was begun, also where the server passed over ``If-Range``.

    With an ETag the part must have it too (RFC 9110 section 15.3.7); a date it may leave out.
    """
    if ask.if_range is None:
        return True
    return etag == ask.if_range if ask.if_range.startswith('"') else modified in {None, ask.if_range}


def _reaches_end(ask: Ask, last: int, total: int | None) -> bool:
    """Tell whether a part ends where it should. To the end of a file of unknown length no part surely reaches."""
    if total is None:
        return ask.end is not None and last <= ask.end
    return last == (total - 1 if ask.end is None else min(ask.end, total - 1))


def read_coding(urls: Iterable[str], headers: Mapping[str, str]) -> str | None:
    """Return how a body was encoded on its way, though we asked for it as it is; ``None`` where its bytes are the file.

    Args:
        urls: What was asked for, and what redirects led to: a name in one may say that the file is itself compressed.
        headers: The answer's.
    """
    said = (coding.strip().lower() for coding in headers.get("Content-Encoding", "").split(","))
    codings = [coding for coding in said if coding and coding not in _NO_CODING]
    names = [name for url in urls for name in _names_in(url)]
    return ", ".join(codings) if codings and not any(_describes(codings, name) for name in names) else None


def _names_in(url: str) -> list[str]:
    parts = urlsplit(url)
    return [parts.path, *(value for _, value in parse_qsl(parts.query))]


def _describes(codings: Iterable[str], name: str) -> bool:
    """Tell whether content of this name is itself compressed in all of these ways, so that they say nothing new."""
    return all(name.lower().endswith(_SUFFIXES.get(coding, ())) for coding in codings)


def require_plain(url: str, answer: Answer, path: str = "") -> None:
    """Refuse a body that was compressed on its way: its bytes are not the file.

    Args:
        url: What was asked for.
        answer: The answer.
        path: What the file is called here; the name may say that the file is itself compressed.

    Raises:
        FetchError: ``http.encoding``.
    """
    if answer.coding is None or answer.unchanged or _describes(answer.coding.split(", "), path):
        return
    raise FetchError(
        "http.encoding",
        f"{shown_url(url)} is sent as {answer.coding[:40]!r} though we asked for the file as it is",
        todo="correct the server, or give the file's checksum",
    )


def read_retry_after(response: requests.Response, clock: Clock) -> int | None:
    """Read ``Retry-After``, seconds or a date, as seconds from now (RFC 9110 section 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    at = parse_http_date(value)
    return None if at is None else max(0, int((at - clock()).total_seconds()))


def parse_http_date(text: str | None) -> datetime | None:
    """Read a date as HTTP writes it; ``None`` for anything else."""
    try:
        at = email.utils.parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):  # numbers beyond what a date can hold
        return None
    return at if at is not None and at.tzinfo is not None else None
