"""What goes beside the bundles of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bundler.seal.companions import Companion, SealedFile, all_companions, no_companions, write_companion
from manifests.errors import StorageError


def slip(name: str) -> Companion:
    return Companion("slip", name, lambda path: write_companion(path, b"text"))


def test_several_choices_are_put_beside_in_their_order() -> None:
    def one(_: Sequence[SealedFile]) -> Sequence[Companion]:
        return [slip("a"), slip("b")]

    chosen = all_companions(one, no_companions, lambda _: [slip("c")])([])
    assert [companion.name for companion in chosen] == ["a", "b", "c"]


def test_a_companion_never_replaces_a_file(tmp_path: Path) -> None:
    write_companion(tmp_path / "slip.txt", b"text")
    with pytest.raises(StorageError):
        write_companion(tmp_path / "slip.txt", b"other")
    assert (tmp_path / "slip.txt").read_bytes() == b"text"
