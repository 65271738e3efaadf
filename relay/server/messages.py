"""Requests and responses as values, so that everything but the socket can be tried without one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

Header = tuple[str, str]

_ALWAYS: tuple[Header, ...] = (("server", "Sealift"), ("x-content-type-options", "nosniff"))
RETRY_AFTER_SECONDS = 30


class RequestHeaders(Protocol):
    """The header fields of a request; names are given in lower case."""

    def get_all(self, key: str) -> list[str]:
        """Return the value of each line of a field, in order."""

    def __contains__(self, key: str) -> bool:
        """Tell whether a field is there."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request. ``path`` is percent-decoded once, ``query`` is not decoded."""

    method: str
    path: str
    query: str
    headers: RequestHeaders

    def field(self, name: str) -> str | None:
        """Return a field's lines joined by commas, or ``None`` when it is absent."""
        return ", ".join(self.headers.get_all(name)) if name in self.headers else None


@dataclass(frozen=True, slots=True)
class FilePart:
    """Bytes ``start`` up to ``end`` of a file on disk of ``size`` bytes."""

    path: str
    start: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class Response:
    """A response. ``headers`` has ``content-length`` for every status that may carry content."""

    status: int
    headers: list[Header]
    body: bytes | FilePart = b""


def header_fields(*fields: Header) -> list[Header]:
    """Return header fields together with those that every response has."""
    return [*_ALWAYS, *fields]


def text_response(status: int, body: str, extra: Iterable[Header] = (), content_type: str = "text/plain") -> Response:
    """Return a short answer in words that nobody may keep."""
    data = body.encode("utf-8")
    fields = (
        ("content-type", f"{content_type}; charset=utf-8"),
        ("content-length", str(len(data))),
        ("cache-control", "no-store"),
    )
    return Response(status, header_fields(*fields, *extra), data)


def not_found_response() -> Response:
    """Return a real 404: TUF, CVD and git clients probe for files that are not there."""
    return text_response(404, "Not found. What is served: /-/status\n")


def unavailable_response(why: str) -> Response:
    """Return 503 with ``Retry-After``; never 403 or 429, on which freshclam sleeps for hours."""
    return text_response(503, why + "\n", [("retry-after", str(RETRY_AFTER_SECONDS))])
