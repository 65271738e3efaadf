"""Staging: which roles get a new version, who signs them, what is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from bundler.config import Expiries
from bundler.repository import delegations
from bundler.repository.delegations import Authority
from bundler.repository.repository import role_runways, wishes_path
from bundler.repository.staging import path_patterns, stage_version
from manifests.clock import LAST_INSTANT
from manifests.errors import ConfigurationError, MalformedError
from tests.support.ngclient import updater
from tests.support.repositories import A1, AB
from tests.support.tuf_publisher import NOW, RUNWAY, Publisher, records, target


def names(staged):
    return [name for name, _ in staged.documents]


def signed(staged, name):
    return json.loads(dict(staged.documents)[name])["signed"]


def client_finds(publisher, tmp_path, path, now=NOW):
    client = updater(publisher.directory, tmp_path / "cache", root=publisher.load().roots[0], now=now)
    client.refresh()
    return client.get_targetinfo(path)


def test_the_first_stage_holds_every_document_and_writes_nothing(publisher):
    staged = publisher.stage(AB)
    assert names(staged) == [
        "1.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.a.json",
        "1.b.json",
    ]
    assert (staged.snapshot_version, staged.root_version, staged.created) == (1, 1, NOW)
    assert [path.name for path in publisher.directory.iterdir()] == ["1.root.json"]
    assert publisher.load().snapshot_version == 0


def test_a_foreign_client_finds_every_target_with_its_only_digest(publisher, tmp_path):
    publisher.publish(AB)
    for source in AB.values():
        for wanted in source:
            found = client_finds(publisher, tmp_path, wanted.path)
            assert (found.length, found.hashes) == (wanted.length, {"sha256": wanted.sha256})
    assert client_finds(publisher, tmp_path, "a/none") is None


def test_metadata_is_compact_and_the_timestamp_says_when_and_under_which_root(publisher):
    staged = publisher.stage(A1)
    for name, data in staged.documents:
        assert b"\n" not in data, name
    assert signed(staged, "timestamp.json")["x-sealift"] == {"created": "2026-11-21T12:00:00Z", "root_version": 1}
    assert signed(staged, "timestamp.json")["version"] == signed(staged, "1.snapshot.json")["version"] == 1


def test_unchanged_content_is_a_new_timestamp_and_snapshot_and_nothing_else(publisher):
    first = publisher.publish(AB)
    second = publisher.publish(AB, NOW + timedelta(days=1))
    assert names(second) == [
        "1.root.json",
        "timestamp.json",
        "2.snapshot.json",
        "1.targets.json",
        "1.a.json",
        "1.b.json",
    ]
    for name in ("1.targets.json", "1.a.json", "1.b.json"):
        assert dict(second.documents)[name] == dict(first.documents)[name]
    assert publisher.asked == ["snapshot", "timestamp"]


def test_targets_say_what_sites_do_with_each_source_and_its_own_role_when_it_was_pulled(publisher):
    said = [*records(["a"], NOW, mount="/", deliver="scada"), *records(["b"], NOW - timedelta(days=3), fresh_days=9)]
    staged = publisher.publish(AB, said=said)
    policies = {"a": {"mount": "/", "deliver": "scada"}, "b": {"fresh_days": 9}}
    assert signed(staged, "1.targets.json")["x-sealift"] == {"sources": policies}
    assert signed(staged, "1.a.json")["x-sealift"] == {"pulled_at": "2026-11-21T12:00:00Z"}
    assert signed(staged, "1.b.json")["x-sealift"] == {"pulled_at": "2026-11-18T12:00:00Z"}
    assert staged.pulled_at == {record.name: record.pulled_at for record in said}


def test_a_new_date_is_a_new_source_role_and_another_policy_new_targets(publisher):
    publisher.publish(AB)
    dated = publisher.publish(AB, said=[*records(["a"]), *records(["b"], NOW + timedelta(days=1))])
    assert names(dated)[2:] == ["2.snapshot.json", "1.targets.json", "1.a.json", "2.b.json"]
    other = publisher.publish(AB, said=[*records(["a"], mount="/"), *records(["b"], NOW + timedelta(days=1))])
    assert names(other)[2:] == ["3.snapshot.json", "2.targets.json", "1.a.json", "2.b.json"]


@pytest.mark.parametrize("broken", [False, True], ids=["elsewhere", "a token that does not open"])
def test_without_its_keys_a_source_without_news_keeps_its_earlier_date(publisher, broken):
    publisher.publish(AB)
    asked = []

    def of_role(role):
        if role in AB:
            asked.append(role)
            if broken:
                raise ConfigurationError("pkcs11.pin", "The token is not here")
            return ()
        return publisher.keys[role]

    later = records(AB, NOW + timedelta(days=7))
    staged = stage_version(publisher.load(), AB, later, NOW, of_role, publisher.expiries, RUNWAY)
    assert names(staged)[2:] == ["2.snapshot.json", "1.targets.json", "1.a.json", "1.b.json"]
    assert staged.pulled_at == {"a": NOW, "b": NOW}
    assert len(asked) == 1  # a card counts wrong PINs
    assert [warning.partition(":")[0] for warning in staged.warnings] == [
        f"{name} has nothing new, and keeps the date of an earlier pull, 2026-11-21T12" for name in "ab"
    ]


def test_without_the_keys_of_targets_another_policy_is_refused(publisher):
    publisher.publish(AB)
    publisher.missing = {"targets"}
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(AB, said=records(AB, deliver="scada"))
    assert (caught.value.code, caught.value.details["role"]) == ("keys.unavailable", "targets")


def test_a_repository_of_an_earlier_program_gets_the_fields_with_its_next_version(publisher, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr("bundler.repository.staging.pulled_extension", lambda _: {})
        earlier.setattr("bundler.repository.staging.policies_extension", lambda _: {})
        assert "x-sealift" not in signed(publisher.publish(AB), "1.targets.json")
    staged = publisher.publish(AB)
    assert names(staged)[2:] == ["2.snapshot.json", "2.targets.json", "2.a.json", "2.b.json"]


def test_only_the_source_that_changed_gets_a_new_version(publisher):
    publisher.publish(AB)
    staged = publisher.publish(AB | {"b": [target("b/x", b"other")]})
    assert names(staged)[2:] == ["2.snapshot.json", "1.targets.json", "1.a.json", "2.b.json"]


def test_a_source_that_is_new_or_gone_makes_a_new_targets_role(publisher, tmp_path):
    publisher.publish(A1)
    staged = publisher.publish(AB)
    assert names(staged)[2:] == ["2.snapshot.json", "2.targets.json", "1.a.json", "1.b.json"]
    staged = publisher.publish(A1)
    assert names(staged)[2:] == ["3.snapshot.json", "3.targets.json", "1.a.json"]
    assert client_finds(publisher, tmp_path, "b/x") is None


def test_a_source_that_comes_back_goes_on_counting_and_every_client_follows(publisher, tmp_path):
    for state in (AB, A1, AB):
        publisher.publish(state)
        client_finds(publisher, tmp_path, "a/one")
    assert "2.b.json" in names(publisher.stage(AB))
    assert client_finds(publisher, tmp_path, "b/x").length == 3


def test_no_source_at_all_is_an_empty_targets_role(publisher, tmp_path):
    staged = publisher.publish({})
    assert names(staged) == ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    assert client_finds(publisher, tmp_path, "a/one") is None


def test_a_role_that_runs_short_is_renewed_and_the_others_are_left(publisher):
    publisher.publish(AB)
    later = NOW + timedelta(days=150)
    publisher.publish(AB | {"b": [target("b/x", b"other")]}, later)
    staged = publisher.publish(AB | {"b": [target("b/x", b"other")]}, later + timedelta(days=1))
    assert names(staged)[2:] == ["3.snapshot.json", "2.targets.json", "2.a.json", "2.b.json"]
    assert {row.role: row.days for row in role_runways(publisher.load(), later)} == {
        "root": 215,
        "targets": 181,
        "a": 181,
        "b": 180,
        "snapshot": 61,
        "timestamp": 61,
    }


def test_a_root_that_ends_before_the_promise_refuses_to_seal(publisher):
    days = Expiries().root - RUNWAY.days
    publisher.stage(A1, NOW + timedelta(days=days))
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(A1, NOW + timedelta(days=days, seconds=1))
    assert caught.value.code == "runway.root"
    assert caught.value.todo == "bundle keys renew"


def test_a_role_that_runs_short_while_its_keys_are_away_refuses_to_seal(publisher):
    publisher.publish(A1)
    publisher.missing = {"a", "targets"}
    publisher.stage(A1, NOW + timedelta(days=150))
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(A1, NOW + timedelta(days=150, seconds=1))
    assert caught.value.code == "runway.a"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "a"])
def test_a_role_that_changed_while_its_keys_are_away_refuses_to_seal(publisher, role):
    publisher.missing = {role}
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(A1)
    assert (caught.value.code, caught.value.details["role"]) == ("keys.unavailable", role)


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_an_expiry_shorter_than_the_promise_refuses_to_seal(tmp_path, role):
    publisher = Publisher(tmp_path / "m", expiries=Expiries(**{role: 29}))
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(A1)
    assert caught.value.code == f"runway.{role}"


def test_a_source_with_its_own_key_is_signed_by_it_and_clients_demand_it(publisher, tmp_path):
    publisher.publish(AB)
    own = [CryptoSigner.generate_ed25519() for _ in range(2)]
    wish = Authority(tuple(signer.public_key for signer in own), 2)
    delegations.write_delegations(wishes_path(publisher.directory), {"a": wish})
    with pytest.raises(ConfigurationError) as caught:
        publisher.stage(AB)
    assert caught.value.code == "keys.unavailable"
    publisher.keys["a"] = list(own)
    staged = publisher.publish(AB)
    assert names(staged)[2:] == ["2.snapshot.json", "2.targets.json", "2.a.json", "1.b.json"]
    metadata = Metadata.from_bytes(dict(staged.documents)["2.a.json"])
    assert set(metadata.signatures) == set(wish.keyids)
    assert client_finds(publisher, tmp_path, "a/one").length == 1
    assert names(publisher.stage(AB))[2:] == ["3.snapshot.json", "2.targets.json", "2.a.json", "1.b.json"]


def test_a_new_targets_key_in_root_makes_targets_and_its_sources_signed_anew(publisher, tmp_path):
    publisher.publish(AB)
    old = publisher.keys["targets"][0]
    new = CryptoSigner.generate_ed25519()
    metadata = Metadata[Root].from_bytes(publisher.load().roots[0])
    metadata.signed.version = 2
    metadata.signed.revoke_key(old.public_key.keyid, "targets")
    metadata.signed.add_key(new.public_key, "targets")
    metadata.sign(publisher.root_signers[0])
    (publisher.directory / "2.root.json").write_bytes(metadata.to_bytes())
    publisher.keys["targets"] = [new]
    staged = publisher.publish(AB)
    assert names(staged)[:2] == ["1.root.json", "2.root.json"]
    assert names(staged)[3:] == ["2.snapshot.json", "2.targets.json", "2.a.json", "2.b.json"]
    assert staged.root_version == signed(staged, "timestamp.json")["x-sealift"]["root_version"] == 2
    assert client_finds(publisher, tmp_path, "b/x").length == 3


def test_a_delegated_role_reaches_every_allowed_depth_of_its_own_source_and_no_other(publisher):
    staged = publisher.stage(A1)
    role = Metadata.from_bytes(dict(staged.documents)["1.targets.json"]).signed.delegations.roles["a"]
    assert role.terminating
    assert role.paths == path_patterns("a")
    assert role.is_delegated_path("a/x")
    assert role.is_delegated_path("a/" + "/".join("x" * 15))
    assert not role.is_delegated_path("a/" + "/".join("x" * 16))
    assert not role.is_delegated_path("b/x")
    assert not role.is_delegated_path("a")


@pytest.mark.parametrize("state", [{"a": [target("b/x")]}, {"a": [target("ab/x")]}, {"a": [target("a")]}])
def test_a_target_outside_its_source_is_refused(publisher, state):
    with pytest.raises(MalformedError) as caught:
        publisher.stage(state)
    assert caught.value.code == "repository.path"


def test_a_source_named_like_a_role_is_refused(publisher):
    with pytest.raises(MalformedError) as caught:
        publisher.stage({"snapshot": []})
    assert caught.value.code == "name.source"


def test_very_many_targets_and_a_clock_that_went_back_are_warned_about(publisher):
    many = {"a": [target(f"a/{number}") for number in range(30_001)]}
    assert publisher.publish(A1, NOW + timedelta(hours=1)).warnings == ()
    first, second = publisher.stage(many).warnings
    assert first.startswith("a has 30,001 files")
    assert "clock is behind" in second


@pytest.mark.parametrize("days", [60, 61, 180, 400, 8000])
def test_what_a_clock_far_behind_would_sign_is_refused_and_nothing_is_written(publisher, days):
    publisher.publish(A1)
    before = {path.name: path.read_bytes() for path in publisher.directory.iterdir()}
    with pytest.raises(ConfigurationError) as caught:
        publisher.publish(A1, NOW - timedelta(days=days))
    assert caught.value.code == "clock.behind"
    assert {path.name: path.read_bytes() for path in publisher.directory.iterdir()} == before


def test_a_clock_somewhat_behind_is_warned_about_and_sites_can_import(publisher):
    publisher.publish(A1)
    staged = publisher.publish(A1, NOW - timedelta(days=59))
    assert any("clock is behind" in warning for warning in staged.warnings)
    assert signed(staged, "timestamp.json")["expires"] > "2026-11-21T12:00:00Z"


def test_after_a_bundle_of_a_clock_that_was_ahead_longer_expiries_reach_beyond_it(tmp_path):
    ahead = NOW + timedelta(days=3000)
    publisher = Publisher(tmp_path / "metadata", expiries=Expiries(root=9000))
    publisher.publish(A1, ahead)
    with pytest.raises(ConfigurationError) as caught:
        publisher.publish(A1)
    assert caught.value.code == "clock.behind"
    publisher.expiries = Expiries(9000, 3650, 3650, 3650, 3650)
    assert publisher.publish(A1).snapshot_version == 2


def test_expiries_end_where_the_calendar_does(tmp_path):
    late = LAST_INSTANT - timedelta(days=20)
    publisher = Publisher(tmp_path / "metadata", expiries=Expiries(root=36500))
    staged = publisher.stage(A1, NOW)
    assert signed(staged, "timestamp.json")["expires"] == "2027-01-20T12:00:00Z"
    publisher = Publisher(tmp_path / "late", expiries=Expiries(root=3_000_000))
    staged = publisher.stage(A1, late)
    assert {signed(staged, name)["expires"] for name in names(staged)} == {"9999-12-31T23:59:59Z"}


def test_a_role_with_little_left_is_signed_anew_while_its_keys_are_here_and_warned_about_else(publisher):
    publisher.publish(A1)
    publisher.renew_within = timedelta(days=60)
    assert names(publisher.stage(A1, NOW + timedelta(days=120)))[-2:] == ["1.targets.json", "1.a.json"]
    later = NOW + timedelta(days=120, seconds=1)
    assert names(publisher.stage(A1, later))[-2:] == ["2.targets.json", "2.a.json"]
    publisher.missing = {"targets", "a"}
    staged = publisher.stage(A1, later)
    assert names(staged)[-2:] == ["1.targets.json", "1.a.json"]
    assert [warning.split(" until ")[0] for warning in staged.warnings] == ["a is good", "targets is good"]


@pytest.mark.parametrize("life", [2, 31, 60, 61])
def test_however_long_the_runway_what_was_just_signed_is_not_signed_again(tmp_path, life):
    publisher = Publisher(tmp_path / "metadata", expiries=Expiries(sources=life, targets=life))
    publisher.renew_within = timedelta(days=3650)
    publisher.publish(A1, runway=timedelta(0))
    staged = publisher.stage(A1, NOW + timedelta(days=life) / 2, timedelta(0))
    assert names(staged)[-2:] == ["1.targets.json", "1.a.json"]
