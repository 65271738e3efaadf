"""Asking the relay for its own pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from manifests.disk.blobs import Blob
from relay.server.app import Application
from relay.state import DeliveryProblem
from relay.state.records import RoleTrust, SourceState
from tests.support.relay_server import NOW, GivenViews, store_in, view_of
from tests.support.requests_by_hand import get

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
