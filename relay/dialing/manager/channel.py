"""The relay's way to the manager: HTTPS to one checked address. No proxy, no redirect, nothing of the environment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

from manifests.dsm import Reply, collect_answer
from manifests.errors import FetchError
from manifests.text import cause_text, count_text
from relay.dialing.manager.settings import ManagerSettings

_READ_BYTES = 256 * 1024


class LanChannel:
    """Carries messages to the manager. Use as a context manager.

    Args:
        settings: Who it is and how far we go.
        address: What is dialled; the certificate must be for ``settings.host`` all the same.
    """

    def __init__(self, settings: ManagerSettings, address: str) -> None:
        self._settings = settings
        trust: dict[str, Any] = (
            {"cert_reqs": "CERT_REQUIRED", "ca_certs": str(settings.ca), "assert_hostname": settings.host}
            if settings.fingerprint is None
            else {"cert_reqs": "CERT_NONE", "assert_fingerprint": settings.fingerprint, "assert_hostname": False}
        )
        self._pool = urllib3.HTTPSConnectionPool(
            address,
            settings.port,
            timeout=urllib3.Timeout(connect=settings.timeout_seconds, read=settings.timeout_seconds),
            retries=False,
            server_hostname=settings.host,
            **trust,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def __call__(self, envelope: bytes, headers: Mapping[str, str]) -> Reply:
        """Post an envelope.

        Raises:
            FetchError: ``dsm.connect``, ``.tls``, ``.timeout``, ``.too-slow``, ``.too-large`` or ``.broken``.
        """
        try:
            return self._post(envelope, headers)
        except (SSLError, FileNotFoundError) as error:
            raise self._failed("dsm.tls", "its TLS connection is not to be trusted", error) from error
        except NewConnectionError as error:
            raise self._failed("dsm.connect", "there is no connection to it", error) from error
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            what = f"it was silent for {count_text(self._settings.timeout_seconds, 'second')}"
            raise self._failed("dsm.timeout", what, error) from error
        except (HTTPError, OSError, ValueError) as error:
            raise self._failed("dsm.broken", "the connection or its answer broke off", error) from error

    def _post(self, envelope: bytes, headers: Mapping[str, str]) -> Reply:
        host = {"Host": self._settings.shown, "User-Agent": "sealift", "Accept-Encoding": "identity"}
        response = self._pool.urlopen(
            "POST",
            self._settings.path,
            body=envelope,
            headers={**headers, **host},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = collect_answer(
                _chunks(response),
                max_bytes=self._settings.max_bytes * 2,  # an export comes as base64
                seconds=self._settings.total_seconds,
                monotonic=time.monotonic,
            )
        finally:
            response.close()
        return Reply(response.status, body)

    def _failed(self, code: str, what: str, error: Exception) -> FetchError:
        todo = "check manager.ca or manager.fingerprint in relay.toml" if code == "dsm.tls" else None
        cause = cause_text(error.args[-1] if error.args and isinstance(error.args[-1], Exception) else error)
        return FetchError(code, f"The manager {self._settings.shown}: {what}", have=cause[:300], todo=todo)


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body as it comes; one shorter than announced is an error of urllib3's."""
    while chunk := response.read1(_READ_BYTES, decode_content=False):
        yield chunk
