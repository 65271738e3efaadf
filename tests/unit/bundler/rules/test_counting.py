"""How many rules or signatures stand in a file, whatever its format."""

from __future__ import annotations

import io

import pytest

from bundler.rules.counting import count_active, is_counted


@pytest.mark.parametrize(
    ("path", "data", "count"),
    [
        ("a/b.rules", b'alert tcp any any -> any any (msg:"x"; sid:1;)\n# alert ip any any -> any any (sid:2;)\n', 1),
        ("a.yar", b"rule a { condition: true }", 1),
        ("a.yml", b"title: T\nid: t\ndetection:\n  x: y\n", 1),
        ("a.ndb", b"A.B:0:*:4142\n", 1),
        ("a.rules", b"# moved\n", 0),
        ("a.tar.gz", b"no archive", None),
        ("a.csv", b"ioc,1\n", None),
    ],
)
def test_active_rules_and_signatures_are_counted(path: str, data: bytes, count: int | None) -> None:
    assert count_active(path, io.BytesIO(data)) == count
    assert is_counted(path) is (path != "a.csv")
