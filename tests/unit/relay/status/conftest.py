"""A relay with one imported generation, and how it stands."""

import pytest

from relay.state import State
from relay.status.read import read_status
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/deep/a": b"a1"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def read(home):
    """A function that reads how the relay stands now."""

    def read_it():
        with State(home.database) as state:
            return read_status(home, make_config(home), state)

    return read_it


@pytest.fixture
def status(home, forge, tmp_path, read):
    """How the relay stands after its first import."""
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    return read()
