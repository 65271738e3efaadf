"""Keys on a PKCS#11 token: SoftHSM2 stands for the smart card."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from tests.support.commands import BIN, clean_environment
from tests.support.publisher import Publisher

pytestmark = pytest.mark.needs("softhsm2-util")

PIN = "271828"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")

MAKE_KEY = """
import sys
import pkcs11, pkcs11.util.ec
library, label, pin, number, curve = sys.argv[1:]
token = pkcs11.lib(library).get_token(token_label=label)
with token.open(rw=True, user_pin=pin) as session:
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(curve)}, local=True
    )
    parameters.generate_keypair(store=True, id=bytes.fromhex(number), label=f"key{number}")
"""


class Token:
    """A token in a directory of its own; every command that shall see it gets ``environment``."""

    def __init__(self, directory: Path, label: str = "sealift") -> None:
        self.label = label
        self.library = next(path for path in LIBRARIES if Path(path).exists())
        (directory / "tokens").mkdir(parents=True)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\n")
        self.directory = directory
        self.pin_file = directory / "pin"
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{PIN}\n")
        self.environment = clean_environment(SOFTHSM2_CONF=configuration)
        self.initialise()

    def initialise(self) -> None:
        """Make an empty token under the label."""
        self.call("softhsm2-util", "--init-token", "--free", "--label", self.label, "--pin", PIN, "--so-pin", "314159")

    def make_key(self, number: int, curve: str = "secp256r1") -> str:
        """Generate an EC key on the token; return its URI."""
        return self.make_key_with_id(f"{number:02x}", str(number), curve)

    def make_key_with_id(self, key_id: str, written: str, curve: str = "secp256r1") -> str:
        """Generate an EC key under an id in hex; return its URI, the id written in that way."""
        self.call(sys.executable, "-c", MAKE_KEY, self.library, self.label, PIN, key_id, curve)
        return f"hsm:{written}?label={self.label}"

    def call(self, *command: object, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment | more,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done


@pytest.fixture
def token(tmp_path):
    return Token(tmp_path / "token")


@pytest.fixture
def publisher(tmp_path, token):
    made = Publisher.found(tmp_path / "dmz", "rules")
    (made.content / "rules" / "a.rules").write_text("alert\n")
    text = (made.home / "bundler.toml").read_text()
    text = text.replace("#[pkcs11]", "[pkcs11]").replace(
        '#module = "/usr/lib/softhsm/libsofthsm2.so"', f"module = {json.dumps(token.library)}"
    )
    (made.home / "bundler.toml").write_text(text)
    return made


def bundle(publisher, token, *arguments, check=True, **more):
    return token.call(BIN / "bundle", "--home", publisher.home, *arguments, check=check, **more)


def newest(publisher, role, kind):
    found = sorted(
        (publisher.home / "repository" / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0])
    )
    return Metadata[kind].from_file(str(found[-1]))


def test_softhsm_is_there():
    assert shutil.which("softhsm2-util")
    assert any(os.path.exists(path) for path in LIBRARIES)


def test_targets_signed_on_a_token_verify_and_the_private_key_never_was_in_the_home(publisher, token):
    uri = token.make_key(1)
    bundle(publisher, token, "keys", "rotate", "targets", "--with", uri)
    (row,) = [
        row
        for row in json.loads(bundle(publisher, token, "keys", "list", "-o", "json").stdout)["keys"]
        if row["role"] == "targets"
    ]
    assert (row["uri"], row["scheme"]) == (uri, "ecdsa-sha2-nistp256")
    assert not (publisher.home / "keys" / f"targets-{row['keyid'][:12]}.pem").exists()
    made = bundle(
        publisher, token, "create", "--out", publisher.out, "-o", "json", SEALIFT_PIN_FILE=str(token.pin_file)
    )
    bundle(publisher, token, "verify", "--root", publisher.root, json.loads(made.stdout)["file"])
    root, targets = newest(publisher, "root", Root), newest(publisher, "targets", Targets)
    assert list(targets.signatures) == [row["keyid"]]
    root.signed.verify_delegate("targets", targets.signed_bytes, targets.signatures)


def test_a_root_key_on_a_token_signs_the_next_root(publisher, token):
    uri = token.make_key(7, "secp384r1")
    bundle(publisher, token, "keys", "add", "root", uri, "--stage")
    bundle(publisher, token, "keys", "threshold", "root", "2", "--stage", "--out", publisher.home.parent / "next.json")
    next_root = publisher.home.parent / "next.json"
    (file_key,) = (publisher.home / "keys").glob("root-*.pem")
    bundle(
        publisher,
        token,
        *("keys", "sign", next_root, "--yes", "--pin-file", token.pin_file, "--key", file_key, "--key", uri),
        PYKCS11LIB=token.library,
    )
    told = json.loads(bundle(publisher, token, "keys", "accept", next_root, "-o", "json").stdout)
    assert (told["state"], told["root_version"], len(told["signed_by"])) == ("in-force", 2, 2)
    assert newest(publisher, "root", Root).signed.roles["root"].threshold == 2
    bundle(publisher, token, "keys", "renew", "--pin-file", token.pin_file)
    assert newest(publisher, "root", Root).signed.version == 3


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("hsm:99?label=sealift", "pkcs11.token"),
        ("hsm:1?label=other", "pkcs11.token"),
        ("hsm:one", "pkcs11.uri"),
    ],
)
def test_a_key_that_no_token_has_is_refused(publisher, token, uri, code):
    token.make_key(1)
    done = bundle(publisher, token, "keys", "add", "targets", uri, "--pin-file", token.pin_file, check=False)
    assert done.returncode == 3
    assert f"[{code}]" in done.stderr


def test_a_wrong_pin_seals_nothing(publisher, token, tmp_path):
    bundle(publisher, token, "keys", "rotate", "timestamp", "--with", token.make_key(1))
    wrong = tmp_path / "wrong"
    wrong.write_text("000000\n")
    done = bundle(publisher, token, "create", "--out", publisher.out, check=False, SEALIFT_PIN_FILE=str(wrong))
    assert done.returncode == 3
    assert "[pkcs11.pin]" in done.stderr
    assert publisher.version() == 0
    assert not list(publisher.out.glob("*")) if publisher.out.exists() else True


def test_a_library_that_is_not_there_is_named(publisher, token):
    config = publisher.home / "bundler.toml"
    config.write_text(config.read_text().replace(token.library, "/nonexistent.so"))
    done = bundle(publisher, token, "keys", "add", "targets", "hsm:1?label=sealift", check=False)
    assert done.returncode == 3
    assert "[pkcs11.token]" in done.stderr


@pytest.mark.parametrize(
    ("key_id", "written"),
    [
        ("00a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3", "00a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"),
        ("1122334455667788990011223344556677889900", "0x1122334455667788990011223344556677889900"),
        ("0001", "0001"),
        ("10", "0x10"),
        ("0a", "10"),
    ],
)
def test_a_key_is_found_under_the_id_that_the_card_gave_it(publisher, token, key_id, written):
    uri = token.make_key_with_id(key_id, written)
    bundle(publisher, token, "keys", "rotate", "targets", "--with", uri)
    bundle(publisher, token, "create", "--out", publisher.out, "--pin-file", token.pin_file)
    assert publisher.version() == 1


def test_an_id_that_is_not_there_says_which_are(publisher, token):
    token.make_key_with_id("10", "0x10")
    done = bundle(
        publisher, token, "keys", "add", "targets", "hsm:10?label=sealift", "--pin-file", token.pin_file, check=False
    )
    assert done.returncode == 3
    assert "0x10" in done.stderr


def test_another_card_with_the_same_label_and_id_is_told_from_the_right_one_before_anything_is_pulled(publisher, token):
    uri = token.make_key(1)
    bundle(publisher, token, "keys", "rotate", "targets", "--with", uri)
    right = token.directory / "tokens"
    right.rename(token.directory / "right")
    right.mkdir()
    token.initialise()
    token.make_key(1)
    done = bundle(publisher, token, "create", "--out", publisher.out, "--pin-file", token.pin_file, check=False)
    assert (done.returncode, "[pkcs11.other-key]" in done.stderr) == (3, True)
    assert uri in done.stderr
    assert not list((publisher.home / "sources").glob("*"))
    for path in (token.directory / "right").iterdir():
        path.rename(right / path.name)
    bundle(publisher, token, "create", "--out", publisher.out, "--pin-file", token.pin_file)
    assert publisher.version() == 1, "both cards are there: the right one of them signs"


def test_runs_with_nobody_there_try_a_wrong_pin_once_in_all(publisher, token, tmp_path):
    bundle(publisher, token, "keys", "rotate", "timestamp", "--with", token.make_key(1))
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("000000\n")
    command = ("create", "--every", "10s", "--out", publisher.out, "--pin-file")
    first = bundle(publisher, token, *command, wrong, check=False)
    assert (first.returncode, "PinIncorrect" in first.stderr) == (3, True)
    for file in (wrong, token.pin_file):
        again = bundle(publisher, token, *command, file, check=False)
        assert (again.returncode, "[pkcs11.pin]" in again.stderr) == (3, True)
        assert "No PIN was tried" in again.stderr
    bundle(publisher, token, "create", "--out", publisher.out, "--pin-file", token.pin_file)
    assert publisher.version() == 1, "the right PIN, once, with somebody there, makes the token as good as new"
