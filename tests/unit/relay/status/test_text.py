"""A status for machines and for people."""

from dataclasses import replace
from datetime import timedelta

from relay.state.records import AbsentSourceState
from relay.status.text import status_to_json, status_to_text
from tests.support.relay_bundles import CREATED


def test_the_status_as_json_names_every_fact(status):
    value = status_to_json(status, CREATED + timedelta(hours=2))
    assert value | {"roles": len(value["roles"])} == {
        "ring": "default",
        "generation": 1,
        "publisher": "forge",
        "created": "2026-09-01T12:00:00Z",
        "imported_at": "2026-09-01T13:00:00Z",
        "age_seconds": 7200,
        "stale": False,
        "stale_reasons": [],
        "trust_ends_at": "2027-09-01T12:00:00Z",
        "roles": 5,
        "clock": {"state": "ok", "now": "2026-09-01T14:00:00Z", "floor": "2026-09-01T12:00:00Z"},
        "targets": 1,
        "target_bytes": 2,
        "generations": 1,
        "connectivity": "isolated",
        "sources": [
            {
                "name": "rules",
                "kind": "directory",
                "pulled_at": "2026-09-01T12:00:00Z",
                "age_seconds": 7200,
                "fresh_days": 30,
                "stale": False,
                "failed": False,
                "version": None,
                "licence": None,
                "mount": None,
                "deliver": None,
            }
        ],
        "absent_sources": [],
        "deliveries": [],
        "delivery_problems": [],
        "pending": [],
        "last_import": {
            "at": "2026-09-01T13:00:00Z",
            "subject": "1",
            "text": "Generation 1 of forge, created 2026-09-01T12:00:00Z: 1 file",
        },
        "last_refusal": None,
    }


def test_ages_are_said_as_everywhere_else(status):
    lines = [
        line.split("  ")[-1].strip() for line in status_to_text(status, CREATED + timedelta(hours=52)).splitlines()
    ]
    assert "2026-09-01T12:00:00Z, 2 days 4 hours ago" in lines
    assert "pulled 2 days 4 hours ago" in lines
    assert "2027-09-01T12:00:00Z, 362 days 20 hours" in lines


def test_when_trust_runs_out_soon_people_are_told_to_bring_a_newer_bundle(status):
    ends = status.trust_ends_at
    assert "12 hours  SOON: bring a newer bundle" in status_to_text(status, ends - timedelta(hours=12))
    assert "SOON" not in status_to_text(status, ends - timedelta(days=15))
    assert "1 day past\n" in status_to_text(status, ends + timedelta(days=1))


def test_a_source_that_the_publisher_could_not_get_is_said_to_be_missing(status):
    told = replace(status, absent_sources=(AbsentSourceState("clam", "clamav", "no route [http.connect]"),))
    assert status_to_json(told, CREATED)["absent_sources"] == [
        {"name": "clam", "kind": "clamav", "failure": "no route [http.connect]"}
    ]
    rows = {row.split()[0]: row.split(maxsplit=1)[1] for row in status_to_text(told, CREATED).splitlines()}
    assert rows["clam"] == "NOT HERE: its publisher could not get it: no route [http.connect]"
