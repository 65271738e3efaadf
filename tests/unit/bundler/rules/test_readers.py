"""Which file is read by which reader."""

from __future__ import annotations

from bundler.rules import readers


def test_formats_are_told_by_name_in_any_case() -> None:
    assert readers.reader_of("a/B.RULES") is readers.reader_of("c.rules")
    assert readers.reader_of("daily.cvd") is None
    assert readers.reader_of("rules") is None
