"""What the commands of both programs share: lazy groups, the program's own options, data on stdout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click


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
    click.echo(json_text(value, indent=1, sort_keys=True))


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Return a JSON document that a terminal may show: in strings, what would steer it is escaped as JSON escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=sort_keys)
    return "".join(char if char == "\n" or char.isprintable() else json.dumps(char)[1:-1] for char in text)
