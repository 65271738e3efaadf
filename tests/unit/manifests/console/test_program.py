"""What both programs share: exit codes, errors, data on stdout, progress on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bundler.cli import COMMANDS as BUNDLE_COMMANDS
from manifests.errors import exit_code_table
from manifests.text import table_text
from relay.cli import COMMANDS as RELAY_COMMANDS
from tests.support.console_program import CLASSES, run


@pytest.mark.parametrize("code", CLASSES)
def test_every_error_leaves_with_its_exit_code_and_says_all_it_knows(capsys, code: int) -> None:
    assert run(capsys, "fail", str(code)) == (
        code,
        "",
        "program: It failed. Have: one. Need: two. Do: bundle create. [x.y]\n",
    )


@pytest.mark.parametrize("option", [["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"]])
def test_with_json_output_the_error_is_one_json_object_on_stderr(capsys, option: list[str]) -> None:
    code, out, err = run(capsys, "fail", "22", *option)
    assert (code, out) == (22, "")
    assert json.loads(err)["error"] == {
        "code": "x.y",
        "exit_code": 22,
        "what": "It failed",
        "have": "one",
        "need": "two",
        "do": "bundle create",
        "context": {"number": 3},
    }
    assert err.count("\n") == 1


def test_a_wrong_command_line_is_a_usage_error(capsys) -> None:
    for arguments in (["none"], ["fail"], ["fail", "x"], ["show", "-o", "yaml"], ["--no-such"]):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert "Usage:" in err


def test_no_command_shows_the_help_as_a_usage_error(capsys) -> None:
    code, _, err = run(capsys)
    assert code == 2
    assert "Commands:" in err


def test_a_bug_shows_its_traceback_and_leaves_with_one(capsys) -> None:
    code, _, err = run(capsys, "bug")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "this is a bug in Sealift" in err
    assert (1, "a bug in Sealift") in exit_code_table()


def test_an_interrupt_leaves_as_shells_expect(capsys) -> None:
    assert run(capsys, "interrupt") == (130, "", "program: interrupted\n")


def test_a_command_may_choose_its_exit_code(capsys) -> None:
    assert run(capsys, "leave")[0] == 7


def test_a_closed_pipe_ends_the_program_silently() -> None:
    code = "from relay.cli import main; main()"
    arguments = ["features", "--connectivity", "isolated", "--format", "json"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(("name", "commands"), [("bundle", BUNDLE_COMMANDS), ("relay", RELAY_COMMANDS)])
def test_help_starts_without_the_heavy_libraries(name: str, commands: dict) -> None:
    package = {"bundle": "bundler", "relay": "relay"}[name]
    code = f"import sys; from {package}.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {
        "jsonschema",
        "tuf",
        "cryptography",
        "securesystemslib",
        "granian",
        "requests",
        "rich",
        "py7zr",
    }
    assert [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()] == list(
        commands
    )


def test_a_table_has_columns() -> None:
    assert table_text([("a", "bb"), ("ccc", "")], ("x", "y")) == "x    y\na    bb\nccc"
    assert table_text([]) == ""


def test_on_a_narrow_terminal_the_last_column_goes_on_below_itself() -> None:
    text = table_text([("a", "one two three four five six"), ("bb", "seven")], ("x", "y"), width=30)
    assert text == "x   y\na   one two three four five\n    six\nbb  seven"


SAYING = """
import sys, click
from manifests.console.program import run_program

@click.group()
def group(): pass

@group.command()
def say():
    click.echo("note", err=True)
    click.echo("said")

@group.command()
def write():
    sys.stdout.buffer.write(b"said")

run_program(group, "program", sys.argv[1:])
"""


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("command", ["say", "write", "--help"])
def test_output_on_a_full_disk_is_no_bug(command: str, buffered: str) -> None:
    arguments = [sys.executable, "-c", SAYING, command]
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False, timeout=60
        )
    assert done.returncode == 40
    assert done.stderr.removeprefix("note\n") == (
        "program: What program says could not be written to standard output (No space left on device). "
        "Do: make room there and ask again; what the command did is done. [output.unwritable]\n"
    )


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(("command", "code"), [("write", 0), ("none", 2)])
def test_messages_on_a_full_disk_change_no_exit_code(command: str, code: int, buffered: str) -> None:
    arguments = [sys.executable, "-c", SAYING, command]
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            arguments, stderr=full, stdout=subprocess.PIPE, text=True, env=environment, check=False, timeout=60
        )
    assert done.returncode == code


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_take_nothing_and_harm_nothing(closed: str) -> None:
    shell = ["sh", "-c", f'exec "$0" -c "$1" say {closed}', sys.executable, SAYING]
    assert subprocess.run(shell, check=False, timeout=60, capture_output=True).returncode == 0
