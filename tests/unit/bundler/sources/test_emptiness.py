"""What is said where a file has no content."""

from __future__ import annotations

from bundler.sources.emptiness import empty_error


def test_the_error_says_what_is_missing_and_how_to_allow_it() -> None:
    error = empty_error("s", "a.ndb", "signature", have="an empty file")
    assert (error.code, error.exit_code) == ("source.empty", 10)
    assert str(error) == (
        "Source 's': there is no signature in a.ndb. Have: an empty file. Do: ask the upstream whether the "
        "subscription has ended; if it is meant to be empty, write allow_empty = true for s."
    )
