"""A year of carrying real content to five sites: whatever becomes of the sticks, every site ends where it should."""

from __future__ import annotations

import filecmp
from itertools import pairwise

import pytest

from tests.support.year import MISHAPS, SEED, SITES, Record, Simulation
from tests.support.year_content import FULL, SHORT, Scale

pytestmark = pytest.mark.needs("shared/data")


@pytest.fixture(
    scope="module", params=[pytest.param(SHORT, id="12-days"), pytest.param(FULL, id="60-days", marks=pytest.mark.long)]
)
def year(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scale, Simulation, Record]:
    simulation = Simulation(tmp_path_factory.mktemp("year"), request.param, SEED)
    record = simulation.run()
    print(f"\n{record.text()}")
    return request.param, simulation, record


def test_every_site_ends_with_exactly_the_publishers_content(year: tuple[Scale, Simulation, Record]) -> None:
    _, simulation, _ = year
    wanted = simulation.content.files()
    for site in simulation.sites.values():
        served = site.content()
        assert served.keys() == wanted.keys(), site.name
        for path, file in wanted.items():
            assert filecmp.cmp(served[path], file, shallow=False), (site.name, path)


def test_no_site_ever_went_backwards(year: tuple[Scale, Simulation, Record]) -> None:
    _, simulation, _ = year
    for site in simulation.sites.values():
        assert all(before <= after for before, after in pairwise(site.generations)), (site.name, site.generations)
        assert len(set(site.generations)) > 3


def test_every_refusal_had_a_code_and_said_what_to_do(year: tuple[Scale, Simulation, Record]) -> None:
    _, _, record = year
    assert record.refusals
    assert [refusal for refusal in record.refusals if not refusal.code or not refusal.todo] == []
    incomplete = [refusal for refusal in record.refusals if refusal.code in {"base.missing", "bundle.damaged"}]
    assert incomplete
    assert [refusal for refusal in incomplete if "bundle create --" not in str(refusal.todo)] == []


def test_sticks_met_with_everything_that_the_schedule_knows(year: tuple[Scale, Simulation, Record]) -> None:
    """The seed is worth something: every fate came to pass, and sticks were taken in every way."""
    scale, _, record = year
    assert {trip.fate for trip in record.trips} >= {"setup", "good", "last", *MISHAPS}
    assert {trip.site for trip in record.trips} == SITES.keys()
    assert len({trip.sealed.day for trip in record.trips}) == scale.days
    assert {"imported", "stored"} <= set(record.outcomes)
    assert {"registered", "updated"} <= set(record.receipts)


def test_little_is_carried_beside_a_full_bundle_each_time(year: tuple[Scale, Simulation, Record]) -> None:
    """Of the long form, all of it counts, the first stick of each site too; twelve days cannot pay for that one."""
    scale, _, record = year
    counted = [trip for trip in record.trips if scale is FULL or trip.fate != "setup"]
    share = sum(trip.sealed.carried for trip in counted) / sum(trip.sealed.whole for trip in counted)
    assert share <= (0.03 if scale is FULL else 0.12)
