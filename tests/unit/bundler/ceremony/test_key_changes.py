"""Changes of keys: rotated, revoked, refused; a source's own keys."""

from __future__ import annotations

import pytest

from bundler.repository import delegations
from bundler.repository.repository import wishes_path
from tests.support.ceremony import OPEN, Site, refused


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_home_with_enough_root_keys_rotates_at_once(tmp_path, role):
    site = Site(tmp_path, 3, 2)
    before = site.keyids(role)
    outcome = site.key_changes().rotate_keys(role, None, None, OPEN)
    assert outcome.in_force
    assert site.root.version == 2
    assert len(site.keyids(role)) == len(before)
    assert not set(site.keyids(role)) & set(before)
    assert site.shown[0] == "root 1 -> 2"
    site.publish()


def test_one_key_of_several_is_replaced(tmp_path):
    site = Site(tmp_path, 3, 2)
    first, second, third = site.keyids("root")
    site.key_changes().rotate_keys("root", second[:8], None, OPEN)
    assert site.keyids("root")[:2] == (first, third)
    assert len(site.keyids("root")) == 3


def test_rotating_root_keys_that_are_away_asks_which_one(tmp_path):
    site = Site(tmp_path, 3, 2)
    site.away("root")
    before = site.state()
    with refused("keys.which"):
        site.key_changes().rotate_keys("root", None, None, OPEN)
    assert site.state() == before


def test_keys_made_for_a_change_that_fails_are_removed(tmp_path):
    site = Site(tmp_path)
    path = next(site.home.keys.glob("root-*.pem"))
    path.write_bytes(b"damaged")
    before = site.state()
    with refused("key.private"):
        site.key_changes().rotate_keys("targets", None, None, OPEN)
    assert site.state() == before


@pytest.mark.parametrize(
    ("act", "arguments", "code"),
    [
        ("revoke_key", ("root", "{key}"), "keys.threshold"),
        ("set_threshold", ("root", 2), "keys.threshold"),
        ("set_threshold", ("root", 1), "keys.unchanged"),
        ("revoke_key", ("root", "000000000000"), "keys.unknown"),
        ("revoke_key", ("root", "{key:.5}"), "keys.unknown"),
        ("set_threshold", ("targtes", 1), "keys.role"),
        ("revoke_key", ("a", "{key}"), "keys.unknown"),
        ("rotate_keys", ("root", None, None, None), "keys.new"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused_and_nothing_changes(tmp_path, act, arguments, code):
    site = Site(tmp_path)
    before = site.state()
    (key,) = site.keyids("root")
    given = [part.format(key=key) if isinstance(part, str) else part for part in arguments]
    with refused(code):
        getattr(site.key_changes(), act)(*given)
    assert site.state() == before


def test_a_source_gets_its_own_key_rotates_it_and_returns_to_the_targets_keys(tmp_path):
    site = Site(tmp_path)
    site.publish()
    shared = site.keyids("a")
    assert shared == site.keyids("targets")
    assert site.key_changes().generate_key("a", OPEN) is None
    own = site.keyids("a")
    site.publish()
    assert site.key_changes().rotate_keys("a", None, None, OPEN) is None
    assert site.keyids("a") != own
    site.publish()
    assert site.repository.targets["a"].signed.version == 3
    site.key_changes().revoke_key("a", site.keyids("a")[0])
    assert delegations.read_delegations(wishes_path(site.home.metadata)) == {}
    assert site.keyids("a") == shared
    site.publish()
    assert site.root.version == 1


@pytest.mark.parametrize(("role", "other"), [("root", "timestamp"), ("root", "targets"), ("timestamp", "root")])
def test_a_key_that_root_shares_with_daily_work_is_called_that_in_what_is_signed(tmp_path, role, other):
    site = Site(tmp_path)
    (path,) = site.home.keys.glob(f"{other}-*.pub")
    site.key_changes().add_key(role, str(path))
    (keyid,) = (key for key in site.keyids(role) if key in site.keyids(other))
    daily = other if role == "root" else role
    (warning,) = [line for line in site.shown if "WARNING" in line]
    assert warning.startswith(f"  WARNING: key {keyid[:12]} signs for root and for {daily}: ")
    site.shown.clear()
    site.key_changes().rotate_keys("snapshot", None, None, OPEN)  # said once: the next change has its own news
    assert not any("WARNING" in line for line in site.shown)


def test_a_key_that_root_shares_with_a_source_is_called_that(tmp_path):
    site = Site(tmp_path)
    (path,) = site.home.keys.glob("root-*.pub")
    site.key_changes().add_key("a", str(path))
    assert [line for line in site.shown if "signs for root and for a: " in line]
    site = Site(tmp_path / "other")
    site.key_changes().generate_key("a", OPEN)
    assert site.shown == []
    (path,) = site.home.keys.glob("a-*.pub")
    site.key_changes().add_key("root", str(path))
    assert [line for line in site.shown if "signs for root and for a: " in line]


def test_keys_of_a_discarded_proposal_are_named_and_kept(tmp_path):
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    (unused,) = site.ceremony.discard_proposal()
    assert unused.uri is not None
    assert unused.key.keyid not in site.root.keys
    assert (site.home.keys / f"{unused.name}.pem").exists()
