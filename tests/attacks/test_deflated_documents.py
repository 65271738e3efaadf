"""Documents may be deflated where the signed manifest says so, and nothing is inflated that it does not vouch for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from manifests.errors import SealiftError
from manifests.manifest import Manifest
from relay.home import Home
from tests.support.relay_bundles import BundleForge, Forgery
from tests.support.relay_homes import fingerprint, import_bundle, make_home

FILES = {f"rules/{number}": b"alert tcp any any" * number for number in range(1, 40)}
ROLE, NOTES = "tuf/1.rules.json", "notes.md"


@pytest.fixture
def forge() -> BundleForge:
    forge = BundleForge()
    forge.files = dict(FILES)
    forge.deflated_documents = {ROLE, NOTES}
    return forge


@pytest.fixture
def home(tmp_path: Path, forge: BundleForge) -> Home:
    return make_home(tmp_path / "relay", forge.root)


def test_deflated_metadata_and_notes_are_taken_and_are_what_was_signed(
    home: Home, forge: BundleForge, tmp_path: Path
) -> None:
    path = forge.seal(tmp_path / "1.zip", notes=b"# Notes\n" * 200)
    assert import_bundle(home, path, forge.clock()).outcome == "imported"
    forge.deflated_documents = set()
    assert import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock()).outcome == "imported"


def other_stream(manifest: Manifest) -> Manifest:
    return replace(
        manifest,
        documents=tuple(
            replace(document, deflated=("0" * 64, document.deflated[1])) if document.deflated else document
            for document in manifest.documents
        ),
    )


def shorter_stream(manifest: Manifest) -> Manifest:
    return replace(
        manifest,
        documents=tuple(
            replace(document, deflated=(document.deflated[0], document.deflated[1] - 1))
            if document.deflated
            else document
            for document in manifest.documents
        ),
    )


def root_deflated(data: bytes) -> bytes:
    """Call the root deflated, which no manifest may."""
    value = json.loads(data)
    row = next(json.dumps(row) for row in value["documents"] if row["name"] == "tuf/1.root.json")
    stored = f', "method": "deflate", "name": "tuf/1.root.json", "sha256": "{json.loads(row)["sha256"]}", '
    stored += f'"stored_length": 1, "stored_sha256": "{"0" * 64}"}}'
    old = row[row.index(', "name"') :]
    assert data.count(old.encode()) == 1
    return data.replace(old.encode(), stored.encode())


FORGERIES = {
    "deflated, and the manifest says stored": (
        Forgery(deflated=lambda names: names | {"tuf/1.targets.json"}),
        21,
        "bundle.method",
    ),
    "stored, and the manifest says deflated": (Forgery(deflated=lambda names: names - {ROLE}), 20, "bundle.members"),
    "another stream": (Forgery(manifest=other_stream), 20, "bundle.stored-digest"),
    "a stream of another length": (Forgery(manifest=shorter_stream), 20, "bundle.members"),
    "a deflated manifest": (Forgery(deflated=lambda names: names | {"manifest.json"}), 21, "bundle.method"),
    "a deflated signature": (Forgery(deflated=lambda names: names | {"manifest.sig.json"}), 21, "bundle.method"),
    "a deflated root": (Forgery(deflated=lambda names: names | {"tuf/1.root.json"}), 21, "bundle.method"),
    "a root that the manifest calls deflated": (Forgery(manifest_bytes=root_deflated), 21, "manifest.documents"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_document_is_inflated_only_as_the_signed_manifest_says(
    home: Home, forge: BundleForge, tmp_path: Path, name: str
) -> None:
    forgery, exit_code, code = FORGERIES[name]
    before = fingerprint(home)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, forge.seal(tmp_path / "1.zip", forgery), forge.clock())
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert fingerprint(home) == before


def test_of_a_bundle_with_damaged_content_the_rest_is_kept_though_its_documents_are_deflated(
    home: Home, forge: BundleForge, tmp_path: Path
) -> None:
    path = forge.seal(tmp_path / "1.zip")
    data = bytearray(path.read_bytes())
    data[-200] ^= 1  # in the directory: only the front can be read
    path.write_bytes(data)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, path, forge.clock())
    assert caught.value.code == "bundle.damaged"
    assert len([blob for blob in home.store.root.rglob("*") if blob.is_file()]) >= len(FILES)
