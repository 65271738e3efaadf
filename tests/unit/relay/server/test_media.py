"""What carried content is called."""

from __future__ import annotations

import pytest

from relay.server.media import content_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.json", "application/json"),
        ("a/b.JSON", "application/json"),
        ("a/hunting.rules", "text/plain"),
        ("a/x.tar.gz", "application/gzip"),
        ("a/daily.cvd", "application/octet-stream"),
        ("a/page.html", "text/plain"),
        ("a/x.svg", "text/plain"),
        ("a.json/b", "application/octet-stream"),
        ("a/json", "application/octet-stream"),
    ],
)
def test_media_types_never_make_carried_content_run(name, expected):
    assert content_type(name) == expected
