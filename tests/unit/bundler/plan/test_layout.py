"""What comes first in a bundle: what protects soonest for the fewest bytes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from bundler.home import Home
from bundler.plan.arrivals import Arrivals
from bundler.plan.layout import lay_out
from bundler.plan.next_version import NextVersion
from manifests.clock import parse_instant
from manifests.manifest import BlobMember, DocumentMember, PatchMember, SourceRecord, Target

NOW = parse_instant("2026-11-21T12:00:00Z")
LENGTHS = {
    "clamav/main.cvd": 160_000_000,
    "clamav/daily.cvd": 60_000_000,
    "packs/26-001.dsru": 3_000_000,
    "suricata/emerging.rules.tar.gz": 5_000_000,
    "yara/large.yar": 9_000_000,
    "yara/tiny.yar": 40,
}
DEFLATED = {"yara/large.yar"}
PATCHED = "clamav/daily.cvd"


def digest(path: str) -> str:
    return sha256(path.encode()).hexdigest()


def member(path: str) -> BlobMember:
    method = "deflate" if path in DEFLATED else "stored"
    stored = (digest(path + " deflated"), LENGTHS[path] // 2) if path in DEFLATED else (digest(path), LENGTHS[path])
    return BlobMember(digest(path), LENGTHS[path], method, *stored)


def test_rules_come_first_then_patches_then_archives_of_rules_and_large_patterns_last(tmp_path: Path) -> None:
    targets = tuple(
        Target(path, length, digest(path), "patch" if path == PATCHED else "blob") for path, length in LENGTHS.items()
    )
    version = NextVersion(
        publisher="plant",
        snapshot_version=2,
        root_version=1,
        created=NOW,
        tool="t",
        sources=tuple(SourceRecord(name, "directory", NOW, "") for name in ("clamav", "packs", "suricata", "yara")),
        targets=targets,
        documents=(),
    )
    patch = PatchMember(digest(PATCHED), LENGTHS[PATCHED], digest("base"), 60_000_000, "zstd", digest("patch"), 100_000)
    (manifest,) = lay_out(
        version,
        Arrivals(targets, tuple(member(path) for path in LENGTHS if path != PATCHED), (patch,), {}, 1),
        [DocumentMember("tuf/1.root.json", 1, digest("root"))],
        Home(tmp_path).store(),
        volume_size=None,
        signers=1,
    )
    names = {digest(path): path for path in LENGTHS}
    assert [names[blob.sha256] for blob in manifest.blobs] == [
        "yara/large.yar",
        "yara/tiny.yar",
        "packs/26-001.dsru",
        "suricata/emerging.rules.tar.gz",
        "clamav/main.cvd",
    ]
