"""The ``console`` blocks of a page, typed into one shell.

``$ `` begins a command and ``> `` goes on with it; the lines below are its output, in which ``...`` stands for
anything. A block with a last line ``[exit N]`` must end with N, any other with 0.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import wait_for

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\[exit (\d+)\]")


@dataclass(frozen=True)
class Step:
    """One command, where it stands, and what it must do."""

    line: int
    command: str
    output: str
    exit_code: int


@dataclass(frozen=True)
class Outcome:
    """What a command did: what it printed to stdout, then to stderr, without the blanks around it."""

    step: Step
    shown: str
    exit_code: int

    @property
    def as_written(self) -> bool:
        """Tell whether it did what the page says."""
        right = self.exit_code == self.step.exit_code
        return right and (not self.step.output or matches(self.step.output, self.shown))


def steps(text: str) -> list[Step]:
    """Return the commands of a page's console blocks, in order."""
    found = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\") or output.startswith(("> ", ">\n")):
                more, _, output = output.partition("\n")
                more = more.removeprefix(">").removeprefix(" ")
                command = command[:-1] + more.lstrip() if command.endswith("\\") else f"{command}\n{more}"
            exits = _EXIT.search(output)
            found.append(Step(line, command, _EXIT.sub("", output).strip(), int(exits[1]) if exits else 0))
    return found


def matches(expected: str, actual: str) -> bool:
    """Tell whether an output is what is written, with ``...`` for anything."""
    pattern = ".*?".join(re.escape(piece) for piece in expected.split("..."))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def type_in(
    commands: Sequence[Step],
    *,
    directory: Path,
    records: Path,
    environment: Mapping[str, str],
    before: Sequence[str] = (),
    seconds: float = 300,
) -> list[Outcome]:
    """Type commands into one shell, to the first that ends otherwise than it should.

    What a command leaves running is ended with the shell.

    Args:
        commands: In order.
        directory: Where the shell begins.
        records: An empty directory of the test's, for what is printed.
        environment: The shell's, all of it.
        before: What comes before the shell on its command line, to run it somewhere else.
        seconds: For all of it.
    """
    script = records / "script"
    script.write_text("".join(_typed(records, number, step) for number, step in enumerate(commands)), "utf-8")
    shell = subprocess.Popen(
        [*before, "bash", str(script)], cwd=directory, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        shell.wait(seconds)
    finally:
        _end_group(shell)
    return [
        _outcome(records, number, step)
        for number, step in enumerate(commands)
        if _record(records, number, "code").exists()
    ]


def _typed(records: Path, number: int, step: Step) -> str:
    code, out, errors = (shlex.quote(str(_record(records, number, what))) for what in _RECORDS)
    return (
        f"eval {shlex.quote(step.command)} </dev/null >{out} 2>{errors}\n"
        f"echo $? >{code}; [ $(cat {code}) = {step.exit_code} ] || exit\n"
    )


def _outcome(records: Path, number: int, step: Step) -> Outcome:
    code, out, errors = (_record(records, number, what).read_text("utf-8", "replace") for what in _RECORDS)
    return Outcome(step, (out + errors).strip(), int(code))


_RECORDS = ("code", "out", "errors")


def _record(records: Path, number: int, what: str) -> Path:
    return records / f"{number}.{what}"


def _end_group(shell: subprocess.Popen[bytes]) -> None:
    """End what still runs in the shell's own process group."""
    if _signal_group(shell.pid, signal.SIGTERM):
        shell.wait(30)
        wait_for(lambda: not _signal_group(shell.pid, 0), seconds=30, what="the end of what a page began")


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; tell whether there was anybody to get it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
