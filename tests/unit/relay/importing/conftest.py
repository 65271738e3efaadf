"""A publisher, a relay that trusts it, and its bundles opened and believed."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from manifests.bundle.opening import open_bundle
from manifests.bundle.verify import verify_bundle
from relay.state import State
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import make_context, make_home


@pytest.fixture
def publisher():
    forge = BundleForge()
    forge.files = {"rules/a": b"content of a" * 50, "rules/b": b"content of b" * 70}
    return forge


@pytest.fixture
def site(tmp_path, publisher):
    """The context of a relay that trusts the publisher."""
    return make_context(make_home(tmp_path / "relay", publisher.root), publisher.clock())


@pytest.fixture
def believed(site):
    """A block in which a bundle is open and believed, and so is the state."""

    @contextmanager
    def believe(path):
        with State(site.home.database) as state, open_bundle(path) as file:
            yield verify_bundle(file, state.trusted.load_trusted(), site.clock()), state

    return believe
