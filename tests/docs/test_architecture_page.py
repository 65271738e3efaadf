"""docs/architecture.md names what is there, and leaves out no room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
TO_COME = {"manifests/gates/", "relay/export/", "manifests/intel/"}
"""Rooms that the page names for what is not built yet."""


def section(package: str) -> str:
    """The part of the page about one package."""
    return PAGE.partition(f"## {package}")[2].partition("\n## ")[0]


@pytest.mark.parametrize("package", ["bundler", "manifests", "relay"])
def test_every_room_of_a_package_is_in_its_picture(package: str) -> None:
    rooms = {
        path.stem
        for path in (REPOSITORY / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__"}
    picture = section(package).split("```")[1]
    assert {room for room in rooms if not re.search(rf"\b{room}\b", picture)} == set()


@pytest.mark.parametrize("package", ["bundler", "relay"])
def test_modules_named_on_the_way_of_a_file_exist(package: str) -> None:
    steps = section(package).partition("```")[2].partition("```")[2]
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)+)/?`", steps)
    assert len(named) > 8
    for name in named:
        root = REPOSITORY if name.split("/")[0] in {"manifests", "bundler", "relay"} else REPOSITORY / package
        assert (root / f"{name}.py").exists() or (root / name).is_dir(), name


def test_paths_named_in_the_table_exist_or_are_yet_to_come() -> None:
    named = re.findall(r"`((?:bundler|relay|manifests|tests)/[a-z_/.<>]+)`", PAGE)
    assert len(named) > 15
    for name in named:
        if "<" in name or name in TO_COME:
            continue
        path = REPOSITORY / name
        assert path.exists() or path.with_suffix(".py").exists(), name
