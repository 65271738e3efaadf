"""What both command lines share: lazy commands, errors with exit codes, data on stdout."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

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
