"""Every command of ``bundle`` that asks, on a real terminal of 80 by 24: the question is seen, first, and answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import BIN, run
from tests.support.publisher import Publisher
from tests.support.terminal import COLUMNS, Terminal

SECRET = "correct horse battery staple"
HERS = "quiet otter paints clouds"


class Dmz:
    """A publisher whose keys are encrypted, with one source; Alice's root key lies beside it."""

    def __init__(self, base: Path) -> None:
        self.base, self.home, self.out = base, base / "home", base / "out"
        self.passphrase = self.secret("passphrase", SECRET)
        (base / "rules").mkdir()
        (base / "rules" / "a.rules").write_text("# a\n")
        self.run("init", "--publisher", "plant", "--passphrase-file", self.passphrase)
        with (self.home / "bundler.toml").open("a") as config:
            config.write(f'[[source]]\nname = "rules"\nkind = "directory"\npath = "{base}/rules"\n')

    def secret(self, name: str, text: str) -> Path:
        path = self.base / name
        path.touch(mode=0o600)
        path.write_text(f"{text}\n")
        return path

    def run(self, *arguments: object, check: bool = True):
        return run([BIN / "bundle", "--home", self.home, *arguments], check=check, cwd=self.base)

    def terminal(self, *arguments: object, **variables: object) -> Terminal:
        return Terminal([BIN / "bundle", "--home", self.home, *arguments], self.base, variables)

    def with_alice(self) -> None:
        self.run("keys", "generate", "--out", "alice.pem", "--passphrase-file", self.secret("hers", HERS))
        self.run("keys", "add", "root", "alice.pub", "--passphrase-file", self.passphrase)


@pytest.fixture
def dmz(tmp_path: Path) -> Dmz:
    return Dmz(tmp_path)


def assert_nothing_pulled_yet(terminal: Terminal) -> None:
    assert "rules" not in terminal.whole().replace("sources", "")
    assert max(map(len, terminal.whole().splitlines()), default=0) <= COLUMNS


def test_create_asks_before_it_pulls_and_the_question_stays_on_the_screen(dmz: Dmz) -> None:
    with dmz.terminal("create", "--out", dmz.out) as terminal:
        terminal.answer(r"Passphrase of timestamp-\w+\.pem: ", "oops")
        assert not list((dmz.home / "sources").glob("*"))
        terminal.answer(r"Passphrase of timestamp-\w+\.pem: ", SECRET)
        assert terminal.end() == 0
    assert terminal.whole().count("Passphrase of") == 2, "one passphrase opens all of them"
    assert len(list(dmz.out.glob("*.zip"))) == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nope", None, "'--passphrase-file': File 'nope' does not exist"),
        ("wrong", "another one entirely\n", "[passphrase.wrong]"),
        ("empty", "", "[passphrase.empty]"),
        ("blank", "\nsecond line\n", "[passphrase.empty]"),
        ("home/keys/key.pem", None, "does not exist"),
    ],
)
def test_a_passphrase_file_that_will_not_do_is_said_before_anything_is_pulled(
    dmz: Dmz, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        dmz.secret(name, "").write_text(text)
    with dmz.terminal("create", "--out", dmz.out, "--passphrase-file", name) as terminal:
        assert terminal.end() in (2, 3)
    assert said in terminal.whole().replace("\n", " ")
    assert not list((dmz.home / "sources").glob("*"))
    assert not dmz.out.exists()


def test_init_asks_twice_after_everything_else_was_looked_at(dmz: Dmz) -> None:
    other = dmz.base / "other"
    for wrong in (["--publisher", "my plant"], ["--threshold", "5"], ["--expiry", "timestamp=3"]):
        with Terminal([BIN / "bundle", "--home", other, "init", *wrong]) as terminal:
            assert terminal.end() in (2, 3)
        assert "passphrase" not in terminal.whole()
    with dmz.terminal("init") as terminal:
        assert terminal.end() == 3
    assert "[home.exists]" in terminal.whole()
    with Terminal([BIN / "bundle", "--home", other, "init"]) as terminal:
        terminal.answer("New passphrase for the key files: ", SECRET)
        terminal.answer("The same again: ", SECRET)
        assert terminal.end() == 0
    assert SECRET not in terminal.shown


def test_generate_asks_twice_unless_the_name_is_taken(dmz: Dmz) -> None:
    with dmz.terminal("keys", "generate", "--out", "bob.pem") as terminal:
        terminal.answer("New passphrase for the key files: ", HERS)
        terminal.answer("The same again: ", HERS)
        assert terminal.end() == 0
    with dmz.terminal("keys", "generate", "--out", "bob.pem") as terminal:
        assert terminal.end() == 3
    assert "[key.exists]" in terminal.whole()


def test_a_new_key_is_opened_by_what_opens_the_others_though_her_key_signed(dmz: Dmz) -> None:
    dmz.with_alice()
    (mine,) = (dmz.home / "keys").glob("root-*.pem")
    mine.unlink()
    with dmz.terminal("keys", "rotate", "timestamp", "--key", "alice.pem") as terminal:
        terminal.answer(r"Passphrase of alice\.pem: ", HERS)
        terminal.answer(r"Passphrase of timestamp-\w+\.pem: ", SECRET)
        assert terminal.end() == 0
    dmz.run("create", "--out", dmz.out, "--passphrase-file", dmz.passphrase)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rotate", "snapshot"),
        ("add", "rules", "--generate"),
        ("renew",),
        ("threshold", "root", "2"),
        ("revoke", "root", "alice"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_change_of_keys_asks_once_for_the_homes_passphrase(dmz: Dmz, arguments: tuple[str, ...]) -> None:
    dmz.with_alice()
    alice = json.loads((dmz.base / "alice.pub").read_text())["keyid"][:12]
    given = [alice if argument == "alice" else argument for argument in arguments]
    hers = ["--key", "alice.pem"] if arguments[0] == "threshold" else []
    with dmz.terminal("keys", *given, *hers) as terminal:
        if hers:
            terminal.answer(r"Passphrase of alice\.pem: ", HERS)
        terminal.answer(r"Passphrase of \w+-\w+\.pem: ", SECRET)
        assert terminal.end() == 0
    assert terminal.whole().count("Passphrase of") == 1 + len(hers) // 2


@pytest.mark.parametrize(
    "arguments",
    [("rotate", "nobody"), ("rotate", "targets", "--replace", "ffff"), ("add", "nobody", "--generate")],
    ids=" ".join,
)
def test_a_role_or_key_that_is_mistyped_is_said_before_any_question(dmz: Dmz, arguments: tuple[str, ...]) -> None:
    with dmz.terminal("keys", *arguments) as terminal:
        assert terminal.end() == 3
    assert "assphrase" not in terminal.whole()


def test_sign_confirms_then_asks_and_accept_takes_the_first_of_two_signatures(dmz: Dmz) -> None:
    dmz.with_alice()
    dmz.run("keys", "threshold", "root", "2", "--stage", "--out", "next.json")
    with dmz.terminal("keys", "sign", "next.json", "--key", "alice.pem", "--out", "hers.json") as terminal:
        terminal.answer(r"Sign root 3\? \[y/N\]: ", "y")
        terminal.answer(r"Passphrase of alice\.pem: ", HERS)
        assert terminal.end() == 0
    with dmz.terminal("keys", "sign", "next.json", "--out", "mine.json") as terminal:
        terminal.answer(r"Sign root 3\? \[y/N\]: ", "n")
        assert terminal.end() == 130
    assert not (dmz.base / "mine.json").exists()
    first = json.loads(dmz.run("keys", "accept", "hers.json", "-o", "json").stdout)
    assert (first["state"], len(first["missing"])) == ("waiting", 1)
    with dmz.terminal("keys", "sign", "next.json", "--out", "mine.json") as terminal:
        terminal.answer(r"Sign root 3\? \[y/N\]: ", "y")
        terminal.answer(r"Passphrase of root-\w+\.pem: ", SECRET)
        assert terminal.end() == 0
    with dmz.terminal("keys", "accept", "mine.json") as terminal:
        assert terminal.end() == 0
    assert "Root 3 is in force" in terminal.whole()


def test_passphrase_asks_for_the_old_one_and_twice_for_the_new_one(dmz: Dmz) -> None:
    dmz.with_alice()
    with dmz.terminal("keys", "passphrase", "alice.pem") as terminal:
        terminal.answer(r"Passphrase of alice\.pem: ", HERS)
        terminal.answer("New passphrase for the key files: ", "another one for alice")
        terminal.answer("The same again: ", "another one for alice")
        assert terminal.end() == 0
    anew = dmz.secret("anew", "another one for alice")
    dmz.run("keys", "renew", "--key", "alice.pem", "--passphrase-file", anew, "--passphrase-file", dmz.passphrase)


def test_the_first_receipt_of_a_site_asks_for_its_fingerprint(tmp_path: Path) -> None:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    relay = [BIN / "relay", "--home", tmp_path / "relay"]
    run([*relay, "init", "--root", publisher.root])
    run([*relay, "receipt", "--out", tmp_path / "receipt.json"])
    command = [BIN / "bundle", "--home", publisher.home, "sites", "import", tmp_path / "receipt.json"]
    with Terminal(command) as terminal:
        terminal.answer(r"\? \[y/N\]: ", "n")
        assert terminal.end() == 3
    with Terminal(command) as terminal:
        terminal.answer(r"\? \[y/N\]: ", "y")
        assert terminal.end() == 0
    assert json.loads(publisher.bundle("sites", "-o", "json").stdout)


def test_an_interrupted_question_ends_with_130_and_leaves_nothing(dmz: Dmz) -> None:
    with dmz.terminal("create", "--out", dmz.out) as terminal:
        terminal.answer("Passphrase of .*: ", "\x03")
        assert terminal.end() == 130
    assert not dmz.out.exists()
