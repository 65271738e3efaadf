"""What the ceremony's commands share: their options, the home opened under its lock, and how an outcome is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bundler.cli.options import KeyName, new_passphrase_from, secrets_from, secrets_options, warn_open_keys
from manifests.clock import system_clock
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import UsageError

if TYPE_CHECKING:
    from bundler.ceremony.ceremony import Ceremony, RootOutcome
    from bundler.ceremony.key_changes import KeyChanges, NewKeys
    from bundler.home import Home
    from bundler.keys.secrets import Secrets

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class CeremonyOptions:
    """The options of a step of the ceremony: those of :func:`change_options`, of which some steps have only a few."""

    keys: tuple[str, ...] = ()
    stage: bool = False
    out: Path | None = None
    passphrase_files: tuple[Path, ...] = ()
    new_passphrase_file: Path | None = None
    pin_file: Path | None = None
    output: str = "text"


def change_options(command: Command) -> Command:
    """Add the options that every change of keys takes, named as the fields of :class:`CeremonyOptions`."""
    for option in (
        click.option(
            "--key",
            "keys",
            type=KeyName(),
            multiple=True,
            metavar="KEY",
            help="Sign with this root key too: a file or hsm:...",
        ),
        click.option(
            "--stage", is_flag=True, help="Sign nothing: let the change wait for others, or for more changes."
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Copy the root that waits for signatures here, to carry it to its signers.",
        ),
        output_option,
    ):
        command = option(command)
    return secrets_options(command)


@dataclass(frozen=True)
class CeremonySession:
    """An opened home, locked, with all that a step of the ceremony needs."""

    home: Home
    options: CeremonyOptions
    secrets: Secrets
    ceremony: Ceremony
    key_changes: KeyChanges


@contextmanager
def open_ceremony(settings: Settings, options: CeremonyOptions) -> Iterator[CeremonySession]:
    """Open the home under its lock; what a root would change is shown on stderr before it is signed."""
    from bundler.ceremony.ceremony import Ceremony
    from bundler.ceremony.key_changes import KeyChanges
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.keys import hsm
    from bundler.keys.keyring import open_signer
    from bundler.repository.repository import Repository
    from bundler.repository.signers import HomeSigners

    home = open_home(settings.home)
    config = load_config(home.config)
    hsm.use_module(config.pkcs11_module)
    secrets = secrets_from(options.passphrase_files, options.pin_file)
    with home.lock():
        repository = Repository.load(home.metadata)
        also = [open_signer(uri, None, secrets) for uri in options.keys]
        signers = HomeSigners(home, secrets, also)
        ceremony = Ceremony(home, repository, signers, config.expiries, system_clock(), show_changes)
        sources = [source.name for source in config.sources]
        changes = KeyChanges(home, repository, sources, ceremony, secrets, sign=not options.stage)
        yield CeremonySession(home, options, secrets, ceremony, changes)


def new_keys(session: CeremonySession, role: str, *, no_passphrase: bool) -> NewKeys:
    """Say how to make private keys of a role in the home: they are opened by what opens the home's other keys.

    Raises:
        UsageError: ``keys.passphrase``: two answers to that.
        ConfigurationError: ``passphrase.*``.
    """
    from bundler.ceremony.key_changes import NewKeys
    from bundler.keys.keyring import home_passphrase

    file = session.options.new_passphrase_file
    if no_passphrase and file is not None:
        raise UsageError("keys.passphrase", "--no-passphrase and --new-passphrase-file exclude each other")
    if no_passphrase:
        warn_open_keys(session.home.keys)
        return NewKeys(None)
    if file is not None:
        return NewKeys(new_passphrase_from(file))
    return NewKeys(home_passphrase(session.home.keys, role, session.secrets))


def show_changes(lines: Sequence[str]) -> None:
    """Show what a root would change."""
    click.echo("\n".join(lines), err=True)


def tell_outcome(session: CeremonySession, outcome: RootOutcome | None) -> None:
    """Say what became of a change, and what comes next."""
    from bundler.report.keys import outcome_to_json, outcome_to_text
    from manifests.disk import durable

    out = session.options.out
    if outcome is not None and not outcome.in_force and out is not None:
        durable.write_file(out, outcome.proposal.encode())
    if session.options.output == "json":
        print_json(outcome_to_json(outcome))
    else:
        click.echo(outcome_to_text(outcome, out or session.home.staged_root))
