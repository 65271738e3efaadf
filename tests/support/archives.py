"""A tree of files that archives are made of."""

from __future__ import annotations

FILES = {"b/two.txt": b"2" * 300_000, "a.txt": b"one", "empty": b""}
