from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner

from bundler.keys import keyring as keys
from bundler.keys import public_keys
from bundler.keys.secrets import Secrets
from manifests.errors import ConfigurationError, StorageError, UsageError
from tests.support.keys import PASSPHRASE, nobody, passphrase_file


def test_a_key_opens_with_its_passphrase_and_signs(tmp_path):
    made = keys.generate_key_files(tmp_path / "k.pem", PASSPHRASE)
    signer = keys.read_private_key(tmp_path / "k.pem", Secrets(nobody, [passphrase_file(tmp_path)]))
    made.entry.key.verify_signature(signer.sign(b"data"), b"data")


def test_an_open_key_needs_no_passphrase(tmp_path):
    keys.generate_key_files(tmp_path / "k.pem", None)
    assert keys.read_private_key(tmp_path / "k.pem", Secrets(nobody)).public_key.keytype == "ed25519"


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_keys_made_elsewhere_open_too(tmp_path, private):
    path = tmp_path / "k.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    signer = keys.read_private_key(path, Secrets(nobody))
    signer.public_key.verify_signature(signer.sign(b"x"), b"x")


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", b"\xff" * 9])
def test_what_is_no_private_key_is_refused(tmp_path, data):
    (tmp_path / "k.pem").write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "k.pem", Secrets(nobody))
    assert caught.value.code == "key.private"


def test_a_key_is_never_written_over_another(tmp_path):
    keys.generate_key_files(tmp_path / "k.pem", None)
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        keys.generate_key_files(tmp_path / "k.pem", None)
    assert caught.value.code == "key.exists"
    assert (tmp_path / "k.pem").read_bytes() == before


def test_a_ring_knows_keys_that_are_here_on_a_token_or_away(tmp_path):
    here = keys.generate_role_key_files("targets", tmp_path, None).entry
    away = keys.generate_role_key_files("root", tmp_path, None).entry
    (tmp_path / f"{away.name}.pem").unlink()
    token = CryptoSigner.generate_ecdsa().public_key
    (tmp_path / "token.pub").write_bytes(public_keys.encode_public_key(token, "hsm:1?label=x"))
    ring = keys.Keyring.load(tmp_path)
    assert here.name == f"targets-{here.key.keyid[:12]}"
    assert ring.entries[here.key.keyid].uri == f"file:{tmp_path / here.name}.pem"
    assert ring.entries[token.keyid].uri == "hsm:1?label=x"
    assert [ring.is_here(keyid) for keyid in (here.key.keyid, away.key.keyid, token.keyid, "0")] == [
        True,
        False,
        True,
        False,
    ]


def test_a_file_that_holds_another_key_than_expected_is_refused(tmp_path):
    keys.generate_key_files(tmp_path / "a.pem", None)
    other = keys.generate_key_files(tmp_path / "b.pem", None).entry
    with pytest.raises(ConfigurationError) as caught:
        keys.open_signer(str(tmp_path / "a.pem"), other.key, Secrets(nobody))
    assert caught.value.code == "key.mismatch"


@pytest.mark.parametrize("name", ["alice.pub", "alice.PUB", "plant.alice.pub", ".pub.pub"])
def test_a_private_key_gets_no_public_key_s_name(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        keys.generate_key_files(tmp_path / name, None)
    assert caught.value.code == "key.name"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("alice", "alice.pub"),
        ("alice.pem", "alice.pub"),
        ("alice.key", "alice.pub"),
        ("alice.PEM", "alice.pub"),
        ("plant.alice", "plant.alice.pub"),
        ("plant.alice.pem", "plant.alice.pub"),
        ("v1.2", "v1.2.pub"),
    ],
)
def test_a_public_key_stands_beside_its_private_one_under_that_name(tmp_path, private, public):
    keys.generate_key_files(tmp_path / private, None)
    assert {path.name for path in tmp_path.iterdir()} == {private, public}
    assert b"PRIVATE KEY" in (tmp_path / private).read_bytes()


def test_names_with_dots_are_of_different_keys(tmp_path):
    first = keys.generate_key_files(tmp_path / "plant.alice", None).entry.key
    second = keys.generate_key_files(tmp_path / "plant.bob", None).entry.key
    found = [public_keys.read_public_key(tmp_path / f"plant.{who}.pub")[0].keyid for who in ("alice", "bob")]
    assert found == [first.keyid, second.keyid]


def test_a_key_is_not_written_over_a_dangling_link(tmp_path):
    (tmp_path / "k.pub").symlink_to("nowhere")
    with pytest.raises(ConfigurationError) as caught:
        keys.generate_key_files(tmp_path / "k.pem", None)
    assert caught.value.code == "key.exists"


def test_a_private_key_whose_public_half_cannot_be_written_is_taken_away(tmp_path):
    longest = "x" * 230 + ".pem"
    keys.generate_key_files(tmp_path / longest, None)
    name = "y" * 235  # with .pub, and what it is called until it is durable, no file system takes it
    with pytest.raises(StorageError):
        keys.generate_key_files(tmp_path / name, None)
    assert [path.name[0] for path in tmp_path.iterdir()] == ["x", "x"]


@pytest.mark.parametrize("name", ["._root-1.pub", ".root-1.pub.pub", ".#root-1.pub"])
def test_what_other_programs_hide_in_the_key_directory_is_no_key(tmp_path, name):
    here = keys.generate_role_key_files("targets", tmp_path, None).entry
    (tmp_path / name).write_bytes(b"\0\5\x16\7Mac OS X")
    assert list(keys.Keyring.load(tmp_path).entries) == [here.key.keyid]
