"""Passphrases: asked for once, from a file or a person."""

from __future__ import annotations

import pytest

from bundler.keys import keyring as keys
from bundler.keys.secrets import Secrets
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
