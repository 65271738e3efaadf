"""A program with a command for each way to end."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from manifests.console import commands as console
from manifests.console import program
from manifests.console.bars import show_progress as progress_of
from manifests.console.commands import LazyGroup, Settings
from manifests.errors import SealiftError

CLASSES = {cls.exit_code: cls for cls in SealiftError.__subclasses__()}


@click.group(cls=LazyGroup, lazy={"absent": ("tests.no.such.module", "Never imported.")})
@click.option("-q", "--quiet", is_flag=True)
@click.pass_context
def group(ctx: click.Context, *, quiet: bool) -> None:
    """Only a test."""
    ctx.obj = Settings(home=Path("home"), quiet=quiet)


@group.command()
@click.argument("code", type=int)
@console.output_option
def fail(code: int, output: str) -> None:
    """Fail with an exit code."""
    raise CLASSES[code]("x.y", "It failed", have="one", need="two", todo="bundle create", number=3)


@group.command()
@console.output_option
def show(output: str) -> None:
    """Print a value."""
    console.print_json({"b": "é", "a": [1]})


@group.command()
def bug() -> None:
    """Crash."""
    raise ZeroDivisionError


@group.command()
def interrupt() -> None:
    """Be interrupted."""
    raise KeyboardInterrupt


@group.command()
@click.pass_context
def leave(ctx: click.Context) -> None:
    """Leave with 7."""
    ctx.exit(7)


@group.command()
@click.pass_obj
def work(settings: Settings) -> None:
    """Work in two steps."""
    with progress_of(settings) as progress:
        progress.start("Reading", 2048)
        progress.advance(2048)
        progress.start("Writing")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    with pytest.raises(SystemExit) as left:
        program.run_program(group, "program", list(arguments))
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err
