"""Our workflow and python-tuf's ngclient judge the same generated repositories alike.

Each example is a publisher's life: five times it does some of what publishers do and suffers some of what
is done to them, and both clients look at the result from the same trusted state, at the same time, with
the same ceilings. They must agree on the verdict, on what they trust afterwards, byte for byte, and on every
target. Where we are stricter, the reason must stand in ``STRICTER``, the table of ``manifests.trust``.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from manifests.errors import SealiftError
from manifests.limits import Limits
from manifests.trust import (
    TrustedState,
    Workflow,
    find_target,
    load_all_roles,
    refresh_top_roles,
    trusted_root,
    update_roots,
)
from tests.support.tuf_simulator import TOP_LEVEL, TufSimulator, at, resigned, signer

LIMITS = Limits(root_rotations=8, delegations=8, targets_bytes=5_000_000)
NG_CONFIG = UpdaterConfig(max_root_rotations=8, max_delegations=8)

STRICTER = {
    "a key stands twice": lambda error: "one object has a key twice" in error.what,
    "a version is a truth value": lambda error: "is not a whole number" in error.what,
    "equal keys under two ids count once": lambda error: error.code.startswith("tuf.signature."),
    "the extension is odd": lambda error: error.code == "tuf.extension",
    "a newer root is withheld": lambda error: error.code == "tuf.root-withheld",
    "expired when the timestamp was made": lambda error: error.code.startswith("tuf.expired."),
}
"""Reasons for which we may refuse what ngclient takes. Which of them can be meant is checked per example:
an act of the matching kind must have happened (``Life.strict``)."""

ROLES = ("a", "b", "c")
PATTERNS = (["a/*"], ["*/x"], ["a/x", "b/?"], ["*/*"], ["b/*", "c/*"])
PATHS = ("top", "a/x", "a/y", "b/x", "b/y", "c/x", "c/deep/x")


@dataclass
class Life:
    """A publisher, its clock, and which kinds of stricter refusals its acts have made possible."""

    sim: TufSimulator
    days: float = 0.0
    generation: int = 1
    history: list[dict[str, bytes]] = field(default_factory=list)
    strict: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        return at(self.days)

    def any_role(self, number: int) -> str:
        names = (*TOP_LEVEL, *self.sim.delegated)
        return names[number % len(names)]

    def targets_role(self, number: int) -> str:
        names = ("targets", *self.sim.delegated)
        return names[number % len(names)]

    def publish_role(self, role: str) -> None:
        if role == "root":
            self.sim.publish_root()
        elif role == "timestamp":
            self.sim.publish_timestamp()
        elif role == "snapshot":
            self.sim.publish_snapshot()
            self.sim.publish_timestamp()
        else:
            self.sim.publish(role)


def publish(life: Life, a: int, b: int) -> None:
    life.publish_role(life.any_role(a))


def publish_everything(life: Life, a: int, b: int) -> None:
    life.sim.publish("targets", *life.sim.delegated)


def add_target(life: Life, a: int, b: int) -> None:
    role = life.targets_role(a)
    life.sim.add_target(PATHS[b % len(PATHS)], f"{role} {b}".encode(), role)
    life.sim.publish(role)


def delegate(life: Life, a: int, b: int) -> None:
    name, parent = ROLES[a % 3], life.targets_role(b)
    if name == parent:
        parent = "targets"
    prefixes = ["0", "4", "8", "c"] if b % 7 == 6 else None
    life.sim.delegate(
        name,
        None if prefixes else PATTERNS[b % len(PATTERNS)],
        parent=parent,
        terminating=a % 2 == 1,
        prefixes=prefixes,
        keys=[f"{name}-{1 + (a // 3) % 2}"] if a % 5 == 4 else [],
    )
    life.sim.publish(name, parent)


def rotate(life: Life, a: int, b: int) -> None:
    role, old = TOP_LEVEL[a % 4], list(life.sim.signers["root"])
    life.generation += 1
    life.sim.rotate(role, life.generation)
    life.sim.publish_root(signers=() if b % 4 == 3 else old)
    if b % 2 == 0 and role != "root":
        life.publish_role(role)


def rotate_well(life: Life, a: int, b: int) -> None:
    rotate(life, a, 0)


def rotate_many(life: Life, a: int, b: int) -> None:
    for number in range(1 + a % 10):
        rotate(life, b + number, 0)


def fast_forward(life: Life, a: int, b: int) -> None:
    role = life.any_role(1 + a % 6)
    life.sim.signed(role).version += 1000
    if role != "root":
        life.publish_role(role)
    else:
        life.sim.root.version -= 1000


def go_back(life: Life, a: int, b: int) -> None:
    role = life.any_role(a)
    if role != "root":
        life.sim.signed(role).version = max(1, life.sim.signed(role).version - 1 - b % 3)
        life.publish_role(role)


def root_jump(life: Life, a: int, b: int) -> None:
    life.sim.root.version += 1 + a % 2
    data = life.sim.sign("root")
    life.sim.root.version -= 1 + a % 2
    life.sim.files[f"{life.sim.root.version + 1}.root.json"] = data


def threshold(life: Life, a: int, b: int) -> None:
    role = TOP_LEVEL[a % 4]
    life.sim.root.roles[role].threshold = 1 + b % 3
    life.sim.publish_root()


def second_key(life: Life, a: int, b: int) -> None:
    role = TOP_LEVEL[a % 4]
    new = signer(f"{role}-second-{b % 2}")
    life.sim.root.add_key(new.public_key, role)
    if b % 3 and new not in life.sim.signers[role]:
        life.sim.signers[role].append(new)
    life.sim.publish_root()
    life.publish_role(role)


def same_key_twice(life: Life, a: int, b: int) -> None:
    role = TOP_LEVEL[a % 4]
    one = life.sim.signers[role][0]
    alias = copy.deepcopy(one.public_key)
    alias.keyid = "f" * 64
    life.sim.root.add_key(alias, role)
    life.sim.root.roles[role].threshold = 1 + b % 2
    life.sim.signers[role] = [one, _Alias(one, alias)]
    life.sim.publish_root()
    life.publish_role(role)
    life.strict.add("equal keys under two ids count once")


class _Alias:
    """A signer that signs as another key id."""

    def __init__(self, real: Any, key: Any) -> None:
        self._real = real
        self.public_key = key

    def sign(self, payload: bytes) -> Any:
        signature = self._real.sign(payload)
        signature.keyid = self.public_key.keyid
        return signature


def wrong_key(life: Life, a: int, b: int) -> None:
    role = life.any_role(a)
    own = life.sim.signers[role]
    life.sim.signers[role] = [signer("stranger")]
    life.publish_role(role)
    life.sim.signers[role] = own


def expire(life: Life, a: int, b: int) -> None:
    role = life.any_role(a)
    life.sim.signed(role).expires = life.now + timedelta(days=b % 12 - 4)
    life.publish_role(role)


def renew(life: Life, a: int, b: int) -> None:
    for role in (*TOP_LEVEL, *life.sim.delegated):
        life.sim.signed(role).expires = life.now + timedelta(days=30)
    life.sim.publish_root()
    publish_everything(life, a, b)


def withhold(life: Life, a: int, b: int) -> None:
    names = sorted(life.sim.files)
    life.sim.files.pop(names[a * 7 % len(names)])


def corrupt(life: Life, a: int, b: int) -> None:
    name = sorted(life.sim.files)[-1 - a % min(5, len(life.sim.files))]
    data = bytearray(life.sim.files[name])
    data[b * 31 % len(data)] ^= 1 << (b % 8)
    life.sim.files[name] = bytes(data)


def replay(life: Life, a: int, b: int) -> None:
    if life.history:
        old = life.history[a % len(life.history)]
        name = "timestamp.json" if b % 2 else sorted(old)[b % len(old)]
        if name in old:
            life.sim.files[name] = old[name]


def mix(life: Life, a: int, b: int) -> None:
    role = life.any_role(1 + a % 6)
    now = life.sim.file_name(role)
    older = [name for name in life.sim.files if name.endswith(f".{quote(role, safe='')}.json") and name != now]
    if older:
        life.sim.files[now] = life.sim.files[older[b % len(older)]]


def hashes(life: Life, a: int, b: int) -> None:
    life.sim.hashes = not life.sim.hashes
    publish_everything(life, a, b)


def resign_in_place(life: Life, a: int, b: int) -> None:
    role = life.targets_role(a)
    if life.sim.file_name(role) in life.sim.files:
        life.sim.signed(role).unrecognized_fields["note"] = b
        life.sim.files[life.sim.file_name(role)] = life.sim.sign(role)


def unlist(life: Life, a: int, b: int) -> None:
    life.sim.snapshot.meta.pop(f"{life.targets_role(a)}.json", None)
    life.sim.publish_snapshot()
    life.sim.publish_timestamp()


def lie_in_snapshot(life: Life, a: int, b: int) -> None:
    meta = life.sim.snapshot.meta.get(f"{life.targets_role(a)}.json")
    if meta is not None:
        meta.version = max(1, meta.version + b % 3 - 1)
    life.sim.publish_snapshot()
    life.sim.publish_timestamp()


def lie_in_timestamp(life: Life, a: int, b: int) -> None:
    life.sim.timestamp.snapshot_meta.version = max(1, life.sim.snapshot.version + b % 3 - 1)
    life.sim.publish_timestamp()


def odd_json(life: Life, a: int, b: int) -> None:
    """Sign what the objects cannot say: odd types in odd places."""
    changes: tuple[tuple[str, str | None, Callable[[dict[str, Any]], None]], ...] = (
        ("timestamp", "a version is a truth value", lambda signed: signed.update(version=True)),
        (
            "snapshot",
            "a version is a truth value",
            lambda signed: signed["meta"].update({"targets.json": {"version": True}}),
        ),
        ("timestamp", None, lambda signed: signed.update(version="1")),
        ("timestamp", None, lambda signed: signed.update(meta=[])),
        ("snapshot", None, lambda signed: signed.update(meta={"targets.json": {"version": 0}})),
        ("targets", None, lambda signed: signed.update(targets={"top": {"length": -1, "hashes": {"sha256": "0"}}})),
        ("targets", None, lambda signed: signed.update(_type="snapshot")),
        ("targets", None, lambda signed: signed.update(delegations={"keys": {}, "roles": [{"name": "root"}]})),
        ("targets", None, lambda signed: signed.update(spec_version="2.0.0")),
        ("snapshot", None, lambda signed: signed.update(expires="tomorrow")),
        ("targets", None, lambda signed: signed.update(custom={"x": {"y": ["é", "\u0301"]}})),
    )
    role, strict, change = changes[a % len(changes)]
    name = life.sim.file_name(role)
    life.sim.files[name] = resigned(life.sim.sign(role), change, life.sim.signers[role])
    if strict:
        life.strict.add(strict)


def key_twice(life: Life, a: int, b: int) -> None:
    name = life.sim.file_name(life.any_role(1 + a % 6))
    if name in life.sim.files:
        life.sim.files[name] = life.sim.files[name].replace(b'{"', b'{"zz":1,"zz":2,"', 1)
        life.strict.add("a key stands twice")


def extension(life: Life, a: int, b: int) -> None:
    values: tuple[Any, ...] = (
        {"created": "2031-03-01T12:00:00Z", "root_version": 1},
        {"created": "2031-03-01T12:00:00Z", "root_version": 99},
        {"created": "2031-04-20T12:00:00Z", "root_version": 1},
        {"created": "2031-03-01", "root_version": 1},
        {"created": "2031-03-01T12:00:00Z"},
        "yes",
    )
    life.sim.timestamp.unrecognized_fields["x-sealift"] = values[a % len(values)]
    life.sim.publish_timestamp()
    reasons = ("a newer root is withheld", "expired when the timestamp was made", "the extension is odd")
    life.strict |= set(reasons[min(a % len(values), 3) - 1 :][:1]) if a % len(values) else set()


def let_time_pass(life: Life, a: int, b: int) -> None:
    life.days += a % 9


HONEST = (
    publish,
    publish_everything,
    add_target,
    add_target,
    delegate,
    delegate,
    rotate_well,
    rotate_many,
    second_key,
    hashes,
    renew,
    let_time_pass,
)
"""What a publisher does; it stays done."""

ATTACKS = (
    rotate,
    fast_forward,
    go_back,
    root_jump,
    threshold,
    same_key_twice,
    wrong_key,
    expire,
    withhold,
    corrupt,
    replay,
    mix,
    resign_in_place,
    unlist,
    lie_in_snapshot,
    lie_in_timestamp,
    odd_json,
    key_twice,
    extension,
)
"""What goes wrong or is done to it; undone before the next state, but not what clients learnt from it."""

NUMBERS = st.integers(0, 41)
Act = tuple[int, int, int]
State = tuple[list[Act], list[Act]]
STATE = st.tuples(
    st.lists(st.tuples(st.integers(0, len(HONEST) - 1), NUMBERS, NUMBERS), max_size=3),
    st.lists(st.tuples(st.integers(0, len(ATTACKS) - 1), NUMBERS, NUMBERS), max_size=2),
)
PLAN = st.lists(STATE, min_size=5, max_size=5)
"""Five repository states."""


@dataclass(frozen=True)
class Verdict:
    """What a client made of a repository: the refusal if any, what it trusts after, what it finds."""

    refusal: Exception | None
    trusted: dict[str, bytes]
    found: dict[str, tuple[int, dict[str, str]] | None]


class _Fetcher(FetcherInterface):
    def __init__(self, sim: TufSimulator) -> None:
        self._sim = sim

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._sim.read(url.removeprefix("sim:/"), 1 << 40)
        if data is None:
            raise DownloadHTTPError("absent", 404)
        return iter([data])


def ask_ngclient(life: Life, state: TrustedState) -> Verdict:
    directory = Path(tempfile.mkdtemp())
    try:
        for role, data in _rows(state).items():
            if role != "root":
                (directory / f"{quote(role, safe='')}.json").write_bytes(data)
        updater = Updater(str(directory), "sim:/", fetcher=_Fetcher(life.sim), config=NG_CONFIG, bootstrap=state.root)
        updater._trusted_set.reference_time = life.now
        found: dict[str, tuple[int, dict[str, str]] | None] = {}
        refusal: Exception | None = None
        try:
            updater.refresh()
            for path in PATHS:
                found[path] = _facts(updater.get_targetinfo(path))
        except Exception as error:  # noqa: BLE001 - ngclient lets odd exceptions out on hostile metadata
            refusal = error
        trusted = {unquote(path.stem): path.read_bytes() for path in directory.glob("*.json")}
        return Verdict(refusal, trusted, found)
    finally:
        shutil.rmtree(directory)


def ask_ours(life: Life, state: TrustedState) -> tuple[Verdict, TrustedState]:
    workflow = Workflow(state, life.now, LIMITS, require_extension=False)
    found: dict[str, tuple[int, dict[str, str]] | None] = {}
    refusal: SealiftError | None = None
    try:
        update_roots(workflow, life.sim.read)
        workflow.finish_roots()
        refresh_top_roles(workflow, life.sim.read)
        for path in PATHS:
            found[path] = _find(workflow, life, path)
    except SealiftError as error:
        refusal = error
    after = workflow.state
    kept = dict(state.targets) | dict(after.targets)  # a client does not delete what nobody delegates to any more
    return Verdict(refusal, _rows(after) | kept, found), after


def _find(workflow: Workflow, life: Life, path: str) -> tuple[int, dict[str, str]] | None:
    try:
        return _facts(find_target(workflow, life.sim.read, path))
    except SealiftError as error:
        if error.code in {"tuf.no-such-target", "tuf.delegations"}:
            return None
        raise


def _facts(target: TargetFile | None) -> tuple[int, dict[str, str]] | None:
    return None if target is None else (target.length, target.hashes)


def _rows(state: TrustedState) -> dict[str, bytes]:
    rows = {"root": state.root, "timestamp": state.timestamp, "snapshot": state.snapshot, **dict(state.targets)}
    return {role: data for role, data in rows.items() if data is not None}


def _stricter(life: Life, error: Exception | None) -> bool:
    return isinstance(error, SealiftError) and any(STRICTER[reason](error) for reason in life.strict)


def _begin(*, extension: bool = False, consistent: bool = True) -> tuple[Life, TrustedState]:
    sim = TufSimulator(at(), extension=extension, consistent=consistent)
    sim.delegate("a", ["a/*"])
    sim.add_target("a/x", b"a/x", "a")
    sim.add_target("top", b"top")
    sim.publish("a", "targets")
    return Life(sim), trusted_root(sim.files["1.root.json"])


def _states(life: Life, plan: list[State]) -> Iterator[Life]:
    """Live through the plan; yield the publisher as clients see it in each state."""
    for honest, attacks in plan:
        life.history.append(dict(life.sim.files))
        life.sim.now = life.now
        for act, a, b in honest:
            HONEST[act](life, a, b)
        seen = Life(life.sim.fork(), life.days, life.generation, life.history)
        for act, a, b in attacks:
            ATTACKS[act](seen, a, b)
        yield seen


def compare_clients(plan: list[State], *, consistent: bool = True) -> None:
    publisher, state = _begin(consistent=consistent)
    for life in _states(publisher, plan):
        theirs = ask_ngclient(life, state)
        ours, state = ask_ours(life, state)
        if _stricter(life, ours.refusal):
            continue
        assert (ours.refusal is None) == (theirs.refusal is None), (ours.refusal, theirs.refusal)
        assert ours.found == theirs.found
        assert ours.trusted == theirs.trusted


def compare_bundles(plan: list[State]) -> None:
    """All or nothing: an import takes what ngclient takes both warm (no rollback) and cold (all is there)."""
    publisher, state = _begin(extension=True)
    for life in _states(publisher, plan):
        warm, cold = ask_ngclient(life, state), ask_ngclient(life, TrustedState(root=state.root))
        workflow, refusal = _import(life, state)
        if refusal is not None:
            refused = warm.refusal is not None or cold.refusal is not None
            assert refused or _stricter_for_bundles(life, refusal), refusal
            continue
        assert warm.refusal is None
        assert cold.refusal is None
        listed = workflow.all_targets()
        assert {path: _facts(listed.get(path)) for path in PATHS} == warm.found == cold.found
        state = workflow.state
        assert state.clock_floor is not None


def _import(life: Life, state: TrustedState) -> tuple[Workflow, SealiftError | None]:
    workflow = Workflow(state, life.now, LIMITS)
    try:
        update_roots(workflow, life.sim.read)
        workflow.finish_roots()
        load_all_roles(workflow, life.sim.read)
    except SealiftError as error:
        return workflow, error
    return workflow, None


def _stricter_for_bundles(life: Life, error: SealiftError) -> bool:
    whole = error.details.get("role") in ROLES or error.code == "tuf.delegations"
    same_version = error.code.startswith("tuf.version.") and "other content" in error.what
    return whole or same_version or error.code == "tuf.root-withheld" or _stricter(life, error)


_COMMON = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
QUICK = settings(_COMMON, max_examples=100, derandomize=True)
LONG = settings(_COMMON, max_examples=600)


@QUICK
@given(PLAN)
def test_500_repository_states_get_the_verdict_that_ngclient_gives(plan: list[State]) -> None:
    compare_clients(plan)


@QUICK
@given(PLAN)
def test_a_bundle_is_taken_only_where_ngclient_takes_the_repository(plan: list[State]) -> None:
    compare_bundles(plan)


@pytest.mark.long
@LONG
@given(PLAN, st.booleans())
def test_3000_repository_states_get_the_verdict_that_ngclient_gives(plan: list[State], consistent: bool) -> None:
    compare_clients(plan, consistent=consistent)


@pytest.mark.long
@LONG
@given(PLAN)
def test_3000_bundles_are_taken_only_where_ngclient_takes_the_repository(
    plan: list[State],
) -> None:
    compare_bundles(plan)
