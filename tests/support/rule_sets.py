"""Rules of two formats, and manifests that list them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from manifests.manifest import Manifest, SourceRecord, Target

CREATED = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)


def sigma(identifier: str, body: str = "x") -> bytes:
    return f"title: T {identifier}\nid: {identifier}\ndetection:\n  a: {body}\n".encode()


def manifest(version: int, files: dict[str, bytes]) -> Manifest:
    created = CREATED + timedelta(days=version)
    targets = tuple(Target(p, len(data), hashlib.sha256(data).hexdigest()) for p, data in sorted(files.items()))
    names = sorted({path.partition("/")[0] for path in files})
    sources = tuple(SourceRecord(name, "directory", created, "none") for name in names)
    return Manifest("plant", version, 1, created, "test", sources, targets, (), ())
