"""What every command of both programs gets."""

from __future__ import annotations

import click
import pytest

from manifests.console.commands import LazyGroup
from tests.support.console_program import run


def test_data_goes_to_stdout_sorted_and_readable(capsys) -> None:
    assert run(capsys, "show") == (0, '{\n "a": [\n  1\n ],\n "b": "é"\n}\n', "")


def test_help_lists_commands_without_importing_them(capsys) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "absent" in out
    assert "Never imported." in out
    assert "Print a value." in out


@click.group(
    cls=LazyGroup,
    lazy={
        "first": ("tests.no.such.module", "One."),
        "wrong": ("manifests.progress", "Two."),
        "init": ("relay.cli.init", "Three."),
    },
)
def lazy() -> None:
    """Only a test."""


@lazy.command()
def own() -> None:
    """Here from the start."""


CONTEXT = click.Context(lazy)


def test_commands_stand_in_the_order_of_the_table_and_the_groups_own_behind_them() -> None:
    assert lazy.list_commands(CONTEXT) == ["first", "wrong", "init", "own"]


def test_a_command_is_imported_when_it_is_asked_for() -> None:
    assert lazy.get_command(CONTEXT, "own") is own
    assert lazy.get_command(CONTEXT, "none") is None
    command = lazy.get_command(CONTEXT, "init")
    assert command is not None
    assert command.help is not None
    with pytest.raises(ModuleNotFoundError):
        lazy.get_command(CONTEXT, "first")


def test_a_module_of_the_table_without_a_command_is_a_bug() -> None:
    with pytest.raises(AttributeError):
        lazy.get_command(CONTEXT, "wrong")
