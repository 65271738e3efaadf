"""Receipts: what a site has, signed by the site's own key, small enough for a QR code.

``document`` is what a receipt says, ``envelope`` who says it, ``texts`` its form for paper and phones,
``reading`` how either form is read from what people bring.
"""

from __future__ import annotations

from manifests.byte_ranges import Ranges
from manifests.receipt.document import (
    MAX_DIGESTS,
    MAX_RANGES,
    RECEIPT_PAYLOAD_TYPE,
    DamageCount,
    DamageKind,
    FeaturesState,
    Receipt,
    SourceAge,
    check_note,
    check_site_name,
)
from manifests.receipt.envelope import MAX_RECEIPT_BYTES, SignedReceipt, key_fingerprint, sign_receipt, verify_receipt
from manifests.receipt.reading import MAX_INPUT_BYTES, BroughtReceipts, read_receipts
from manifests.receipt.texts import MAX_TEXT_CHARACTERS, receipt_to_texts, receipts_from_texts

__all__ = [
    "MAX_DIGESTS",
    "MAX_INPUT_BYTES",
    "MAX_RANGES",
    "MAX_RECEIPT_BYTES",
    "MAX_TEXT_CHARACTERS",
    "RECEIPT_PAYLOAD_TYPE",
    "BroughtReceipts",
    "DamageCount",
    "DamageKind",
    "FeaturesState",
    "Ranges",
    "Receipt",
    "SignedReceipt",
    "SourceAge",
    "check_note",
    "check_site_name",
    "key_fingerprint",
    "read_receipts",
    "receipt_to_texts",
    "receipts_from_texts",
    "sign_receipt",
    "verify_receipt",
]
