"""Hostile documents: whatever is odd in them comes out as a refusal of ours, never as a foreign exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import MalformedError, NotAuthenticError, SealiftError
from manifests.limits import Limits
from manifests.trust import Workflow, load_all_roles, trusted_root
from tests.support.trust_documents import publisher
from tests.support.tuf_runs import imported, pinned, refusal
from tests.support.tuf_simulator import TufSimulator, at, resigned, signer

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    "",
    "\ud800",
    "x" * 300,
    [],
    {},
    [[]],
    {"": {}},
    {"keyid": 1},
    [{"keyid": "a"}],
)


WHERE: tuple[tuple[str | int, ...], ...] = (
    (),
    ("signed",),
    ("signatures",),
    ("signatures", 0),
    ("signatures", 0, "keyid"),
    ("signatures", 0, "sig"),
    *(("signed", key) for key in ("_type", "version", "spec_version", "expires", "meta", "targets", "delegations")),
    *(("signed", key) for key in ("keys", "roles", "consistent_snapshot", "x-sealift")),
    ("signed", "meta", "snapshot.json"),
    ("signed", "meta", "targets.json"),
    ("signed", "meta", "targets.json", "version"),
    ("signed", "meta", "targets.json", "length"),
    ("signed", "meta", "targets.json", "hashes"),
    ("signed", "roles", "root"),
    ("signed", "roles", "root", "keyids"),
    ("signed", "roles", "timestamp", "threshold"),
    ("signed", "delegations", "keys"),
    ("signed", "delegations", "roles"),
    ("signed", "delegations", "roles", 0),
    *(("signed", "delegations", "roles", 0, key) for key in ("name", "keyids", "threshold", "terminating", "paths")),
    ("signed", "delegations", "succinct_roles"),
    ("signed", "targets", "a/x"),
    ("signed", "targets", "a/x", "length"),
    ("signed", "targets", "a/x", "hashes"),
)


def put(value: Any, where: tuple[str | int, ...], odd: Any) -> Any:
    """Return the document with something odd at one place, if it has that place."""
    if not where:
        return odd
    first, *rest = where
    if isinstance(value, dict) and isinstance(first, str):
        return {**value, first: put(value.get(first), tuple(rest), odd)}
    if isinstance(value, list) and isinstance(first, int) and value:
        return [put(value[first], tuple(rest), odd), *value[1:]]
    return value


def judge(sim: TufSimulator) -> SealiftError | None:
    try:
        imported(sim, pinned(sim), at(1))
    except SealiftError as error:
        return error
    return None


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(WHERE), st.sampled_from(ODD), st.booleans(), st.integers(0, 4))
def test_something_odd_anywhere_is_a_refusal_of_ours(
    where: tuple[str | int, ...], odd: Any, sign: bool, which: int
) -> None:
    sim = publisher()
    role, name = (
        ("root", "2.root.json"),
        ("timestamp", "timestamp.json"),
        ("snapshot", "2.snapshot.json"),
        ("targets", "2.targets.json"),
        ("a", "2.a.json"),
    )[which]
    if role == "root":
        sim.publish_root()
    data = sim.files[name]
    changed = put(json.loads(data), where, odd)
    sim.files[name] = json.dumps(changed).encode()
    if sign and where[:1] == ("signed",) and not isinstance(odd, float):
        signed = changed["signed"]
        with suppress(UnicodeEncodeError, AttributeError, TypeError, ValueError):  # nobody could sign that
            sim.files[name] = resigned(data, lambda old: (old.clear(), old.update(signed)), sim.signers[role])
    judge(sim)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.integers(0, 4))
def test_noise_in_place_of_a_document_is_refused(noise: bytes, which: int) -> None:
    sim = publisher()
    sim.publish_root()
    name = ("2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "2.a.json")[which]
    sim.files[name] = noise
    error = judge(sim)
    assert isinstance(error, MalformedError)
    assert error.code.startswith("tuf.malformed.")


def test_every_flipped_bit_of_every_document_is_refused_or_changes_nothing_signed() -> None:
    sim = publisher()
    good = dict(sim.files)
    believed = imported(sim, pinned(sim), at(1)).all_targets()
    state = pinned(sim)
    for name in ("timestamp.json", "2.a.json"):
        for bit in range(0, len(good[name]) * 8, 7):
            data = bytearray(good[name])
            data[bit // 8] ^= 1 << bit % 8
            sim.files = {**good, name: bytes(data)}
            workflow = Workflow(state, at(1))
            workflow.finish_roots()
            try:
                load_all_roles(workflow, sim.read)
            except SealiftError:
                continue
            assert workflow.all_targets() == believed


def nested(levels: int) -> bytes:
    return b'{"signed":' + b"[" * levels + b"]" * levels + b',"signatures":[]}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"signed":{}}',
        nested(500),
        nested(7000),
        b'{"signed":' + b"9" * 5000 + b"}",
        b'{"a":NaN}',
    ],
    ids=["empty", "bom", "utf-16", "list", "null", "bare", "deep", "deeper", "huge number", "nan"],
)
def test_what_is_no_document_is_malformed(data: bytes) -> None:
    sim = publisher()
    sim.files["timestamp.json"] = data
    error = refusal(sim, pinned(sim), at(1))
    assert (type(error), error.code) == (MalformedError, "tuf.malformed.timestamp")


def test_a_key_given_twice_is_malformed_even_under_a_good_signature() -> None:
    sim = publisher()
    sim.files["timestamp.json"] = sim.files["timestamp.json"].replace(b'"version":2', b'"version":1,"version":2', 1)
    error = refusal(sim, pinned(sim), at(1))
    assert (type(error), error.code) == (MalformedError, "tuf.malformed.timestamp")
    assert "one object has a key twice" in error.what


@pytest.mark.parametrize(
    ("role", "name", "change"),
    [
        ("timestamp", "timestamp.json", lambda signed: signed.update(version=True)),
        ("timestamp", "timestamp.json", lambda signed: signed["meta"]["snapshot.json"].update(version=True)),
        ("snapshot", "2.snapshot.json", lambda signed: signed["meta"]["a.json"].update(version=True)),
        ("targets", "2.targets.json", lambda signed: signed["delegations"]["roles"][0].update(threshold=True)),
        ("timestamp", "timestamp.json", lambda signed: signed["meta"]["snapshot.json"].update(version=0)),
        ("targets", "2.targets.json", lambda signed: signed["delegations"]["roles"][0].update(threshold=0)),
        ("targets", "2.targets.json", lambda signed: signed["delegations"]["roles"][0].update(name="root")),
        ("targets", "2.targets.json", lambda signed: signed["delegations"]["roles"][0].update(keyids=["k", "k"])),
        ("targets", "2.targets.json", lambda signed: signed["delegations"]["roles"].append(None)),
        ("targets", "2.targets.json", lambda signed: signed.update(spec_version="2.0")),
        ("a", "2.a.json", lambda signed: signed["targets"]["a/x"].update(length=-1)),
        ("a", "2.a.json", lambda signed: signed["targets"]["a/x"].update(hashes={})),
    ],
    ids=[
        "version true",
        "snapshot version true",
        "role version true",
        "threshold true",
        "version 0",
        "threshold 0",
        "reserved name",
        "key id twice",
        "no role",
        "future format",
        "negative length",
        "no digest",
    ],
)
def test_nonsense_is_malformed_even_under_a_good_signature(
    role: str, name: str, change: Callable[[dict[str, Any]], None]
) -> None:
    sim = publisher()
    imported(sim, pinned(sim), at(1))
    sim.files[name] = resigned(sim.files[name], change, sim.signers[role])
    error = refusal(sim, pinned(sim), at(1))
    assert (type(error), error.code) == (MalformedError, f"tuf.malformed.{role}")


@pytest.mark.parametrize(
    "change",
    [
        lambda signed: signed["roles"]["timestamp"].update(threshold=0),
        lambda signed: signed["roles"]["timestamp"].update(threshold=True),
        lambda signed: signed["roles"]["timestamp"]["keyids"].append(signed["roles"]["timestamp"]["keyids"][0]),
        lambda signed: signed["roles"].pop("snapshot"),
        lambda signed: signed["roles"].update(mirrors=signed["roles"]["root"]),
        lambda signed: next(iter(signed["keys"].values())).update(keytype="rot13"),
        lambda signed: next(iter(signed["keys"].values())).update(scheme="ed448"),
        lambda signed: next(iter(signed["keys"].values())).update(keyval={}),
        lambda signed: signed.update(version=1.0),
    ],
    ids=[
        "threshold 0",
        "threshold true",
        "key id twice",
        "role missing",
        "role more",
        "type",
        "scheme",
        "value",
        "1.0",
    ],
)
def test_a_root_with_nonsense_in_it_is_malformed(change: Callable[[dict[str, Any]], None]) -> None:
    sim = publisher()
    try:
        data = resigned(sim.files["1.root.json"], change, sim.signers["root"])
    except Exception:  # noqa: BLE001 - canonical JSON has no fractions, so nobody can sign this one
        data = sim.files["1.root.json"].replace(b'"version":1', b'"version":1.0')
    with pytest.raises(MalformedError) as caught:
        trusted_root(data)
    assert caught.value.code == "tuf.malformed.root"


def test_a_key_whose_value_is_nonsense_signs_nothing() -> None:
    sim = publisher()
    sim.root.keys[signer("timestamp-1").public_key.keyid].keyval["public"] = "zz"
    sim.publish_root()
    error = refusal(sim, pinned(sim), at(1))
    assert (type(error), error.code) == (NotAuthenticError, "tuf.signature.timestamp")


def test_two_key_ids_of_one_key_do_not_meet_a_threshold_of_two() -> None:
    sim = publisher()
    key = signer("timestamp-1").public_key
    sim.root.roles["timestamp"].threshold = 2

    def alias(signed: dict[str, Any]) -> None:
        signed["version"] = 2
        signed["keys"]["f" * 64] = signed["keys"][key.keyid]
        signed["roles"]["timestamp"].update(keyids=[key.keyid, "f" * 64], threshold=2)

    sim.files["2.root.json"] = resigned(sim.files["1.root.json"], alias, sim.signers["root"])
    document = json.loads(sim.files["timestamp.json"])
    document["signatures"].append({**document["signatures"][0], "keyid": "f" * 64})
    sim.files["timestamp.json"] = json.dumps(document).encode()
    error = refusal(sim, pinned(sim), at(1))
    assert (type(error), error.code) == (NotAuthenticError, "tuf.signature.timestamp")
    assert (error.have, error.need) == ("1 valid signature", "2")


LIMITS = Limits(root_bytes=3000, timestamp_bytes=900, snapshot_bytes=900, targets_bytes=1500)


@pytest.mark.parametrize(
    ("role", "name"),
    [("root", "2.root.json"), ("timestamp", "timestamp.json"), ("snapshot", "2.snapshot.json"), ("a", "2.a.json")],
)
def test_a_document_beyond_its_ceiling_is_refused_before_it_is_parsed(role: str, name: str) -> None:
    sim = publisher()
    sim.publish_root()
    imported(sim, pinned(sim), at(1), limits=LIMITS)
    sim.files[name] = b"[" * 5000
    error = refusal(sim, pinned(sim), at(1), limits=LIMITS)
    assert (type(error), error.code) == (MalformedError, f"tuf.too-large.{role}")
