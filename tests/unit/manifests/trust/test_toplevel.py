"""Root chain, timestamp and snapshot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from manifests.errors import ExpiredError, MalformedError, NotAuthenticError, StorageError
from manifests.limits import Limits
from manifests.trust import (
    TrustedState,
    Workflow,
    trusted_root,
    update_roots,
)
from tests.support.tuf_runs import imported, pinned, refreshed, refusal
from tests.support.tuf_simulator import TufSimulator, at, signer


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
    assert (error.have, error.need) == ("1 valid signature", "2")


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
