"""Who says it: a receipt's DSSE envelope, signed by the one key that its document names.

A verified envelope proves that the holder of that key made the receipt. Whose key it is, a person confirms
once by its fingerprint (the publisher's registry of sites).

Source: DSSE v1.0 (secure-systems-lab/dsse).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from manifests.errors import MalformedError, NotAuthenticError
from manifests.limits import MIB
from manifests.receipt import document
from manifests.receipt.document import RECEIPT_NAME, RECEIPT_PAYLOAD_TYPE, Receipt
from manifests.schemas import documents as schemas
from manifests.schemas import strictjson
from manifests.text import fingerprint_text

MAX_RECEIPT_BYTES = MIB
"""Ceiling on a receipt file: the largest document in base64, and some air."""

_SIGNATURE_BYTES = 64
"""Ed25519, RFC 8032 section 5.1.6."""
_AGAIN = "give the file that relay receipt --out wrote; if that is damaged, ask the site for it again"


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt whose signature holds, with the exact bytes of its file."""

    receipt: Receipt
    data: bytes


def key_fingerprint(keyid: str) -> str:
    """Return a site's key id in groups of four, for two people to compare by voice."""
    return fingerprint_text(keyid)


def sign_receipt(receipt: Receipt, signer: CryptoSigner) -> bytes:
    """Sign a receipt with the site's key and return the bytes of its file.

    Raises:
        MalformedError: The receipt breaks a rule that every reader checks, or names another key.
    """
    payload = document.encode_receipt(receipt)
    signature = signer.sign(Envelope(payload, RECEIPT_PAYLOAD_TYPE, {}).pae())
    data = _encode(payload, signature.keyid, bytes.fromhex(signature.signature))
    verify_receipt(data)
    return data


def verify_receipt(data: bytes) -> SignedReceipt:
    """Verify a receipt file by the key that it names.

    1. the envelope is written the one way we write it, so that one receipt has one form
    2. its document follows the schema, and names a key
    3. that key signed the exact bytes of the document
    4. the key id of the envelope is that key's own: people compare key ids, and must compare the right one
    5. the document's values follow the rules that a schema cannot say

    Args:
        data: The whole file.

    Raises:
        MalformedError: ``json.*``, ``receipt-envelope.schema``, ``receipt.form`` (not written our way),
            ``receipt.schema``, ``receipt.order``, ``receipt.generations``, ``name.*`` or ``time.format``.
        NotAuthenticError: ``receipt.signature``.
    """
    try:
        return _verify(data)
    except MalformedError as error:
        raise error.reworded(todo=error.todo or _AGAIN) from error


def _verify(data: bytes) -> SignedReceipt:
    payload, keyid, signature = _decode(data)  # 1
    value = document.read_receipt_json(payload)  # 2
    key = _key(value["site"]["public"])
    try:  # 3
        key.verify_signature(Signature(keyid, signature.hex()), Envelope(payload, RECEIPT_PAYLOAD_TYPE, {}).pae())
    except (UnverifiedSignatureError, VerificationError):
        raise _forged(keyid) from None
    if key.keyid != keyid:  # 4
        raise _forged(keyid)
    return SignedReceipt(document.receipt_from_json(value, keyid), data)  # 5


def compact_receipt(data: bytes) -> bytes:
    """Return a receipt file as signature and compressed document: all that cannot be derived."""
    payload, _, signature = _decode(data)
    return signature + zlib.compress(payload, 9)


def expand_receipt(data: bytes) -> bytes:
    """Return the receipt file of a compact form, bit for bit; nothing is verified yet.

    Raises:
        MalformedError: ``receipt.form``, ``json.*``, ``receipt.schema``.
    """
    unpacker = zlib.decompressobj()
    try:
        payload = unpacker.decompress(data[_SIGNATURE_BYTES:], document.MAX_PAYLOAD_BYTES + 1)
    except zlib.error:
        raise _not_ours() from None
    if not unpacker.eof or unpacker.unused_data:
        raise _not_ours()
    return _encode(payload, _key(document.read_receipt_json(payload)["site"]["public"]).keyid, data[:_SIGNATURE_BYTES])


def _key(public: str) -> SSlibKey:
    """Return the Ed25519 key of 32 bytes in hex, under its TUF key id."""
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))


def _encode(payload: bytes, keyid: str, signature: bytes) -> bytes:
    return strictjson.encode_json(
        {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": RECEIPT_PAYLOAD_TYPE,
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode("ascii")}],
        }
    )


def _decode(data: bytes) -> tuple[bytes, str, bytes]:
    """Return payload, key id and signature of an envelope that is written the one way we write it."""
    value = strictjson.decode_json(data, name=RECEIPT_NAME, max_bytes=MAX_RECEIPT_BYTES, max_depth=4)
    schemas.check_document(value, "receipt-envelope", name=RECEIPT_NAME)
    row = value["signatures"][0]
    try:
        payload, signature = (base64.b64decode(text, validate=True) for text in (value["payload"], row["sig"]))
    except binascii.Error:
        raise _not_ours() from None
    if len(signature) != _SIGNATURE_BYTES or _encode(payload, row["keyid"], signature) != data:
        raise _not_ours()
    return payload, row["keyid"], signature


def _forged(keyid: str) -> NotAuthenticError:
    return NotAuthenticError(
        "receipt.signature",
        f"The receipt's signature by the site's key {keyid[:12]} does not hold",
        todo="ask the site for its receipt again",
    )


def _not_ours() -> MalformedError:
    return MalformedError("receipt.form", "The receipt is not in canonical form", todo="ask the site for it again")
