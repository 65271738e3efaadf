"""Progress on stderr."""

from __future__ import annotations

import os
import subprocess
import sys

from manifests.progress import NoProgress
from tests.support.console_program import run


def test_progress_is_one_line_per_step_when_nobody_watches(capsys) -> None:
    assert run(capsys, "work") == (0, "", "Reading (2,048 bytes)\nWriting\n")


def test_quiet_means_quiet(capsys) -> None:
    assert run(capsys, "--quiet", "work") == (0, "", "")
    NoProgress().start("x", 1)
    NoProgress().advance(1)


def test_a_terminal_sees_bars() -> None:
    module = "tests.support.console_program"
    code = f"from {module} import group, program; program.run_program(group, 'program', ['work'])"
    command = f'"{sys.executable}" -c "{code}"'
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True, env=environment
    )
    assert "━" in done.stdout
    assert "Reading" in done.stdout
    assert "Writing" in done.stdout
