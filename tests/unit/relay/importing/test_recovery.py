"""Recovery data beside a damaged bundle: the import uses it by itself."""

from __future__ import annotations

import random

import pytest

from bundler.seal.recovery import write_recovery
from manifests.errors import IncompleteError
from manifests.progress import NoProgress
from relay.state.last_refusal import load_last_refusal
from tests.support.damage import spoil_pages
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    dice = random.Random(5)
    forge.files = {f"clamav/{number}": dice.randbytes(200_000) for number in range(5)}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def bundle(forge, tmp_path):
    """A bundle with 5 % of recovery data beside it."""
    (tmp_path / "stick").mkdir()
    path = forge.seal(tmp_path / "stick" / "1.zip")
    write_recovery(path, 5.0, NoProgress(), workspace=tmp_path / "work")
    return path


@pytest.mark.parametrize("pages", [{3, 60, 100}, {0, 1}], ids=["in the content", "in the front"])
def test_damage_below_the_rate_asks_nothing_of_the_operator_and_is_told(home, forge, bundle, pages):
    spoil_pages(bundle, pages)
    result = import_bundle(home, bundle, forge.clock())
    assert result.outcome == "imported"
    assert result.path == bundle
    assert "blocks from 1.zip.par2" in result.text
    assert b"medium-damaged" in home.audit_file.read_bytes()
    assert load_last_refusal(home.last_refusal_file) is None
    assert list(home.store.temporary.iterdir()) == []


def test_damage_beyond_the_rate_still_keeps_what_is_undamaged(home, forge, bundle):
    spoil_pages(bundle, range(100, 150))
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, bundle, forge.clock())
    assert caught.value.code == "bundle.damaged"
    assert 0 < caught.value.details["missing"] < 5
    assert list(home.store.temporary.iterdir()) == []


def test_damage_beyond_the_rate_that_leaves_nothing_says_how_much_is_lost(home, forge, bundle):
    spoil_pages(bundle, range(30))
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, bundle, forge.clock())
    assert caught.value.code == "recovery.too-damaged"
