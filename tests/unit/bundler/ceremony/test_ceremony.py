from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import ExpiredMetadataError
from tuf.api.metadata import Metadata, Root

from bundler.ceremony.ceremony import sign_copy
from bundler.keys import keyring as keys
from bundler.keys import public_keys
from manifests.trust import Workflow, load_all_roles, trusted_root, update_roots
from tests.support.ceremony import OPEN, Site, refused
from tests.support.ngclient import updater
from tests.support.tuf_publisher import NOW


def person(directory: Path, name: str) -> keys.GeneratedKey:
    return keys.generate_key_files(directory / f"{name}.pem", None)


def test_people_on_several_machines_sign_copies_and_the_signatures_come_together(tmp_path):
    site = Site(tmp_path, 3, 2)
    root_keys = site.away("root")
    alice = person(tmp_path, "alice")
    outcome = site.key_changes().add_key("root", str(tmp_path / "alice.pub"))
    assert not outcome.in_force
    assert site.root.version == 1
    travelling = tmp_path / "root.json"
    travelling.write_bytes(outcome.proposal.encode())
    copies = []
    for number, key in enumerate(root_keys[:2]):
        copy = tmp_path / f"copy{number}.json"
        sign_copy(travelling, copy, lambda _, key=key: [site.signer(key)])
        copies.append(copy)
    first = site.ceremony.accept_copies([copies[0]])
    assert (first.in_force, len(first.proposal.signatures)) == (False, 1)
    assert site.root.version == 1
    assert site.ceremony.accept_copies([copies[1]]).in_force
    assert site.root.version == 2
    assert alice.entry.key.keyid in site.keyids("root")
    with refused("ceremony.nothing"):
        site.ceremony.require_proposal()


def test_a_raised_threshold_must_be_met_by_the_new_root_too(tmp_path):
    site = Site(tmp_path)
    person(tmp_path, "alice")
    site.key_changes(sign=False).add_key("root", str(tmp_path / "alice.pub"))
    outcome = site.key_changes().set_threshold("root", 2)
    assert not outcome.in_force
    assert outcome.proposal.changes()[1:3] == (
        f"  root: + key {public_keys.read_public_key(tmp_path / 'alice.pub')[0].keyid[:12]} (ed25519)",
        "  root: threshold 1 -> 2",
    )
    assert [line.split(":")[0] for line in outcome.proposal.missing] == ["1 more of the keys of root 2"]
    copy = tmp_path / "copy.json"
    sign_copy(site.home.staged_root, copy, lambda _: [site.signer(tmp_path / "alice.pem")])
    assert site.ceremony.accept_copies([copy]).in_force
    assert site.root.roles["root"].threshold == 2


def test_changes_gather_in_one_waiting_root_and_void_earlier_signatures(tmp_path):
    site = Site(tmp_path, 2, 2)
    away = site.away("root")
    site.key_changes().rotate_keys("targets", None, None, OPEN)
    copy = tmp_path / "copy.json"
    sign_copy(site.home.staged_root, copy, lambda _: [site.signer(path) for path in away])
    site.key_changes().rotate_keys("timestamp", None, None, OPEN)
    waiting = site.ceremony.require_proposal()
    assert waiting.proposed.version == 2
    assert waiting.signatures == ()
    assert sum("targets:" in line for line in waiting.changes()) == 2
    assert sum("timestamp:" in line for line in waiting.changes()) == 2
    with refused("ceremony.different"):
        site.ceremony.accept_copies([copy])
    site.ceremony.discard_proposal()
    assert site.ceremony.waiting_proposal() is None
    assert site.ceremony.accept_copies([copy]).in_force


def test_a_copy_that_follows_another_root_is_stale(tmp_path):
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    copy = tmp_path / "copy.json"
    copy.write_bytes(site.home.staged_root.read_bytes())
    site.ceremony.discard_proposal()
    site.key_changes().rotate_keys("snapshot", None, None, OPEN)
    with refused("ceremony.stale"):
        site.ceremony.accept_copies([copy])


def test_a_crash_after_the_root_is_in_force_leaves_no_waiting_root(tmp_path):
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    waiting = site.home.staged_root.read_bytes()
    site.ceremony.renew_root()
    site.home.staged_root.write_bytes(waiting)
    assert site.ceremony.waiting_proposal() is None
    assert site.ceremony.waiting_proposal() is None


def test_a_stranger_cannot_sign(tmp_path):
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    stranger = person(tmp_path, "eve")
    before = site.home.staged_root.read_bytes()
    with refused("ceremony.not-a-signer"):
        sign_copy(site.home.staged_root, site.home.staged_root, lambda _: [stranger.signer])
    assert site.home.staged_root.read_bytes() == before


def test_renewing_gives_root_a_later_expiry_and_nothing_else(tmp_path):
    site = Site(tmp_path)
    before = site.root
    site.now = NOW + timedelta(days=300)
    assert site.ceremony.renew_root().proposal.changes() == (
        "root 1 -> 2",
        "  expires: 2027-11-21T12:00:00Z -> 2028-09-16T12:00:00Z",
    )
    assert site.root.roles == before.roles


def rotate_five_times(site: Site) -> None:
    """One rotation a year for each role, root's own twice."""
    for role in ("root", "timestamp", "targets", "root", "snapshot"):
        site.now += timedelta(days=200)
        site.key_changes().rotate_keys(role, None, None, OPEN)


def test_a_client_that_slept_through_five_rotations_follows_with_nothing_but_the_first_root(tmp_path):
    site = Site(tmp_path, 3, 2)
    site.publish()
    pinned = site.repository.roots[0]
    client = updater(site.home.metadata, tmp_path / "cache", root=pinned, now=NOW)
    client.refresh()
    rotate_five_times(site)
    site.publish()
    assert site.root.version == 6
    client = updater(site.home.metadata, tmp_path / "cache", root=None, now=site.now)
    client.refresh()
    assert client.get_targetinfo("a/one").length == 1
    assert Metadata[Root].from_file(str(tmp_path / "cache" / "root.json")).signed.version == 6


def test_our_workflow_follows_five_rotations_too(tmp_path):
    site = Site(tmp_path, 3, 2)
    pinned = site.repository.roots[0]
    rotate_five_times(site)
    site.publish()

    def read(name: str, max_bytes: int) -> bytes | None:
        path = site.home.metadata / name
        return path.read_bytes() if path.exists() else None

    workflow = Workflow(trusted_root(pinned), site.now)
    update_roots(workflow, read)
    workflow.finish_roots()
    load_all_roles(workflow, read)
    assert workflow.root.version == 6
    assert workflow.extension.root_version == 6
    assert workflow.extension.created == site.now
    assert sorted(workflow.all_targets()) == ["a/one"]
    with pytest.raises(ExpiredMetadataError):
        updater(site.home.metadata, tmp_path / "c", root=pinned, now=site.now + timedelta(days=400)).refresh()


CHANGES = {
    "renew": lambda site: site.ceremony.renew_root(),
    "rotate": lambda site: site.key_changes().rotate_keys("timestamp", None, None, OPEN),
    "rotate-root": lambda site: site.key_changes().rotate_keys("root", None, None, OPEN),
    "add": lambda site: site.key_changes().generate_key("targets", OPEN),
    "stage": lambda site: site.key_changes(sign=False).generate_key("root", OPEN),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("days", [365, 400, 10_000])
def test_a_root_that_would_end_before_the_last_bundle_is_refused_and_nothing_changes(tmp_path, change, days):
    site = Site(tmp_path)
    site.publish()
    before = site.state()
    site.now = NOW - timedelta(days=days)
    with refused("clock.behind"):
        change(site)
    assert site.state() == before


def test_with_the_clock_a_little_behind_the_change_is_made_and_the_clock_is_named(tmp_path):
    site = Site(tmp_path)
    site.publish()
    site.now = NOW - timedelta(days=3)
    assert CHANGES["rotate"](site).in_force
    assert [line for line in site.shown if "WARNING" in line] == [
        "WARNING: the system clock is behind the last bundle, which was sealed at 2026-11-21T12:00:00Z"
    ]


@pytest.mark.parametrize("days", [1, 400])
def test_without_a_bundle_to_tell_the_time_renewing_never_shortens_and_rotating_says_so(tmp_path, days):
    site = Site(tmp_path)
    site.now = NOW - timedelta(days=days)
    with refused("ceremony.earlier"):
        site.ceremony.renew_root()
    assert site.root.version == 1
    CHANGES["rotate"](site)
    assert any("WARNING: it ends earlier than the root in force" in line for line in site.shown)


def test_copies_that_come_back_after_their_root_has_ended_are_refused(tmp_path):
    site = Site(tmp_path)
    (away,) = site.away("root")
    travelling = tmp_path / "root.json"
    travelling.write_bytes(site.key_changes().generate_key("targets", OPEN).proposal.encode())
    signed = sign_copy(travelling, travelling, lambda _: [site.signer(away)])
    site.now = NOW + timedelta(days=365)
    assert signed.doubts(site.now) == ("by the clock of this machine, 2027-11-21T12:00:00Z, it has ended already",)
    with refused("ceremony.ended"):
        site.ceremony.accept_copies([travelling])
    assert site.root.version == 1
    site.now = NOW + timedelta(days=364)
    assert signed.doubts(site.now) == ()
    assert site.ceremony.accept_copies([travelling]).in_force
