"""The error tree: one class per way to act, one exit code each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from manifests import errors
from manifests.errors import (
    CountedBackError,
    IncompleteError,
    MediumError,
    NotAuthenticError,
    OlderTimestampError,
    OtherVersionError,
    SealiftError,
    StorageError,
    exit_code_table,
)
from manifests.trust import refusals

EXIT_CODES = {
    "UsageError": 2,
    "ConfigurationError": 3,
    "FetchError": 10,
    "PartialError": 11,
    "NotAuthenticError": 20,
    "MalformedError": 21,
    "RollbackError": 22,
    "ExpiredError": 23,
    "IncompleteError": 24,
    "GateError": 30,
    "StorageError": 40,
    "LockedError": 41,
}


def test_every_class_has_the_documented_exit_code() -> None:
    assert {cls.__name__: cls.exit_code for cls in SealiftError.__subclasses__()} == EXIT_CODES


def test_no_exit_code_stands_twice_and_a_narrower_class_leaves_with_that_of_its_parent() -> None:
    subclasses = SealiftError.__subclasses__()
    assert {cls.exit_code for parent in subclasses for cls in parent.__subclasses__()} <= {
        cls.exit_code for cls in subclasses
    }
    assert len({cls.exit_code for cls in subclasses}) == len(subclasses)
    assert len({cls.meaning for cls in subclasses}) == len(subclasses)


def test_every_exception_of_the_module_is_in_the_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {cls.__name__ for cls in SealiftError.__subclasses__()} == EXIT_CODES.keys()
    assert all(issubclass(cls, SealiftError) for cls in classes)


def test_an_error_cannot_be_changed_and_is_said_again_in_other_words() -> None:
    error = StorageError("storage.full", "The disk is full", path=Path("/x"), errno=28)
    with pytest.raises(AttributeError, match="an error is a value"):
        error.todo = "make room"
    with pytest.raises(TypeError):
        error.details["errno"] = 1
    again = error.reworded(todo="make room", file="a")
    assert (error.todo, again.todo, again.what, again.errno, again.path) == (
        None,
        "make room",
        error.what,
        28,
        Path("/x"),
    )
    assert dict(again.details) == {"errno": 28, "file": "a"}
    assert type(again) is StorageError
    medium = MediumError.of(again)
    assert (type(medium), medium.to_json()) == (MediumError, again.to_json())


def test_the_exit_code_table_is_whole_and_ascending() -> None:
    table = exit_code_table()
    assert [code for code, _ in table] == [0, 1, *sorted(EXIT_CODES.values())]
    assert table[0] == (0, "ok")
    assert all(meaning for _, meaning in table)


def test_the_module_docstring_shows_every_class_with_its_code() -> None:
    drawn = dict(line.split("x ")[1].split()[:2] for line in (errors.__doc__ or "").splitlines() if " x " in line)
    assert {name: int(code) for name, code in drawn.items()} == EXIT_CODES


def test_an_error_says_what_is_wrong_what_we_have_what_we_need_and_what_to_do() -> None:
    error = NotAuthenticError("a.b", "It is wrong.", have="two", need="three", todo="bundle create")
    assert str(error) == "It is wrong. Have: two. Need: three. Do: bundle create."
    assert str(SealiftError("a.b", "It is wrong")) == "It is wrong."


def test_an_error_is_one_json_object() -> None:
    error = StorageError("storage.full", "The disk is full", have="1 byte", errno=28)
    assert json.loads(json.dumps(error.to_json())) == {
        "code": "storage.full",
        "exit_code": 40,
        "what": "The disk is full",
        "have": "1 byte",
        "need": None,
        "do": None,
        "context": {"errno": 28},
    }


@pytest.mark.parametrize("cls", SealiftError.__subclasses__())
def test_every_class_can_be_caught_as_the_root(cls: type[SealiftError]) -> None:
    with pytest.raises(SealiftError) as caught:
        raise cls("x.y", "what")
    assert caught.value.code == "x.y"


def test_who_acts_on_a_refusal_tells_it_by_its_class() -> None:
    older = refusals.rollback("timestamp", 1, 2)
    back = [refusals.rollback("snapshot", 1, 2), refusals.rollback("targets", 1, 2), refusals.removed("clamav")]
    other = [refusals.wrong_version("targets", 1, 2), refusals.other_content("snapshot")]
    assert (type(older), older.exit_code) == (OlderTimestampError, 22)
    assert {(type(error), error.exit_code) for error in back} == {(CountedBackError, 22)}
    assert {(type(error), error.exit_code) for error in other} == {(OtherVersionError, 20)}


def test_an_incomplete_generation_is_named() -> None:
    error = IncompleteError("volume.missing", "It is not whole", generation=7, missing=2)
    assert (error.generation, dict(error.details)) == (7, {"missing": 2})
    assert IncompleteError("base.missing", "A base is missing").generation is None
