"""Release notes, whatever editor wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.cli.notes import read_notes
from manifests.errors import UsageError
from manifests.limits import DEFAULT_LIMITS

NOTES = "# Prüfung\n\nパターン\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_notes_are_carried_as_utf_8_without_a_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(NOTES.encode(encoding))
    assert read_notes(path) == NOTES.encode("utf-8")


@pytest.mark.parametrize("data", ["Prüfung".encode("latin-1"), "日本".encode("shift-jis"), b"\x7fELF\0\0", b"PK\0"])
def test_notes_that_are_no_text_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_notes(path)
    assert caught.value.code == "create.notes"
    assert str(path) in caught.value.what


def test_notes_have_a_ceiling(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"x" * DEFAULT_LIMITS.notes_bytes)
    assert len(read_notes(path)) == DEFAULT_LIMITS.notes_bytes
    path.write_bytes(b"x" * (DEFAULT_LIMITS.notes_bytes + 1))
    with pytest.raises(UsageError) as caught:
        read_notes(path)
    assert caught.value.code == "file.too-large"
