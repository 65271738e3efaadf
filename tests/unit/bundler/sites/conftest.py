"""A publisher and a site of it."""

import pytest
from securesystemslib.signer import CryptoSigner

from tests.support.relay_bundles import BundleForge
from tests.support.sites import publisher_home


@pytest.fixture
def forge(tmp_path):
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    for number in (1, 2, 3):
        forge.seal(tmp_path / f"{number}.zip")
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return publisher_home(tmp_path / "dmz", forge)


@pytest.fixture
def north():
    return CryptoSigner.generate_ed25519()
