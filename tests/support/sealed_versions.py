"""Versions as a publisher remembers them, made by hand: three, of which no number follows the second."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bundler.history import History, SealedVersion, SealedVolume
from bundler.home import Home
from manifests import manifest as m

NOW = datetime(2026, 11, 21, tzinfo=UTC)
A, B, C, D = (letter * 64 for letter in "abcd")


def sealed(version: int, digests: str, volumes: int = 1) -> SealedVersion:
    targets = tuple(m.Target(f"rules/{number}", 10, digest * 64) for number, digest in enumerate(digests))
    blobs = tuple(m.BlobMember(digest, 10, "stored", digest, 10) for digest in sorted({t.sha256 for t in targets}))
    manifests = [
        m.Manifest(
            publisher="plant",
            snapshot_version=version,
            root_version=1,
            created=NOW,
            tool="t",
            sources=(m.SourceRecord("rules", "directory", NOW, ""),),
            targets=targets,
            documents=(m.DocumentMember("tuf/1.root.json", 1, D),),
            blobs=blobs,
            volume_index=index,
            volume_count=volumes,
        )
        for index in range(1, volumes + 1)
    ]
    return SealedVersion(
        version, tuple(SealedVolume(one, m.encode_manifest(one), b"sig") for one in manifests), 4096, 5
    )


def home_with_versions(path: Path) -> Home:
    """Return a home that remembers versions 1, 2 and 4."""
    home = Home(path)
    for version, digests in ((1, "ab"), (2, "ac"), (4, "bc")):
        History(home).stage_sealed(sealed(version, digests))
        History(home).publish_staged(version)
    return home
