"""What has arrived of generations that are not whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from relay.state import State
from relay.state.arriving import ArrivingVolume
from tests.support.relay_bundles import CREATED
from tests.support.rule_sets import manifest

LATER = CREATED + timedelta(hours=1)


@pytest.fixture
def state(home):
    with State(home.database) as state:
        yield state


def seen(state, number, digest, *, index=1, count=1, whole=True, at=CREATED, files=None, since=None):
    told = replace(manifest(number, files or {"r/a": b"1"}), volume_index=index, volume_count=count, since=since)
    with state.transaction():
        state.arriving.add_bundle(told, digest, f"{digest}.zip", at, whole=whole)
    return told


def test_volumes_come_in_the_order_of_their_set_and_generations_the_oldest_first(state):
    seen(state, 8, "c" * 64)
    for digest, index in (("b" * 64, 2), ("a" * 64, 1)):
        told = seen(state, 7, digest, index=index, count=2, since=5)
    seven, eight = state.arriving.list_generations()
    assert (seven.number, seven.publisher, seven.created, eight.number) == (7, "plant", told.created, 8)
    assert seven.volumes == (
        ArrivingVolume("a" * 64, 1, 2, 5, "a" * 64 + ".zip", True, CREATED),
        ArrivingVolume("b" * 64, 2, 2, 5, "b" * 64 + ".zip", True, CREATED),
    )
    assert state.arriving.find_generation(8) == eight
    assert state.arriving.find_generation(9) is None


@pytest.mark.parametrize(
    ("first", "second", "whole"), [(False, False, False), (False, True, True), (True, False, True)]
)
def test_a_volume_that_was_whole_once_is_whole_for_ever(state, first, second, whole):
    seen(state, 7, "a" * 64, whole=first)
    seen(state, 7, "a" * 64, whole=second, at=LATER)
    (volume,) = state.arriving.find_generation(7).volumes
    assert (volume.whole, volume.seen_at) == (whole, LATER)


def test_the_targets_are_those_of_the_newest_manifest(state):
    seen(state, 7, "a" * 64, files={"r/a": b"1", "r/b": b"22"})
    seen(state, 7, "b" * 64, files={"r/c": b"333", "r/b": b"22"})
    seen(state, 8, "c" * 64)
    assert [(row.generation, row.path, row.length) for row in state.arriving.list_targets(7)] == [
        (7, "r/b", 2),
        (7, "r/c", 3),
    ]


def test_a_generation_that_is_forgotten_takes_its_volumes_and_targets_and_no_younger_one(state):
    for number, digest in ((6, "a"), (7, "b"), (8, "c")):
        seen(state, number, digest * 64)
    with state.transaction():
        state.arriving.drop_generations_through(7)
    assert [found.number for found in state.arriving.list_generations()] == [8]
    assert list(state.arriving.list_targets(7)) == []
    seen(state, 7, "d" * 64)
    assert [volume.manifest_sha256 for volume in state.arriving.find_generation(7).volumes] == ["d" * 64]


def test_ranges_of_a_file_in_parts_are_replaced_and_an_empty_record_is_none(state):
    for ranges in (((0, 5), (9, 12)), ((0, 12),)):
        with state.transaction():
            state.arriving.save_parts("a" * 64, ranges)
            state.arriving.save_parts("b" * 64, ((3, 4),))
        assert state.arriving.load_parts() == {"a" * 64: ranges, "b" * 64: ((3, 4),)}
    with state.transaction():
        state.arriving.save_parts("a" * 64, ())
    assert state.arriving.load_parts() == {"b" * 64: ((3, 4),)}
