"""What both command lines share: lazy commands, errors with exit codes, data on stdout, progress on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

import click

from manifests.errors import SealiftError


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command runs or is listed by name.

    Args:
        lazy: Command name to ``(module, one-line help)``; the module's ``command`` is the command.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the table."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        command = import_module(self._lazy[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._lazy[cmd_name][0]}.command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        rows = [(name, text) for name, (_, text) in self._lazy.items()]
        rows += [(name, self.commands[name].get_short_help_str()) for name in super().list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@dataclass(frozen=True)
class Settings:
    """What the program's own options say; every command receives it as ``click.pass_obj``."""

    home: Path
    quiet: bool = False


class Progress(Protocol):
    """Told how far a long piece of work is. ``total`` and ``done`` in bytes."""

    def start(self, step: str, total: int | None = None) -> None:
        """Begin a step."""

    def advance(self, done: int) -> None:
        """Count ``done`` more bytes of the step."""


class NoProgress:
    """Progress that nobody sees."""

    def start(self, step: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, done: int) -> None:
        """Do nothing."""


class _Lines:
    """One line per step, for logs and pipes."""

    def start(self, step: str, total: int | None = None) -> None:
        size = "" if total is None else f" ({total:,} bytes)"
        click.echo(f"{step}{size}", err=True)

    def advance(self, done: int) -> None:
        pass


class _Bars:
    """A bar per step, for terminals."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._task: Any = None

    def start(self, step: str, total: int | None = None) -> None:
        self._finish()
        self._task = self._display.add_task(step, total=total, sized=True)

    def advance(self, done: int) -> None:
        self._display.advance(self._task, done)

    def _finish(self) -> None:
        """Fill the bar of the step that is over; a step that counted nothing shows no size."""
        if self._task is not None:
            done = self._display.tasks[self._task].completed
            self._display.update(self._task, total=done or 1, completed=done or 1, sized=done > 0)


@contextmanager
def progress(settings: Settings) -> Iterator[Progress]:
    """Show progress on stderr: bars on a terminal, else one line per step; nothing with ``--quiet``."""
    if settings.quiet:
        yield NoProgress()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        with _bars() as display:
            yield _Bars(display)


def _bars() -> Any:
    """Return rich's display: one line per step in 80 columns, long names cut with an ellipsis."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class Size(DownloadColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if task.fields["sized"] else Text()

    name = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    bar = BarColumn(bar_width=16)
    size, left = Size(table_column=Column(no_wrap=True)), TimeRemainingColumn(table_column=Column(no_wrap=True))
    return Progress(name, bar, size, left, console=Console(stderr=True), expand=True)


output_option = click.option(
    "-o",
    "--output",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result on stdout.",
)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True))


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...] | None = None, *, width: int | None = None) -> str:
    """Lay rows out in columns, left-aligned, two spaces apart.

    Args:
        rows: Cells of text, equally many in each.
        header: One more row above.
        width: Columns of the terminal; a longer last cell goes on below itself. By default the terminal's own, and
            no limit where stdout is none.
    """
    lines = [*([header] if header else []), *rows]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
    limit = _terminal_columns() if width is None else width
    room = None if limit is None else max(limit - indent, _NARROWEST)
    return "\n".join(line for cells in lines for line in _row(cells, widths, indent, room))


_NARROWEST = 20
"""Columns that a last cell gets at least, even if the terminal then has to break lines."""


def _row(cells: tuple[str, ...], widths: Sequence[int], indent: int, room: int | None) -> list[str]:
    beginning = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells[:-1], widths[:-1], strict=True))
    whole = (beginning + cells[-1]).rstrip()
    if room is None or len(cells[-1]) <= room:
        return [whole]
    first, *more = textwrap.wrap(cells[-1], room, break_on_hyphens=False)
    return [beginning + first, *(" " * indent + line for line in more)]


def _terminal_columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def run(group: click.Group, name: str, arguments: list[str] | None = None) -> NoReturn:
    """Run a command line and leave with the documented exit code.

    Errors of ours go to stderr as one sentence (as one JSON object with ``-o json``); a bug prints
    its traceback and leaves with 1.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(_invoke(group, name, given))
    except SealiftError as error:
        if _wants_json(given):
            click.echo(json.dumps({"error": error.to_json()}, ensure_ascii=False), err=True)
        else:
            click.echo(f"{name}: {error} [{error.code}]", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{name}: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains while it ends
        sys.exit(141)
    except Exception:  # noqa: BLE001 - the last frame: a bug is shown whole and leaves with 1
        traceback.print_exc()
        click.echo(f"{name}: this is a bug in Sealift; please report the lines above", err=True)
        sys.exit(1)


def _invoke(group: click.Group, name: str, arguments: list[str]) -> int:
    """Run the group without click's own way of ending the process, which calls a closed pipe a failure."""
    if f"_{name.upper()}_COMPLETE" in os.environ:
        group.main(args=arguments, prog_name=name)  # answers the shell and ends the process
    try:
        with group.make_context(name, list(arguments)) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return code if isinstance(code, int) else 0


def _wants_json(arguments: list[str]) -> bool:
    joined = " ".join(arguments)
    return "-o json" in joined or "-ojson" in joined or "--output json" in joined or "--output=json" in joined
