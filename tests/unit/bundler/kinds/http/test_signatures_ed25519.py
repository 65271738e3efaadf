"""Public keys of minisign and signify."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundler.kinds.http.signatures_ed25519 import read_upstream_key


def test_a_public_key_holds_only_its_own_signatures() -> None:
    private = Ed25519PrivateKey.generate()
    text = base64.b64encode(b"Ed" + bytes(range(8)) + private.public_key().public_bytes_raw()).decode()
    key = read_upstream_key(f"untrusted comment: x\n{text}\n", "key")
    assert key.shown == "706050403020100"
    assert key.verifies(private.sign(b"message"), b"message")
    assert not key.verifies(private.sign(b"message"), b"other")
