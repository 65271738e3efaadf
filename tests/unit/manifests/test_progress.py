"""Cancelling is a token that the work asks, not an exception out of a display."""

from __future__ import annotations

import pytest

from manifests.progress import CancelledError, CancelToken, NoProgress


def test_a_token_raises_only_after_it_was_cancelled() -> None:
    token = CancelToken()
    token.raise_if_cancelled()
    token.cancel()
    with pytest.raises(CancelledError):
        token.raise_if_cancelled()


def test_no_progress_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress = NoProgress()
    progress.start("work", 10)
    progress.advance(10)
    assert capfd.readouterr() == ("", "")
