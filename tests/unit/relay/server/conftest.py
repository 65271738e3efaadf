"""An application and its store."""

from __future__ import annotations

import pytest

from relay.server.app import Application
from relay.server.content import DamagedBlob
from tests.support.relay_server import LARGE, NOW, SMALL, GivenViews, add, store_in, view_of


@pytest.fixture
def store(tmp_path):
    return store_in(tmp_path)


@pytest.fixture
def served(store):
    """An application that serves a small, a large and an empty file, and the list of damages it reported."""
    small, large, empty = add(store, SMALL, LARGE, b"")
    files = {"s/small.txt": (small, NOW), "s/large.bin": (large, NOW), "s/empty": (empty, NOW)}
    damages: list[DamagedBlob] = []
    return Application(GivenViews(view_of(files)), store, lambda: NOW, damages.append), damages
