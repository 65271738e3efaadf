"""Manifests that break one rule each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from manifests import manifest as m
from manifests.errors import MalformedError
from manifests.schemas import strictjson
from tests.support.manifests import GOOD, A, B, C, document, sha256


def refusal(value: dict) -> str:
    with pytest.raises(MalformedError) as caught:
        m.decode_manifest(strictjson.encode_json(value))
    return caught.value.code


class Mutation:
    """One change to one place of a document."""

    def __init__(self, name: str, path: tuple, change) -> None:
        self.name, self.path, self.change = name, path, change

    def __call__(self, document: dict) -> None:
        parent = document
        for key in self.path[:-1]:
            parent = parent[key]
        self.change(parent, self.path[-1])


def set_(path: list, value: object) -> Mutation:
    shown = ".".join(map(str, path)) + " = " + ascii(value)[:24]
    return Mutation(shown, tuple(path), lambda parent, key: parent.__setitem__(key, value))


def delete(*path) -> Mutation:
    return Mutation("without " + ".".join(map(str, path)), path, lambda parent, key: parent.__delitem__(key))


def swap(name: str) -> Mutation:
    return Mutation(f"{name} backwards", (name,), lambda parent, key: parent[key].reverse())


def double(name: str) -> Mutation:
    return Mutation(f"{name} doubled", (name,), lambda parent, key: parent[key].append(parent[key][0]))


MUTATIONS = [
    (set_(["format"], "sealift-bundle/2"), "manifest.schema"),
    (set_(["publisher"], "DMZ"), "manifest.schema"),
    (set_(["publisher"], "dmz\n"), "manifest.schema"),
    (set_(["snapshot_version"], 0), "manifest.schema"),
    (set_(["snapshot_version"], True), "manifest.schema"),
    (set_(["snapshot_version"], "7"), "manifest.schema"),
    (set_(["root_version"], 2**31), "manifest.schema"),
    (set_(["created"], "yesterday"), "manifest.schema"),
    (set_(["created"], "2026-02-30T00:00:00Z"), "time.format"),
    (set_(["kind"], "since"), "manifest.schema"),
    (set_(["since"], 3), "manifest.schema"),
    (set_(["kind"], "delta"), "manifest.schema"),
    (set_(["volume", "index"], 2), "manifest.volume"),
    (set_(["volume", "index"], 0), "manifest.schema"),
    (set_(["volume", "count"], 10_000), "manifest.schema"),
    (set_(["tool"], ""), "manifest.schema"),
    (set_(["extra"], 1), "manifest.schema"),
    (delete("tool"), "manifest.schema"),
    (delete("blobs"), "manifest.schema"),
    (delete("patches"), "manifest.schema"),
    (delete("parts"), "manifest.schema"),
    # sources
    (swap("sources"), "manifest.order"),
    (double("sources"), "manifest.order"),
    (delete("sources", 0), "manifest.sources"),
    (set_(["sources", 0, "name"], "root"), "name.source"),
    (set_(["sources", 0, "name"], "a.b"), "manifest.schema"),
    (set_(["sources", 0, "state"], "last-good"), "manifest.sources"),
    (set_(["sources", 1, "state"], "fresh"), "manifest.sources"),
    (set_(["sources", 0, "failure"], "x"), "manifest.sources"),
    (set_(["sources", 0, "pulled_at"], "2026-13-01T00:00:00Z"), "time.format"),
    (set_(["sources", 0, "verification"], "two\nlines"), "manifest.schema"),
    (set_(["sources", 0, "version"], 17), "manifest.schema"),
    (set_(["sources", 0, "version"], None), "manifest.schema"),
    (set_(["sources", 0, "licence"], "x" * 2001), "manifest.schema"),
    (set_(["sources", 0, "fresh_days"], 0), "manifest.schema"),
    (set_(["sources", 0, "fresh_days"], 3651), "manifest.schema"),
    (set_(["sources", 0, "fresh_days"], True), "manifest.schema"),
    (set_(["sources", 0, "mount"], "/au"), "manifest.schema"),
    (set_(["sources", 0, "mount"], ""), "manifest.schema"),
    (set_(["sources", 0, "deliver"], "/opt/ds_agent"), "manifest.schema"),
    (set_(["sources", 0, "deliver"], "../x"), "manifest.schema"),
    (set_(["sources", 0, "urgent"], True), "manifest.schema"),
    (set_(["sources", 0, "verification"], "\x1b[2Jgone"), "manifest.schema"),
    (set_(["sources", 0, "verification"], "\u202eback"), "manifest.schema"),
    (set_(["sources", 0, "verification"], "x" * 2001), "manifest.schema"),
    (set_(["sources", 0, "verification"], "e\u0301"), "json.nfc"),
    (set_(["sources", 1, "items", 0, "path"], "rules/none"), "manifest.sources"),
    (set_(["sources", 1, "items", 0, "path"], "clamav/main.cvd"), "manifest.sources"),
    (set_(["sources", 1, "items", 0, "facts", "Rules"], 1), "manifest.schema"),
    (set_(["sources", 1, "items", 0, "facts", "rules"], -1), "manifest.schema"),
    # targets
    (swap("targets"), "manifest.order"),
    (double("targets"), "manifest.order"),
    (delete("targets", 0), "manifest.blobs"),
    (set_(["targets", 0, "path"], "clamav"), "manifest.sources"),
    (set_(["targets", 0, "path"], "clamav/"), "path.segment"),
    (set_(["targets", 0, "path"], "clamav/../x"), "path.segment"),
    (set_(["targets", 0, "path"], "clamav/a\\b"), "path.character"),
    (set_(["targets", 0, "path"], "a/main.cvd"), "manifest.sources"),
    (set_(["targets", 2, "path"], "rules/x/y"), "path.file-and-directory"),
    (set_(["targets", 0, "length"], 11), "manifest.lengths"),
    (set_(["targets", 2, "length"], 21), "manifest.lengths"),
    (set_(["targets", 0, "length"], 2**53), "json.integer"),
    (set_(["targets", 0, "sha256"], A.upper()), "manifest.schema"),
    (set_(["targets", 0, "sha256"], A + "\n"), "manifest.schema"),
    (set_(["targets", 0, "sha256"], C), "manifest.blobs"),
    (set_(["targets", 0, "arrives"], "held"), "manifest.held"),
    (set_(["targets", 0, "arrives"], "patch"), "manifest.held"),
    (set_(["targets", 0, "arrives"], "parts"), "manifest.parts"),
    (set_(["targets", 1, "arrives"], "parts"), "manifest.arrival"),
    (set_(["targets", 0, "arrives"], "mail"), "manifest.schema"),
    # documents
    (double("documents"), "manifest.documents"),
    (set_(["documents", 0, "name"], "tuf/../x.json"), "manifest.schema"),
    (set_(["documents", 0, "name"], "manifest.json"), "manifest.schema"),
    (set_(["documents", 0, "name"], "tuf/1.root.json\n"), "manifest.schema"),
    # blobs
    (double("blobs"), "manifest.blobs"),
    (delete("blobs", 0), "manifest.blobs"),
    (set_(["blobs", 0, "sha256"], C), "manifest.blobs"),
    (set_(["blobs", 0, "length"], 21), "manifest.lengths"),
    (set_(["blobs", 0, "method"], "stored"), "manifest.schema"),
    (set_(["blobs", 1, "method"], "deflate"), "manifest.schema"),
    (set_(["blobs", 0, "method"], "lzma"), "manifest.schema"),
    (set_(["blobs", 1, "stored_length"], 10), "manifest.schema"),
    (set_(["blobs", 1, "stored_sha256"], A), "manifest.schema"),
    (set_(["blobs", 0, "offset"], 0), "manifest.schema"),
]


@pytest.mark.parametrize(
    ("mutate", "code"), [pytest.param(mutation, code, id=f"{mutation.name}: {code}") for mutation, code in MUTATIONS]
)
def test_one_changed_field_is_refused_with_its_own_code(mutate, code: str) -> None:
    value = document()
    mutate(value)
    assert refusal(value) == code


D, E, F, P = sha256("d"), sha256("e"), sha256("f"), sha256("p")


INCREMENT = replace(
    GOOD,
    since=3,
    targets=(
        m.Target("clamav/daily.cvd", 50, D, "patch"),
        m.Target("clamav/main.cvd", 10, A, "held"),
        m.Target("rules/x", 20, B),
        m.Target("rules/y", 20, B),
        m.Target("rules/z", 30, E, "parts"),
    ),
    blobs=(
        m.BlobMember(B, 20, "deflate", C, 9),
        m.BlobMember(F, 12, "stored", F, 12),
        m.BlobMember(C, 18, "stored", C, 18),
    ),
    patches=(m.PatchMember(D, 50, A, 10, "hdiffpatch", P, 5),),
    parted=(m.Parted(E, 30, (m.Part(F, 12), m.Part(C, 18))),),
)


def increment(index: int = 1, count: int = 1) -> dict:
    return json.loads(m.encode_manifest(INCREMENT)) | {"volume": {"index": index, "count": count}}


INCREMENT_MUTATIONS = [
    (set_(["since"], 7), "manifest.since"),
    (set_(["kind"], "full"), "manifest.schema"),
    # patches
    (delete("patches", 0), "manifest.patches"),
    (double("patches"), "manifest.patches"),
    (set_(["patches", 0, "sha256"], B), "manifest.lengths"),
    (set_(["patches", 0, "sha256"], P), "manifest.patches"),
    (set_(["patches", 0, "length"], 51), "manifest.lengths"),
    (set_(["patches", 0, "base_length"], 11), "manifest.lengths"),
    (set_(["patches", 0, "base_sha256"], D), "manifest.lengths"),
    (set_(["patches", 0, "base_sha256"], A.upper()), "manifest.schema"),
    (set_(["patches", 0, "engine"], "bsdiff"), "manifest.schema"),
    (delete("patches", 0, "engine"), "manifest.schema"),
    (set_(["patches", 0, "patch_length"], -1), "manifest.schema"),
    (set_(["patches", 0, "method"], "stored"), "manifest.schema"),
    (set_(["targets", 0, "arrives"], "held"), "manifest.patches"),
    (set_(["targets", 1, "arrives"], "patch"), "manifest.patches"),
    # parts
    (delete("parts", 0), "manifest.parts"),
    (double("parts"), "manifest.order"),
    (delete("parts", 0, "parts", 0), "manifest.schema"),
    (set_(["parts", 0, "sha256"], P), "manifest.parts"),
    (set_(["parts", 0, "length"], 31), "manifest.lengths"),
    (set_(["parts", 0, "parts", 0, "length"], 13), "manifest.lengths"),
    (set_(["parts", 0, "parts", 0, "length"], 0), "manifest.schema"),
    (set_(["parts", 0, "parts", 0, "sha256"], P), "manifest.blobs"),
    (set_(["targets", 4, "arrives"], "blob"), "manifest.parts"),
    (set_(["targets", 4, "arrives"], "held"), "manifest.parts"),
    # blobs
    (delete("blobs", 1), "manifest.blobs"),
    (set_(["targets", 2, "arrives"], "held"), "manifest.arrival"),
]


@pytest.mark.parametrize(
    ("mutate", "code"),
    [pytest.param(mutation, code, id=f"{mutation.name}: {code}") for mutation, code in INCREMENT_MUTATIONS],
)
def test_one_changed_field_of_an_increment_is_refused_with_its_own_code(mutate, code: str) -> None:
    value = increment()
    mutate(value)
    assert refusal(value) == code


def test_a_patch_stands_on_nothing_that_the_bundle_brings() -> None:
    value = increment()
    value["patches"][0] |= {"base_sha256": B, "base_length": 20}
    assert refusal(value) == "manifest.patches"


def test_two_patches_are_two_members() -> None:
    value = increment()
    value["targets"][1]["arrives"] = "patch"
    value["patches"].append(value["patches"][0] | {"sha256": A, "length": 10, "base_sha256": P, "base_length": 5})
    assert refusal(value) == "manifest.patches"


def test_parts_add_up_to_their_target() -> None:
    value = increment()
    value["parts"][0]["parts"].append({"sha256": F, "length": 12})
    assert refusal(value) == "manifest.parts"


def test_a_part_does_not_arrive_in_parts() -> None:
    value = increment()
    value["parts"][0]["parts"] = [{"sha256": E, "length": 30}, {"sha256": F, "length": 12}]
    assert refusal(value) == "manifest.parts"


def test_one_part_may_stand_twice_in_a_target() -> None:
    value = increment()
    value["targets"][4]["length"] = value["parts"][0]["length"] = 24
    value["parts"][0]["parts"] = [{"sha256": F, "length": 12}] * 2
    del value["blobs"][2]
    assert m.decode_manifest(strictjson.encode_json(value)).parted[0].parts == (m.Part(F, 12), m.Part(F, 12))


def test_a_part_that_the_site_has_is_named_and_not_carried() -> None:
    value = increment()
    value["parts"][0]["parts"][0]["arrives"] = "held"
    assert refusal(value) == "manifest.blobs"  # F is carried, and nobody needs it
    del value["blobs"][1]
    manifest = m.decode_manifest(strictjson.encode_json(value))
    assert manifest.parted[0].parts == (m.Part(F, 12, held=True), m.Part(C, 18))
    assert m.decode_manifest(m.encode_manifest(manifest)) == manifest


def test_not_every_part_is_held_and_none_that_arrives() -> None:
    value = increment()
    parts = value["parts"][0]["parts"]
    parts[0]["arrives"] = "here"
    assert refusal(value) == "manifest.schema"
    parts[0]["arrives"] = parts[1]["arrives"] = "held"
    assert refusal(value) == "manifest.parts"
    value["targets"][4]["length"] = value["parts"][0]["length"] = 24
    value["parts"][0]["parts"] = [{"sha256": F, "length": 12, "arrives": "held"}, {"sha256": F, "length": 12}]
    del value["blobs"][2]
    assert refusal(value) == "manifest.parts"


def test_a_full_bundle_takes_no_part_for_held() -> None:
    value = increment()
    del value["since"], value["patches"][0], value["targets"][:2], value["blobs"][1]
    value["kind"] = "full"
    value["parts"][0]["parts"][0]["arrives"] = "held"
    assert refusal(value) == "manifest.held"


def test_a_volume_of_an_increment_carries_a_share_of_blobs_and_patches_and_all_parts_by_name() -> None:
    value = increment(1, 2)
    value["patches"].clear()
    del value["blobs"][:2]
    volume = m.decode_manifest(strictjson.encode_json(value))
    assert [blob.sha256 for blob in volume.blobs] == [C]
    assert volume.parted == INCREMENT.parted
    value["parts"].clear()
    assert refusal(value) == "manifest.parts"


def test_the_order_of_blobs_is_that_of_the_zip_and_free() -> None:
    value = document()
    value["blobs"].reverse()
    assert m.decode_manifest(strictjson.encode_json(value)).blobs == GOOD.blobs[::-1]


def test_an_increment_may_take_targets_for_held() -> None:
    value = document() | {"kind": "since", "since": 6}
    value["targets"][0]["arrives"] = "held"
    del value["blobs"][1]
    decoded = m.decode_manifest(strictjson.encode_json(value))
    assert decoded.since == 6
    assert decoded.targets[0].arrives == "held"


def test_an_increment_since_itself_is_refused() -> None:
    assert refusal(document() | {"kind": "since", "since": 7}) == "manifest.since"


def test_a_volume_carries_a_share_of_the_blobs() -> None:
    value = document() | {"volume": {"index": 1, "count": 2}}
    del value["blobs"][0]
    assert len(m.decode_manifest(strictjson.encode_json(value)).blobs) == 1
    value["blobs"][0] |= {"sha256": C}
    assert refusal(value) == "manifest.blobs"


ABSENT = {"name": "zeek", "kind": "http", "failure": "no route"}


@pytest.mark.parametrize(
    ("absent", "code"),
    [
        ([], "manifest.schema"),
        ([ABSENT | {"name": "rules"}], "manifest.sources"),
        ([ABSENT | {"name": "root"}], "name.source"),
        ([ABSENT, ABSENT], "manifest.order"),
        ([ABSENT, ABSENT | {"name": "yara"}], "manifest.order"),
        ([ABSENT | {"state": "fresh"}], "manifest.schema"),
        ([ABSENT | {"failure": "two\nlines"}], "manifest.schema"),
        ([{"name": "zeek", "kind": "http"}], "manifest.schema"),
    ],
)
def test_an_absent_source_is_named_once_with_its_reason_and_is_not_carried(absent: list, code: str) -> None:
    assert refusal(document() | {"absent": absent}) == code
