"""The detached signature over the manifest's exact bytes, DSSE style.

Source: DSSE v1.0 (secure-systems-lab/dsse), pre-authentication encoding; detached, because the
manifest must stay readable in any editor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, Signer

from manifests.errors import MalformedError, NotAuthenticError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.schemas import documents as schemas
from manifests.schemas import strictjson
from manifests.text import count_text
from manifests.trust.keys import count_keys

SIGNATURE_NAME = "manifest.sig.json"
MANIFEST_PAYLOAD_TYPE = "application/vnd.sealift.manifest+json"


def pre_authentication_encoding(payload: bytes) -> bytes:
    """Return what is signed: ``DSSEv1 <len(type)> <type> <len(payload)> <payload>``."""
    kind = MANIFEST_PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_manifest(manifest: bytes, signers: Sequence[Signer]) -> bytes:
    """Sign a manifest's bytes and return the content of ``manifest.sig.json``."""
    message = pre_authentication_encoding(manifest)
    signatures = [signer.sign(message) for signer in signers]
    return strictjson.encode_json(
        {
            "payloadType": MANIFEST_PAYLOAD_TYPE,
            "signatures": sorted(
                ({"keyid": signature.keyid, "sig": signature.signature} for signature in signatures),
                key=lambda row: row["keyid"],
            ),
        }
    )


def verify_signature(
    manifest: bytes, signature: bytes, keys: Mapping[str, Key], threshold: int, limits: Limits = DEFAULT_LIMITS
) -> None:
    """Verify that enough keys signed exactly the bytes of a manifest, and that nothing else is in the signature.

    1. the signature file is written the one way we write it, each key once
    2. each signature is by a key that may sign, and holds; one that does not is refused, however many others do
    3. the keys are enough; one key in two encodings, which has two ids, counts once

    Args:
        manifest: The bytes of ``manifest.json``.
        signature: The bytes of ``manifest.sig.json``.
        keys: The keys that may sign, by key id.
        threshold: How many different ones must have signed.

    Raises:
        MalformedError: ``json.*``, ``signature.schema`` or ``signature.form`` (not written our way, or a key twice).
        NotAuthenticError: ``signature.unknown-key``, ``signature.invalid`` or ``signature.threshold``.
    """
    value = strictjson.decode_json(signature, name=SIGNATURE_NAME, max_bytes=limits.signature_bytes)
    schemas.check_document(value, "signature", name=SIGNATURE_NAME)
    key_ids = [row["keyid"] for row in value["signatures"]]
    # 1. A key that stands twice could meet a threshold of two.
    if strictjson.encode_json(value) != signature or any(left >= right for left, right in pairwise(key_ids)):
        raise MalformedError("signature.form", f"{SIGNATURE_NAME} is not in canonical form")
    message = pre_authentication_encoding(manifest)
    for row in value["signatures"]:  # 2
        key = keys.get(row["keyid"])
        if key is None:
            raise NotAuthenticError(
                "signature.unknown-key",
                f"The manifest is signed by key {row['keyid'][:16]}, a key that this relay does not trust",
                need="the keys of the publisher's timestamp role",
            )
        try:
            key.verify_signature(Signature(row["keyid"], row["sig"]), message)
        except (UnverifiedSignatureError, VerificationError):
            raise NotAuthenticError(
                "signature.invalid", f"The manifest's signature by key {row['keyid'][:16]} does not hold"
            ) from None
    signed = count_keys(keys[key_id] for key_id in key_ids)
    if signed < threshold:  # 3
        raise NotAuthenticError(
            "signature.threshold",
            "The manifest is not signed by enough keys",
            have=f"valid signatures of {count_text(signed, 'key')}",
            need=f"{threshold}",
        )
