"""Every ``console`` block of README and docs runs, in order, in one empty directory per page.

``$ `` begins a command; the lines below it are its output, in which ``...`` stands for anything. A
block with a last line ``[exit N]`` must leave with N, any other with 0.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\[exit (\d+)\]")


@dataclass(frozen=True)
class Step:
    line: int
    command: str
    output: str
    exit_code: int


def steps(text: str) -> list[Step]:
    found = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.lstrip("> ")
            exits = _EXIT.search(output)
            found.append(Step(line, command, _EXIT.sub("", output).strip(), int(exits[1]) if exits else 0))
    return found


def matches(expected: str, actual: str) -> bool:
    pattern = ".*?".join(re.escape(piece) for piece in expected.split("..."))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_console_block_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SEALIFT_REPOSITORY": str(REPOSITORY),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }
    for step in steps(page.read_text("utf-8")):
        done = subprocess.run(
            ["bash", "-c", step.command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        shown = (done.stdout + done.stderr).strip()
        assert done.returncode == step.exit_code, f"{page.name}:{step.line}: {step.command}\n{shown}"
        if step.output:
            assert matches(step.output, shown), f"{page.name}:{step.line}: {step.command}\n{shown}"


def test_a_page_that_says_something_else_is_noticed() -> None:
    assert steps("```console\n$ echo one \\\n>   two\none two\n$ false\n[exit 1]\n```\n") == [
        Step(2, "echo one two", "one two", 0),
        Step(2, "false", "", 1),
    ]
    assert matches("a ... z", "a b c z")
    assert not matches("a ... z", "a b c")
