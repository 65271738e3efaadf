"""What comes in place of content."""

from __future__ import annotations

import pytest

from bundler.rules.stand_ins import LOOKED_AT_BYTES, may_stand_in, stand_in_of
from tests.support.stand_ins import LFS_POINTER


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.rules", LFS_POINTER, "a pointer of Git LFS"),
        ("model.bin", LFS_POINTER, "a pointer of Git LFS"),
        ("without-suffix", LFS_POINTER, "a pointer of Git LFS"),
        ("a.yar", b"\n<!DOCTYPE html>\n<html>", "a web page"),
        ("a.tar.gz", b"\xef\xbb\xbf<HTML lang='en'>", "a web page"),
        ("a.csv", b"<!-- sign in --><html>", "a web page"),
        ("a.zip", b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "an error in XML"),
        ("a.ndb", b"<Error><Code>NoSuchKey</Code></Error>", "an error in XML"),
        ("a.csv", b'{"error": "invalid API key"}', "an error in JSON"),
        ("a.txt", b'{"message": "Not Found", "documentation_url": "https://a.example"}', "an error in JSON"),
        ("a.list", b'{"status": 403, "title": "Forbidden"}', "an error in JSON"),
        ("a.rules", b'{"success": false}', "an error in JSON"),
    ],
)
def test_a_stand_in_is_named(name: str, data: bytes, what: str) -> None:
    assert stand_in_of(name, data[:LOOKED_AT_BYTES], len(data)) == what
    assert may_stand_in(name, len(data))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<!DOCTYPE html><html>"),
        ("index.html.j2", b"<html>{{ title }}</html>"),
        ("a.json", b'{"error": "an example"}'),
        ("a.yml", b'{"message": "an example"}'),
        ("feed", b'{"error": "who knows"}'),
        ("a.txt", b'{"indicators": []}'),
        ("a.csv", b'{"error": not JSON}'),
        ("a.csv", b"ioc,1\n"),
        ("a.xml", b"<Error/>"),
        ("a.rules", b"# <html> in a comment\n"),
        ("a.rules", LFS_POINTER + b"x" * 1000),
        ("a.rules", b""),
    ],
)
def test_what_may_be_right_is_none(name: str, data: bytes) -> None:
    assert stand_in_of(name, data[:LOOKED_AT_BYTES], len(data)) is None


def test_most_small_files_are_not_looked_at() -> None:
    assert not may_stand_in("sigma/a.yml", 4000)
    assert not may_stand_in("sigma/a.yml", 99)
