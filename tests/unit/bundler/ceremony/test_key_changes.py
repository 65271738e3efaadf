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
