"""Private key files are encrypted, and OpenSSL opens them."""

from __future__ import annotations

import stat
import subprocess

import pytest

from bundler.keys import keyring as keys
from bundler.keys import public_keys
from tests.support.keys import PASSPHRASE


@pytest.mark.needs("openssl")
def test_a_generated_key_is_encrypted_readable_by_its_owner_and_opened_by_openssl(tmp_path):
    made = keys.generate_key_files(tmp_path / "k.pem", PASSPHRASE)
    path = tmp_path / "k.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    arguments = ["openssl", "asn1parse", "-in", str(path)]
    assert "scrypt" in subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    arguments = ["openssl", "pkey", "-in", str(path), "-passin", "pass:correct horse", "-pubout", "-outform", "DER"]
    public = subprocess.run(arguments, capture_output=True, check=True).stdout
    assert public[-32:].hex() == made.entry.key.keyval["public"]
    assert public_keys.read_public_key(tmp_path / "k.pub") == (made.entry.key, None)
