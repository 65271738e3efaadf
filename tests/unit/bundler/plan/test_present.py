"""What readers have: only what was said, of all of them, and the generation that it takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bundler.history import History
from bundler.home import Home
from bundler.plan.present import find_present
from bundler.plan.readers import EVERYBODY, Readers
from bundler.sites.holdings import Holdings
from manifests import manifest as m
from manifests.errors import ConfigurationError
from tests.support.sealed_versions import A, B, C, D, home_with_versions


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_with_versions(tmp_path)


def what(home: Home, *holdings: Holdings) -> dict[str, int]:
    return dict(find_present(History(home).read_all_targets(), Readers(holdings)).generations)


def of(*generations: int, without: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Holdings:
    return Holdings(frozenset(generations), frozenset(without), frozenset(extra))


def test_nobody_is_taken_to_have_anything_without_word_of_it(home: Home) -> None:
    assert find_present(History(home).read_all_targets(), EVERYBODY).generations == {}
    assert what(home, Holdings()) == {}


def test_the_newest_generation_that_has_it_vouches_for_a_digest(home: Home) -> None:
    assert what(home, of(1)) == {A: 1, B: 1}
    assert what(home, of(1, 2)) == {A: 2, B: 1, C: 2}
    assert what(home, of(1, 2, 4)) == {A: 2, B: 4, C: 4}


def test_what_is_missing_or_damaged_is_not_held(home: Home) -> None:
    assert what(home, of(1, 2, without=(A,))) == {B: 1, C: 2}


def test_what_has_arrived_of_a_generation_that_is_not_whole_is_held(home: Home) -> None:
    assert what(home, of(1, extra=(C,))) == {A: 1, B: 1, C: 4}


def test_a_generation_that_is_not_kept_counts_for_nothing(home: Home) -> None:
    assert what(home, of(3)) == {}
    assert what(home, of(1, 3)) == {A: 1, B: 1}


def test_several_readers_hold_what_each_of_them_holds(home: Home) -> None:
    assert what(home, of(1), of(2)) == {A: 1}
    assert what(home, of(4), of(2)) == {C: 2}
    assert what(home, of(4), of(2), Holdings()) == {}


def begun(digest: str, *ranges: tuple[int, int]) -> Holdings:
    return Holdings(parts={digest: ranges})


def test_bytes_of_what_is_not_whole_are_held_as_far_as_all_readers_have_them(home: Home) -> None:
    known = History(home).read_all_targets()
    found = find_present(known, Readers((begun(C, (0, 4), (6, 9)),)))
    assert (found.generations, dict(found.parts), dict(found.part_generations)) == ({}, {C: ((0, 4), (6, 9))}, {C: 4})
    assert found.since([C]) == 4
    several = find_present(known, Readers((begun(C, (0, 4), (6, 9)), begun(C, (2, 8)), of(2))))
    assert several.parts == {C: ((2, 4), (6, 8))}
    assert find_present(known, Readers((begun(C, (0, 4)), begun(C, (4, 9))))).parts == {}
    assert find_present(known, Readers((begun(C, (0, 4)), Holdings()))).parts == {}
    assert find_present(known, Readers((begun(D, (0, 4)),))).parts == {}  # of no generation that is kept


def test_the_rest_is_carried_only_where_it_is_less_than_the_whole(home: Home) -> None:
    found = find_present(History(home).read_all_targets(), Readers((begun(C, (0, 4), (6, 9)),)))
    target = m.Target("rules/x", 10, C)
    assert found.missing_bytes(target) == 3
    assert found.missing_bytes(m.Target("rules/y", 10, D)) == 10
    assert found.spared_ranges(target, 4) == ((0, 4), (6, 9))
    assert found.spared_ranges(target, 3) == ()
    assert found.spared_ranges(m.Target("rules/y", 10, D), 11) == ()


def test_a_receipt_that_claims_all_bytes_or_more_is_not_believed(home: Home) -> None:
    found = find_present(History(home).read_all_targets(), Readers((begun(C, (0, 99)),)))
    assert found.spared_ranges(m.Target("rules/x", 10, C), 10) == ()


def test_since_is_the_lowest_generation_that_is_made_use_of(home: Home) -> None:
    found = find_present(History(home).read_all_targets(), Readers((of(1, 2, 4),)))
    assert found.since([B, C]) == 4
    assert found.since([A, B, C]) == 2
    assert found.since([]) is None


def test_bases_are_what_all_readers_have_newest_first(home: Home) -> None:
    found = find_present(History(home).read_all_targets(), Readers((of(1), of(2))))
    assert [[target.sha256 for target in targets] for targets in found.bases] == [[A], [A]]
    both = find_present(History(home).read_all_targets(), Readers((of(1, 4),)))
    assert [[target.sha256 for target in targets] for targets in both.bases] == [[B, C], [A, C], [A, B]]


def test_a_damaged_version_can_be_gone_on_without(home: Home) -> None:
    (home.generations / "000004" / "order.json").write_text("{}")
    with pytest.raises(ConfigurationError) as caught:
        find_present(History(home).read_all_targets(), Readers((of(1),)))
    assert caught.value.code == "history.damaged"
    directory = (caught.value.todo or "").rpartition("rm -r ")[2]
    shutil.rmtree(directory)
    assert find_present(History(home).read_all_targets(), Readers((of(1),))).bases
