"""A whole program: its group with the options that both programs have, and how it ends."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from manifests.console.commands import LazyGroup, Settings, json_text
from manifests.console.stopping import StoppedError, stopping_in_order
from manifests.errors import ConfigurationError, SealiftError, StorageError
from manifests.text import printable_lines

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
"""What a stream says that goes to a disk."""
_HOMES = ".local/share/sealift"
"""Below a user's directory, where the programs keep theirs unless told otherwise."""


def program_group(
    name: str, summary: str, commands: Mapping[str, tuple[str, str]], *, home_name: str, home_help: str
) -> click.Group:
    """Return the group of a program's commands, which takes ``--home``, ``--quiet`` and ``--version``.

    Args:
        name: What people type.
        summary: What ``--help`` says first.
        commands: The table of commands, see :class:`LazyGroup`.
        home_name: The last part of the default home.
        home_help: What the home is, for ``--help``.
    """

    @click.group(cls=LazyGroup, lazy=commands, help=summary, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--home", type=click.Path(path_type=Path, file_okay=False), help=home_help)
    @click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
    @click.version_option(package_name="sealift", prog_name=name)
    @click.pass_context
    def group(ctx: click.Context, home: Path | None, *, quiet: bool) -> None:
        ctx.obj = Settings(home=(home or default_home(home_name)).absolute(), quiet=quiet)

    return group


def default_home(name: str) -> Path:
    """Return ``SEALIFT_HOME``, else ``~/.local/share/sealift/<name>``.

    Raises:
        ConfigurationError: ``home.unknown`` when this user has no home directory.
    """
    given = os.environ.get("SEALIFT_HOME")
    if given:
        return Path(given)
    try:
        return Path.home() / _HOMES / name
    except RuntimeError as error:
        raise ConfigurationError(
            "home.unknown", "This user has no home directory", todo="give --home DIR, or set SEALIFT_HOME"
        ) from error


def run_program(group: click.Group, name: str, arguments: list[str] | None = None) -> NoReturn:
    """Run a command line, and leave with the documented exit code.

    Errors of ours go to stderr as one sentence (as one JSON object with ``-o json``); a bug prints
    its traceback and leaves with 1.
    """
    given = sys.argv[1:] if arguments is None else arguments
    _open_closed_streams()
    try:
        with stopping_in_order(name):
            code = _invoke(group, name, given)
            sys.stdout.flush()
        sys.exit(code)
    except SealiftError as error:
        if _wants_json(given):
            _say(json_text({"error": error.to_json()}))
        else:
            _say(printable_lines(f"{name}: {error} [{error.code}]"))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _say(f"{name}: interrupted")
        sys.exit(130)
    except StoppedError as stopped:
        _say(f"{name}: stopped")
        _die_of(stopped.number)
    except BrokenPipeError:
        _drop_output()
        sys.exit(141)
    except OSError as error:
        _end_after(error, name)
    except Exception:  # noqa: BLE001 - the last frame: a bug is shown whole and leaves with 1
        _say_bug(name)
        sys.exit(1)
    finally:
        _drop_unwritable_errors()


def _open_closed_streams() -> None:
    """Give what was closed a place to go, or the next file that is opened would be taken for standard output."""
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            stream = os.fdopen(os.open(os.devnull, os.O_RDWR), mode)  # the lowest number that is free: this one
            setattr(sys, ("stdin", "stdout", "stderr")[number], stream)


def _end_after(error: OSError, name: str) -> NoReturn:
    """Say that standard output cannot be written, if that is what failed; else it is a bug.

    Every file of ours is named in its errors, and they are converted where they arise: what comes this far without a
    name, of a disk, is the stream that somebody sent to one.
    """
    if error.filename is not None or error.errno not in _FULL:
        _say_bug(name)
        sys.exit(1)
    unsaid = StorageError(
        "output.unwritable",
        f"What {name} says could not be written to standard output ({error.strerror})",
        todo="make room there and ask again; what the command did is done",
        errno=error.errno,
    )
    _say(f"{name}: {unsaid} [{unsaid.code}]")
    _drop_output()
    sys.exit(unsaid.exit_code)


def _say_bug(name: str) -> None:
    with suppress(OSError):
        traceback.print_exc()
    _say(f"{name}: this is a bug in Sealift; please report the lines above")


def _say(text: str) -> None:
    """Write a line to standard error; where that cannot be, the exit code has to say it."""
    with suppress(OSError):
        click.echo(text, err=True)


def _drop_unwritable_errors() -> None:
    """Let what standard error does not take go, or the interpreter puts an exit code of its own over ours."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _drop_output() -> None:
    """Let what cannot be written go, or the interpreter complains while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _die_of(number: int) -> NoReturn:
    """End as a program does that knows nothing of the signal, so that whoever started it sees why."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)  # not reached, unless the signal is blocked


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
