"""The publisher's registry of sites."""

from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.sites.registry import Sites, confirm_fingerprint
from bundler.sites.status import status_of_sites
from manifests.errors import ConfigurationError, LockedError, MalformedError, NotAuthenticError, UsageError
from manifests.receipt import key_fingerprint
from tests.support.sites import LATER, NOW, ours, registry, take


def refused_when_asked(_):
    raise AssertionError("nobody was to be asked")


def test_a_publisher_without_sites_has_none(home):
    assert list(Sites.load(home)) == []
    assert status_of_sites(Sites.load(home), 3, NOW) == ()


def test_the_first_receipt_registers_the_site_after_its_fingerprint_is_confirmed(home, forge, north):
    asked = []
    imported = take(home, ours(forge, north, name="north"), confirm=lambda shown: asked.append(shown) is None)
    assert asked == [key_fingerprint(north.public_key.keyid)]
    assert (imported.outcome, imported.site.name, imported.site.registered_at) == ("registered", "north", LATER)
    (site,) = Sites.load(home)
    assert site == imported.site
    assert list(registry(home)) == [f"{north.public_key.keyid}.json"]


def test_a_site_that_nobody_confirms_is_not_registered(home, forge, north):
    with pytest.raises(ConfigurationError) as refused:
        take(home, ours(forge, north), confirm=lambda _: False)
    assert refused.value.code == "sites.unconfirmed"
    assert refused.value.have == key_fingerprint(north.public_key.keyid)
    assert registry(home) == {}


def test_a_fingerprint_given_beforehand_must_match_whatever_its_spelling(home, forge, north):
    shown = key_fingerprint(north.public_key.keyid)
    for text in (shown[:-1], "", key_fingerprint(CryptoSigner.generate_ed25519().public_key.keyid)):
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
