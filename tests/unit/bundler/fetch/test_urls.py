"""URLs: how they are shown, whose they are."""

from __future__ import annotations

import pytest

from bundler.fetch.options import fetch_options
from bundler.fetch.urls import file_name_of, host_and_port_of, shown_url


def test_a_url_is_shown_without_its_query_alone() -> None:
    assert shown_url("https://h/a@b/c?token=1#x") == "https://h/a@b/c"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a%20b.rules?x=1", "a b.rules"),
        ("https://h/r%C3%A8gle", "r\xe8gle"),
        ("https://h/r%E8gle", "r%E8gle"),
        ("https://h/100%25", "100%"),
        ("https://h/%C3%A8%C3", "\xe8%C3"),
        ("https://h/", ""),
    ],
)
def test_a_file_is_called_by_the_last_part_and_what_is_not_utf_8_keeps_its_escapes(url: str, name: str) -> None:
    assert file_name_of(url) == name


def test_hosts_are_compared_with_their_ports() -> None:
    assert [
        host_and_port_of(url) for url in ("https://H/a", "http://h:8080/", "https://[::1]/", "https://[::1]:8443/x")
    ] == [
        "h:443",
        "h:8080",
        "[::1]:443",
        "[::1]:8443",
    ]
    given = {"host": "[::1]:8443", "token_env": "A"}
    assert fetch_options("s", {"credentials": given}).credentials is not None
    for host, expected in (("H", "h:443"), ("[::1]", "[::1]:443"), ("[::1]:8443", "[::1]:8443"), ("h:1", "h:1")):
        credentials = fetch_options("s", {"credentials": {**given, "host": host}}).credentials
        assert credentials is not None
        assert credentials.authority == expected
