"""What a subscriber fills in: read when it is needed, shown to nobody."""

from __future__ import annotations

import pytest

from bundler.kinds.suricata.parameters import Parameters
from manifests.errors import ConfigurationError, FetchError

CODE = "s3cret/c0de"
TABLE = {"et/pro": {"secret-code": {"env": "ET_CODE", "host": "h"}, "user": {"env": "ET_USER", "host": "h"}}}


@pytest.mark.parametrize("written", ["s3cret%2Fc0de", "s3cret/c0de"])
def test_a_secret_is_hidden_however_a_redirect_writes_it(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    parameters = Parameters.from_config("s", {"et/pro": {"secret-code": {"env": "ET_CODE", "host": "h"}}})
    with pytest.raises(FetchError) as caught, parameters.hidden():
        raise FetchError("http.redirect-downgrade", "It redirects", have=f"http://h/{written}/rules")
    assert caught.value.have == "http://h/***/rules"


def test_the_values_of_one_rule_set_are_read_fit_for_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    monkeypatch.setenv("ET_USER", "a b&c")
    parameters = Parameters.from_config("s", TABLE)
    assert parameters.of("et/pro") == {"secret-code": "s3cret%2Fc0de", "user": "a%20b%26c"}
    assert parameters.of("et/open") == {}


def test_a_value_that_is_not_there_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    monkeypatch.delenv("ET_USER", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        Parameters.from_config("s", TABLE).of("et/pro")
    assert caught.value.code == "source.credentials"
    assert "ET_USER" in caught.value.what


def test_a_relative_file_is_refused_at_configuration() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Parameters.from_config("s", {"et/pro": {"code": {"file": "code.txt", "host": "h"}}})
    assert caught.value.code == "source.path"


def test_a_value_that_holds_another_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ET_CODE", "abc")
    monkeypatch.setenv("ET_USER", "abcdef")
    with pytest.raises(FetchError) as caught, Parameters.from_config("s", TABLE).hidden():
        raise FetchError("http.status", "http://h/abcdef is not there", todo="ask for abc", url="http://h/abcdef")
    error = caught.value
    assert (error.what, error.todo, error.details["url"]) == (
        "http://h/*** is not there",
        "ask for ***",
        "http://h/***",
    )


def test_an_error_of_something_else_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    with pytest.raises(KeyError), Parameters.from_config("s", TABLE).hidden():
        raise KeyError(CODE)
