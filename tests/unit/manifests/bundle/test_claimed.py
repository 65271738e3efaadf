"""What a bundle claims is read without a key, and is what it says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from manifests.bundle.claimed import claimed_documents, claimed_manifest
from manifests.errors import MalformedError
from tests.support.containers import container
from tests.support.relay_bundles import BundleForge


def test_a_bundle_says_what_it_claims_without_any_trust(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files["a/one"] = b"one"
    path = forge.seal(tmp_path / "a.zip", notes=b"# Notes\n")
    with path.open("rb") as file:
        manifest, documents = claimed_manifest(file), claimed_documents(file)
    assert (manifest.publisher, manifest.snapshot_version) == ("forge", 1)
    assert [target.path for target in manifest.targets] == ["a/one"]
    assert documents["notes.md"] == b"# Notes\n"
    assert {"manifest.sig.json", "tuf/1.root.json", "tuf/timestamp.json"} <= documents.keys()


def test_a_zip_without_a_manifest_claims_nothing() -> None:
    with pytest.raises(MalformedError) as caught:
        claimed_manifest(io.BytesIO(container(("other", b"content"))))
    assert caught.value.code == "bundle.member-missing"
