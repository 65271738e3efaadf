"""Receipts: what a site has, signed by the site's own key, small enough for a QR code.

``document`` is what a receipt says, ``envelope`` who says it, ``texts`` its form for paper and phones,
``reading`` how either form is read from what people bring.
"""

from __future__ import annotations

from manifests.byte_ranges import Ranges
from manifests.receipt.document import (
    MAX_DIGESTS,
    MAX_RANGES,
    PAYLOAD_TYPE,
    Damage,
    DamageKind,
    FeaturesState,
    Receipt,
    SourceAge,
    check_note,
    check_site_name,
)
from manifests.receipt.envelope import MAX_BYTES, SignedReceipt, fingerprint, sign, verify
from manifests.receipt.reading import BroughtReceipts, read_receipts
from manifests.receipt.texts import MAX_TEXT_CHARACTERS, from_texts, to_texts

__all__ = [
    "MAX_BYTES",
    "MAX_DIGESTS",
    "MAX_RANGES",
    "MAX_TEXT_CHARACTERS",
    "PAYLOAD_TYPE",
    "BroughtReceipts",
    "Damage",
    "DamageKind",
    "FeaturesState",
    "Ranges",
    "Receipt",
    "SignedReceipt",
    "SourceAge",
    "check_note",
    "check_site_name",
    "fingerprint",
    "from_texts",
    "read_receipts",
    "sign",
    "to_texts",
    "verify",
]
