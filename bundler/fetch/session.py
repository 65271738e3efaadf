"""The HTTP session: TLS with our authorities, the proxy with its password, our name; errors named by what failed.

Nothing of the user's own settings leaks in: no ``.netrc``, no cookies from elsewhere. Proxies and the
authorities of the environment (``https_proxy``, ``no_proxy``, ``REQUESTS_CA_BUNDLE``) count as everywhere.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_auth_from_url, get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from bundler.fetch.credentials import basic_authorization
from bundler.fetch.deadline import impatient_pools
from bundler.fetch.errors import BrokenTransferError
from bundler.fetch.options import FetchOptions
from bundler.fetch.urls import shown_url
from manifests.errors import ConfigurationError, FetchError
from manifests.text import cause_text, count_text, printable

_USERINFO = re.compile(r"[^\s/'\"]+@")
"""User and password in a URL: those of a proxy of the environment may stand in a library's words."""
_ADDITIONAL_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@cache
def user_agent() -> str:
    """Return what we call ourselves: the product with its version."""
    return f"sealift/{version('sealift')}"


def tls_context(options: FetchOptions) -> ssl.SSLContext:
    """Return whom we trust: the system's authorities, or those of the environment, and the source's own.

    Raises:
        ConfigurationError: ``source.ca`` when there is no certificate in a bundle.
    """
    given = next((os.environ[name] for name in _ADDITIONAL_AUTHORITIES if os.environ.get(name)), None)
    try:
        if given is not None and Path(given).is_dir():
            context = ssl.create_default_context(capath=given)
        else:
            context = ssl.create_default_context(cafile=given or _fallback())
        if options.ca is not None:
            context.load_verify_locations(cafile=options.ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            "source.ca", f"{options.ca or given} cannot be read as a PEM bundle of certificates", have=str(error)[:200]
        ) from error
    return context


def _fallback() -> str | None:
    """Return a file of authorities where the system has none; ``None`` where it has."""
    paths = ssl.get_default_verify_paths()
    return None if paths.cafile or paths.capath else DEFAULT_CA_BUNDLE_PATH


class _Adapter(HTTPAdapter):
    """Connections with one TLS context; the proxy's password goes into a header, never into a URL."""

    def __init__(self, context: ssl.SSLContext, proxy_authorization: str | None, total_seconds: float) -> None:
        self._context = context
        self._proxy_authorization = proxy_authorization
        self._pools = impatient_pools(total_seconds)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        known = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager = super().proxy_manager_for(proxy, **known, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the password header, from our configuration or out of the environment's URL."""
        user, password = get_auth_from_url(proxy)
        given = self._proxy_authorization or (basic_authorization(user, password) if user else None)
        return {"Proxy-Authorization": given} if given else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection to its context: by itself this would add the library's own authorities."""


class HttpClient:
    """Sends requests with one set of options. Not for several threads at once.

    Args:
        options: CA, proxy, credentials, timeout, name.
        context: From :func:`tls_context`; made once per source, since loading the authorities takes a while.
    """

    def __init__(self, options: FetchOptions, context: ssl.SSLContext) -> None:
        self._options = options
        proxy = options.proxy_credentials
        adapter = _Adapter(context, proxy.value() if proxy else None, options.total_seconds)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        name = f"{user_agent()} {options.user_agent_suffix}".rstrip()
        self._session.headers.update({"User-Agent": name, "Accept": "*/*", "Accept-Encoding": "identity"})

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def send(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Ask for one URL, without following redirects, and return the answer before its body is read.

        Raises:
            FetchError: ``http.tls``, ``.proxy``, ``.timeout``, ``.too-slow``, ``.connect`` or ``.protocol``.
        """
        self._session.cookies.clear()
        try:
            return self._session.get(
                url,
                headers=dict(headers),
                stream=True,
                allow_redirects=False,
                timeout=self._options.timeout_seconds,
                proxies=self._proxies(url),
            )
        except exceptions.SSLError as error:
            raise _failure("http.tls", url, "the TLS connection failed", error) from error
        except exceptions.ProxyError as error:
            raise self._proxy_failure(url, error) from error
        except exceptions.Timeout as error:
            raise silence_error(url, self._options.timeout_seconds) from error
        except exceptions.ConnectionError as error:
            raise _failure("http.connect", url, "the connection failed", error, BrokenTransferError) from error
        except (exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            raise _failure("http.protocol", url, "the server or our settings break HTTP", error) from error

    def _proxies(self, url: str) -> dict[str, str]:
        proxy = self._options.proxy or _proxy_of_environment(url)
        return {"http": proxy, "https": proxy} if proxy else {}

    def _proxy_failure(self, url: str, error: Exception) -> FetchError:
        if "failed: 407" in cause_of(error):  # what a proxy answers to CONNECT, http.client tells in words alone
            return self.proxy_refusal(url)
        return _failure("http.proxy", url, "the proxy refused or failed", error)

    def proxy_refusal(self, url: str) -> FetchError:
        """Return the error for a proxy that wants a user and password, or others than it got."""
        if self._options.proxy_credentials is not None:
            todo = "correct the user and password of proxy_credentials"
        elif self._options.proxy is not None:
            todo = "give the proxy's user and password: proxy_credentials in bundler.toml"
        else:
            todo = "give the proxy with user and password: proxy and proxy_credentials in bundler.toml, or https_proxy"
        return FetchError(
            "http.proxy",
            f"{shown_url(url)}: the proxy wants a user and password, or refuses the ones it got",
            have="407 Proxy Authentication Required",
            todo=todo,
            status=407,
        )


def _proxy_of_environment(url: str) -> str | None:
    """Return the proxy that the environment names for a URL.

    Raises:
        FetchError: ``http.proxy`` for what is no address of a proxy; its user and password are not shown.
    """
    given = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not given:
        return None
    proxy = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(proxy)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise FetchError(
            "http.proxy",
            f"{shown_url(url)}: what the environment names as proxy is not the address of one",
            need="http://user:password@host:port; in user and password / is written %2F, ? is %3F and # is %23",
            todo="correct https_proxy, http_proxy or all_proxy",
        )
    return proxy


def silence_error(url: str, seconds: float) -> BrokenTransferError:
    """Return the error for a server that says nothing."""
    return BrokenTransferError("http.timeout", f"{shown_url(url)} was silent for {count_text(seconds, 'second')}")


def _failure(code: str, url: str, what: str, error: Exception, made: type[FetchError] = FetchError) -> FetchError:
    return made(code, f"{shown_url(url)}: {what}", have=cause_of(error))


def cause_of(error: BaseException) -> str:
    """Return the innermost reason of a library's error; it is wrapped several times, with addresses of objects."""
    inner = error
    while (deeper := getattr(inner, "reason", None) or inner.__cause__ or _argument(inner)) is not None:
        if not isinstance(deeper, BaseException) or deeper is inner:
            break
        inner = deeper
    return printable(_USERINFO.sub("***@", cause_text(inner))[:300])


def _argument(error: BaseException) -> BaseException | None:
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
