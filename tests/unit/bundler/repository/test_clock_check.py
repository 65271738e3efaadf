"""What the last bundle says about the system clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bundler.repository.clock_check import clock_warning, last_sealed_at, require_good_after
from manifests.errors import ConfigurationError
from tests.support.repositories import A1
from tests.support.tuf_publisher import NOW, Publisher

SECOND = timedelta(seconds=1)


def test_the_last_bundle_says_when_it_was_sealed(publisher: Publisher) -> None:
    assert last_sealed_at(publisher.load()) is None
    publisher.publish(A1)
    assert last_sealed_at(publisher.load()) == NOW


def test_a_clock_behind_the_last_bundle_is_warned_about_and_no_other() -> None:
    assert clock_warning(None, NOW) is clock_warning(NOW, NOW) is clock_warning(NOW, NOW + SECOND) is None
    assert "sealed at 2026-11-21T12:00:00Z" in (clock_warning(NOW, NOW - SECOND) or "")


def test_what_ends_when_the_last_bundle_was_sealed_is_refused_and_what_ends_later_is_not() -> None:
    require_good_after("root", NOW, None, NOW)
    require_good_after("root", NOW + SECOND, NOW, NOW - timedelta(days=30))
    with pytest.raises(ConfigurationError, match="set the clock of this machine") as caught:
        require_good_after("root", NOW, NOW, NOW - timedelta(days=30))
    assert caught.value.code == "clock.behind"
