"""Delegated paths: our prepared matcher answers as tuf.api does, and searches go by trust."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import DelegatedRole, SuccinctRoles, Targets
from tuf.api.metadata import Delegations as TufDelegations

from manifests.trust.paths import Delegations
from tests.support.tuf_runs import imported, pinned
from tests.support.tuf_simulator import TufSimulator, at

PART = st.text(alphabet="ab*?[]!-.é", max_size=4)
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)


@given(st.lists(st.lists(PATH, min_size=1, max_size=3), min_size=1, max_size=4), st.lists(PATH, min_size=1))
def test_patterns_match_as_in_tuf(patterns: list[list[str]], paths: list[str]) -> None:
    roles = {
        str(number): DelegatedRole(str(number), [], 1, number % 2 == 0, paths=row)
        for number, row in enumerate(patterns)
    }
    targets = Targets(delegations=TufDelegations({}, roles=roles))
    ours = Delegations(targets)
    for path in [*paths, *(pattern for row in patterns for pattern in row)]:
        assert list(ours.for_path(path)) == list(targets.delegations.get_roles_for_target(path))


@given(st.lists(st.text(alphabet="0123456789abcdefABCDEF", max_size=3), min_size=1, max_size=4), PATH)
def test_hash_prefixes_match_as_in_tuf(prefixes: list[str], path: str) -> None:
    roles = {"bin": DelegatedRole("bin", [], 1, True, path_hash_prefixes=prefixes)}
    targets = Targets(delegations=TufDelegations({}, roles=roles))
    assert list(Delegations(targets).for_path(path)) == list(targets.delegations.get_roles_for_target(path))


@given(st.integers(1, 32), PATH)
def test_succinct_bins_match_as_in_tuf(bit_length: int, path: str) -> None:
    targets = Targets(delegations=TufDelegations({}, succinct_roles=SuccinctRoles([], 1, bit_length, "bin")))
    assert list(Delegations(targets).for_path(path)) == list(targets.delegations.get_roles_for_target(path))


def found(sim: TufSimulator) -> dict[str, str]:
    """Return which role's content every path resolves to."""
    digests = {}
    for role in ("targets", *sim.delegated):
        digests |= {target.hashes["sha256"]: role for target in sim.signed(role).targets.values()}
    workflow = imported(sim, pinned(sim), at(1))
    return {path: digests[target.hashes["sha256"]] for path, target in workflow.all_targets().items()}


def listing(*roles: tuple[str, list[str], bool]) -> TufSimulator:
    """Return a publisher whose roles all list ``x/1`` and ``y/1``, delegated in this order."""
    sim = TufSimulator(at(), extension=True)
    for name, patterns, terminating in roles:
        sim.delegate(name, patterns, terminating=terminating)
        for path in ("x/1", "y/1"):
            sim.add_target(path, f"{name} {path}".encode(), name)
    sim.publish(*(name for name, _, _ in roles), "targets")
    return sim


def test_the_first_delegation_in_order_speaks_for_a_path() -> None:
    assert found(listing(("a", ["x/*"], False), ("b", ["*/*"], False))) == {"x/1": "a", "y/1": "b"}


def test_a_role_does_not_speak_for_paths_outside_its_patterns() -> None:
    assert found(listing(("a", ["x/*"], False))) == {"x/1": "a"}


def test_a_terminating_delegation_hides_those_behind_it() -> None:
    sim = listing(("a", ["*/*"], True), ("b", ["*/*"], True))
    del sim.delegated["a"].targets["x/1"]
    sim.publish("a")
    assert found(sim) == {"y/1": "a"}


def test_what_the_top_level_role_lists_comes_before_all_delegations() -> None:
    sim = listing(("a", ["*/*"], True))
    sim.add_target("x/1", b"top", "targets")
    sim.publish("targets")
    assert found(sim) == {"x/1": "targets", "y/1": "a"}


def test_a_circle_of_delegations_ends() -> None:
    sim = listing(("a", ["*/*"], False))
    sim.delegate("b", ["*/*"], parent="a")
    sim.delegate("a", ["*/*"], parent="b")
    sim.add_target("z/1", b"z", "b")
    sim.publish("a", "b", "targets")
    assert found(sim) == {"x/1": "a", "y/1": "a", "z/1": "b"}


def test_succinct_hash_bins_are_loaded_whole() -> None:
    sim = TufSimulator(at(), extension=True)
    bins = sim.delegate_bins("bin", 3)
    names = {f"file-{number}" for number in range(20)}
    for name in names:
        role = sim.targets.delegations.succinct_roles.get_role_for_target(name)
        sim.add_target(name, name.encode(), role)
    sim.publish(*bins, "targets")
    assert imported(sim, pinned(sim), at(1)).all_targets().keys() == names
