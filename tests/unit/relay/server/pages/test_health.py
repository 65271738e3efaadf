"""The health page: what is wrong, and that files are served all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from manifests.errors import StorageError
from relay.server.app import Application
from tests.support.relay_pages import DELIVERED, EXPIRED, FILES, FOREIGN, UNDEFINED
from tests.support.relay_server import NOW, empty_view, store_in, view_of
from tests.support.requests_by_hand import field, get


def test_health_is_ok_when_a_fresh_generation_is_served(ask):
    response = ask("/-/healthz")
    assert (response.status, response.body) == (200, b"ok\n")


def test_stale_content_is_served_on_and_health_says_why(ask):
    response = ask("/-/healthz", view=view_of(FILES, **EXPIRED))
    assert (response.status, response.body) == (200, b"stale: timestamp expired on 2026-11-19T12:00:00Z\n")


def test_what_could_not_be_delivered_is_said_by_health_status_and_metrics(ask):
    view = view_of(FILES, **EXPIRED, sources=DELIVERED, delivery_problems=(UNDEFINED, FOREIGN))
    assert ask("/-/healthz", view=view).body.decode().splitlines() == [
        "stale: timestamp expired on 2026-11-19T12:00:00Z",
        "not delivered: ds_agent [delivery.undefined] No such place; ds_agent [delivery.foreign] The name is taken",
    ]
    assert b"place ds_agent  NOT DELIVERED delivery.foreign: The name is taken" in ask("/-/status", view=view).body
    problems = json.loads(ask("/-/status.json", view=view).body)["delivery_problems"]
    assert [problem["code"] for problem in problems] == ["delivery.undefined", "delivery.foreign"]
    assert delivery_metrics(ask, view) == [
        'sealift_delivery_problems{place="ds_agent",source="agent"} 2',
        'sealift_delivery_problems{place="scanner",source="rules"} 0',
    ]


def test_deliveries_that_are_in_order_count_no_problem_and_health_is_ok(ask):
    view = view_of(FILES, sources=DELIVERED)
    assert ask("/-/healthz", view=view).body == b"ok\n"
    assert delivery_metrics(ask, view) == [
        'sealift_delivery_problems{place="ds_agent",source="agent"} 0',
        'sealift_delivery_problems{place="scanner",source="rules"} 0',
    ]


def test_an_inbox_that_does_not_answer_is_said_by_health_and_status(ask):
    view = replace(view_of(FILES), silent_inboxes=(Path("/media/stick"),))
    assert ask("/-/healthz", view=view).body == b"inbox does not answer: /media/stick\n"
    assert b"the inbox /media/stick does not answer" in ask("/-/status", view=view).body
    assert json.loads(ask("/-/status.json", view=view).body)["silent_inboxes"] == ["/media/stick"]


def test_a_problem_of_a_source_that_is_gone_is_counted_too(ask):
    view = view_of(FILES, delivery_problems=(FOREIGN,))
    assert delivery_metrics(ask, view) == ['sealift_delivery_problems{place="ds_agent",source="agent"} 1']


def delivery_metrics(ask, view):
    lines = ask("/-/metrics", view=view).body.decode().splitlines()
    return [line for line in lines if line.startswith("sealift_delivery_problems")]


def test_health_is_503_before_the_first_generation(ask):
    response = ask("/-/healthz", view=empty_view())
    assert (response.status, field(response, "retry-after")) == (503, "30")


def test_a_state_that_cannot_be_read_is_503_with_its_code(tmp_path):
    class Broken:
        def current(self):
            raise StorageError("storage.io", "Reading failed")

    application = Application(Broken(), store_in(tmp_path), lambda: NOW, print)
    for path in ("/-/healthz", "/clamav/a"):
        response = application.respond(get(path))
        assert (response.status, b"storage.io" in response.body) == (503, True)
