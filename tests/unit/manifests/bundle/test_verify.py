"""The verification order: the whole bundle, and the front of one whose structure is damaged."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from manifests.bundle.verify import verify_bundle, verify_bundle_front
from manifests.errors import DamagedContainerError, NotAuthenticError, SealiftError
from manifests.trust import trusted_root
from tests.support.relay_bundles import BundleForge, Forgery, new_signer


@pytest.fixture
def forge() -> BundleForge:
    made = BundleForge()
    made.files |= {"a/one": b"one " * 500, "b/two": b"two"}
    return made


def test_a_good_bundle_is_whole_and_gives_its_content(forge: BundleForge, tmp_path: Path) -> None:
    path = forge.seal(tmp_path / "a.zip", deflated=["a/one"], notes=b"# Notes\n")
    with path.open("rb") as file:
        bundle = verify_bundle(file, trusted_root(forge.root), forge.clock()())
        content = {blob.length: b"".join(bundle.content(blob)) for blob in bundle.manifest.blobs}
    assert (bundle.whole, bundle.notes) == (True, "# Notes\n")
    assert content == {2000: b"one " * 500, 3: b"two"}
    assert bundle.bytes_to_store == 2003


def test_a_bundle_that_was_cut_off_is_believed_by_its_front_alone(forge: BundleForge, tmp_path: Path) -> None:
    data = forge.seal(tmp_path / "a.zip").read_bytes()[:-1]
    state, now = trusted_root(forge.root), forge.clock()()
    with pytest.raises(DamagedContainerError):
        verify_bundle(io.BytesIO(data), state, now)
    bundle = verify_bundle_front(io.BytesIO(data), state, now)
    assert not bundle.whole
    assert sorted(b"".join(bundle.content(blob)) for blob in bundle.manifest.blobs) == sorted(forge.files.values())


def test_the_signature_is_checked_before_the_manifest_is_parsed(forge: BundleForge, tmp_path: Path) -> None:
    forgery = Forgery(manifest_bytes=lambda _: b"no JSON", signers={"manifest": [new_signer()]})
    with forge.seal(tmp_path / "a.zip", forgery).open("rb") as file, pytest.raises(SealiftError) as caught:
        verify_bundle(file, trusted_root(forge.root), forge.clock()())
    assert (type(caught.value), caught.value.code) == (NotAuthenticError, "signature.unknown-key")


def test_a_manifest_that_says_more_than_the_metadata_is_refused(forge: BundleForge, tmp_path: Path) -> None:
    forgery = Forgery(manifest=lambda m: replace(m, root_version=2))
    with forge.seal(tmp_path / "a.zip", forgery).open("rb") as file, pytest.raises(SealiftError) as caught:
        verify_bundle(file, trusted_root(forge.root), forge.clock()())
    assert caught.value.code == "bundle.disagrees"
