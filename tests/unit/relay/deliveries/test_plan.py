"""What should be in each place, compared with what was delivered: rules without a disk."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from manifests.errors import ConfigurationError
from relay.config import DeliveryConfig
from relay.deliveries.plan import DeliveryPlan, plan_deliveries, problem_of
from relay.state import Delivery, Wanted

NOW = datetime(2026, 11, 30, tzinfo=UTC)
AGENT = DeliveryConfig("ds_agent", Path("/opt/agent"))
CONFIG = Path("/relay/relay.toml")


def wanted(path="dsa/a.zip", sha256="a", place="ds_agent", generation=2):
    return Wanted(place, path.partition("/")[0], path, sha256 * 64, 1, generation)


def row(one, state="placed", **fields):
    return Delivery(AGENT.directory, one, state, "", placed_at=NOW, **fields)


def plan(*ones, places=(AGENT,), rows=(), now=NOW):
    return plan_deliveries(ones, places, rows, CONFIG, now)


def codes(made):
    return [problem.code for problem in made.problems]


def test_what_is_missing_is_delivered_and_what_is_there_is_kept():
    new, old = wanted("dsa/b.zip", "b"), wanted()
    made = plan(old, new, rows=[row(old)])
    assert made == DeliveryPlan(remove=(), withdraw=(), keep=(row(old),), deliver=((AGENT, new),), problems=())


def test_what_the_generation_no_longer_has_is_removed():
    assert plan(rows=[row(wanted())]).remove == (row(wanted()),)


def test_other_content_of_the_same_name_is_removed_before_it_is_delivered():
    before, after = wanted(sha256="a"), wanted(sha256="b")
    made = plan(after, rows=[row(before)])
    assert (made.remove, made.deliver, made.keep) == ((row(before),), ((AGENT, after),), ())


@pytest.mark.parametrize(("days", "withdrawn"), [(6, False), (7, True)])
def test_a_delivery_is_withdrawn_once_its_days_are_over(days, withdrawn):
    place = replace(AGENT, hold_days=7)
    made = plan(wanted(), places=[place], rows=[row(wanted())], now=NOW + timedelta(days=days))
    assert (made.withdraw != (), made.keep == ()) == (withdrawn, withdrawn)


def test_a_place_that_is_not_defined_is_one_problem_of_its_source_with_the_lines_to_write():
    made = plan(wanted(), wanted("dsa/b.zip", "b"), places=())
    assert codes(made) == ["delivery.undefined"]
    assert (made.problems[0].file_name, made.deliver) == ("", ())
    assert made.problems[0].lines.startswith('[[delivery]]\nname = "ds_agent"\n')


def test_a_name_that_the_place_does_not_take_is_a_problem_without_lines():
    made = plan(wanted("dsa/a.exe"), places=[replace(AGENT, include=("*.zip",))])
    assert [(problem.code, problem.lines) for problem in made.problems] == [("delivery.not-taken", None)]


def test_two_files_for_one_name_are_both_left_out():
    made = plan(wanted("dsa/x/a.zip", "a"), wanted("dsa/y/a.zip", "b"))
    assert codes(made) == ["delivery.collision"] * 2
    assert made.deliver == ()


def test_the_same_content_under_one_name_is_no_collision():
    assert codes(plan(wanted("dsa/x/a.zip"), wanted("dsa/y/a.zip"))) == []


def test_a_problem_says_what_its_error_says():
    error = ConfigurationError("delivery.owner", "No user", have="x", need="y", todo="z")
    problem = problem_of(wanted(), "a.zip", error, NOW, lines="write this")
    assert (problem.what, problem.have, problem.need, problem.todo) == ("No user", "x", "y", "z")
    assert (problem.code, problem.lines, problem.since, problem.key) == (
        "delivery.owner",
        "write this",
        NOW,
        ("ds_agent", "dsa", "a.zip"),
    )
