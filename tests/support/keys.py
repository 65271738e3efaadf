"""Passphrases, and who is asked for them."""

from __future__ import annotations

from pathlib import Path

PASSPHRASE = b"correct horse"


def nobody(question: str) -> str:
    raise AssertionError(f"asked: {question}")


def passphrase_file(tmp_path: Path, text: str = "correct horse\n") -> Path:
    path = tmp_path / "passphrase"
    path.write_text(text, "utf-8")
    return path
