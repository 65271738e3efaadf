"""The bundler's way to a Deep Security Manager: SOAP messages over HTTPS, never through a proxy, no redirects."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from bundler.fetch.deadline import impatient_pools, watch_deadline
from bundler.fetch.errors import TooSlowError
from bundler.fetch.session import cause_of, user_agent
from manifests.dsm import Reply, collect_answer
from manifests.errors import FetchError
from manifests.limits import MIB
from manifests.text import count_text

_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Endpoint:
    """Where a manager is, how we know it, and how far we go for one answer.

    Args:
        url: ``https://…/webservice/Manager``.
        ca: A PEM bundle to trust instead of the usual authorities.
        fingerprint: SHA-256 of the manager's own certificate, 64 hex digits, instead of any authority.
        timeout_seconds: Longest silence.
        total_seconds: Longest time for one answer.
        max_bytes: Longest answer; base64 makes a rule pack a third longer.
    """

    url: str
    ca: Path | None = None
    fingerprint: str | None = None
    timeout_seconds: float = 60
    total_seconds: float = 900
    max_bytes: int = 128 * MIB


class HttpsChannel:
    """Carries messages to one manager. Use as a context manager."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": user_agent(), "Accept-Encoding": "identity"})
        self._session.mount("https://", _Pinned(endpoint.fingerprint, endpoint.total_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def __call__(self, envelope: bytes, headers: Mapping[str, str]) -> Reply:
        """Post an envelope.

        Raises:
            FetchError: ``dsm.connect``, ``.tls``, ``.timeout``, ``.too-slow``, ``.too-large`` or ``.broken``.
        """
        endpoint = self._endpoint
        try:
            return self._post(envelope, headers)
        except TooSlowError as error:
            raise self._too_slow() from error
        except (exceptions.SSLError, FileNotFoundError) as error:
            raise self._failed("dsm.tls", "its TLS connection is not to be trusted", error) from error
        except (exceptions.Timeout, ReadTimeoutError) as error:
            what = f"it was silent for {count_text(endpoint.timeout_seconds, 'second')}"
            raise self._failed("dsm.timeout", what, error) from error
        except exceptions.ConnectionError as error:
            raise self._failed("dsm.connect", "there is no connection to it", error) from error
        except (exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._failed("dsm.broken", "its answer broke off", error) from error

    def _post(self, envelope: bytes, headers: Mapping[str, str]) -> Reply:
        endpoint = self._endpoint
        with (
            self._session.post(
                endpoint.url,
                data=envelope,
                headers=dict(headers),
                stream=True,
                allow_redirects=False,
                timeout=endpoint.timeout_seconds,
                verify=endpoint.fingerprint is None and (str(endpoint.ca) if endpoint.ca else True),
            ) as response,
            watch_deadline(response, time.monotonic() + endpoint.total_seconds) as late,
        ):
            try:
                body = collect_answer(
                    _chunks(response),
                    max_bytes=endpoint.max_bytes,
                    seconds=endpoint.total_seconds,
                    monotonic=time.monotonic,
                )
            except (HTTPError, OSError) as error:
                if late.is_set():
                    raise self._too_slow() from error
                raise
            if late.is_set():
                raise self._too_slow()
            return Reply(response.status_code, body)

    def _too_slow(self) -> FetchError:
        what = f"{self._endpoint.url}: its answer took longer than allowed"
        return FetchError(
            "dsm.too-slow", what, need=f"all of it within {count_text(self._endpoint.total_seconds, 'second')}"
        )

    def _failed(self, code: str, what: str, error: Exception) -> FetchError:
        todo = "give its certificate's authority as ca, or the certificate's fingerprint" if code == "dsm.tls" else None
        return FetchError(code, f"{self._endpoint.url}: {what}", have=cause_of(error), todo=todo)


class _Pinned(HTTPAdapter):
    """Knows a server by its certificate's fingerprint, if there is one to know it by."""

    def __init__(self, fingerprint: str | None, total_seconds: float) -> None:
        self._fingerprint = fingerprint
        self._pools = impatient_pools(total_seconds)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._fingerprint is not None:
            kwargs["assert_fingerprint"] = self._fingerprint
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes; one shorter than announced is an error of urllib3's."""
    while chunk := response.raw.read1(_READ_BYTES, decode_content=False):
        yield chunk
