"""Private key files: another passphrase, and who may read them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bundler.keys import keyring as keys
from bundler.keys.private_file import PrivateKeyFile
from bundler.keys.secrets import Secrets
from manifests.errors import ConfigurationError
from tests.support.keys import PASSPHRASE, nobody, passphrase_file


def test_another_passphrase_opens_the_same_key_and_the_old_one_does_not(tmp_path: Path) -> None:
    made = keys.generate_key_files(tmp_path / "k.pem", PASSPHRASE)
    old = Secrets(nobody, [passphrase_file(tmp_path)])
    file = PrivateKeyFile.read(tmp_path / "k.pem")
    file.encrypt(file.unlock(old), b"another one")
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "k.pem", old)
    assert caught.value.code == "passphrase.wrong"
    new = Secrets(nobody, [passphrase_file(tmp_path, "another one")])
    assert keys.read_private_key(tmp_path / "k.pem", new).public_key == made.entry.key
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_keys_of_other_kinds_are_encrypted_too(tmp_path: Path, private) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file = PrivateKeyFile.read(path)
    file.encrypt(file.unlock(Secrets(nobody)), PASSPHRASE)
    assert PrivateKeyFile.read(path).encrypted
    assert keys.read_private_key(path, Secrets(nobody, [passphrase_file(tmp_path)]))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o777])
def test_an_open_key_that_others_can_read_is_refused_an_encrypted_one_warned_about(tmp_path: Path, mode: int) -> None:
    keys.generate_key_files(tmp_path / "open.pem", None)
    keys.generate_key_files(tmp_path / "locked.pem", PASSPHRASE)
    told: list[str] = []
    secret = passphrase_file(tmp_path)
    secret.chmod(0o600)
    for name in ("open", "locked"):
        (tmp_path / f"{name}.pem").chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "open.pem", Secrets(nobody))
    assert caught.value.code == "key.mode"
    assert f"chmod 600 {tmp_path}/open.pem" in str(caught.value)
    keys.read_private_key(tmp_path / "locked.pem", Secrets(nobody, [secret], warn=told.append))
    assert len(told) == 1
    assert f"chmod 600 {tmp_path}/locked.pem" in told[0]
