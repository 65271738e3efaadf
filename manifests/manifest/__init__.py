"""The manifest: the signed list of what a bundle carries and how each target is rebuilt.

The exact bytes are what is signed and kept; the types here are a checked reading of them.
"""

from __future__ import annotations

from manifests.manifest.coding import (
    BUNDLE_FORMAT,
    MANIFEST_NAME,
    MAX_FREE_TEXT,
    decode_manifest,
    encode_manifest,
    one_line,
)
from manifests.manifest.types import (
    BLOB_PREFIX,
    PATCH_PREFIX,
    AbsentSource,
    Arrival,
    BlobMember,
    DocumentMember,
    Engine,
    Manifest,
    Part,
    Parted,
    PatchMember,
    SourceRecord,
    Target,
    TargetFacts,
)

NOTES_NAME = "notes.md"
TUF_PREFIX = "tuf/"

__all__ = [
    "BLOB_PREFIX",
    "BUNDLE_FORMAT",
    "MANIFEST_NAME",
    "MAX_FREE_TEXT",
    "NOTES_NAME",
    "PATCH_PREFIX",
    "TUF_PREFIX",
    "AbsentSource",
    "Arrival",
    "BlobMember",
    "DocumentMember",
    "Engine",
    "Manifest",
    "Part",
    "Parted",
    "PatchMember",
    "SourceRecord",
    "Target",
    "TargetFacts",
    "decode_manifest",
    "encode_manifest",
    "one_line",
]
