"""Content is found in either of two bundles, and its digest is checked."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.diff.content import ClaimedBundle, ClaimedContent
from bundler.diff.rules import compare_rules
from bundler.diff.targets import compare_targets
from bundler.plan import patch_engines
from manifests.disk.blobs import Blob
from manifests.errors import NotAuthenticError
from manifests.manifest import BlobMember, Manifest, Part, Parted, PatchMember
from tests.support.relay_bundles import BundleForge, Forgery
from tests.support.rule_sets import sigma


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
    made = patch_engines.make_patch(tmp_path / "old", tmp_path / "new", Blob(digest(new), len(new)), tmp_path, 2**28)
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
