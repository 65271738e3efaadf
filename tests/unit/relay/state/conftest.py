import pytest

from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1", "rules/b": b"b1"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def bring(home, forge, tmp_path):
    """Seal what the forge has and import it at an instant."""

    def bring(at):
        forge.seal(tmp_path / "next.zip")
        import_bundle(home, tmp_path / "next.zip", lambda: at)

    return bring
