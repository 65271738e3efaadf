"""The publisher's registry of sites."""

import json
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.sites.holdings import Holdings, holdings_of
from bundler.sites.registry import Sites, confirm_fingerprint
from bundler.sites.status import status_of_sites
from manifests.errors import ConfigurationError, LockedError, MalformedError, NotAuthenticError, UsageError
from manifests.receipt import Damage, fingerprint
from tests.support.relay_bundles import BundleForge
from tests.support.sites import NOW, advance, ours, publisher_home, receipt_of, registry, yes

LATER = NOW + timedelta(hours=3)


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


def take(home, data, now=LATER, confirm=yes, **options):
    return Sites.load(home).import_receipt(data, now=now, confirm=confirm, **options)


def refused_when_asked(_):
    raise AssertionError("nobody was to be asked")


def test_a_publisher_without_sites_has_none(home):
    assert list(Sites.load(home)) == []
    assert status_of_sites(Sites.load(home), 3, NOW) == ()


def test_the_first_receipt_registers_the_site_after_its_fingerprint_is_confirmed(home, forge, north):
    asked = []
    imported = take(home, ours(forge, north, name="north"), confirm=lambda shown: asked.append(shown) is None)
    assert asked == [fingerprint(north.public_key.keyid)]
    assert (imported.outcome, imported.site.name, imported.site.registered_at) == ("registered", "north", LATER)
    (site,) = Sites.load(home)
    assert site == imported.site
    assert list(registry(home)) == [f"{north.public_key.keyid}.json"]


def test_a_site_that_nobody_confirms_is_not_registered(home, forge, north):
    with pytest.raises(ConfigurationError) as refused:
        take(home, ours(forge, north), confirm=lambda _: False)
    assert refused.value.code == "sites.unconfirmed"
    assert refused.value.have == fingerprint(north.public_key.keyid)
    assert registry(home) == {}


def test_a_fingerprint_given_beforehand_must_match_whatever_its_spelling(home, forge, north):
    shown = fingerprint(north.public_key.keyid)
    for text in (shown[:-1], "", fingerprint(CryptoSigner.generate_ed25519().public_key.keyid)):
        with pytest.raises(NotAuthenticError) as refused:
            take(home, ours(forge, north), confirm=confirm_fingerprint(text))
        assert refused.value.code == "sites.fingerprint"
    assert registry(home) == {}
    assert (
        take(home, ours(forge, north), confirm=confirm_fingerprint(shown.upper().replace(" ", ":"))).outcome
        == "registered"
    )


def test_later_receipts_of_a_registered_site_ask_nobody(home, forge, north):
    take(home, ours(forge, north))
    imported = take(home, ours(forge, north, serial=8, generations=(3,)), confirm=refused_when_asked)
    assert (imported.outcome, imported.site.receipt.generations) == ("updated", (3,))
    assert Sites.load(home).find_site(north.public_key.keyid).receipt.serial == 8


def test_the_same_receipt_again_changes_nothing(home, forge, north):
    data = ours(forge, north)
    take(home, data)
    before = registry(home)
    assert take(home, data, now=LATER + timedelta(days=1)).outcome == "unchanged"
    assert registry(home) == before


def test_a_site_is_called_what_the_publisher_says_else_what_it_says_else_by_its_key(home, forge):
    signers = [CryptoSigner.generate_ed25519() for _ in range(3)]
    take(home, ours(forge, signers[0], name="alpha"), name="first")
    take(home, ours(forge, signers[1], name="beta"))
    take(home, ours(forge, signers[2]))
    assert {site.name for site in Sites.load(home)} == {"first", "beta", signers[2].public_key.keyid[:12]}
    take(home, ours(forge, signers[1], serial=8, name="other"))
    assert Sites.load(home).find_site("beta").receipt.serial == 8
    take(home, ours(forge, signers[1], serial=8, name="other"), name="renamed")
    assert Sites.load(home).find_site("renamed").registered_at == LATER
    with pytest.raises(MalformedError) as refused:
        take(home, ours(forge, signers[1]), name="../x")
    assert refused.value.code == "name.site"


def test_two_sites_never_share_a_name(home, forge, north):
    take(home, ours(forge, north, name="north"))
    before = registry(home)
    with pytest.raises(NotAuthenticError) as refused:
        take(home, ours(forge, CryptoSigner.generate_ed25519(), name="north"))
    assert refused.value.code == "sites.name-taken"
    assert "bundle sites remove north" in (refused.value.todo or "")
    assert registry(home) == before


def test_a_site_is_found_by_name_key_or_the_first_of_its_digits(home, forge, north):
    take(home, ours(forge, north, name="north"))
    sites = Sites.load(home)
    keyid = north.public_key.keyid
    assert sites.find_site("north") == sites.find_site(keyid) == sites.find_site(keyid[:12])
    for wanted in ("south", keyid[:11], "", "f" * 64):
        with pytest.raises(UsageError) as refused:
            sites.find_site(wanted)
        assert refused.value.code == "sites.unknown"


def test_a_removed_site_is_asked_about_again(home, forge, north):
    take(home, ours(forge, north, name="north"))
    assert Sites.load(home).forget_site("north").keyid == north.public_key.keyid
    assert registry(home) == {}
    with pytest.raises(ConfigurationError) as refused:
        take(home, ours(forge, north), confirm=lambda _: False)
    assert refused.value.code == "sites.unconfirmed"


def test_a_home_that_is_in_use_is_waited_for(home, forge, north):
    with home.lock(), pytest.raises(LockedError):
        take(home, ours(forge, north))
    assert registry(home) == {}


def test_a_record_that_was_changed_on_disk_is_not_believed(home, forge, north):
    take(home, ours(forge, north, name="north"))
    (path,) = (home.path / "sites").glob("*")
    good = path.read_bytes()
    value = json.loads(good)
    others = ours(forge, CryptoSigner.generate_ed25519())
    for bad in (
        b"{",
        json.dumps({**value, "format": "x"}).encode(),
        json.dumps({**value, "name": 3}).encode(),
        json.dumps({**value, "receipt": "AAAA"}).encode(),
        json.dumps({key: item for key, item in value.items() if key != "name"}).encode(),
        good.replace(b'"name": "north"', b'"name": "../.."'),
    ):
        path.write_bytes(bad)
        with pytest.raises(ConfigurationError) as refused:
            Sites.load(home)
        assert refused.value.code == "sites.damaged"
    path.unlink()
    take(home, others)
    (path,) = (home.path / "sites").glob("*")
    path.rename(path.with_name(f"{north.public_key.keyid}.json"))
    with pytest.raises(ConfigurationError) as refused:
        Sites.load(home)
    assert refused.value.code == "sites.damaged"


def test_holdings_are_generations_without_what_is_damaged_and_what_has_arrived_beyond():
    signer = CryptoSigner.generate_ed25519()
    receipt = receipt_of(signer, without=("a" * 64,), pending_generation=4, pending_holds=("a" * 64, "b" * 64))
    assert holdings_of(receipt) == Holdings(frozenset({1, 2, 3}), frozenset({"a" * 64}), frozenset({"b" * 64}))
    assert holdings_of(receipt_of(signer, generations=())) == Holdings()


def test_the_list_tells_how_far_behind_how_old_and_how_damaged_a_site_is(home, forge, north, tmp_path):
    take(home, ours(forge, north, name="north", without=("a" * 64,), damage=(Damage("missing", 1),)))
    forge.seal(tmp_path / "4.zip")
    forge.seal(tmp_path / "5.zip")
    advance(home.path, forge)
    now = NOW + timedelta(days=2)
    (status,) = status_of_sites(Sites.load(home), 5, now, need=lambda receipt: 1000 * receipt.newest)
    value = status.to_json()
    assert (value["site"], value["generation"], value["behind"], value["without"]) == ("north", 3, 2, 1)
    assert (value["damage"], value["needs_bytes"], value["stale"]) == ({"missing": 1}, 3000, False)
    assert (value["receipt_age_seconds"], value["content_age_seconds"]) == (2 * 86_400, 3 * 86_400)
    (old,) = status_of_sites(Sites.load(home), 5, now + timedelta(days=40))
    assert (old.stale, old.needs_bytes, old.to_json()["stale_sources"]) == (True, None, ["rules"])


def test_a_site_is_stale_by_the_days_that_the_configuration_gives_a_source(home, forge, north):
    take(home, ours(forge, north))
    for days, names in ((1, ("rules",)), (60, ())):
        (status,) = status_of_sites(Sites.load(home), 3, NOW + timedelta(days=2), fresh_days={"rules": days})
        assert (status.stale_sources, status.stale) == (names, bool(names))
    (late,) = status_of_sites(Sites.load(home), 3, NOW + timedelta(days=40), fresh_days={"rules": 60})
    assert not late.stale


def test_a_site_that_serves_nothing_is_stale(home, forge, north):
    bare = {"publisher": None, "generations": (), "sources": (), "snapshot_version": 0, "timestamp_version": 0}
    take(home, ours(forge, north, **bare))
    (status,) = status_of_sites(Sites.load(home), 3, NOW)
    assert (status.stale, status.behind, status.content_age) == (True, 3, None)
