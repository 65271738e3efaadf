from __future__ import annotations

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

from bundler.keys import keyring as keys
from bundler.keys import public_keys
from bundler.keys.secrets import Secrets
from manifests.errors import ConfigurationError, MalformedError

PASSPHRASE = b"correct horse"


def nobody(question: str) -> str:
    raise AssertionError(f"asked: {question}")


class Person:
    """Answers in order, and remembers the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


def passphrase_file(tmp_path: Path, text: str = "correct horse\n") -> Path:
    path = tmp_path / "passphrase"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.needs("openssl")
def test_a_generated_key_is_encrypted_readable_by_its_owner_and_opened_by_openssl(tmp_path):
    made = keys.generate_key(tmp_path / "k.pem", PASSPHRASE)
    path = tmp_path / "k.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    arguments = ["openssl", "asn1parse", "-in", str(path)]
    assert "scrypt" in subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    arguments = ["openssl", "pkey", "-in", str(path), "-passin", "pass:correct horse", "-pubout", "-outform", "DER"]
    public = subprocess.run(arguments, capture_output=True, check=True).stdout
    assert public[-32:].hex() == made.entry.key.keyval["public"]
    assert public_keys.read_public_key(tmp_path / "k.pub") == (made.entry.key, None)


def test_a_key_opens_with_its_passphrase_and_signs(tmp_path):
    made = keys.generate_key(tmp_path / "k.pem", PASSPHRASE)
    signer = keys.read_private_key(tmp_path / "k.pem", Secrets(nobody, passphrase_file(tmp_path)))
    made.entry.key.verify_signature(signer.sign(b"data"), b"data")


def test_a_wrong_passphrase_from_a_file_is_refused_at_once(tmp_path):
    keys.generate_key(tmp_path / "k.pem", PASSPHRASE)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "k.pem", Secrets(nobody, passphrase_file(tmp_path, "wrong one")))
    assert caught.value.code == "passphrase.wrong"


def test_a_person_may_mistype_twice_and_is_not_asked_again_for_the_next_key(tmp_path):
    for name in ("a", "b"):
        keys.generate_key(tmp_path / f"{name}.pem", PASSPHRASE)
    person = Person("oops", "again", "correct horse")
    secrets = Secrets(person)
    keys.read_private_key(tmp_path / "a.pem", secrets)
    keys.read_private_key(tmp_path / "b.pem", secrets)
    assert person.questions == ["Passphrase of a.pem"] * 3
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "a.pem", Secrets(Person("1", "2", "3")))
    assert caught.value.code == "passphrase.wrong"


def test_an_open_key_needs_no_passphrase(tmp_path):
    keys.generate_key(tmp_path / "k.pem", None)
    assert keys.read_private_key(tmp_path / "k.pem", Secrets(nobody)).public_key.keytype == "ed25519"


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_keys_made_elsewhere_open_too(tmp_path, private):
    path = tmp_path / "k.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signer = keys.read_private_key(path, Secrets(nobody))
    signer.public_key.verify_signature(signer.sign(b"x"), b"x")


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", b"\xff" * 9])
def test_what_is_no_private_key_is_refused(tmp_path, data):
    (tmp_path / "k.pem").write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "k.pem", Secrets(nobody))
    assert caught.value.code == "key.private"


def test_a_key_is_never_written_over_another(tmp_path):
    keys.generate_key(tmp_path / "k.pem", None)
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        keys.generate_key(tmp_path / "k.pem", None)
    assert caught.value.code == "key.exists"
    assert (tmp_path / "k.pem").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"keyid": "0" * 64},
        {"scheme": "rsa"},
        {"keyval": {"public": "00"}},
        {"keyval": {}},
        {"keyval": 3},
        {"more": 1},
        {"uri": 3},
    ],
)
def test_a_public_key_that_is_not_what_it_says_is_refused(tmp_path, change):
    keys.generate_key(tmp_path / "k.pem", None)
    path = tmp_path / "k.pub"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(MalformedError) as caught:
        public_keys.read_public_key(path)
    assert caught.value.code == "key.public"


@pytest.mark.parametrize("public", ["00", "zz", "", "0" * 63])
def test_a_key_that_nobody_could_verify_with_is_refused_under_its_own_key_id_too(tmp_path, public):
    described = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
    keyid = hashlib.sha256(encode_canonical(described).encode()).hexdigest()
    (tmp_path / "k.pub").write_text(json.dumps({"keyid": keyid, **described}))
    with pytest.raises(MalformedError) as caught:
        public_keys.read_public_key(tmp_path / "k.pub")
    assert caught.value.code == "key.public"


def test_a_ring_knows_keys_that_are_here_on_a_token_or_away(tmp_path):
    here = keys.generate_role_key("targets", tmp_path, None).entry
    away = keys.generate_role_key("root", tmp_path, None).entry
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
    keys.generate_key(tmp_path / "a.pem", None)
    other = keys.generate_key(tmp_path / "b.pem", None).entry
    with pytest.raises(ConfigurationError) as caught:
        keys.open_signer(str(tmp_path / "a.pem"), other.key, Secrets(nobody))
    assert caught.value.code == "key.mismatch"


def test_a_new_passphrase_is_asked_twice_and_must_agree(tmp_path):
    assert Secrets(Person("correct horse", "correct horse")).new_passphrase() == PASSPHRASE
    assert Secrets(nobody, passphrase_file(tmp_path)).new_passphrase() == PASSPHRASE
    for answers, code in (
        (("correct horse", "correct house"), "passphrase.differs"),
        (("short12",), "passphrase.short"),
        (("",), "passphrase.short"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Secrets(Person(*answers)).new_passphrase()
        assert caught.value.code == code


def test_the_command_line_goes_before_the_environment_for_secrets(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("first line\nrest\n")
    two.write_text("second line\r\n")
    environment = {"SEALIFT_PASSPHRASE_FILE": str(two), "SEALIFT_PIN_FILE": str(two)}
    assert Secrets.choose(nobody, environment, one, None).new_passphrase() == b"first line"
    assert Secrets.choose(nobody, environment, None, None).new_passphrase() == b"second line"
    assert Secrets.choose(nobody, environment, None, None).pin("token") == "second line"
    assert Secrets.choose(Person("1234"), {}, None, None).pin("token") == "1234"
