"""The verify workflow: what it believes, what it keeps, how time and roots are handled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES

from manifests.errors import ExpiredError, IncompleteError, MalformedError, NotAuthenticError, StorageError
from manifests.limits import Limits
from manifests.trust import (
    TimestampExtension,
    TrustedState,
    Workflow,
    find_target,
    load_all_roles,
    trusted_root,
    update_roots,
)
from tests.support.tuf_runs import imported, pinned, refreshed, refusal
from tests.support.tuf_simulator import TufSimulator, at, signer


@pytest.fixture
def sim() -> TufSimulator:
    """A publisher with two sources."""
    sim = TufSimulator(at(), extension=True, hashes=True)
    for source in ("clamav", "sigma"):
        sim.delegate(source, [f"{source}/*", f"{source}/*/*"], terminating=True)
        sim.add_target(f"{source}/one", source.encode(), source)
    sim.add_target("sigma/deep/two", b"two", "sigma")
    sim.publish("clamav", "sigma", "targets")
    return sim


def test_everything_that_was_signed_is_believed_and_kept_byte_for_byte(sim: TufSimulator) -> None:
    workflow = imported(sim, pinned(sim), at(1))

    assert workflow.snapshot_version == 2
    assert workflow.extension == TimestampExtension(created=at(), root_version=1)
    assert workflow.file_names == (
        "timestamp.json",
        "2.snapshot.json",
        "2.targets.json",
        "2.clamav.json",
        "2.sigma.json",
    )
    assert list(workflow.all_targets()) == ["clamav/one", "sigma/deep/two", "sigma/one"]
    assert workflow.all_targets()["clamav/one"].length == 6
    assert workflow.state == TrustedState(
        root=sim.files["1.root.json"],
        timestamp=sim.files["timestamp.json"],
        snapshot=sim.files["2.snapshot.json"],
        targets=tuple((role, sim.files[f"2.{role}.json"]) for role in ("clamav", "sigma", "targets")),
        clock_floor=at(),
    )
    assert [(role.name, role.version) for role in workflow.roles] == [
        ("root", 1),
        ("timestamp", 2),
        ("snapshot", 2),
        ("targets", 2),
        ("clamav", 2),
        ("sigma", 2),
    ]
    assert {role.expires_at for role in workflow.roles} == {at(30)}


def test_the_same_bytes_again_are_believed_and_said_to_be_unchanged(sim: TufSimulator) -> None:
    first = imported(sim, pinned(sim), at(1))
    again = imported(sim, first.state, at(2))
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.state == first.state


def test_a_new_generation_replaces_the_old_one_and_raises_the_clock_floor(sim: TufSimulator) -> None:
    state = imported(sim, pinned(sim), at(1)).state
    sim.now = at(3)
    sim.add_target("sigma/three", b"three", "sigma")
    sim.publish("sigma")
    workflow = imported(sim, state, at(3))
    assert not workflow.unchanged
    assert workflow.snapshot_version == 3
    assert "sigma/three" in workflow.all_targets()
    assert workflow.state.clock_floor == at(3)


def test_a_source_that_is_gone_leaves_the_state_while_the_snapshot_goes_on_listing_it(sim: TufSimulator) -> None:
    state = imported(sim, pinned(sim), at(1)).state
    del sim.targets.delegations.roles["sigma"]
    sim.publish("targets")
    workflow = imported(sim, state, at(1))
    assert [role for role, _ in workflow.state.targets] == ["clamav", "targets"]
    assert list(workflow.all_targets()) == ["clamav/one"]


@pytest.mark.parametrize("rotations", [1, 5, 40])
def test_a_site_that_slept_through_root_rotations_follows_the_chain(sim: TufSimulator, rotations: int) -> None:
    state = imported(sim, pinned(sim), at(1)).state
    for number in range(2, rotations + 2):
        old = list(sim.signers["root"])
        sim.rotate("root", number)
        sim.publish_root(signers=old)
    sim.publish_timestamp()
    workflow = imported(sim, state, at(1))
    assert workflow.root.version == rotations + 1
    assert workflow.state.root == sim.files[f"{rotations + 1}.root.json"]


def test_the_root_chain_is_walked_to_its_ceiling_and_no_further(sim: TufSimulator) -> None:
    for _ in range(4):
        sim.publish_root()
    workflow = Workflow(pinned(sim), at(), Limits(root_rotations=3))
    update_roots(workflow, sim.read)
    assert workflow.root.version == 4


def test_an_expired_root_in_the_middle_of_the_chain_is_fine(sim: TufSimulator) -> None:
    state = pinned(sim)
    sim.root.expires = at(-5)
    sim.publish_root()
    sim.root.expires = at(30)
    sim.publish_root()
    sim.publish_timestamp()
    assert imported(sim, state, at(1)).root.version == 3


def test_a_threshold_root_needs_that_many_of_its_keys(sim: TufSimulator) -> None:
    people = [signer(f"person-{number}") for number in range(3)]
    for person in people:
        sim.root.add_key(person.public_key, "root")
    sim.root.revoke_key(signer("root-1").public_key.keyid, "root")
    sim.root.roles["root"].threshold = 2
    sim.signers["root"] = [*people[:2], signer("root-1")]
    sim.publish_root()
    sim.publish_timestamp()
    assert imported(sim, pinned(sim), at(1)).root.roles["root"].threshold == 2

    state = pinned(sim, 2)
    sim.signers["root"] = [people[2]]
    sim.publish_root()
    error = refusal(sim, state, at(1))
    assert (type(error), error.code) == (NotAuthenticError, "tuf.signature.root")
    assert (error.have, error.need) == ("1 valid signatures", "2")


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "rsa"])
def test_other_algorithms_of_securesystemslib_verify(sim: TufSimulator, kind: str) -> None:
    keys = {
        "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }
    new = CryptoSigner(keys[kind]())
    old = list(sim.signers["root"])
    for role in TOP_LEVEL_ROLE_NAMES:
        sim.root.roles[role].keyids = []
        sim.root.add_key(new.public_key, role)
        sim.signers[role] = [new]
    sim.publish_root(signers=old)
    sim.publish("targets")
    workflow = imported(sim, pinned(sim), at(1))
    assert workflow.root.version == 2
    keys_of_timestamp, threshold = workflow.timestamp_keys()
    assert (list(keys_of_timestamp), threshold) == ([new.public_key.keyid], 1)


# --- time ------------------------------------------------------------------------------------------


def test_the_clock_floor_beats_a_clock_that_was_wound_back(sim: TufSimulator) -> None:
    sim.now = at(29)
    sim.publish_timestamp()
    state = imported(sim, pinned(sim), at(29)).state
    assert Workflow(state, at(-7000)).now == at(29)
    assert Workflow(state, at(29.5)).now == at(29.5)

    sim.timestamp.expires = at(28)
    sim.publish_timestamp()
    error = refusal(sim, state, at(-7000))
    assert (type(error), error.code) == (ExpiredError, "tuf.expired.timestamp")
    assert error.have == "it ended on 2031-03-29T12:00:00Z; the time here is 2031-03-30T12:00:00Z"


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "clamav"])
def test_expired_metadata_is_refused_and_an_operator_may_accept_it(sim: TufSimulator, role: str) -> None:
    state = imported(sim, pinned(sim), at(1)).state
    sim.signed(role).expires = at(2)
    if role == "root":
        sim.publish_root()
    sim.publish("clamav", "targets")

    assert imported(sim, state, at(2) - timedelta(seconds=1)).expired_roles == ()
    error = refusal(sim, state, at(2))
    assert (type(error), error.code) == (ExpiredError, f"tuf.expired.{role}")
    assert imported(sim, state, at(2), accept_expired=True).expired_roles == (role,)


def test_no_role_may_have_ended_before_the_timestamp_was_made_whoever_accepts_it(sim: TufSimulator) -> None:
    sim.now = at(35)
    sim.timestamp.expires = sim.root.expires = sim.targets.expires = at(60)
    sim.publish_root()
    sim.publish("targets")
    for accept_expired in (False, True):
        error = refusal(sim, pinned(sim), at(0), accept_expired=accept_expired)
        assert (type(error), error.code) == (ExpiredError, "tuf.expired.snapshot")


def test_whoever_holds_every_key_but_roots_cannot_push_the_clock_beyond_roots_end(sim: TufSimulator) -> None:
    sim.now = at(35)
    for role in ("timestamp", "snapshot", "targets", "clamav", "sigma"):
        sim.signed(role).expires = at(9000)
    sim.publish("clamav", "sigma", "targets")
    for accept_expired in (False, True):
        error = refusal(sim, pinned(sim), at(0), accept_expired=accept_expired)
        assert (type(error), error.code) == (ExpiredError, "tuf.expired.root")


def test_the_clock_floor_waits_for_the_last_delegated_role(sim: TufSimulator) -> None:
    state = pinned(sim)
    del sim.files["2.sigma.json"]
    workflow = Workflow(state, at(1))
    workflow.finish_roots()
    with pytest.raises(IncompleteError) as caught:
        load_all_roles(workflow, sim.read)
    assert caught.value.code == "tuf.missing.sigma"
    assert workflow.state.clock_floor is None
    with pytest.raises(IncompleteError) as caught:
        workflow.all_targets()
    assert caught.value.code == "tuf.missing.sigma"


# --- the extension ---------------------------------------------------------------------------------


def test_an_ordinary_client_needs_no_extension_and_a_bundle_does() -> None:
    plain = TufSimulator(at())
    workflow = refreshed(plain, pinned(plain), at(1))
    assert workflow.extension is None
    assert workflow.state.clock_floor is None
    error = refusal(plain, pinned(plain), at(1))
    assert (type(error), error.code) == (MalformedError, "tuf.extension")


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "2031-03-01T12:00:00Z",
        None,
        {"created": "2031-03-01T12:00:00Z"},
        {"root_version": 1},
        {"created": "2031-03-01T12:00:00Z", "root_version": 1, "more": 1},
        {"created": "2031-03-01 12:00:00", "root_version": 1},
        {"created": "2031-3-1T12:00:00Z", "root_version": 1},
        {"created": 1930000000, "root_version": 1},
        {"created": "2031-03-01T12:00:00Z", "root_version": 0},
        {"created": "2031-03-01T12:00:00Z", "root_version": True},
        {"created": "2031-03-01T12:00:00Z", "root_version": "1"},
    ],
)
@pytest.mark.parametrize("run", [imported, refreshed])
def test_an_odd_extension_is_refused_by_both(sim: TufSimulator, value: object, run: object) -> None:
    sim.extension = False
    sim.timestamp.unrecognized_fields["x-sealift"] = value
    sim.publish_timestamp()
    with pytest.raises(MalformedError) as caught:
        run(sim, pinned(sim), at(1))  # type: ignore[operator]
    assert caught.value.code == "tuf.extension"


# --- what is kept at home --------------------------------------------------------------------------


def test_a_damaged_trusted_timestamp_stops_an_import_and_not_a_client(sim: TufSimulator) -> None:
    state = imported(sim, pinned(sim), at(1)).state
    damaged = TrustedState(root=state.root, timestamp=b"{", snapshot=state.snapshot, targets=state.targets)
    with pytest.raises(StorageError) as caught:
        imported(sim, damaged, at(1))
    assert caught.value.code == "tuf.stored-state"
    assert refreshed(sim, damaged, at(1)).snapshot_version == 2


def test_a_root_that_does_not_sign_itself_cannot_be_pinned(sim: TufSimulator) -> None:
    sim.signers["root"] = [signer("stranger")]
    with pytest.raises(NotAuthenticError) as caught:
        trusted_root(sim.sign("root"))
    assert caught.value.code == "tuf.signature.root"
    with pytest.raises(MalformedError) as malformed:
        trusted_root(sim.files["timestamp.json"])
    assert malformed.value.code == "tuf.malformed.root"


# --- what a client reads ---------------------------------------------------------------------------


def test_a_client_reads_only_what_has_changed(sim: TufSimulator) -> None:
    state = refreshed(sim, pinned(sim), at(1)).state
    assert sim.requests == ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]
    sim.requests.clear()
    refreshed(sim, state, at(1))
    assert sim.requests == ["2.root.json", "timestamp.json"]
    sim.requests.clear()
    sim.publish("clamav")
    workflow = refreshed(sim, state, at(1))
    assert sim.requests == ["2.root.json", "timestamp.json", "3.snapshot.json"]
    sim.requests.clear()
    assert find_target(workflow, sim.read, "clamav/one").length == 6
    assert find_target(workflow, sim.read, "clamav/one").length == 6
    assert sim.requests == ["3.clamav.json"]


def test_without_consistent_snapshots_names_carry_no_versions() -> None:
    sim = TufSimulator(at(), extension=True, consistent=False)
    assert imported(sim, pinned(sim), at(1)).file_names == ("timestamp.json", "snapshot.json", "targets.json")


def test_a_target_that_nobody_lists_is_said_to_be_unknown(sim: TufSimulator) -> None:
    workflow = refreshed(sim, pinned(sim), at(1))
    for path in ("clamav/none", "nobody/one", "clamav/one/", "", "\udcff"):
        with pytest.raises(IncompleteError) as caught:
            find_target(workflow, sim.read, path)
        assert caught.value.code == "tuf.no-such-target"


def test_steps_out_of_order_are_bugs_and_say_so(sim: TufSimulator) -> None:
    workflow = Workflow(pinned(sim), at(1))
    with pytest.raises(RuntimeError):
        workflow.update_timestamp(sim.files["timestamp.json"])
    workflow.finish_roots()
    with pytest.raises(RuntimeError):
        workflow.update_root(sim.files["1.root.json"])
    with pytest.raises(RuntimeError):
        workflow.update_snapshot(sim.files["2.snapshot.json"])
    with pytest.raises(RuntimeError):
        workflow.update_targets("targets", "root", sim.files["2.targets.json"])
