"""The manifest: the signed list of what a bundle carries and how each target is rebuilt.

The exact bytes are what is signed and kept; the types here are a checked reading of them.
"""

from __future__ import annotations

from manifests.manifest.coding import FORMAT, MAX_TEXT, NAME, decode, encode, one_line
from manifests.manifest.types import (
    BLOB_PREFIX,
    PATCH_PREFIX,
    Arrival,
    BlobMember,
    Document,
    Engine,
    Item,
    Manifest,
    Method,
    Part,
    Parted,
    PatchMember,
    SourceRecord,
    Target,
)

NOTES_NAME = "notes.md"
TUF_PREFIX = "tuf/"

__all__ = [
    "BLOB_PREFIX",
    "FORMAT",
    "MAX_TEXT",
    "NAME",
    "NOTES_NAME",
    "PATCH_PREFIX",
    "TUF_PREFIX",
    "Arrival",
    "BlobMember",
    "Document",
    "Engine",
    "Item",
    "Manifest",
    "Method",
    "Part",
    "Parted",
    "PatchMember",
    "SourceRecord",
    "Target",
    "decode",
    "encode",
    "one_line",
]
