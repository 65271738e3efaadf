"""The HTTP transport of ``relay tuf-client``, which alone has it. The service cannot import it.

Nothing it fetches is believed: it only bounds what a server can do (length, time, redirects).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import requests
import urllib3

from manifests.errors import ConfigurationError, FetchError
from manifests.text import cause_text, count_text

_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
"""Longest silence of a server."""
_MIN_BYTES_PER_SECOND = 4096
"""A whole file may take a minute and its ceiling at this rate: slow retrieval must end (TUF, section 1.5.2)."""
_GRACE_SECONDS = 60.0
_MAX_REDIRECTS = 5
_ABSENT = frozenset({403, 404})
"""Status codes that end the root chain, as in python-tuf."""


class HttpTransport:
    """Fetch over HTTP(S) with ceilings. Use as a context manager.

    Args:
        authorities: PEM file of the certificate authorities to trust; ``None`` takes the usual ones.
        monotonic: A clock for deadlines, in seconds.

    Raises:
        ConfigurationError: ``http.authorities``: the PEM file is not there.
    """

    def __init__(self, authorities: Path | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        if authorities is not None and not authorities.is_file():
            raise ConfigurationError("http.authorities", f"{authorities} is not a file", need="a PEM file")
        self._verify = True if authorities is None else str(authorities)
        self._monotonic = monotonic
        self._session = requests.Session()
        self._session.max_redirects = _MAX_REDIRECTS
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = "sealift"

    def __enter__(self) -> HttpTransport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, url: str, max_bytes: int) -> bytes | None:
        """Return a file's bytes, ``None`` when the server answers 403 or 404.

        Raises:
            FetchError: ``http.status``, ``http.too-large``, ``http.too-slow`` or ``http.connection``.
        """
        with self._response(url) as response:
            if response.status_code in _ABSENT:
                return None
            return b"".join(self._content(response, url, max_bytes))

    def stream(self, url: str, max_bytes: int) -> Iterator[bytes]:
        """Yield a file's bytes in order.

        Raises:
            FetchError: ``http.status``, ``http.too-large``, ``http.too-slow`` or ``http.connection``.
        """
        with self._response(url) as response:
            yield from self._content(response, url, max_bytes)

    @contextmanager
    def _response(self, url: str) -> Iterator[requests.Response]:
        try:
            with self._session.get(
                url, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS), verify=self._verify
            ) as response:
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise FetchError(
                "http.connection",
                f"Fetching {url} failed: {cause_text(error)}",
                todo="check the address, the server and its certificate",
            ) from error

    def _content(self, response: requests.Response, url: str, max_bytes: int) -> Iterator[bytes]:
        if response.status_code != requests.codes.ok:
            raise FetchError("http.status", f"The server answered {response.status_code} for {url}", need="200")
        deadline = self._monotonic() + _GRACE_SECONDS + max_bytes / _MIN_BYTES_PER_SECOND
        received = 0
        # decode_content: a small compressed answer must not become a large one behind the ceiling's back.
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            received += len(chunk)
            if received > max_bytes:
                raise FetchError(
                    "http.too-large",
                    f"The server gives more than it should for {url}",
                    need=count_text(max_bytes, "byte"),
                )
            if self._monotonic() > deadline:
                raise FetchError("http.too-slow", f"The server takes too long for {url}")
            yield chunk


def authorities_from(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the PEM file to trust: the one given, else ``REQUESTS_CA_BUNDLE``, else ``SSL_CERT_FILE``."""
    if given is not None:
        return given
    named = environment.get("REQUESTS_CA_BUNDLE") or environment.get("SSL_CERT_FILE")
    return Path(named) if named else None
