"""What makes two public keys the same key: what they are, not how they are written or called."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.signer import Key


def key_identity(key: Key) -> bytes | str:
    """Return the key's canonical form, equal for equal keys whatever their id, type, scheme and encoding.

    One ECDSA key can be written with its point compressed or not, any key with PEM lines of other lengths, with text
    around it or in upper-case hexadecimals; each has another key id, and a threshold counts keys.

    Source: TAP 12 for equal keys under several ids; SEC 1 section 2.3.3 and RFC 5480 section 2.2 for points.
    """
    public = str(key.keyval.get("public"))
    try:
        if key.keytype == "ed25519":
            return _canonical(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
        return _canonical(load_pem_public_key(public.encode("utf-8")))
    except (ValueError, TypeError, UnsupportedAlgorithm):  # no key that could verify anything
        return f"{key.keytype} {''.join(public.split())}"


def count_keys(keys: Iterable[Key]) -> int:
    """Count keys as thresholds do: one that stands there twice, in whatever form, counts once."""
    return len({key_identity(key) for key in keys})


def _canonical(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]
