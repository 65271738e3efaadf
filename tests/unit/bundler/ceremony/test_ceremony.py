from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.exceptions import ExpiredMetadataError
from tuf.api.metadata import Metadata, Root

from bundler import config
from bundler.ceremony.ceremony import Ceremony, sign_copy
from bundler.ceremony.key_changes import KeyChanges, NewKeys
from bundler.ceremony.proposal import Proposal
from bundler.ceremony.status import key_rows, role_rows
from bundler.fetch.options import FETCH_OPTIONS
from bundler.home import Home, open_home
from bundler.jobs.init import NewPublisher, configuration_text, create_publisher
from bundler.keys import keyring as keys
from bundler.keys import public_keys
from bundler.keys.secrets import Secrets
from bundler.kinds import KINDS, kind_class
from bundler.repository import delegations
from bundler.repository.repository import Repository, wishes_path, write_metadata
from bundler.repository.signers import HomeSigners
from bundler.repository.staging import stage_version
from bundler.sources.common import COMMON_KEYS
from manifests.errors import ConfigurationError, MalformedError, NotAuthenticError, SealiftError
from manifests.trust import Workflow, load_all, trusted_root, update_roots
from tests.support.ngclient import updater
from tests.support.tuf_publisher import NOW, RUNWAY, target

OPEN = NewKeys(None)
CONTENT = {"a": [target("a/one")]}


def nobody(question: str) -> str:
    raise AssertionError(f"asked: {question}")


class Site:
    """A home and what can be done in it. ``away`` moves private keys to another place."""

    def __init__(self, path: Path, root_keys: int = 1, threshold: int = 1) -> None:
        self.home = create_publisher(path / "home", NewPublisher("acme", root_keys, threshold), NOW)
        self.stick = path / "stick"
        self.stick.mkdir()
        self.now = NOW
        self.shown: list[str] = []

    @property
    def signers(self) -> HomeSigners:
        return HomeSigners(self.home, Secrets(nobody))

    @property
    def ceremony(self) -> Ceremony:
        return Ceremony(self.home, self.repository, self.signers, config.Expiries(), self.now, self.shown.extend)

    def key_changes(self, sign: bool = True) -> KeyChanges:
        return KeyChanges(self.home, self.repository, ["a"], self.ceremony, Secrets(nobody), sign=sign)

    @property
    def repository(self) -> Repository:
        return Repository.load(self.home.metadata)

    @property
    def root(self) -> Root:
        return self.repository.root

    def keyids(self, role: str) -> tuple[str, ...]:
        return self.repository.authority(role).keyids

    def away(self, role: str) -> list[Path]:
        """Carry a role's private keys out of the home."""
        return [path.rename(self.stick / path.name) for path in sorted(self.home.keys.glob(f"{role}-*.pem"))]

    def publish(self) -> None:
        repository = self.repository
        staged = stage_version(
            repository, CONTENT, self.now, self.signers.of_repository(repository), config.Expiries(), RUNWAY
        )
        write_metadata(repository.directory, staged.documents)

    def state(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.home.path.rglob("*")) if path.is_file()}

    def signer(self, path: Path) -> CryptoSigner:
        return keys.read_private_key(path, Secrets(nobody))


def person(directory: Path, name: str) -> keys.GeneratedKey:
    return keys.generate_key(directory / f"{name}.pem", None)


def refused(code: str):
    return pytest.raises(SealiftError, check=lambda error: error.code == code)


def test_a_founded_home_opens_and_its_first_root_holds(tmp_path):
    site = Site(tmp_path, 3, 2)
    assert open_home(site.home.path) == site.home
    assert (site.root.version, site.root.roles["root"].threshold, len(site.keyids("root"))) == (1, 2, 3)
    assert site.root.expires == NOW + timedelta(days=365)
    assert config.load_config(site.home.config) == config.Config("acme")
    assert site.home.keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in site.home.keys.glob("*.pem")} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "stick"]


def test_every_line_of_the_commented_configuration_is_true(tmp_path):
    lines = configuration_text("acme", config.Expiries()).splitlines()
    settings = [line[1:] if re.match(r"#(?! \S)", line) else line for line in lines]
    (tmp_path / "bundler.toml").write_text("\n".join(settings))
    found = config.load_config(tmp_path / "bundler.toml")
    assert {source.kind for source in found.sources} == set(KINDS)
    assert found == config.Config("acme", found.sources, pkcs11_module="/usr/lib/softhsm/libsofthsm2.so")
    shown = {(source.kind, key) for source in found.sources for key in source.options}
    shown |= {(kind, key) for kind in KINDS for key in FETCH_OPTIONS if ("http", key) in shown}
    own = {(kind, key) for kind in KINDS for key in kind_class(kind).OPTIONS_SCHEMA["properties"]}
    assert own - shown == set()
    assert [key for key in COMMON_KEYS if f"\n{key} = " not in "\n".join(settings)] == []


def test_other_expiries_are_written_to_the_configuration(tmp_path):
    wanted = config.Expiries(root=730, timestamp=45)
    home = create_publisher(tmp_path / "home", NewPublisher("acme", expiries=wanted), NOW)
    assert config.load_config(home.config).expiries == wanted
    assert Repository.load(home.metadata).root.expires == NOW + timedelta(days=730)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (NewPublisher("Acme!"), "name.publisher"),
        (NewPublisher("acme", 2, 3), "init.threshold"),
        (NewPublisher("acme", 0, 0), "init.threshold"),
        (NewPublisher("acme", expiries=config.Expiries(root=5)), "config.value"),
    ],
)
def test_a_failed_founding_leaves_nothing(tmp_path, wanted, code):
    with refused(code):
        create_publisher(tmp_path / "home", wanted, NOW)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_home_or_any_other_thing_is_not_touched(tmp_path):
    site = Site(tmp_path)
    before = site.state()
    with refused("home.exists"):
        create_publisher(site.home.path, NewPublisher("other"), NOW)
    assert site.state() == before
    (tmp_path / "file").write_text("x")
    with refused("home.exists"):
        create_publisher(tmp_path / "file", NewPublisher("other"), NOW)
    (tmp_path / "empty").mkdir()
    assert create_publisher(tmp_path / "empty", NewPublisher("other"), NOW) == Home(tmp_path / "empty")


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
    with refused("ceremony.threshold"):
        site.ceremony.accept_copies([copies[0]])
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
    assert not site.home.staged_root.exists()


def test_a_stranger_cannot_sign(tmp_path):
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    stranger = person(tmp_path, "eve")
    before = site.home.staged_root.read_bytes()
    with refused("ceremony.not-a-signer"):
        sign_copy(site.home.staged_root, site.home.staged_root, lambda _: [stranger.signer])
    assert site.home.staged_root.read_bytes() == before


def forged(site: Site, change) -> bytes:
    value = json.loads(site.home.staged_root.read_bytes())
    change(value)
    return json.dumps(value).encode()


TAMPERED = {
    "another format": (lambda v: v.update(format="x"), "ceremony.format"),
    "another field": (lambda v: v.update(more=1), "ceremony.format"),
    "no current root": (lambda v: v.update(current=3), "ceremony.format"),
    "a version left out": (lambda v: v["proposed"]["signed"].update(version=3), "ceremony.format"),
    "another role": (lambda v: v["proposed"]["signed"].update(_type="targets"), "ceremony.format"),
    "a forged current root": (
        lambda v: v["current"]["signed"].update(expires="2030-01-01T00:00:00Z"),
        "ceremony.current",
    ),
    "an unsigned current root": (lambda v: v["current"].update(signatures=[]), "ceremony.current"),
    "a stranger's signature": (
        lambda v: v["proposed"]["signatures"].append({"keyid": "0" * 64, "sig": "00"}),
        "ceremony.signature",
    ),
    "a false signature": (
        lambda v: v["proposed"]["signatures"].append(
            {"keyid": v["proposed"]["signed"]["roles"]["root"]["keyids"][0], "sig": "00" * 64}
        ),
        "ceremony.signature",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_travelling_file_that_was_tampered_with_is_refused(tmp_path, how):
    change, code = TAMPERED[how]
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    file = tmp_path / "forged.json"
    file.write_bytes(forged(site, change))
    site.ceremony.discard_proposal()
    before = site.state()
    with refused(code):
        site.ceremony.accept_copies([file])
    assert site.state() == before


def test_a_signed_copy_whose_root_was_changed_afterwards_is_refused(tmp_path):
    site = Site(tmp_path)
    outcome = site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    signed = outcome.proposal.signed_by(site.signers.of_repository(site.repository)("root"))
    value = json.loads(signed.encode())
    value["proposed"]["signed"]["roles"]["targets"]["threshold"] = 2
    with pytest.raises(NotAuthenticError) as caught:
        Proposal.decode(json.dumps(value).encode(), "x")
    assert caught.value.code == "ceremony.signature"


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


def test_a_damaged_list_of_delegations_is_named(tmp_path):
    site = Site(tmp_path)
    path = wishes_path(site.home.metadata)
    for data, code in ((b"[]", "repository.damaged"), (b'{"a":{}}', "repository.damaged"), (b"x", "json.syntax")):
        path.write_bytes(data)
        with pytest.raises((ConfigurationError, MalformedError)) as caught:
            delegations.read_delegations(path)
        assert caught.value.code == code


def test_renewing_gives_root_a_later_expiry_and_nothing_else(tmp_path):
    site = Site(tmp_path)
    before = site.root
    site.now = NOW + timedelta(days=300)
    assert site.ceremony.renew_root().proposal.changes() == (
        "root 1 -> 2",
        "  expires: 2027-11-21T12:00:00Z -> 2028-09-16T12:00:00Z",
    )
    assert site.root.roles == before.roles


def test_the_overview_names_every_key_where_it_is_and_until_when_its_role_is_good(tmp_path):
    site = Site(tmp_path, 2, 2)
    site.publish()
    (old,) = site.keyids("timestamp")
    site.key_changes().rotate_keys("timestamp", None, None, OPEN)
    (gone,) = [path.stem for path in site.away("snapshot")]
    rows = key_rows(site.home, site.repository, ["a", "b"])
    assert [row.role for row in rows] == ["root", "root", "targets", "snapshot", "timestamp", "a", "b", None]
    assert rows[-1].keyid == old
    assert rows[3].uri is None
    assert gone.endswith(rows[3].keyid[:12])
    assert rows[2].uri == f"file:{site.home.keys}/targets-{rows[2].keyid[:12]}.pem"
    roles = {row.role: row for row in role_rows(site.repository, ["a", "b"], NOW + timedelta(days=1))}
    assert (roles["root"].threshold, roles["root"].keys, roles["root"].days) == (2, 2, 364)
    assert (roles["a"].expires_at, roles["a"].days) == (NOW + timedelta(days=180), 179)
    assert (roles["b"].expires_at, roles["b"].days) == (None, None)


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
    load_all(workflow, read)
    assert workflow.root.version == 6
    assert workflow.extension.root_version == 6
    assert workflow.extension.created == site.now
    assert sorted(workflow.all_targets()) == ["a/one"]
    with pytest.raises(ExpiredMetadataError):
        updater(site.home.metadata, tmp_path / "c", root=pinned, now=site.now + timedelta(days=400)).refresh()


def test_a_signature_over_one_root_is_none_over_another(tmp_path):
    site = Site(tmp_path)
    outcome = site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    (keyid,) = site.keyids("root")
    with refused("ceremony.signature"):
        outcome.proposal.with_signatures([Signature(keyid, "00" * 64)], "x")
