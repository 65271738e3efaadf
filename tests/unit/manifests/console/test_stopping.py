"""A command that is stopped tidies up first, and whoever started it sees what stopped it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAM = """
import signal, sys
import click
from manifests.console.program import run_program

@click.group()
def group(): pass

@group.command()
def work():
    try:
        print("begun", flush=True)
        sys.stdin.readline()
    finally:
        print("tidying", flush=True)
        while not sys.stdin.readline():
            pass
        print("tidied", flush=True)

if len(sys.argv) > 1:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
run_program(group, "work", ["work"])
"""

STOPPING = [(signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGINT, 130)]


@contextmanager
def begun(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert said(process) == "begun\n"
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize(("number", "status"), STOPPING)
def test_what_is_half_done_is_removed_before_the_end(number: signal.Signals, status: int) -> None:
    with begun() as process:
        process.send_signal(number)
        assert said(process) == "tidying\n"
        out, err = process.communicate("\n")
    assert (out, process.returncode) == ("tidied\n", status)
    assert err.splitlines()[-1] == ("work: interrupted" if number == signal.SIGINT else "work: stopped")
    assert "Traceback" not in err


@pytest.mark.parametrize(("first", "status"), STOPPING)
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_second_signal_waits_until_that_is_done(first: signal.Signals, status: int, second: signal.Signals) -> None:
    with begun() as process:
        assert process.stderr is not None
        process.send_signal(first)
        assert said(process) == "tidying\n"
        process.send_signal(second)
        assert process.stderr.readline() == "work: removing what is half done; once more ends it at once\n"
        out, _ = process.communicate("\n")
    assert (out, process.returncode) == ("tidied\n", status)


def test_a_third_ends_it_at_once() -> None:
    with begun() as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        assert said(process) == "tidying\n"
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == -signal.SIGINT


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    with begun("nohup") as process:
        process.send_signal(signal.SIGHUP)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert said(process) == "tidying\n"
        out, _ = process.communicate("\n")
    assert (out, process.returncode) == ("tidied\n", 0)
