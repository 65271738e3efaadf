"""How sites stand, and what became of a receipt, as text and as JSON."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from bundler.report.sites import imported_to_json, sites_to_text
from bundler.sites.registry import Sites
from bundler.sites.status import status_of_sites
from tests.support.relay_bundles import BundleForge
from tests.support.sites import NOW, ours, publisher_home, take


def test_no_site_is_said_with_what_to_do() -> None:
    assert sites_to_text(()) == "No site yet: bundle sites import RECEIPT (relay receipt makes one)."


def test_a_site_is_a_row_and_its_receipt_one_json_object(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    for number in (1, 2, 3):
        forge.seal(tmp_path / f"{number}.zip")
    home = publisher_home(tmp_path / "dmz", forge)
    imported = take(home, ours(forge, CryptoSigner.generate_ed25519(), name="north"))
    receipt = imported.site.receipt
    assert imported_to_json(imported) == {
        "site": "north",
        "keyid": imported.site.keyid,
        "outcome": "registered",
        "serial": receipt.serial,
        "generation": 3,
        "text": imported.text,
    }
    sites = Sites.load(home)
    (fresh,) = status_of_sites(sites, 5, NOW + timedelta(hours=1), lambda _: 12_345)
    header, row = sites_to_text((fresh,)).splitlines()
    assert header.split() == ["site", "generation", "behind", "content", "receipt", "damage", "needs"]
    assert row.startswith("north  3           2 versions  ")
    assert row.endswith("  none    12,345")
    (old,) = status_of_sites(sites, 4, NOW + timedelta(days=60))
    assert "1 version " in sites_to_text((old,))
    assert "STALE" in sites_to_text((old,))
    assert sites_to_text((old,)).endswith("?")
