"""Passphrases: asked for once, from a file or a person."""

from __future__ import annotations

import pytest

from bundler.keys import keyring as keys
from bundler.keys.secrets import Secrets, TokenPinError, TokenTries
from manifests.errors import ConfigurationError
from tests.support.keys import PASSPHRASE, nobody, passphrase_file


class Person:
    """Answers in order, and remembers the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


def test_a_wrong_passphrase_from_a_file_is_refused_at_once(tmp_path):
    keys.generate_key_files(tmp_path / "k.pem", PASSPHRASE)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "k.pem", Secrets(nobody, [passphrase_file(tmp_path, "wrong one")]))
    assert caught.value.code == "passphrase.wrong"


def test_a_person_may_mistype_twice_and_is_not_asked_again_for_the_next_key(tmp_path):
    for name in ("a", "b"):
        keys.generate_key_files(tmp_path / f"{name}.pem", PASSPHRASE)
    person = Person("oops", "again", "correct horse")
    secrets = Secrets(person)
    keys.read_private_key(tmp_path / "a.pem", secrets)
    keys.read_private_key(tmp_path / "b.pem", secrets)
    assert person.questions == ["Passphrase of a.pem"] * 3
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "a.pem", Secrets(Person("1", "2", "3")))
    assert caught.value.code == "passphrase.wrong"


def test_a_new_passphrase_is_asked_twice_and_must_agree(tmp_path):
    assert Secrets(Person("correct horse", "correct horse")).new_passphrase() == PASSPHRASE
    assert Secrets(nobody, [passphrase_file(tmp_path)]).new_passphrase() == PASSPHRASE
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
    assert Secrets.choose(nobody, environment, [one], None).new_passphrase() == b"first line"
    assert Secrets.choose(nobody, environment, [], None).new_passphrase() == b"second line"
    assert Secrets.choose(nobody, environment, [], None).pin("token") == "second line"
    assert Secrets.choose(Person("1234"), {}, [], None).pin("token") == "1234"


def test_each_key_is_opened_by_its_own_file(tmp_path):
    files = []
    for name in ("a", "b", "c"):
        keys.generate_key_files(tmp_path / f"{name}.pem", f"passphrase of {name}".encode())
        files.append(tmp_path / name)
        files[-1].write_text(f"passphrase of {name}\n")
    secrets = Secrets(nobody, files[:2])
    for name in ("b", "a", "b"):
        keys.read_private_key(tmp_path / f"{name}.pem", secrets)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_private_key(tmp_path / "c.pem", secrets)
    assert caught.value.code == "passphrase.wrong"
    assert str(files[0]) in str(caught.value)


def test_the_owner_of_a_key_that_was_brought_is_asked_though_files_were_given(tmp_path):
    keys.generate_key_files(tmp_path / "hers.pem", b"her passphrase")
    person = Person("her passphrase")
    secrets = Secrets(person, [passphrase_file(tmp_path)])
    keys.read_private_key(tmp_path / "hers.pem", secrets, brought=True)
    assert person.questions == ["Passphrase of hers.pem"]
    assert secrets.new_passphrase() == PASSPHRASE


def test_a_new_key_never_gets_the_passphrase_of_a_key_that_was_brought(tmp_path):
    keys.generate_key_files(tmp_path / "hers.pem", PASSPHRASE)
    secrets = Secrets(nobody, [passphrase_file(tmp_path)])
    keys.read_private_key(tmp_path / "hers.pem", secrets, brought=True)
    with pytest.raises(ConfigurationError) as caught:
        secrets.new_passphrase()
    assert caught.value.code == "passphrase.whose"


def test_a_new_key_of_a_home_gets_the_passphrase_of_its_others(tmp_path):
    home = tmp_path / "keys"
    home.mkdir()
    keys.generate_role_key_files("timestamp", home, PASSPHRASE)
    keys.generate_role_key_files("root", home, b"of another person")
    keys.generate_key_files(tmp_path / "hers.pem", b"her passphrase")
    hers = tmp_path / "hers"
    hers.write_text("her passphrase")
    both = Secrets(nobody, [hers, passphrase_file(tmp_path)])
    keys.read_private_key(tmp_path / "hers.pem", both, brought=True)
    assert keys.home_passphrase(home, "targets", both) == PASSPHRASE
    with pytest.raises(ConfigurationError) as caught:
        keys.home_passphrase(home, "targets", Secrets(nobody, [hers]))
    assert "--new-passphrase-file" in str(caught.value)


def pin_file(tmp_path, text="1234\n"):
    path = tmp_path / "pin"
    path.write_text(text)
    return path


def test_a_pin_that_was_refused_is_not_given_again(tmp_path):
    secrets = Secrets(nobody, pin_file=pin_file(tmp_path))
    assert secrets.pin("token plant") == "1234"
    assert "token plant" in str(secrets.refused_pin("token plant", "PinIncorrect"))
    pin_file(tmp_path, "9999\n")
    with pytest.raises(TokenPinError):
        secrets.pin("token plant")
    assert secrets.pin("another token") == "1234"


@pytest.mark.parametrize(
    ("tries", "attended", "typed", "given"),
    [
        (TokenTries.ALL, True, False, True),
        (TokenTries.ALL, False, False, True),
        (TokenTries.FEWER, True, False, True),
        (TokenTries.FEWER, False, False, False),
        (TokenTries.LAST, True, True, True),
        (TokenTries.LAST, True, False, False),
        (TokenTries.LAST, False, False, False),
        (TokenTries.NONE, True, True, False),
    ],
)
def test_a_pin_out_of_a_file_is_never_the_last_try_and_nobody_there_tries_only_a_fresh_token(
    tmp_path, tries, attended, typed, given
):
    file = None if typed else pin_file(tmp_path)
    secrets = Secrets(Person("1234"), pin_file=file, attended=attended)
    if given:
        assert secrets.pin("token plant", tries) == "1234"
    else:
        with pytest.raises(TokenPinError):
            secrets.pin("token plant", tries)


def test_an_empty_pin_file_is_not_tried(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        Secrets(nobody, pin_file=pin_file(tmp_path, "\n")).pin("token plant")
    assert caught.value.code == "passphrase.empty"
