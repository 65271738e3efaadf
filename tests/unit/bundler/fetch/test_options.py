"""What a source may be told of how to fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundler.fetch.options import FETCH_KEYS, fetch_options
from manifests.errors import ConfigurationError
from manifests.schemas import configuration


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"credentials": {"host": "h"}}, "source.credentials"),
        ({"credentials": {"host": "h", "token_env": "A", "token_file": "/b"}}, "source.credentials"),
        ({"credentials": {"host": "h", "password_env": "A"}}, "source.credentials"),
        ({"credentials": {"host": "h", "user": "u", "token_env": "A"}}, "source.credentials"),
        ({"credentials": {"host": "h", "token_file": "relative"}}, "source.path"),
        ({"proxy_credentials": {"user": "u", "password_env": "A"}}, "source.proxy"),
        ({"ca": "relative.pem"}, "source.path"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        fetch_options("s", options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": "http://user:secret@proxy:3128"},
        {"proxy": "socks5://proxy"},
        {"credentials": {"host": "h", "password": "plain"}},
        {"credentials": {"token_env": "A"}},
        {"user_agent_suffix": "two\nlines"},
        {"parallel": 0},
    ],
)
def test_the_schema_takes_no_secret_and_no_nonsense(options: dict[str, Any]) -> None:
    rules = {"type": "object", "additionalProperties": False, "properties": FETCH_KEYS}
    with pytest.raises(ConfigurationError) as caught:
        configuration.check_configuration(options, rules, file=Path("bundler.toml"))
    assert caught.value.code in {"config.value", "config.unknown-key", "config.missing-key"}
    assert "secret@" not in str(caught.value)
