"""One GET, done carefully: bounded in time, size and redirects, never from https to http, never cut short unnoticed."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from requests import exceptions
from urllib3.exceptions import HTTPError, ReadTimeoutError

from manifests.clock import Clock
from manifests.errors import FetchError
from manifests.limits import GIB

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
_BROKEN = frozenset({500, 502, 504})
_RETRIED = frozenset({"http.busy", "http.server", "http.connect", "http.timeout", "http.truncated"})
_READ_BYTES = 256 * 1024
_MAX_WAIT_SECONDS = 120
"""An upstream that asks us to come back later than this is left for the next run."""

T = TypeVar("T")


@dataclass(frozen=True)
class Policy:
    """How far we go for one file.

    Args:
        timeout_seconds: Longest silence, while connecting and between two reads.
        total_seconds: Longest time for one file.
        max_bytes: Longest body.
        redirects: Most redirects followed.
        attempts: Most tries, the first included.
        ca: A PEM bundle to trust instead of the usual authorities.
    """

    timeout_seconds: float = 30
    total_seconds: float = 3600
    max_bytes: int = 4 * GIB
    redirects: int = 5
    attempts: int = 3
    ca: Path | None = None


@dataclass(frozen=True)
class Validators:
    """What a server gave us to ask "still the same?" with (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Answer:
    """A server's answer whose body has not been read yet.

    ``unchanged`` means 304: there is no body. ``length`` in bytes, if the server says. ``chunks``
    yields the body once, as it came over the wire.
    """

    unchanged: bool
    length: int | None
    html: bool
    validators: Validators
    chunks: Iterator[bytes]


class Transport:
    """GETs with one policy. Proxies come from the environment, as for any other program."""

    def __init__(self, policy: Policy, clock: Clock, pause: Callable[[float], None]) -> None:
        self._policy = policy
        self._clock = clock
        self._pause = pause
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "identity"})

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def retrying(self, attempt: Callable[[], T], *, also: frozenset[str] = frozenset()) -> T:
        """Run ``attempt`` until it succeeds, fails for good, or was tried often enough.

        Args:
            attempt: What to try.
            also: Codes of errors that are worth another try here, beside those that always are.

        Raises:
            FetchError: What the last attempt raised.
        """
        for number in range(1, self._policy.attempts):
            try:
                return attempt()
            except FetchError as error:
                asked = error.context.get("retry_after_seconds")
                if error.code not in _RETRIED | also or (isinstance(asked, int) and asked > _MAX_WAIT_SECONDS):
                    raise
                backoff = 2 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing
                self._pause(asked if isinstance(asked, int) else backoff)
        return attempt()

    @contextmanager
    def get(self, url: str, validators: Validators | None = None) -> Iterator[Answer]:
        """Ask for one URL.

        Args:
            url: http or https.
            validators: What an earlier answer gave, to be told "unchanged" instead of the body.

        Raises:
            FetchError: ``http.status``, ``.busy``, ``.server``, ``.connect``, ``.tls``, ``.proxy``, ``.timeout``,
                ``.protocol``, ``.redirects``, ``.redirect-downgrade``, ``.redirect-target``, ``.too-large``,
                ``.encoding``; while the body is read also ``.truncated`` and ``.too-slow``.
        """
        deadline = time.monotonic() + self._policy.total_seconds
        response = self._follow(url, _conditions(validators))
        try:
            yield self._answer(url, response, deadline, conditional=validators is not None)
        finally:
            self._end(url, response)

    def _end(self, url: str, response: requests.Response) -> None:
        """Close an answer, and a plain connection with it.

        Through a proxy, one plain connection serves all hosts: what a server sends beyond its announced length
        would be read as the next host's answer.
        """
        response.close()
        if urlsplit(url).scheme == "http":
            self._session.close()

    def _follow(self, url: str, headers: dict[str, str]) -> requests.Response:
        current = url
        for _ in range(self._policy.redirects + 1):
            response = self._send(current, headers)
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or target is None:
                return response
            self._end(current, response)
            current = _redirected(current, target)
        raise FetchError(
            "http.redirects", f"{shown(url)} redirects without end", need=f"at most {self._policy.redirects} redirects"
        )

    def _send(self, url: str, headers: dict[str, str]) -> requests.Response:
        ca = str(self._policy.ca) if self._policy.ca else True
        try:
            return self._session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=self._policy.timeout_seconds,
                verify=ca,
            )
        except exceptions.SSLError as error:
            raise _failure("http.tls", url, "the TLS connection failed", error) from error
        except exceptions.ProxyError as error:
            raise _failure("http.proxy", url, "the proxy refused or failed", error) from error
        except exceptions.Timeout as error:
            raise _timeout(url, self._policy.timeout_seconds) from error
        except exceptions.ConnectionError as error:
            raise _failure("http.connect", url, "the connection failed", error) from error
        except (exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise _failure("http.protocol", url, "the server or our settings break HTTP", error) from error

    def _answer(self, url: str, response: requests.Response, deadline: float, *, conditional: bool) -> Answer:
        unchanged = response.status_code == 304 and conditional
        if not unchanged and response.status_code != 200:
            raise self._refusal(url, response)
        _check_encoding(url, response)
        length = _length(url, response)
        if length is not None and length > self._policy.max_bytes:
            raise self._too_large(url, f"{length:,} bytes announced")
        return Answer(
            unchanged=unchanged,
            length=None if unchanged else length,
            html=response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html",
            validators=Validators(response.headers.get("ETag"), response.headers.get("Last-Modified")),
            chunks=iter(()) if unchanged else self._body(url, response, length, deadline),
        )

    def _body(self, url: str, response: requests.Response, length: int | None, deadline: float) -> Iterator[bytes]:
        received = 0
        buffer = bytearray()
        while chunk := self._read(url, response, received, length):
            received += len(chunk)
            if received > self._policy.max_bytes:
                raise self._too_large(url, f"{received:,} bytes and more")
            if time.monotonic() > deadline:
                raise FetchError(
                    "http.too-slow",
                    f"{shown(url)} took too long",
                    have=f"{received:,} bytes in {self._policy.total_seconds:g} seconds",
                )
            buffer += chunk
            if len(buffer) >= _READ_BYTES:
                yield bytes(buffer)
                buffer.clear()
        if length is not None and received != length:
            raise _truncated(url, received, length)
        if buffer:
            yield bytes(buffer)

    def _read(self, url: str, response: requests.Response, received: int, length: int | None) -> bytes:
        """Read what is there; unlike ``read`` this returns as soon as anything came, so the deadline is looked at."""
        try:
            return bytes(response.raw.read1(_READ_BYTES, decode_content=False))
        except ReadTimeoutError as error:
            raise _timeout(url, self._policy.timeout_seconds) from error
        except (HTTPError, OSError) as error:
            raise _truncated(url, received, length) from error

    def _refusal(self, url: str, response: requests.Response) -> FetchError:
        status = response.status_code
        what = f"{shown(url)} answered {status} {response.reason or ''}".rstrip()
        if status in _BUSY:
            seconds = _retry_after(response.headers.get("Retry-After"), self._clock)
            later = None if seconds is None else f"come back in {seconds:,} seconds"
            return FetchError("http.busy", what, have=later, status=status, retry_after_seconds=seconds)
        if status == 407:
            return FetchError(
                "http.proxy", what, todo="give the proxy's user and password in https_proxy", status=status
            )
        return FetchError("http.server" if status in _BROKEN else "http.status", what, status=status)

    def _too_large(self, url: str, have: str) -> FetchError:
        return FetchError(
            "http.too-large",
            f"{shown(url)} is larger than allowed",
            have=have,
            need=f"at most {self._policy.max_bytes:,}",
            todo="raise max_bytes if the file is really that large",
        )


@cache
def user_agent() -> str:
    """Return what we call ourselves: the product with its version."""
    return f"sealift/{version('sealift')}"


def shown(url: str) -> str:
    """Return a URL for people: without its query, which may hold a token."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _conditions(validators: Validators | None) -> dict[str, str]:
    given = validators or Validators()
    pairs = (("If-None-Match", given.etag), ("If-Modified-Since", given.last_modified))
    return {name: value for name, value in pairs if value}


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if urlsplit(url).scheme == "https" and scheme == "http":
        raise FetchError(
            "http.redirect-downgrade", f"{shown(url)} redirects from https to http", have=shown(target), need="https"
        )
    if scheme not in {"http", "https"} or "@" in urlsplit(target).netloc or not urlsplit(target).hostname:
        raise FetchError("http.redirect-target", f"{shown(url)} redirects to something that is not fetched")
    return target


def _check_encoding(url: str, response: requests.Response) -> None:
    """Refuse a body that was compressed though we asked for it as it is.

    Some servers call a file that is itself a ``.gz`` "Content-Encoding: gzip": there the bytes are the file.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return
    if encoding in {"gzip", "x-gzip"} and urlsplit(url).path.endswith((".gz", ".tgz")):
        return
    raise FetchError("http.encoding", f"{shown(url)} is sent as {encoding!r} though we asked for the file as it is")


def _length(url: str, response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length")
    if text is None or "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return None
    if not text.isascii() or not text.isdigit():
        raise FetchError("http.protocol", f"{shown(url)} gives the length {text[:40]!r}")
    return int(text)


def _retry_after(value: str | None, clock: Clock) -> int | None:
    """Read ``Retry-After``: seconds or a date (RFC 9110 section 10.2.3)."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return int(value[:9])
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0, int(at.timestamp() - clock().timestamp()))


def _failure(code: str, url: str, what: str, error: Exception) -> FetchError:
    return FetchError(code, f"{shown(url)}: {what}", have=_cause(error))


def _cause(error: BaseException) -> str:
    """Return the innermost reason; libraries wrap it several times and print addresses of objects."""
    inner = error
    while (deeper := getattr(inner, "reason", None) or inner.__cause__ or _argument(inner)) is not None:
        if not isinstance(deeper, BaseException) or deeper is inner:
            break
        inner = deeper
    text = getattr(inner, "strerror", None) or str(inner)
    return f"{type(inner).__name__}: {text}"[:300]


def _argument(error: BaseException) -> BaseException | None:
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)


def _timeout(url: str, seconds: float) -> FetchError:
    return FetchError("http.timeout", f"{shown(url)} was silent for {seconds:g} seconds")


def _truncated(url: str, received: int, length: int | None) -> FetchError:
    need = "the end of the last chunk" if length is None else f"{length:,} bytes"
    return FetchError("http.truncated", f"{shown(url)} broke off", have=f"{received:,} bytes", need=need)
