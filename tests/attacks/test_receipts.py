"""Receipts that lie, by the name of the lie: each is refused with its own reason, and the registry is unchanged."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from bundler.home import Home
from bundler.jobs.renumber import renumber_above
from bundler.sites.holdings import holdings_of
from bundler.sites.registry import Sites
from manifests.errors import ConfigurationError, MalformedError, NotAuthenticError, SealiftError
from manifests.receipt import RECEIPT_PAYLOAD_TYPE, receipt_to_texts, receipts_from_texts
from manifests.schemas import strictjson
from tests.support.relay_bundles import BundleForge
from tests.support.sites import NOW, ours, publisher_home, registry, yes

NORTH = CryptoSigner.generate_ed25519()
MALLORY = CryptoSigner.generate_ed25519()


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> BundleForge:
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    for number in (1, 2, 3):
        forge.seal(tmp_path_factory.mktemp("bundles") / f"{number}.zip")
    return forge


@pytest.fixture
def home(tmp_path: Path, forge: BundleForge) -> Home:
    home = publisher_home(tmp_path / "dmz", forge)
    take(home, ours(forge, NORTH, name="north", serial=10))
    return home


def take(home: Home, data: bytes) -> str:
    return Sites.load(home).import_receipt(data, now=NOW, confirm=yes).outcome


def refused(home: Home, data: bytes, error: type[SealiftError], code: str) -> None:
    """Assert the exact refusal, by a person who confirms anything, and a registry that stays as it was."""
    before = registry(home)
    with pytest.raises(error) as caught:
        take(home, data)
    assert caught.value.code == code
    assert registry(home) == before


def with_payload(data: bytes, **changes: object) -> bytes:
    """Change the document and leave the signature."""
    envelope = json.loads(data)
    payload = json.loads(base64.b64decode(envelope["payload"]))
    envelope["payload"] = base64.b64encode(strictjson.encode_json(payload | changes)).decode()
    return strictjson.encode_json(envelope)


def test_a_document_changed_after_signing_is_refused(home: Home, forge: BundleForge) -> None:
    good = ours(forge, NORTH, serial=11)
    refused(home, with_payload(good, serial=12), NotAuthenticError, "receipt.signature")
    refused(home, with_payload(good, free_bytes=1), NotAuthenticError, "receipt.signature")
    assert take(home, good) == "updated"


def test_a_receipt_in_the_name_of_a_registered_key_is_refused(home: Home, forge: BundleForge) -> None:
    forged, real = json.loads(ours(forge, MALLORY, serial=11)), json.loads(ours(forge, NORTH, serial=11))
    claims = forged | {"signatures": [{**forged["signatures"][0], "keyid": NORTH.public_key.keyid}]}
    refused(home, strictjson.encode_json(claims), NotAuthenticError, "receipt.signature")
    swapped = forged | {"signatures": real["signatures"]}
    refused(home, strictjson.encode_json(swapped), NotAuthenticError, "receipt.signature")


def test_another_key_cannot_take_a_registered_name(home: Home, forge: BundleForge) -> None:
    refused(home, ours(forge, MALLORY, name="north", serial=11), NotAuthenticError, "sites.name-taken")


def test_the_public_key_of_a_registered_site_under_another_signature_is_refused(home: Home, forge: BundleForge) -> None:
    public = {"public": NORTH.public_key.keyval["public"]}
    refused(home, with_payload(ours(forge, MALLORY), site=public), NotAuthenticError, "receipt.signature")


def test_a_receipt_of_another_publishers_site_is_foreign(home: Home, forge: BundleForge) -> None:
    refused(home, ours(forge, MALLORY, publisher="other"), NotAuthenticError, "receipt.foreign")
    refused(home, ours(BundleForge(), MALLORY, snapshot_version=3), NotAuthenticError, "receipt.foreign")


def test_a_registered_site_that_trusts_another_root_is_foreign(home: Home, forge: BundleForge) -> None:
    refused(home, ours(forge, NORTH, serial=11, root_sha256="a" * 64), NotAuthenticError, "receipt.foreign")
    refused(home, ours(forge, NORTH, serial=11, root_version=2), NotAuthenticError, "receipt.foreign")


def test_a_replayed_older_receipt_changes_nothing(home: Home, forge: BundleForge) -> None:
    old = ours(forge, NORTH, name="north", serial=10)
    assert take(home, ours(forge, NORTH, serial=11, generations=(3,))) == "updated"
    before = registry(home)
    assert take(home, old) == "older"
    assert registry(home) == before
    assert holdings_of(Sites.load(home).find_site("north").receipt).generations == {3}


def test_two_receipts_of_one_serial_tell_of_a_copied_key(home: Home, forge: BundleForge) -> None:
    refused(home, ours(forge, NORTH, serial=10, free_bytes=1), NotAuthenticError, "receipt.serial")


def test_a_site_ahead_of_the_publisher_tells_of_a_publisher_brought_back_too_old(
    home: Home, forge: BundleForge
) -> None:
    ahead = ours(forge, NORTH, serial=11, snapshot_version=4, generations=(4,))
    refused(home, ahead, ConfigurationError, "receipt.ahead")


def test_a_site_that_was_ahead_is_believed_once_the_publisher_numbers_above_it(home: Home, forge: BundleForge) -> None:
    renumber_above(home, 4)
    assert take(home, ours(forge, NORTH, serial=11, snapshot_version=4, generations=(4,))) == "updated"
    further = ours(forge, NORTH, serial=12, snapshot_version=5, generations=(5,))
    refused(home, further, ConfigurationError, "receipt.ahead")


def test_a_signed_manifest_is_no_receipt(home: Home, forge: BundleForge) -> None:
    value = json.loads(ours(forge, NORTH, serial=11))
    other = value | {"payloadType": "application/vnd.sealift.manifest+json"}
    refused(home, strictjson.encode_json(other), MalformedError, "receipt-envelope.schema")
    assert value["payloadType"] == RECEIPT_PAYLOAD_TYPE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_no_flipped_byte_of_a_receipt_is_believed(home: Home, forge: BundleForge, place: int, flip: int) -> None:
    data = bytearray(ours(forge, NORTH, serial=11))
    data[place % len(data)] ^= flip
    before = registry(home)
    with pytest.raises((MalformedError, NotAuthenticError)):
        take(home, bytes(data))
    assert registry(home) == before


def test_texts_of_a_forged_receipt_are_refused_like_its_file(home: Home, forge: BundleForge) -> None:
    forged = with_payload(ours(forge, NORTH, serial=11), serial=12)
    (again,) = receipts_from_texts(receipt_to_texts(forged, 150))
    refused(home, again, NotAuthenticError, "receipt.signature")
