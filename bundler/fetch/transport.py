"""One GET, done carefully: bounded in time, size and redirects, never from https to http, never cut short unnoticed."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from bundler.fetch import answer as reading
from bundler.fetch.answer import ALL, Answer, Ask
from bundler.fetch.cooldown import Cooldown
from bundler.fetch.deadline import watch_deadline
from bundler.fetch.errors import (
    BROKEN,
    BUSY,
    GONE,
    TOO_MANY,
    BrokenTransferError,
    BusyError,
    GoneError,
    HttpStatusError,
    NoSuchRangeError,
    TooSlowError,
    WrongBodyError,
    is_worth_retrying,
)
from bundler.fetch.options import FetchOptions
from bundler.fetch.session import HttpClient, silence_error
from bundler.fetch.urls import host_and_port_of, is_sound, redirect_target, shown_url
from manifests.clock import Clock
from manifests.errors import FetchError
from manifests.text import count_text, printable

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READ_BYTES = 256 * 1024
_MAX_WAIT_SECONDS = 120
"""An upstream that asks us to come back later than this is left for the next run."""
_TOO_MANY_SECONDS = 900
"""So long is a host left alone that says 429 to the last try and not until when."""

T = TypeVar("T")


class FetchTransport:
    """GETs with one set of options. Not for several threads at once.

    Args:
        options: How far we go.
        context: From :func:`bundler.fetch.session.tls_context`.
        cooldown: Who asked to be left alone.
        clock: Tells the time.
        pause: Waits so many seconds.
    """

    def __init__(
        self,
        options: FetchOptions,
        context: ssl.SSLContext,
        cooldown: Cooldown,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        self._options = options
        self._client = HttpClient(options, context)
        self._cooldown = cooldown
        self._clock = clock
        self._pause = pause

    def __enter__(self) -> FetchTransport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def retrying(self, attempt: Callable[[], T]) -> T:
        """Run ``attempt`` until it succeeds, fails for good, or was tried often enough.

        A host that wants more time than we wait cools down.

        Raises:
            FetchError: What the last attempt raised.
        """
        tried = 0
        while True:
            tried += 1
            try:
                return attempt()
            except FetchError as error:
                wait = self._wait(error, tried)
                if wait is None:
                    raise
            self._pause(wait)

    def _wait(self, error: FetchError, tried: int) -> float | None:
        """Return how long to wait before the next try; ``None`` when there is none."""
        last = tried >= self._options.attempts
        if isinstance(error, BusyError):
            asked = error.retry_after_seconds or None  # "at once", or a time that is over, says nothing
            if asked is not None and (last or asked > _MAX_WAIT_SECONDS):
                self._cooldown.begin(error.host, asked)
                return None
            if last and error.status == TOO_MANY:
                self._cooldown.begin(error.host, _TOO_MANY_SECONDS)
            if not last and asked is not None:
                return float(asked)
        if last or not is_worth_retrying(error):
            return None
        return float(2 ** (tried - 1)) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing

    @contextmanager
    def get(self, url: str, ask: Ask = ALL, *, max_bytes: int | None = None) -> Iterator[Answer]:
        """Ask for one URL.

        Args:
            url: http or https.
            ask: A condition or a range.
            max_bytes: Longest file, where that is less than the options allow.

        Raises:
            FetchError: ``http.status``, ``.busy``, ``.cooling-down``, ``.server``, ``.connect``, ``.tls``, ``.proxy``,
                ``.timeout``, ``.protocol``, ``.range``, ``.redirects``, ``.redirect-downgrade``,
                ``.redirect-target``, ``.redirect-secret``, ``.credentials``, ``.too-large``, ``.encoding``; while
                the body is read also ``.truncated`` and ``.too-slow``.
            ConfigurationError: ``source.credentials``, ``source.credentials-mode``.
        """
        if not is_sound(url):
            raise FetchError("http.protocol", f"{shown_url(url)!r} is no URL that can be fetched")
        deadline = time.monotonic() + self._options.total_seconds
        ceiling = min(max_bytes or self._options.max_bytes, self._options.max_bytes)
        current, response = self._follow(url, ask.headers())
        with watch_deadline(response, deadline) as late:
            try:
                yield self._answer(url, current, response, ask, _Bounds(deadline, ceiling, late))
            finally:
                self._end(current, response)

    def _end(self, url: str, response: requests.Response) -> None:
        """Close an answer, and a plain connection with it.

        Through a proxy, one plain connection serves all hosts: what a server sends beyond its announced length
        would be read as the next host's answer.
        """
        response.close()
        if urlsplit(url).scheme == "http":
            self._client.close()

    def _follow(self, url: str, headers: dict[str, str]) -> tuple[str, requests.Response]:
        """Return the answer at the end of the redirects, and its URL."""
        current = url
        for _ in range(self._options.redirects + 1):
            self._cooldown.require_over(host_and_port_of(current))
            response = self._client.send(current, headers | self._credentials(current))
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or target is None:
                return current, response
            self._end(current, response)
            current = redirect_target(current, target)
            self._keep_secrets(current)
        raise FetchError(
            "http.redirects",
            f"{shown_url(url)} redirects without end",
            need=f"at most {count_text(self._options.redirects, 'redirect')}",
        )

    def _credentials(self, url: str) -> dict[str, str]:
        """Return the header that the URL's host, and no other, gets."""
        own = self._options.credentials
        if own is None or own.authority != host_and_port_of(url):
            return {}
        if urlsplit(url).scheme != "https" and not own.plain_http:
            raise FetchError(
                "http.credentials",
                f"{shown_url(url)} would be sent its credentials unencrypted",
                need="https",
                todo="correct the URL, or write plain_http = true in credentials",
            )
        return {own.header: own.value()}

    def _keep_secrets(self, url: str) -> None:
        """Refuse a redirect that would carry a secret of the first URL to another host, or there unencrypted."""
        for bound in self._options.url_secrets:
            if bound.stands_in(url) and not bound.may_go_to(url):
                raise FetchError(
                    "http.redirect-secret",
                    f"{bound.authority} redirects to {host_and_port_of(url)}, with the secret in the URL",
                    need="only the host that the secret is bound to may get it, over https",
                    todo="ask the vendor; if that host is right, write it as the parameter's host",
                )

    def _answer(self, url: str, current: str, response: requests.Response, ask: Ask, bounds: _Bounds) -> Answer:
        start = 0
        unchanged = response.status_code == 304 and ask.unless is not None
        if response.status_code == 206 and ask.is_peek:
            reading.check_beginning(url, response.headers)
        elif response.status_code == 206 and ask.start is not None:
            start = reading.check_range(url, ask, response.headers)
        elif not unchanged and response.status_code != 200:
            raise self._refusal(url, current, response, ask)
        length = reading.read_length(url, response.headers)
        if length is not None and start + length > bounds.max_bytes and ask.end is None:
            raise _too_large(url, f"{count_text(start + length, 'byte')} announced", bounds)
        return Answer(
            url=current,
            unchanged=unchanged,
            start=start,
            length=None if unchanged else length,
            bounded=unchanged or length is not None or reading.is_chunked(response.headers),
            html=reading.is_html(response.headers),
            coding=reading.read_coding((url, current), response.headers),
            validators=reading.read_validators(response.headers),
            chunks=iter(()) if unchanged else self._body(url, response, start, length, bounds),
        )

    def _body(
        self, url: str, response: requests.Response, start: int, length: int | None, bounds: _Bounds
    ) -> Iterator[bytes]:
        received = 0
        while chunk := self._read(url, response, received, length, bounds):
            received += len(chunk)
            if start + received > bounds.max_bytes:
                raise _too_large(url, f"{count_text(start + received, 'byte')} and more", bounds)
            yield chunk
        if length is not None and received != length:
            raise _truncated(url, received, length)

    def _read(self, url: str, response: requests.Response, received: int, length: int | None, bounds: _Bounds) -> bytes:
        """Read what is there; unlike ``read`` this returns as soon as anything came, so the deadline is looked at."""
        try:
            chunk = bytes(response.raw.read1(_READ_BYTES, decode_content=False))
        except ReadTimeoutError as error:
            raise silence_error(url, self._options.timeout_seconds) from error
        except (HTTPError, OSError) as error:
            raise self._too_slow(url, received) if bounds.over else _truncated(url, received, length) from error
        if bounds.over:
            raise self._too_slow(url, received)
        return chunk

    def _too_slow(self, url: str, received: int) -> TooSlowError:
        return TooSlowError(
            "http.too-slow",
            f"{shown_url(url)} took too long",
            have=f"{count_text(received, 'byte')} in {count_text(self._options.total_seconds, 'second')}",
        )

    def _refusal(self, url: str, current: str, response: requests.Response, ask: Ask) -> FetchError:
        status = response.status_code
        what = f"{shown_url(url)} answered {status} {printable(response.reason or '')[:100]}".rstrip()
        if status in BUSY:
            seconds = reading.read_retry_after(response, self._clock)
            later = None if seconds is None else f"come back in {count_text(seconds, 'second')}"
            host = host_and_port_of(current)
            return BusyError("http.busy", what, status=status, host=host, retry_after_seconds=seconds, have=later)
        if status == 407:
            return self._client.proxy_refusal(url)
        if status == 416 and ask.start is not None:
            return NoSuchRangeError("http.range", what, status=status)
        if status in GONE:
            return GoneError("http.status", what, status=status)
        if status == 511:
            todo = "sign in to the network"
            return HttpStatusError("http.status", what, status=status, todo=todo)
        if status == 401:
            todo = "give the upstream's user and password, or token: credentials in bundler.toml"
            return HttpStatusError("http.status", what, status=status, todo=todo)
        return HttpStatusError("http.server" if status in BROKEN else "http.status", what, status=status)


@dataclass(frozen=True)
class _Bounds:
    """How far one body may go: until ``deadline`` on the monotonic clock or ``late`` is set, up to ``max_bytes``."""

    deadline: float
    max_bytes: int
    late: threading.Event

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.late.is_set() or time.monotonic() > self.deadline


def _too_large(url: str, have: str, bounds: _Bounds) -> WrongBodyError:
    return WrongBodyError(
        "http.too-large",
        f"{shown_url(url)} is larger than allowed",
        have=have,
        need=f"at most {bounds.max_bytes:,}",
        todo="raise max_bytes if the file is really that large",
    )


def _truncated(url: str, received: int, length: int | None) -> BrokenTransferError:
    need = "the end of the last chunk" if length is None else count_text(length, "byte")
    return BrokenTransferError(
        "http.truncated", f"{shown_url(url)} broke off", have=count_text(received, "byte"), need=need
    )
