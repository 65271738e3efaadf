"""TUF's attacks by name, on the workflow: a good repository is accepted, one thing is changed, the refusal is exact.

Every refusal must leave the state that a caller holds as it was; the workflow is pure, so that is the
same object, compared again after the refusal.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
from tuf.api.metadata import MetaFile

from manifests.errors import (
    CountedBackError,
    ExpiredError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    OlderTimestampError,
    OtherVersionError,
    RollbackError,
    SealiftError,
)
from manifests.trust import TrustedState
from tests.support.tuf_runs import imported, pinned
from tests.support.tuf_simulator import TufSimulator, at, public_key, signer

Refused = Callable[[type[SealiftError], str], None]


@pytest.fixture
def sim() -> TufSimulator:
    """A publisher at its third generation, with two sources."""
    sim = TufSimulator(at(), extension=True)
    sim.delegate("clamav", ["clamav/*"], terminating=True)
    sim.delegate("sigma", ["sigma/*"], terminating=True)
    sim.add_target("clamav/one", b"1", "clamav")
    sim.publish("clamav", "sigma", "targets")
    sim.publish("clamav")
    return sim


@pytest.fixture
def state(sim: TufSimulator) -> TrustedState:
    """What a site trusts that imported the third generation."""
    return imported(sim, pinned(sim), at(1)).state


@pytest.fixture
def refused(sim: TufSimulator, state: TrustedState) -> Iterator[Refused]:
    """Expect one refusal; what was trusted stays."""
    before = copy.deepcopy(state)

    def expect(kind: type[SealiftError], code: str) -> None:
        with pytest.raises(SealiftError) as caught:
            imported(sim, state, at(1))
        assert (type(caught.value), caught.value.code) == (kind, code)

    yield expect
    assert state == before


# --- arbitrary installation ------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "clamav"])
def test_arbitrary_installation_by_a_strangers_key_is_refused(sim: TufSimulator, refused: Refused, role: str) -> None:
    sim.signers[role] = [signer("stranger")]
    sim.publish("clamav", "targets")
    refused(NotAuthenticError, f"tuf.signature.{role}")


def test_arbitrary_installation_by_a_strangers_root_is_refused(sim: TufSimulator, refused: Refused) -> None:
    sim.signers["root"] = [signer("stranger")]
    sim.publish_root()
    refused(NotAuthenticError, "tuf.signature.root")


def test_a_root_signed_by_the_new_keys_alone_is_refused(sim: TufSimulator, refused: Refused) -> None:
    sim.rotate("root", 2)
    sim.publish_root()
    refused(NotAuthenticError, "tuf.signature.root")


def test_a_root_signed_by_the_old_keys_alone_is_refused(sim: TufSimulator, refused: Refused) -> None:
    old = list(sim.signers["root"])
    sim.rotate("root", 2)
    sim.signers["root"] = old
    sim.publish_root()
    refused(NotAuthenticError, "tuf.signature.root")


@pytest.mark.parametrize("version", [1, 3, 1000])
def test_a_root_that_skips_or_repeats_a_version_is_refused(sim: TufSimulator, refused: Refused, version: int) -> None:
    sim.root.version = version
    sim.files["2.root.json"] = sim.sign("root")
    refused(OtherVersionError, "tuf.version.root")


def test_one_source_cannot_speak_for_another(sim: TufSimulator, state: TrustedState) -> None:
    sim.add_target("sigma/rule", b"from clamav's key", "clamav")
    sim.publish("clamav")
    assert list(imported(sim, state, at(1)).all_targets()) == ["clamav/one"]


def test_one_sources_key_cannot_sign_another_source(sim: TufSimulator, refused: Refused) -> None:
    sim.signers["sigma"] = [signer("clamav-1")]
    sim.publish("sigma")
    refused(NotAuthenticError, "tuf.signature.sigma")


def test_a_role_reached_from_two_delegators_must_satisfy_both(sim: TufSimulator, refused: Refused) -> None:
    sim.delegate("rules", ["sigma/*"], parent="clamav")
    sim.publish("rules", "clamav")
    imported(sim, pinned(sim), at(1))
    sim.delegate("rules", ["sigma/*"], parent="sigma", keys=["another"])
    sim.publish("sigma")
    refused(NotAuthenticError, "tuf.signature.rules")


def test_one_key_of_two_does_not_meet_a_sources_threshold(sim: TufSimulator, refused: Refused) -> None:
    sim.delegate("clamav", ["clamav/*"], terminating=True, threshold=2, keys=["clamav-1", "clamav-2"])
    sim.publish("targets")
    refused(NotAuthenticError, "tuf.signature.clamav")


def test_a_revoked_key_signs_nothing_any_more(sim: TufSimulator, refused: Refused) -> None:
    sim.rotate("snapshot", 2)
    sim.publish_root()
    sim.signers["snapshot"] = [signer("snapshot-1")]
    sim.publish("clamav")
    refused(NotAuthenticError, "tuf.signature.snapshot")


# --- rollback --------------------------------------------------------------------------------------


def test_an_older_timestamp_is_refused(sim: TufSimulator, state: TrustedState, refused: Refused) -> None:
    sim.timestamp.version = 2
    sim.publish_timestamp(bump=False)
    refused(OlderTimestampError, "tuf.rollback.timestamp")


def test_an_older_snapshot_under_a_new_timestamp_is_refused(
    sim: TufSimulator, state: TrustedState, refused: Refused
) -> None:
    sim.snapshot.version = 2
    sim.publish_snapshot(bump=False)
    sim.publish_timestamp()
    refused(CountedBackError, "tuf.rollback.snapshot")


@pytest.mark.parametrize("role", ["targets", "clamav", "sigma"])
def test_an_older_role_under_a_new_snapshot_is_refused(
    sim: TufSimulator, state: TrustedState, refused: Refused, role: str
) -> None:
    sim.signed(role).version = 1
    sim.publish_targets(role, bump=False)
    sim.publish_snapshot()
    sim.publish_timestamp()
    refused(CountedBackError, f"tuf.rollback.{role}")


def test_a_snapshot_that_no_longer_lists_a_role_is_refused(
    sim: TufSimulator, state: TrustedState, refused: Refused
) -> None:
    del sim.snapshot.meta["sigma.json"]
    sim.publish_snapshot()
    sim.publish_timestamp()
    refused(CountedBackError, "tuf.removed.sigma")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "clamav"])
def test_other_content_under_a_trusted_version_is_refused(
    sim: TufSimulator, state: TrustedState, refused: Refused, role: str
) -> None:
    sim.signed(role).unrecognized_fields["note"] = "other"
    sim.files[sim.file_name(role)] = sim.sign(role)
    if role == "clamav":
        sim.publish_snapshot()
        sim.publish_timestamp()
    refused(OtherVersionError, f"tuf.version.{role}")


# --- fast-forward, and the way out of it -----------------------------------------------------------


def test_a_fast_forward_is_recovered_from_by_rotating_the_roles_keys(sim: TufSimulator, state: TrustedState) -> None:
    for role in ("timestamp", "snapshot"):
        sim.signed(role).version = 1_000_000
    sim.publish_snapshot()
    sim.publish_timestamp()
    lured = imported(sim, state, at(1)).state

    sim.snapshot.version = sim.timestamp.version = 10
    sim.publish("clamav")
    with pytest.raises(RollbackError) as caught:
        imported(sim, lured, at(1))
    assert caught.value.code == "tuf.rollback.timestamp"

    sim.rotate("timestamp", 2)
    sim.rotate("snapshot", 2)
    sim.publish_root()
    sim.publish("clamav")
    assert imported(sim, lured, at(1)).snapshot_version == 12


def test_rotating_the_snapshot_key_alone_does_not_lower_the_timestamps_floor(
    sim: TufSimulator, state: TrustedState, refused: Refused
) -> None:
    sim.rotate("snapshot", 2)
    sim.publish_root()
    sim.snapshot.version = 1
    sim.publish_snapshot(bump=False)
    sim.publish_timestamp()
    refused(CountedBackError, "tuf.rollback.snapshot")


# --- freeze ----------------------------------------------------------------------------------------


def test_a_freeze_ends_when_the_old_timestamp_expires(sim: TufSimulator, state: TrustedState) -> None:
    with pytest.raises(ExpiredError) as caught:
        imported(sim, state, at(30))
    assert caught.value.code == "tuf.expired.root"
    sim.root.expires = at(90)
    sim.publish_root()
    with pytest.raises(ExpiredError) as caught:
        imported(sim, state, at(30))
    assert caught.value.code == "tuf.expired.timestamp"


def test_a_wound_back_clock_does_not_revive_what_had_expired(sim: TufSimulator, state: TrustedState) -> None:
    old = dict(sim.files)
    sim.now = at(40)
    for role in ("root", "timestamp", "snapshot", "targets", "clamav", "sigma"):
        sim.signed(role).expires = at(90)
    sim.publish_root()
    sim.publish("clamav", "sigma", "targets")
    newer = imported(sim, state, at(40)).state

    sim.files = old
    sim.timestamp.version, sim.timestamp.expires = 100, at(39)
    sim.files["2.root.json"] = sim.files.get("2.root.json", newer.root)
    sim.publish_timestamp()
    with pytest.raises(ExpiredError) as caught:
        imported(sim, newer, at(-10_000))
    assert caught.value.code == "tuf.expired.timestamp"


def test_a_withheld_newer_root_is_noticed(sim: TufSimulator, refused: Refused) -> None:
    sim.publish_root()
    sim.publish("clamav")
    del sim.files["2.root.json"]
    refused(NotAuthenticError, "tuf.root-withheld")


def test_a_root_withheld_in_the_middle_of_the_chain_is_noticed(sim: TufSimulator, refused: Refused) -> None:
    sim.publish_root()
    sim.publish_root()
    sim.publish("clamav")
    del sim.files["2.root.json"]
    refused(NotAuthenticError, "tuf.root-withheld")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "sigma"])
def test_a_withheld_document_is_missed(sim: TufSimulator, refused: Refused, role: str) -> None:
    del sim.files[sim.file_name(role)]
    refused(IncompleteError, f"tuf.missing.{role}")


# --- mix and match ---------------------------------------------------------------------------------


def test_an_old_snapshot_under_the_new_name_is_refused(sim: TufSimulator, refused: Refused) -> None:
    sim.publish("clamav")
    sim.files["4.snapshot.json"] = sim.files["3.snapshot.json"]
    refused(OtherVersionError, "tuf.version.snapshot")


@pytest.mark.parametrize("role", ["targets", "clamav"])
def test_an_old_role_under_the_new_name_is_refused(sim: TufSimulator, refused: Refused, role: str) -> None:
    old = sim.file_name(role)
    sim.publish(role)
    sim.files[sim.file_name(role)] = sim.files[old]
    refused(OtherVersionError, f"tuf.version.{role}")


def test_one_sources_document_in_place_of_anothers_is_refused(sim: TufSimulator, refused: Refused) -> None:
    sim.publish("clamav", "sigma")
    sim.files[sim.file_name("clamav")] = sim.files[sim.file_name("sigma")]
    refused(NotAuthenticError, "tuf.signature.clamav")


def test_a_delegated_role_that_the_snapshot_does_not_list_is_refused(sim: TufSimulator, refused: Refused) -> None:
    sim.delegate("new", ["new/*"])
    sim.publish("new", "targets")
    del sim.snapshot.meta["new.json"]
    sim.publish_snapshot()
    sim.publish_timestamp()
    refused(MalformedError, "tuf.unlisted.new")


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize("fault", ["length", "hash"])
def test_bytes_that_are_not_those_listed_are_refused(
    sim: TufSimulator, refused: Refused, role: str, fault: str
) -> None:
    sim.hashes = True
    sim.publish("targets")
    data = sim.files[sim.file_name(role)]
    sim.files[sim.file_name(role)] = data + b" " if fault == "length" else data[:-2] + data[-1:] + b" "
    refused(NotAuthenticError, f"tuf.{fault}.{role}")


def test_an_unknown_digest_algorithm_proves_nothing(sim: TufSimulator, refused: Refused) -> None:
    sim.timestamp.snapshot_meta = MetaFile(3, hashes={"crc32": "00000000"})
    sim.publish_timestamp()
    refused(NotAuthenticError, "tuf.hash.snapshot")


# --- endless data ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "ceiling"), [("timestamp", 16_384), ("snapshot", 2_000_000), ("root", 512_000)], ids=str
)
def test_endless_data_stops_at_the_ceiling(sim: TufSimulator, refused: Refused, role: str, ceiling: int) -> None:
    sim.publish_root()
    sim.files[sim.file_name(role)] = b" " * (ceiling + 1)
    refused(MalformedError, f"tuf.too-large.{role}")


# --- one stolen key --------------------------------------------------------------------------------


def test_a_stolen_timestamp_key_alone_brings_no_content(sim: TufSimulator, refused: Refused) -> None:
    sim.add_target("clamav/evil", b"evil", "clamav")
    for role in ("snapshot", "targets", "clamav"):
        sim.signers[role] = [signer("timestamp-1")]
    sim.publish("clamav")
    refused(NotAuthenticError, "tuf.signature.snapshot")


def test_a_stolen_snapshot_key_alone_brings_nothing(sim: TufSimulator, refused: Refused) -> None:
    sim.signers["timestamp"] = [signer("snapshot-1")]
    sim.publish("clamav")
    refused(NotAuthenticError, "tuf.signature.timestamp")


def test_a_stolen_source_key_reaches_its_own_paths_alone(sim: TufSimulator, state: TrustedState) -> None:
    sim.add_target("clamav/evil", b"evil", "clamav")
    sim.add_target("sigma/evil", b"evil", "clamav")
    sim.publish("clamav")
    assert list(imported(sim, state, at(1)).all_targets()) == ["clamav/evil", "clamav/one"]


def test_a_stolen_root_key_below_the_threshold_changes_nothing(sim: TufSimulator) -> None:
    sim.root.add_key(public_key("person-2"), "root")
    sim.root.roles["root"].threshold = 2
    sim.signers["root"].append(signer("person-2"))
    sim.publish_root()
    sim.publish_timestamp()
    state = imported(sim, pinned(sim), at(1)).state

    sim.signers["root"] = [signer("person-2")]
    sim.rotate("timestamp", 666)
    sim.publish_root()
    sim.publish_timestamp()
    with pytest.raises(NotAuthenticError) as caught:
        imported(sim, state, at(1))
    assert caught.value.code == "tuf.signature.root"
