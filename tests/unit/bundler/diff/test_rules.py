from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bundler.diff.content import ClaimedBundle, ClaimedContent
from bundler.diff.rules import NotCompared, RuleChange, RuleVersion, SourceRules, compare_rules
from bundler.diff.targets import compare_targets
from bundler.plan import patch_engines
from bundler.report import difference as describe_difference
from manifests.blobs import Blob
from manifests.errors import NotAuthenticError
from manifests.manifest import BlobMember, Manifest, Part, Parted, PatchMember, SourceRecord, Target
from tests.support.relay_bundles import BundleForge, Forgery
from tests.support.rule_packs import FILES, members, pack_7z

CREATED = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)


def sigma(identifier: str, body: str = "x") -> bytes:
    return f"title: T {identifier}\nid: {identifier}\ndetection:\n  a: {body}\n".encode()


def suricata(*rules: tuple[int, int, str]) -> bytes:
    return "".join(
        f'{sign}alert ip any any -> any any (msg:"R{sid}"; sid:{sid}; rev:{rev};)\n' for sid, rev, sign in rules
    ).encode()


def manifest(version: int, files: dict[str, bytes]) -> Manifest:
    created = CREATED + timedelta(days=version)
    targets = tuple(Target(p, len(data), hashlib.sha256(data).hexdigest()) for p, data in sorted(files.items()))
    names = sorted({path.partition("/")[0] for path in files})
    sources = tuple(SourceRecord(name, "directory", created, "none") for name in names)
    return Manifest("plant", version, 1, created, "test", sources, targets, (), ())


def compared(old: dict[str, bytes], new: dict[str, bytes]) -> tuple[SourceRules, ...]:
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    return compare_rules(compare_targets(manifest(1, old), manifest(2, new)), lambda target: held.get(target.sha256))


def identifiers(row: SourceRules) -> dict[str, tuple[list[str], list[str], list[str]]]:
    return {
        f.format: tuple([c.identifier for c in part] for part in (f.added, f.updated, f.removed))  # type: ignore[misc]
        for f in row.formats
    }


def test_rules_are_added_updated_and_removed_by_identifier() -> None:
    (row,) = compared(
        {"s/a.rules": suricata((1, 1, ""), (2, 1, ""), (3, 1, ""))},
        {"s/a.rules": suricata((1, 1, ""), (2, 2, ""), (4, 1, "#"))},
    )
    assert row.source == "s"
    (changes,) = row.formats
    on = RuleVersion("1", enabled=True)
    assert changes.added == (RuleChange("4", "R4", None, RuleVersion("1", enabled=False)),)
    assert changes.updated == (RuleChange("2", "R2", on, RuleVersion("2", enabled=True)),)
    assert changes.removed == (RuleChange("3", "R3", on, None),)


def test_a_rule_that_is_switched_off_is_updated() -> None:
    (row,) = compared({"s/a.rules": suricata((1, 1, ""))}, {"s/a.rules": suricata((1, 1, "# "))})
    assert identifiers(row) == {"Suricata": ([], ["1"], [])}


def test_a_rule_that_moved_to_another_file_is_no_change() -> None:
    assert (
        compared({"s/a.yml": sigma("a"), "s/b.yml": sigma("b")}, {"s/b.yml": sigma("b"), "s/new/c.yml": sigma("a")})
        == ()
    )


def test_sources_do_not_mix() -> None:
    rows = compared({"one/a.yml": sigma("a")}, {"two/a.yml": sigma("a")})
    assert [(row.source, identifiers(row)) for row in rows] == [
        ("one", {"Sigma": ([], [], ["a"])}),
        ("two", {"Sigma": (["a"], [], [])}),
    ]


def test_rule_packs_are_compared_newest_with_newest() -> None:
    first = pack_7z(members(release="25-054"))
    changed = dict(FILES) | {
        "intrusion-prevention/1012483.xml": b"<rule id='1012483' v='2'/>",
        "log-inspection/9.xml": b"9",
    }
    del changed["integrity-monitoring/1002770.xml"]
    second = pack_7z(members(changed, release="26-001"))
    (row,) = compared(
        {"packs/25-053.dsru": b"old", "packs/25-054.dsru": first},
        {"packs/25-054.dsru": first, "packs/26-001.dsru": second},
    )
    assert identifiers(row) == {
        "rule pack": (
            ["log-inspection/9"],
            ["intrusion-prevention/1012483"],
            ["integrity-monitoring/1002770"],
        )
    }
    assert row.not_compared == ()


def test_what_cannot_be_compared_is_said_with_its_reason_and_the_rest_is_compared() -> None:
    old = {"s/a.yml": sigma("a"), "s/b.yar": b"rule X { condition: true }", "s/c.rules": b"x"}
    new = {"s/a.yml": sigma("a", "y"), "s/b.yar": b"rule X {", "s/c.rules": suricata((1, 1, ""))}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values()) if data != b"x"}
    (row,) = compare_rules(compare_targets(manifest(1, old), manifest(2, new)), lambda target: held.get(target.sha256))
    assert identifiers(row) == {"Sigma": ([], ["a"], [])}
    assert row.not_compared == (
        NotCompared("s/b.yar", "It ends within the YARA rule X. [rules.yara]"),
        NotCompared("s/c.rules", "Its content is not at hand. [rules.not-carried]"),
    )


def test_a_large_file_is_compared_as_a_whole_and_never_asked_for() -> None:
    old, new = manifest(1, {"s/a.rules": b"a"}), manifest(2, {"s/a.rules": b"b"})
    large = replace(new, targets=tuple(replace(target, length=2**25 + 1) for target in new.targets))
    asked: list[Target] = []
    (row,) = compare_rules(compare_targets(old, large), lambda target: asked.append(target) or b"a")  # type: ignore[func-returns-value]
    assert [entry.reason for entry in row.not_compared] == ["It is larger than 33,554,432 bytes. [rules.too-large]"]
    assert old.targets[0] in asked
    assert large.targets[0] not in asked


def claimed(tmp_path: Path, forge: BundleForge, name: str, *arguments: object, **options: object) -> ClaimedBundle:
    with forge.seal(tmp_path / name, *arguments, **options).open("rb") as file:  # type: ignore[arg-type]
        return ClaimedBundle(io.BytesIO(file.read()))


def test_content_is_found_in_either_bundle_and_its_digest_is_checked(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"s/a.yml": sigma("a"), "s/b.yml": sigma("b")}
    one = claimed(tmp_path, forge, "1.zip", deflated=["s/a.yml"])
    forge.files["s/b.yml"] = sigma("b", "y")
    two = claimed(tmp_path, forge, "2.zip", since=1)
    found = compare_targets(one.manifest, two.manifest)
    held, new = two.manifest.targets
    assert ClaimedContent(two)(held) is None
    assert ClaimedContent(two, one)(held) == sigma("a")
    assert ClaimedContent(one, two)(new) == sigma("b", "y")
    (row,) = compare_rules(found, ClaimedContent(two))
    assert [(entry.path, entry.reason) for entry in row.not_compared] == [
        ("s/b.yml", "Its content is not at hand. [rules.not-carried]")
    ]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_content_that_arrives_as_a_patch_or_in_parts_is_put_together(tmp_path: Path) -> None:
    old, new = (b"".join(sigma(f"r{number}", body * 9) + b"---\n" for number in range(99)) for body in ("x", "y"))
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    made = patch_engines.make(tmp_path / "old", tmp_path / "new", Blob(digest(new), len(new)), tmp_path, 2**28)
    assert made is not None
    patch = PatchMember(digest(new), len(new), digest(old), len(old), made.engine, made.blob.sha256, made.blob.length)
    parts = (new[:1000], new[1000:])
    parted = Parted(digest(new), len(new), tuple(Part(digest(part), len(part)) for part in parts))
    blobs = tuple(sorted((BlobMember(digest(p), len(p), "stored", digest(p), len(p)) for p in parts), key=by_digest))
    forge = BundleForge()
    forge.files = {"s/a.yml": old}
    one = claimed(tmp_path, forge, "1.zip")
    forge.files = {"s/a.yml": new}

    def sealed(name: str, arrives: str, rows: list[tuple[str, bytes]], **fields: object) -> ClaimedBundle:
        def say(m: Manifest) -> Manifest:
            return replace(m, targets=(replace(m.targets[0], arrives=arrives),), **{"blobs": (), "since": 1} | fields)

        forgery = Forgery(manifest=say, members=lambda members: members[:-1] + rows)
        return claimed(tmp_path, forge, name, forgery)

    patched = sealed("p.zip", "patch", [(patch.name, made.path.read_bytes())], patches=(patch,))
    whole = {digest(part): part for part in parts}
    in_parts = sealed("q.zip", "parts", [(b.name, whole[b.sha256]) for b in blobs], blobs=blobs, parted=(parted,))
    for two in (patched, in_parts):
        (row,) = compare_rules(compare_targets(one.manifest, two.manifest), ClaimedContent(one, two))
        assert len(row.formats[0].updated) == 99
        assert row.not_compared == ()
    assert ClaimedContent(patched)(patched.manifest.targets[0]) is None


def by_digest(blob: BlobMember) -> str:
    return blob.sha256


def test_damaged_content_is_said_and_never_compared(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"s/b.yml": sigma("b")}
    one = claimed(tmp_path, forge, "1.zip")
    forge.files = {"s/b.yml": sigma("b", "y")}
    swap = Forgery(members=lambda rows: [(n, sigma("b", "z") if n.startswith("blobs/") else d) for n, d in rows])
    two = claimed(tmp_path, forge, "2.zip", swap)
    with pytest.raises(NotAuthenticError) as caught:
        ClaimedContent(two)(two.manifest.targets[0])
    assert caught.value.code == "bundle.content-digest"
    (row,) = compare_rules(compare_targets(one.manifest, two.manifest), ClaimedContent(one, two))
    assert row.not_compared[0].reason.endswith("is damaged in the bundle. [bundle.content-digest]")


def test_the_text_fits_80_columns_whatever_a_rule_is_called() -> None:
    title = "攻撃" * 70 + "\x1b[31m"
    old = {"long-source-name/a.yml": sigma("a"), "same/x": b"x"}
    new = {"long-source-name/a.yml": sigma("a", "y").replace(b"T a", title.encode()), "same/x": b"x"}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    found = compare_targets(manifest(1, old), manifest(2, new))
    by_rule = compare_rules(found, lambda target: held.get(target.sha256))
    text = describe_difference.difference_to_text(found, by_rule, targets=True, rules=True)
    assert "\x1b" not in text
    assert describe_difference.fit(text.splitlines()[-1], 80) == text.splitlines()[-1]
    assert text.splitlines()[-1].endswith("...")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "unchanged: same" in text


def test_the_json_lists_every_target_and_every_rule() -> None:
    old, new = {"s/a.yml": sigma("a")}, {"s/a.yml": sigma("a", "y"), "s/b.yml": sigma("b")}
    held = {hashlib.sha256(data).hexdigest(): data for data in (*old.values(), *new.values())}
    found = compare_targets(manifest(1, old), manifest(2, new))
    by_rule = compare_rules(found, lambda target: held.get(target.sha256))
    value = json.loads(json.dumps(describe_difference.difference_to_json(found, by_rule)))
    assert value["old"] == {"publisher": "plant", "snapshot_version": 1, "created": "2026-09-02T12:00:00Z"}
    assert [target["path"] for target in value["added"]] == ["s/b.yml"]
    (source,) = value["sources"]
    assert (source["added"], source["changed"], source["removed"], source["unchanged"]) == (1, 1, 0, 0)
    assert source["bytes"] == {"from": len(old["s/a.yml"]), "to": len(new["s/a.yml"]) + len(new["s/b.yml"])}
    (changes,) = source["rules"]
    assert changes["format"] == "Sigma"
    assert changes["added"] == [
        {"identifier": "b", "title": "T b", "from": None, "to": {"revision": "", "enabled": True}}
    ]
    assert [change["identifier"] for change in changes["updated"]] == ["a"]
