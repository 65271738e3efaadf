"""The verify workflow: what it believes, what it keeps, how time and roots are handled."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES

from manifests.errors import IncompleteError
from manifests.trust import (
    TimestampExtension,
    TrustedState,
    Workflow,
    load_all_roles,
)
from tests.support.tuf_runs import imported, pinned
from tests.support.tuf_simulator import TufSimulator, at


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
