"""Text for people: what steers a terminal is written out, ages and sizes are said, columns are kept."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
from datetime import timedelta

import pytest

from manifests.text import (
    age_text,
    cause_text,
    count_text,
    decode_text,
    fingerprint_lines,
    fingerprint_text,
    fit_text,
    printable,
    size_text,
    table_text,
    wrap_text,
)


def test_what_steers_a_terminal_or_is_no_text_is_written_out() -> None:
    assert printable("a\x1b[2Jb\u202e") == "a\\x1b[2Jb\\u202e"
    assert printable(b"\xff.zip".decode("utf-8", "surrogateescape")) == "\\xff.zip"
    assert printable("パターン é") == "パターン é"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "less than a minute"), (59, "less than a minute"), (61, "1 minute"), (93_600, "1 day 2 hours")],
)
def test_an_age_is_said_in_its_two_largest_units(seconds: int, said: str) -> None:
    assert age_text(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (3000, ("file",), "3,000 files"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
        (1.0, ("second",), "1 second"),
        (0.5, ("second",), "0.5 seconds"),
    ],
)
def test_a_number_agrees_with_its_noun(count: float, words: tuple[str, ...], said: str) -> None:
    assert count_text(count, *words) == said


def _json_error(text: str) -> Exception:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    return caught.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (_json_error("{"), "a name in double quotes is missing at line 1, column 2"),
        (_json_error("<html>"), "a value is missing at line 1, column 1"),
        (_json_error("{} x"), "there is more text after the end at line 1, column 4"),
        (http.client.CannotSendRequest(), "cannot send request"),
        (ValueError("two\n  lines"), "two lines"),
    ],
)
def test_a_foreign_exception_is_said_without_its_class(error: Exception, said: str) -> None:
    assert cause_text(error) == said


def test_a_size_is_said_in_decimal_units() -> None:
    assert [size_text(length) for length in (1, 999, 1000, 2_500_000, 3 * 10**9)] == [
        "1 byte",
        "999 bytes",
        "1.00 kB",
        "2.50 MB",
        "3.00 GB",
    ]


def test_a_fingerprint_is_said_in_groups_of_four() -> None:
    assert fingerprint_text("0123456789ab") == "0123 4567 89ab"
    assert fingerprint_lines("0123" * 10) == f"  {' '.join(['0123'] * 8)}\n  0123 0123\n"


def test_wide_characters_take_two_columns() -> None:
    assert fit_text("パターン", 8) == "パターン"
    assert fit_text("パターンx", 8) == "パタ..."


def test_words_go_below_a_label() -> None:
    assert wrap_text("Have: ", "one two three", 14) == ["Have: one two", "      three"]


def test_a_long_last_cell_goes_on_below_itself() -> None:
    text = table_text([("a", "word " * 8)], ("name", "text"), width=30)
    assert text.splitlines() == ["name  text", "a     word word word word word", "      word word word"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_whatever_mark_an_editor_put_before_it(encoding: str) -> None:
    assert decode_text("käfer\r\n".encode(encoding)) == "käfer\r\n"


@pytest.mark.parametrize("data", [b"caf\xe9", b"\xff\xfea"])
def test_what_is_no_unicode_is_no_text(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(data)
