"""How a key on a token is named; real tokens are in tests/e2e/test_pkcs11.py."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from bundler.keys.hsm import MODULE_VARIABLE, read_token_key, use_module
from bundler.keys.secrets import Secrets
from manifests.errors import ConfigurationError


def nobody(*_: object) -> NoReturn:
    raise AssertionError("nobody is asked for a PIN")


@pytest.mark.parametrize("uri", ["", "hsm", "file:2", "hsm:x", "hsm:-1", "hsm:2.0", "hsm:2/3"])
def test_what_names_no_key_on_a_token_is_refused_before_any_token_is_asked(uri: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_token_key(uri, Secrets(nobody))
    assert (caught.value.code, caught.value.what) == ("pkcs11.uri", f"{uri!r} does not name a key on a token")


@pytest.mark.parametrize("uri", ["hsm:", "hsm:2", "hsm:3?label=a%20token"])
def test_without_a_library_for_tokens_the_configuration_is_at_fault(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODULE_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError) as caught:
        read_token_key(uri, Secrets(nobody))
    assert caught.value.code.startswith("pkcs11.")


@pytest.mark.parametrize(
    ("given", "configured", "used"),
    [(None, "/c.so", "/c.so"), ("/e.so", "/c.so", "/e.so"), ("/e.so", None, "/e.so"), (None, None, None)],
)
def test_the_library_of_the_environment_goes_before_the_configured_one(
    monkeypatch: pytest.MonkeyPatch, given: str | None, configured: str | None, used: str | None
) -> None:
    monkeypatch.setenv(MODULE_VARIABLE, given or "")  # so that it is put back in the end
    if given is None:
        monkeypatch.delenv(MODULE_VARIABLE)
    use_module(configured)
    assert os.environ.get(MODULE_VARIABLE) == used
