"""What a site lacks: all of what it never had, nothing of what it has."""

from __future__ import annotations

from bundler.plan.lacking import missing_bytes_of
from bundler.plan.readers import EVERYBODY, Readers
from bundler.sites.holdings import Holdings
from manifests.manifest import Target

A, B = "a" * 64, "b" * 64
TARGETS = (Target("s/a", 10, A), Target("s/b", 7, B))
KNOWN = {2: TARGETS, 1: TARGETS[:1]}


def test_a_site_that_has_nothing_lacks_everything() -> None:
    assert missing_bytes_of(TARGETS, KNOWN, Readers((Holdings(),))) == 17
    assert missing_bytes_of(TARGETS, KNOWN, EVERYBODY) == 17


def test_a_site_lacks_what_its_generations_have_not() -> None:
    assert missing_bytes_of(TARGETS, KNOWN, Readers((Holdings(frozenset({1})),))) == 7
    assert missing_bytes_of(TARGETS, KNOWN, Readers((Holdings(frozenset({2})),))) == 0


def test_of_what_is_begun_the_rest_is_lacking() -> None:
    assert missing_bytes_of(TARGETS, KNOWN, Readers((Holdings(parts={A: ((0, 4),)}),))) == 13
