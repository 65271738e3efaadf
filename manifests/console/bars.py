"""Progress on stderr: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from manifests.console.commands import Settings
from manifests.progress import NoProgress, Progress
from manifests.text import count_text, printable


class _Lines:
    """One line per step, for logs and pipes."""

    def start(self, step: str, total: int | None = None) -> None:
        size = "" if total is None else f" ({count_text(total, 'byte')})"
        with suppress(OSError):  # a full disk below a log is no reason to stop the work
            click.echo(f"{printable(step)}{size}", err=True)

    def advance(self, done: int) -> None:
        pass


class _Bars:
    """A bar per step, for terminals."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._task: Any = None

    def start(self, step: str, total: int | None = None) -> None:
        self._finish()
        self._task = self._display.add_task(printable(step), total=total, sized=True)

    def advance(self, done: int) -> None:
        self._display.advance(self._task, done)

    def _finish(self) -> None:
        """Fill the bar of the step that is over; a step that counted nothing shows no size."""
        if self._task is not None:
            done = self._display.tasks[self._task].completed
            self._display.update(self._task, total=done or 1, completed=done or 1, sized=done > 0)


@contextmanager
def show_progress(settings: Settings) -> Iterator[Progress]:
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

    name = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
    )
    bar = BarColumn(bar_width=16)
    size, left = Size(table_column=Column(no_wrap=True)), TimeRemainingColumn(table_column=Column(no_wrap=True))
    return Progress(name, bar, size, left, console=Console(stderr=True), expand=True)
