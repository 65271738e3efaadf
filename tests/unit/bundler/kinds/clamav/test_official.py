"""A refusal by ClamAV's own host says whom it serves."""

from __future__ import annotations

import pytest

from bundler.fetch.errors import HttpStatusError
from bundler.kinds.clamav.official import is_official, telling_who_is_served


@pytest.mark.parametrize(
    ("url", "official"),
    [
        ("https://database.clamav.net", True),
        ("https://DATABASE.clamav.net:443/x", True),
        ("https://db.de.clamav.net/", True),
        ("https://clamav.net", True),
        ("https://database.clamav.net.example.org", False),
        ("https://myclamav.net", False),
        ("https://mirror.example/clamav.net", False),
        ("", False),
    ],
)
def test_the_official_hosts_are_known_by_their_domain(url: str, official: bool) -> None:
    assert is_official(url) is official


@pytest.mark.parametrize(
    ("url", "status", "told"),
    [
        ("https://database.clamav.net", 403, True),
        ("https://database.clamav.net", 429, True),
        ("https://database.clamav.net", 404, False),
        ("https://mirror.example", 403, False),
    ],
)
def test_who_is_served_is_said_where_that_is_the_reason(url: str, status: int, told: bool) -> None:
    error = HttpStatusError("http.status", "refused", status=status, have=f"HTTP status {status}")
    with pytest.raises(HttpStatusError) as caught, telling_who_is_served(url):
        raise error
    assert ("serves freshclam and cvdupdate alone" in str(caught.value)) is told
    assert ("cvd update" in str(caught.value)) is told
    assert (caught.value.code, caught.value.status) == ("http.status", status)
