"""The relay's own pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from manifests.blobs import Blob
from manifests.errors import StorageError
from relay.server.app import Application
from relay.state import DeliveryProblem
from relay.state.records import RoleTrust, SourceState
from tests.support.relay_server import NOW, GivenViews, empty_view, store_in, view_of
from tests.support.requests_by_hand import field, get

FILES = {f"{path}": (Blob("a" * 64, 5), NOW) for path in ("clamav/a", "clamav/b/c", "rules/x")}
EXPIRED = {"roles": (RoleTrust("timestamp", 7, NOW - timedelta(days=2)),)}

DELIVERED = (
    SourceState("agent", "dsa", NOW, deliver="ds_agent"),
    SourceState("clamav", "clamav", NOW),
    SourceState("rules", "http", NOW, deliver="scanner"),
)


def problem(file_name: str, code: str, what: str) -> DeliveryProblem:
    return DeliveryProblem("ds_agent", "agent", file_name, code, what, None, None, None, None, NOW)


UNDEFINED = problem("", "delivery.undefined", "No such place")
FOREIGN = problem("DSRelay-1.zip", "delivery.foreign", "The name is taken")


@pytest.fixture
def ask(tmp_path):
    """A function that asks an application for a page."""
    store = store_in(tmp_path)

    def respond(path, *lines, view=None, query=""):
        views = GivenViews(view_of(FILES) if view is None else view)
        return Application(views, store, lambda: NOW, print).respond(get(path, *lines, query=query))

    return respond


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


def test_the_status_page_is_plain_text_for_people(ask):
    for path in ("/", "/-/", "/-/status"):
        response = ask(path)
        assert field(response, "content-type") == "text/plain; charset=utf-8"
        text = response.body.decode()
        assert "generation      7 (ring default; 1 in the store)" in text
        assert "  /clamav/  2 files\n  /rules/  1 files\n" in text
        assert "/-/features" in text


def test_the_status_page_names_the_source_at_the_root(ask):
    assert b"/  the files of rules as well" in ask("/-/status", view=view_of(FILES, mount_at_root="rules")).body


def test_the_status_is_json_by_name_and_by_accept(ask):
    for response in (ask("/-/status.json"), ask("/-/status", ("Accept", "application/json"))):
        assert field(response, "content-type") == "application/json; charset=utf-8"
        value = json.loads(response.body)
        assert (value["generation"], value["stale"], value["connectivity"]) == (7, False, "isolated")
        assert value["files"] == {"clamav": 2, "rules": 1}


def test_the_status_before_the_first_generation_says_what_to_do(ask):
    assert b"put a bundle into the inbox" in ask("/", view=empty_view()).body
    assert json.loads(ask("/-/status.json", view=empty_view()).body)["generation"] == 0


def test_the_features_follow_the_connectivity(ask):
    isolated = json.loads(ask("/-/features.json").body)
    proxy = json.loads(ask("/-/features.json", view=view_of(FILES, connectivity="proxy")).body)
    assert (isolated["connectivity"], proxy["connectivity"]) == ("isolated", "proxy")
    assert [item for item in isolated["items"] if item["kind"] == "feature"]
    assert not [item for item in proxy["items"] if item["kind"] == "feature"]


@pytest.mark.parametrize(
    ("query", "lines", "japanese"),
    [
        ("", (), False),
        ("lang=ja", (), True),
        ("lang=en", (("Accept-Language", "ja"),), False),
        ("", (("Accept-Language", "ja"),), True),
        ("", (("Accept-Language", "ja-JP,en;q=0.5"),), True),
        ("", (("Accept-Language", "de, en-GB;q=0.9, ja;q=0.1"),), False),
    ],
)
def test_the_features_speak_the_readers_language(ask, query, lines, japanese):
    body = ask("/-/features", *lines, query=query).body.decode()
    assert ("無効にする機能" in body) is japanese
    assert ("Features to disable" in body) is not japanese


@pytest.mark.parametrize(
    ("query", "kind", "beginning"),
    [
        ("", "text/plain; charset=utf-8", "Trend Micro"),
        ("format=dsm-c", "text/plain; charset=utf-8", "#!/bin/sh"),
        ("format=json", "application/json; charset=utf-8", "{"),
        ("format=rest", "application/json; charset=utf-8", "{"),
    ],
)
def test_the_features_come_in_every_form(ask, query, kind, beginning):
    response = ask("/-/features", query=query)
    assert field(response, "content-type") == kind
    assert response.body.decode().startswith(beginning)


@pytest.mark.parametrize("query", ["format=exe", "lang=de"])
def test_an_unknown_form_or_language_is_404(ask, query):
    assert ask("/-/features", query=query).status == 404
