"""What a relay says of itself in a receipt."""

import hashlib
import json
import stat
from datetime import timedelta
from threading import Thread

import pytest

from manifests.errors import ConfigurationError, MalformedError
from manifests.features import features_to_disable, load_catalogue
from manifests.progress import CancelToken, NoProgress
from manifests.receipt import DamageCount, SourceAge, document, verify_receipt
from relay.context import Context
from relay.feature_files import write_feature_files
from relay.receipt import make as module
from relay.receipt.make import ReceiptRemarks, make_receipt, summarise_arrived
from relay.receipt.site_key import open_site_key, site_key_file
from relay.state import State
from relay.store.outstanding import ArrivedContent
from relay.store.verify import discard_damaged_blobs, verify_store
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home

NOW = CREATED + timedelta(days=9)


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1", "rules/b": b"b1", "yara/y": b"y"}
    return forge


@pytest.fixture
def empty(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


@pytest.fixture
def home(empty, tmp_path, forge):
    for number in (1, 2, 3):
        forge.files["rules/a"] = f"a{number}".encode()
        import_bundle(empty, forge.seal(tmp_path / f"{number}.zip"), forge.clock())
    return empty


def signed_receipt(home, now=NOW, **options):
    return make_receipt(Context(home, make_config(home), lambda: now), **options)


def receipt_of(home, now=NOW, **options):
    return signed_receipt(home, now, **options).receipt


def digest(content):
    return hashlib.sha256(content).hexdigest()


def lose(home, content):
    home.store.path(digest(content)).unlink()


def test_a_relay_without_any_bundle_says_so(empty, forge):
    receipt = receipt_of(empty)
    assert (receipt.publisher, receipt.root_version, receipt.timestamp_version, receipt.snapshot_version) == (
        None,
        1,
        0,
        0,
    )
    assert receipt.root_sha256 == digest(forge.root)
    assert (receipt.generations, receipt.rings, receipt.sources, receipt.newest) == ((), (("default", 0),), (), 0)


def test_a_receipt_says_what_is_held_and_trusted_and_how_old_it_is(home, forge):
    receipt = receipt_of(home)
    assert (receipt.publisher, receipt.timestamp_version, receipt.snapshot_version) == ("forge", 3, 3)
    assert (receipt.generations, receipt.rings, receipt.without, receipt.damage) == (
        (1, 2, 3),
        (("default", 3),),
        (),
        (),
    )
    assert receipt.sources == (SourceAge("rules", forge.created(3)), SourceAge("yara", forge.created(3)))
    assert receipt.created == NOW
    assert receipt.free_bytes > 0
    assert (receipt.pending_generation, receipt.pending_holds, receipt.gates) == (None, (), ())


def test_the_state_of_the_features_is_that_of_the_emitted_list(home):
    write_feature_files(home, make_config(home))
    features = receipt_of(home).features
    assert features.sha256 == digest((home.out / "features.json").read_bytes())
    assert features.count == len(features_to_disable(load_catalogue(), "isolated").items)


def test_a_root_that_was_rotated_is_named_by_version_and_digest(home, forge, tmp_path):
    forge.rotate()
    import_bundle(home, forge.seal(tmp_path / "4.zip"), forge.clock())
    receipt = receipt_of(home)
    assert (receipt.root_version, receipt.root_sha256) == (2, digest(forge.roots[1]))


def test_content_that_is_missing_or_short_is_listed_and_counted(home):
    lose(home, b"a1")
    short = home.store.path(digest(b"b1"))
    short.chmod(0o644)
    short.write_bytes(b"")
    receipt = receipt_of(home)
    assert receipt.generations == (1, 2, 3)
    assert receipt.without == tuple(sorted((digest(b"a1"), digest(b"b1"))))
    assert receipt.damage == (DamageCount("altered", 1), DamageCount("missing", 1))


def test_altered_bytes_of_the_right_length_are_said_after_a_check_or_once_discarded(home):
    path = home.store.path(digest(b"b1"))
    path.chmod(0o644)
    path.write_bytes(b"bX")
    assert receipt_of(home).without == ()
    report = verify_store(home, NoProgress(), CancelToken())
    found = receipt_of(home, report=report)
    assert (found.without, found.damage) == ((digest(b"b1"),), (DamageCount("altered", 1),))
    discard_damaged_blobs(home, report, wait_seconds=0)
    assert receipt_of(home).without == (digest(b"b1"),)


def test_with_more_lost_than_a_receipt_lists_it_claims_fewer_generations_and_never_too_much(home, monkeypatch):
    monkeypatch.setattr(module, "MAX_DIGESTS", 1)
    lose(home, b"a1")
    lose(home, b"a2")
    receipt = receipt_of(home)
    assert receipt.generations == (2, 3)
    assert receipt.without == (digest(b"a2"),)
    assert receipt.damage == (DamageCount("missing", 2),)


def test_what_has_arrived_of_a_generation_is_said():
    summary = summarise_arrived(ArrivedContent(4, frozenset({"b" * 64, "a" * 64})), None)
    assert (summary.generation, summary.holds, summary.parts) == (4, ("a" * 64, "b" * 64), ())
    assert summarise_arrived(None, None).generation is None


def test_the_key_is_made_once_and_readable_by_the_owner_alone(empty):
    first = receipt_of(empty)
    again = receipt_of(empty)
    assert first.site_keyid == again.site_keyid == open_site_key(empty).public_key.keyid
    assert stat.S_IMODE(site_key_file(empty).stat().st_mode) == 0o600
    assert stat.S_IMODE(site_key_file(empty).parent.stat().st_mode) == 0o700
    site_key_file(empty).write_bytes(b"no key")
    with pytest.raises(ConfigurationError) as refused:
        receipt_of(empty)
    assert refused.value.code == "sitekey.damaged"


def test_serials_grow_whatever_the_clock_does(empty):
    serials = [
        receipt_of(empty, now).serial
        for now in (NOW, NOW, NOW - timedelta(days=400), NOW + timedelta(days=1), NOW - timedelta(days=1))
    ]
    start = int(NOW.timestamp())
    assert serials == [start, start + 1, start + 2, start + 86_400, start + 86_401]


def test_a_relay_from_an_old_backup_still_makes_newer_receipts(empty):
    backup = empty.database.read_bytes()
    for _ in range(5):
        newest = receipt_of(empty)
    empty.database.write_bytes(backup)
    for suffix in ("-wal", "-shm"):
        empty.database.with_name(empty.database.name + suffix).unlink(missing_ok=True)
    assert receipt_of(empty, NOW + timedelta(hours=1)).serial > newest.serial


def test_receipts_made_at_once_never_share_a_serial(empty):
    made = []
    threads = [Thread(target=lambda: made.append(receipt_of(empty))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({receipt.serial for receipt in made}) == 6
    assert len({receipt.site_keyid for receipt in made}) == 1


def test_the_serial_is_durable_with_its_digest_before_the_receipt_leaves(home):
    signed = signed_receipt(home)
    with State(home.database) as state:
        (event,) = state.event_rows.list_events(kinds=("receipt",), limit=1)
        assert state.receipts.load_last_serial() == signed.receipt.serial
    assert event.details == {"serial": signed.receipt.serial, "sha256": digest(signed.data)}
    assert (home.out / "receipt.json").read_bytes() == signed.data


def test_a_receipt_that_cannot_be_written_takes_no_serial(home):
    def told():
        with State(home.database) as state:
            return state.receipts.load_last_serial(), state.event_rows.list_events(kinds=("receipt",))

    before = told()
    for remarks in (ReceiptRemarks(note="two\nlines"), ReceiptRemarks(name="No Name")):
        with pytest.raises(MalformedError) as refused:
            receipt_of(home, remarks=remarks)
        assert refused.value.code == "receipt.schema"
    assert told() == before


def test_nothing_of_the_inside_is_named_unless_asked(home):
    inside = [str(home.path), home.path.name, "relay.test", "root@"]
    plain = signed_receipt(home)
    payload = document.encode_receipt(plain.receipt).decode()
    assert not [word for word in inside if word in payload]
    assert set(json.loads(payload)["site"]) == {"public"}
    said = signed_receipt(home, remarks=ReceiptRemarks("north", "second sluice"))
    assert (verify_receipt(said.data).receipt.name, said.receipt.note) == ("north", "second sluice")
