"""Every ``console`` block of README and docs is typed, in order, into one shell per page, in an empty directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.console_pages import Outcome, Step, matches, steps, type_in

REPOSITORY = Path(__file__).parents[2]
ELSEWHERE = {"clamav-suricata-yara.md": "test_plant_page.py"}
"""Pages that need upstreams and clients around them, and the test that runs them."""
PAGES = sorted(
    path for path in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")) if path.name not in ELSEWHERE
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_console_block_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    home, records = tmp_path / "home", tmp_path / "records"
    home.mkdir()
    records.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "SEALIFT_REPOSITORY": str(REPOSITORY),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }
    commands = steps(page.read_text("utf-8"))
    done = type_in(commands, directory=home, records=records, environment=environment)
    for outcome in done:
        step = outcome.step
        said = f"{page.name}:{step.line}: {step.command}\n{outcome.shown}\n[exit {outcome.exit_code}]"
        assert outcome.as_written, said
    assert len(done) == len(commands), f"{page.name}: the shell ended after {len(done)} commands"


def test_every_page_is_run_by_some_test() -> None:
    for page, test in ELSEWHERE.items():
        assert (REPOSITORY / "docs" / page).exists()
        assert page in Path(__file__).with_name(test).read_text("utf-8")


def test_a_page_that_says_something_else_is_noticed() -> None:
    assert steps("```console\n$ echo one \\\n>   two\none two\n$ false\n[exit 1]\n```\n") == [
        Step(2, "echo one two", "one two", 0),
        Step(2, "false", "", 1),
    ]
    assert steps("```console\n$ cat <<END\n> a\n>   b\n>\n> END\na\n```\n") == [
        Step(2, "cat <<END\na\n  b\n\nEND", "a", 0)
    ]
    assert matches("a ... z", "a b c z")
    assert not matches("a ... z", "a b c")


def typed(tmp_path: Path, *commands: str) -> list[Outcome]:
    records = tmp_path / "records"
    records.mkdir()
    wanted = [Step(1, command, "", 0) for command in commands]
    return type_in(wanted, directory=tmp_path, records=records, environment=dict(os.environ), seconds=20)


def test_a_page_is_one_shell(tmp_path: Path) -> None:
    done = typed(tmp_path, "mkdir in && cd in", "x=1; umask 077", "set -- 'a b' c", 'pwd; echo "$x $2 $(umask)"', "cat")
    assert [one.shown for one in done] == ["", "", "", f"{tmp_path}/in\n1 c 0077", ""]


def test_it_ends_at_the_first_command_that_ends_otherwise(tmp_path: Path) -> None:
    done = typed(tmp_path, "true", "false", "true")
    assert [one.exit_code for one in done] == [0, 1]
    assert not done[1].as_written


def test_what_a_page_leaves_running_ends_with_it(tmp_path: Path) -> None:
    done = typed(tmp_path, "sleep 1000 & echo $! > pid")
    assert [one.exit_code for one in done] == [0]
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/exe").exists()
