"""What the two ends of a file say of it; :mod:`tests.unit.relay.inbox.test_look` has the files of real sticks."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from manifests.container.recognise import Outline, begins_with_member, outline_file

NAME = "manifest.json"


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"content")
    return buffer.getvalue()


OURS, FOREIGN = zip_of(NAME, "blobs/a"), zip_of("setup.exe", NAME)


def outline(path: Path, content: bytes) -> Outline:
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return outline_file(descriptor, len(content), NAME)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (OURS, Outline(begins_as_zip=True, ends_as_zip=True, names_first_member=True)),
        (OURS[:-1], Outline(begins_as_zip=True, ends_as_zip=False, names_first_member=True)),
        (bytes(40) + OURS[40:], Outline(begins_as_zip=False, ends_as_zip=True, names_first_member=True)),
        (FOREIGN, Outline(begins_as_zip=True, ends_as_zip=True, names_first_member=False)),
        (OURS[:40], Outline(begins_as_zip=False, ends_as_zip=False, names_first_member=False)),
        (OURS + b"x", Outline(begins_as_zip=True, ends_as_zip=False, names_first_member=True)),
        (b"", Outline(begins_as_zip=False, ends_as_zip=False, names_first_member=False)),
        (bytes(1000), Outline(begins_as_zip=False, ends_as_zip=False, names_first_member=False)),
    ],
    ids=["ours", "end-cut", "beginning-lost", "foreign", "name-cut", "more-behind", "empty", "zeros"],
)
def test_each_end_of_a_file_is_told_by_itself(tmp_path: Path, content: bytes, expected: Outline) -> None:
    assert outline(tmp_path / "file", content) == expected


@pytest.mark.parametrize(("content", "expected"), [(OURS, True), (OURS[:50], True), (FOREIGN, False), (b"PK", False)])
def test_the_beginning_alone_tells_the_first_member(tmp_path: Path, content: bytes, expected: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert begins_with_member(descriptor, NAME) is expected
    finally:
        os.close(descriptor)
