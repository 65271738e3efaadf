"""Publishers and sites for receipts: a home that knows a forge's roots, and receipts of keys made up on the spot."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from bundler.home import Home, open_home
from bundler.sites.registry import Sites
from manifests.receipt import DamageCount, FeaturesState, Receipt, SourceAge, sign_receipt
from tests.support.relay_bundles import BundleForge

NOW = datetime(2026, 10, 1, 8, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)


def receipt_of(signer: CryptoSigner, **changes: object) -> Receipt:
    """Return a plain receipt of a site with this key, with some fields changed."""
    receipt = Receipt(
        site_keyid=signer.public_key.keyid,
        site_public=signer.public_key.keyval["public"],
        serial=7,
        created=NOW,
        publisher="forge",
        root_version=1,
        root_sha256="0" * 64,
        timestamp_version=3,
        snapshot_version=3,
        rings=(("default", 3),),
        generations=(1, 2, 3),
        without=(),
        damage=(),
        free_bytes=10**9,
        sources=(SourceAge("rules", NOW - timedelta(days=1)),),
        connectivity="isolated",
        features=FeaturesState("f" * 64, 12),
    )
    return replace(receipt, **changes)


def realistic_receipt(signer: CryptoSigner) -> Receipt:
    """Return the receipt of a site with 30 generations of 6 sources and a little damage."""
    names = ("activeupdate", "clamav", "rule-packs", "sigma", "suricata", "yara")
    return receipt_of(
        signer,
        serial=1_790_841_600,
        publisher="plant-security",
        root_version=3,
        root_sha256=_digest("root"),
        timestamp_version=412,
        snapshot_version=412,
        rings=(("canary", 412), ("default", 409)),
        generations=tuple(number for number in range(381, 413) if number not in {390, 401}),
        without=tuple(sorted(_digest(f"lost {number}") for number in range(3))),
        damage=(DamageCount("altered", 1), DamageCount("missing", 2)),
        free_bytes=182_341_238_784,
        sources=tuple(SourceAge(name, NOW - timedelta(hours=7 * place)) for place, name in enumerate(names)),
        features=FeaturesState(_digest("features"), 14),
        name="north-plant",
        note="second sluice, rack 4",
    )


def publisher_home(path: Path, forge: BundleForge) -> Home:
    """Make a publisher's home that stands where a forge stands: its name, roots and newest metadata."""
    metadata = path / "repository" / "metadata"
    metadata.mkdir(parents=True)
    (path / "bundler.toml").write_text(f'publisher = "{forge.publisher}"\n')
    advance(path, forge)
    return open_home(path)


def advance(path: Path, forge: BundleForge) -> None:
    """Let a publisher's home stand where its forge stands now."""
    documents = forge.metadata or {f"{number}.root.json": data for number, data in enumerate(forge.roots, 1)}
    for name, data in documents.items():
        (path / "repository" / "metadata" / name).write_bytes(data)


def ours(forge: BundleForge, signer: CryptoSigner, **changes: object) -> bytes:
    """Return a signed receipt of a site of this forge, as a file."""
    given = {
        "publisher": forge.publisher,
        "root_sha256": hashlib.sha256(forge.root).hexdigest(),
        "timestamp_version": forge.version,
        "snapshot_version": forge.version,
        "generations": tuple(range(1, forge.version + 1)),
    }
    return sign_receipt(receipt_of(signer, **(given | changes)), signer)


def registry(home: Home) -> dict[str, bytes]:
    """Return every file of the registry."""
    return {path.name: path.read_bytes() for path in sorted((home.path / "sites").glob("*"))}


def yes(_: str) -> bool:
    """Confirm any fingerprint."""
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def take(home, data, now=LATER, confirm=yes, **options):
    """Take in a receipt."""
    return Sites.load(home).import_receipt(data, now=now, confirm=confirm, **options)
