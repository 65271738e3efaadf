from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import ConfigurationError
from manifests.schemas import configuration

RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["publisher"],
    "properties": {
        "publisher": {"type": "string"},
        "days": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"root": {"type": "integer", "minimum": 1}},
        },
        "source": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"kind": {"enum": ["directory", "http"]}, "urls": {"type": "array"}},
            },
        },
    },
}


def refusal(tmp_path: Path, text: str) -> ConfigurationError:
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        configuration.read_configuration(path, RULES)
    assert caught.value.exit_code == 3
    return caught.value


def test_a_good_file_is_returned_as_it_stands(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('publisher = "acme"\n[days]\nroot = 3\n', "utf-8")
    assert configuration.read_configuration(path, RULES) == {"publisher": "acme", "days": {"root": 3}}


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ('publisher = "a"\npublischer = "b"\n', "publischer", "publisher"),
        ('publisher = "a"\n[days]\nroots = 1\n', "days.roots", "root"),
        ('publisher = "a"\n[[source]]\n[[source]]\nurl = []\n', "source[2].url", "urls"),
        ('publisher = "a"\nzzzz = 1\n', "zzzz", None),
    ],
)
def test_an_unknown_key_is_refused_naming_file_key_and_nearest_match(tmp_path, text, key, nearest):
    error = refusal(tmp_path, text)
    assert error.code == "config.unknown-key"
    assert error.details == {"key": key, "nearest": nearest}
    assert "x.toml" in error.what
    assert key in error.what
    assert error.todo == (f"did you mean {nearest!r}?" if nearest else None)


def test_an_unknown_key_is_named_even_when_another_rule_is_broken_too(tmp_path):
    assert refusal(tmp_path, 'publischer = "a"\n').code == "config.unknown-key"


def test_a_missing_key_is_named(tmp_path):
    error = refusal(tmp_path, "")
    assert (error.code, error.details["key"]) == ("config.missing-key", "publisher")


def test_a_word_that_is_not_in_its_list_is_refused_with_the_nearest_one(tmp_path):
    error = refusal(tmp_path, 'publisher = "a"\n[[source]]\nkind = "htpp"\n')
    assert (error.code, error.details["key"], error.todo) == ("config.value", "source[1].kind", "change it to 'http'")


def test_a_value_out_of_bounds_is_refused_with_its_place(tmp_path):
    error = refusal(tmp_path, 'publisher = "a"\n[days]\nroot = 0\n')
    assert (error.code, error.details["key"]) == ("config.value", "days.root")


@pytest.mark.parametrize("data", [b"publisher = ", b"\xff\xfea", b"caf\xe9 = 1", b"a = 1\na = 2\n"])
def test_what_is_not_toml_is_refused(tmp_path, data):
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        configuration.read_configuration(path, RULES)
    assert caught.value.code == "config.syntax"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        configuration.read_configuration(tmp_path / "none.toml", RULES)
    assert caught.value.code == "config.missing"


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r\n").encode("utf-8"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    ],
    ids=["a mark", "a mark and CRLF", "CRLF", "UTF-16", "UTF-16, big end first"],
)
def test_what_an_editor_of_another_system_saves_is_read(tmp_path, encode):
    path = tmp_path / "x.toml"
    path.write_bytes(encode('publisher = "käfer"\n[days]\nroot = 3\n'))
    assert configuration.read_configuration(path, RULES) == {"publisher": "käfer", "days": {"root": 3}}


def test_a_disk_image_named_as_a_configuration_is_refused_unread(tmp_path):
    path = tmp_path / "x.toml"
    with path.open("wb") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(ConfigurationError) as caught:
        configuration.read_configuration(path, RULES)
    assert caught.value.code == "file.too-large"
