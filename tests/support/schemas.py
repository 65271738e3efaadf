"""A good document for each shipped schema."""

from __future__ import annotations

import json
from importlib.resources import files

NAMES = sorted(
    entry.name.removesuffix(".schema.json")
    for entry in files("manifests").joinpath("data").iterdir()
    if entry.name.endswith(".schema.json")
)


DIGEST = "0123456789abcdef" * 4


MANIFEST = {
    "format": "sealift-bundle/1",
    "publisher": "dmz",
    "snapshot_version": 7,
    "root_version": 1,
    "created": "2026-11-21T23:06:00Z",
    "kind": "since",
    "since": 3,
    "volume": {"index": 1, "count": 1},
    "tool": "sealift 0.1.0",
    "sources": [
        {
            "name": "rules",
            "kind": "directory",
            "state": "last-good",
            "failure": "unreachable",
            "pulled_at": "2026-11-21T23:06:00Z",
            "verification": "none",
            "items": [{"path": "rules/a", "label": "YARA", "facts": {"rules": 3, "note": "x"}}],
        }
    ],
    "targets": [{"path": "rules/a", "length": 1, "sha256": DIGEST, "arrives": "blob"}],
    "documents": [
        {"name": "tuf/1.root.json", "length": 3, "sha256": DIGEST},
        {"name": "notes.md", "length": 0, "sha256": DIGEST},
    ],
    "blobs": [
        {"sha256": DIGEST, "length": 1, "method": "stored"},
        {"sha256": DIGEST, "length": 9, "method": "deflate", "stored_sha256": DIGEST, "stored_length": 1},
    ],
    "patches": [
        {
            "sha256": DIGEST,
            "length": 9,
            "base_sha256": DIGEST,
            "base_length": 8,
            "engine": "zstd",
            "patch_sha256": DIGEST,
            "patch_length": 3,
        },
    ],
    "parts": [{"sha256": DIGEST, "length": 9, "parts": [{"sha256": DIGEST, "length": 4}] * 2}],
}


SIGNATURE = {
    "payloadType": "application/vnd.sealift.manifest+json",
    "signatures": [{"keyid": DIGEST, "sig": "00ff"}],
}


_CATALOGUE = json.loads(files("manifests").joinpath("data", "features.json").read_text("utf-8"))
FEATURES = {**_CATALOGUE, "items": _CATALOGUE["items"][5:7], "services": _CATALOGUE["services"][:1]}


DOCUMENTS = {"manifest": MANIFEST, "signature": SIGNATURE, "features": FEATURES}
