"""What was put into directories of other programs, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from relay.rings.policy import DEFAULT_RING
from relay.state import Delivery, DeliveryProblem, State, Wanted
from tests.support.relay_bundles import CREATED

WANTED = Wanted("scanner", "rules", "rules/deep/a.zip", "a" * 64, 7, 3)
PLACED = Delivery(Path("/place"), WANTED, "placed", ".part", CREATED, 2)
PROBLEM = DeliveryProblem(
    "scanner", "rules", "a.zip", "delivery.foreign", "It is taken.", "one", None, "move it.", None, CREATED
)


@pytest.fixture
def state(home):
    with State(home.database) as state:
        yield state


@pytest.mark.parametrize(
    ("delivery", "remove_at"),
    [
        (PLACED, CREATED + timedelta(days=2)),
        (replace(PLACED, hold_days=None), None),
        (replace(PLACED, placed_at=None), None),
        (replace(PLACED, state="found"), None),
        (replace(PLACED, state="withdrawn"), None),
    ],
)
def test_only_a_file_that_we_placed_has_its_days_counted(delivery, remove_at):
    assert delivery.remove_at == remove_at


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (
            PLACED,
            "/place/a.zip (delivered 2026-09-01T12:00:00Z, generation 3, until 2026-09-03T12:00:00Z)",
        ),
        (replace(PLACED, state="found", placed_at=None), "/place/a.zip (found there, not ours, generation 3)"),
        (replace(PLACED, state="begun", placed_at=None), "/place/a.zip (begun, generation 3)"),
    ],
)
def test_a_delivery_says_where_it_is_and_how_far(delivery, said):
    assert str(delivery) == said


def test_a_delivery_is_json_with_its_target_and_its_file():
    said = PLACED.to_json()
    assert (said["file"], said["target"], said["state"]) == ("/place/a.zip", "rules/deep/a.zip", "placed")
    assert (said["placed_at"], said["remove_at"]) == ("2026-09-01T12:00:00Z", "2026-09-03T12:00:00Z")
    assert PLACED.key == (Path("/place"), "a.zip")


def test_a_problem_is_a_few_sentences_of_what_it_knows():
    assert str(PROBLEM) == "It is taken. Have: one. Do: move it."
    assert str(replace(PROBLEM, have=None, todo=None, need="room.")) == "It is taken. Need: room."
    assert replace(PROBLEM, file_name="").to_json()["file"] is None


def test_a_delivery_is_saved_by_its_place_and_name_and_comes_back_but_for_its_days(state):
    older = replace(PLACED, state="begun", placed_at=None)
    other = replace(PLACED, directory=Path("/another"))
    for delivery in (older, PLACED, other):
        with state.transaction():
            state.deliveries.save_delivery(delivery)
    assert state.deliveries.list_all() == (replace(other, hold_days=None), replace(PLACED, hold_days=None))
    with state.transaction():
        state.deliveries.forget_delivery(other)
    assert [delivery.directory for delivery in state.deliveries.list_all()] == [Path("/place")]


def test_problems_are_those_of_now(state):
    earlier = replace(PROBLEM, source="agent", lines="[[deliver]]")
    for problems in ((PROBLEM,), (PROBLEM, earlier), ()):
        with state.transaction():
            state.deliveries.replace_problems(problems)
        assert state.deliveries.list_problems() == tuple(sorted(problems, key=lambda problem: problem.key))


def test_what_a_ring_serves_of_sources_that_are_meant_for_a_place_is_wanted(home, forge, bring):
    forge.files = {"rules/a": b"a1", "rules/b": b"b1", "rules0/c": b"c1", "other/d": b"d1"}
    forge.said = {"rules": {"deliver": "scanner"}}
    bring(CREATED + timedelta(hours=1))
    with State(home.database) as state:
        wanted = state.deliveries.list_wanted(DEFAULT_RING)
        assert state.deliveries.list_wanted("another") == ()
    assert [(one.place, one.source, one.path, one.length, one.generation) for one in wanted] == [
        ("scanner", "rules", "rules/a", 2, 1),
        ("scanner", "rules", "rules/b", 2, 1),
    ]
