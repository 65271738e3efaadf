"""For whom a bundle is made: what the operator typed after --since, and the receipts that are taken in by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.home import Home
from bundler.jobs.since import settle_readers
from bundler.plan.readers import EVERYBODY
from bundler.sites.holdings import Holdings
from bundler.sites.registry import Sites
from manifests.errors import MalformedError, UsageError
from manifests.receipt import receipt_to_texts
from tests.support.relay_bundles import BundleForge
from tests.support.sealed_versions import NOW, home_with_versions
from tests.support.sites import ours, publisher_home, yes


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_with_versions(tmp_path)


def test_a_version_that_is_not_kept_is_refused(home: Home) -> None:
    for since in ("3", "99"):
        with pytest.raises(UsageError) as caught:
            settle_readers(home, since, NOW)
        assert caught.value.code == "history.unknown"


def test_last_and_versions_mean_what_the_operator_says(home: Home) -> None:
    assert settle_readers(home, "last", NOW).holdings == (Holdings(frozenset({4})),)
    assert settle_readers(home, "1", NOW).holdings == (Holdings(frozenset({1})),)
    assert settle_readers(home, None, NOW) == EVERYBODY
    assert settle_readers(home, "1", NOW, full=True) == EVERYBODY


def test_last_before_the_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        settle_readers(Home(tmp_path), "last", NOW)
    assert caught.value.code == "history.unknown"


def test_what_is_neither_receipt_nor_site_nor_version_is_refused(home: Home) -> None:
    with pytest.raises(UsageError) as caught:
        settle_readers(home, "yesterday", NOW)
    assert caught.value.code == "create.since"


def test_a_bundle_is_no_receipt_however_large_it_is(home: Home, tmp_path: Path) -> None:
    bundle = tmp_path / "plant-000001-full.zip"
    with bundle.open("wb") as file:
        file.truncate(8 * 10**9)
    with pytest.raises(UsageError) as caught:
        settle_readers(home, str(bundle), NOW)
    assert caught.value.code == "create.since"


def test_a_receipt_that_was_cut_short_is_refused_with_what_to_do(home: Home, tmp_path: Path) -> None:
    receipt = tmp_path / "cut.receipt.json"
    receipt.write_text('{"payload": "eyJ')
    with pytest.raises(MalformedError) as caught:
        settle_readers(home, str(receipt), NOW)
    assert caught.value.code == "json.syntax"
    assert "relay receipt --out" in (caught.value.todo or "")


def test_texts_of_codes_are_a_receipt_and_any_other_text_is_none(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    forge.seal(tmp_path / "1.zip")
    dmz, north = publisher_home(tmp_path / "dmz", forge), CryptoSigner.generate_ed25519()
    receipt = ours(forge, north, name="north", generations=(1,), snapshot_version=1)
    Sites.load(dmz).import_receipt(receipt, now=NOW, confirm=yes)
    codes = tmp_path / "codes.txt"
    codes.write_text("Code 1\n" + "\n".join(receipt_to_texts(receipt)))
    assert settle_readers(dmz, str(codes), NOW).named == "site north"
    codes.write_text("nothing here\n")
    with pytest.raises(UsageError) as caught:
        settle_readers(dmz, str(codes), NOW)
    assert caught.value.code == "create.since"


def test_an_unknown_version_is_never_answered_with_one_that_the_site_may_not_have(home: Home) -> None:
    with pytest.raises(UsageError) as older:
        settle_readers(home, "3", NOW)
    assert (older.value.have, older.value.todo) == (
        "versions 1 to 2, 4",
        "bundle create --full, or --since with the receipt of a site",
    )
    with pytest.raises(UsageError) as newer:
        settle_readers(home, "5", NOW)
    assert newer.value.what == "Version 5 was never sealed here"
    assert "bundle restored" in (newer.value.todo or "")
