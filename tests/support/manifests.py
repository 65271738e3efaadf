"""A good manifest and the changes that are made to it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from manifests import manifest as m

CREATED = datetime(2026, 11, 21, 23, 6, tzinfo=UTC)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


A, B, C = sha256("a"), sha256("b"), sha256("c")


GOOD = m.Manifest(
    publisher="dmz",
    snapshot_version=7,
    root_version=2,
    created=CREATED,
    tool="sealift 0.1.0",
    sources=(
        m.SourceRecord("clamav", "directory", CREATED, "nothing to check"),
        m.SourceRecord(
            "rules", "http", CREATED, "sha256", "timed out", (m.TargetFacts("rules/x", "YARA", (("rules", 2),)),)
        ),
    ),
    targets=(m.Target("clamav/main.cvd", 10, A), m.Target("rules/x", 20, B), m.Target("rules/y", 20, B)),
    documents=(m.DocumentMember("tuf/1.root.json", 3, C), m.DocumentMember("tuf/timestamp.json", 3, C)),
    blobs=(m.BlobMember(B, 20, "deflate", C, 9), m.BlobMember(A, 10, "stored", A, 10)),
)


def document() -> dict:
    return json.loads(m.encode_manifest(GOOD))
