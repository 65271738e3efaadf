"""What the ceremony's commands share: their options, the home opened under its lock, and how an outcome is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bundler.cli.options import no_passphrase_option, secrets_options, warn_open_keys
from manifests.clock import system_clock, to_text
from manifests.console.commands import Settings, output_option, print_json

if TYPE_CHECKING:
    from bundler.ceremony.ceremony import Ceremony, Outcome
    from bundler.ceremony.key_changes import NewKeys, Roles
    from bundler.config import Config
    from bundler.home import Home
    from bundler.keys.secrets import Secrets

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Given:
    """The options that every change takes."""

    keys: tuple[str, ...]
    stage: bool
    out: Path | None
    passphrase_file: Path | None
    pin_file: Path | None
    output: str


def change_options(command: Command) -> Command:
    """Add the options of :class:`Given`, passed on as one ``given``."""

    def gather(*arguments: Any, **options: Any) -> Any:
        given = Given(
            keys=options.pop("key"),
            stage=options.pop("stage"),
            out=options.pop("out"),
            passphrase_file=options.pop("passphrase_file"),
            pin_file=options.pop("pin_file"),
            output=options.pop("output"),
        )
        return command(*arguments, given=given, **options)

    gather.__doc__ = command.__doc__
    wrapped: Any = gather
    for option in (
        click.option("--key", multiple=True, metavar="KEY", help="Sign with this root key too: a file or hsm:..."),
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
        wrapped = option(wrapped)
    found: Command = secrets_options(wrapped)
    return found


@dataclass(frozen=True)
class Session:
    """An opened home, locked, with all that a step of the ceremony needs."""

    home: Home
    config: Config
    secrets: Secrets
    ceremony: Ceremony
    roles: Roles


@contextmanager
def session(settings: Settings, given: Given) -> Iterator[Session]:
    """Open the home under its lock; what a root would change is shown on stderr before it is signed."""
    from bundler.ceremony.ceremony import Ceremony
    from bundler.ceremony.key_changes import Roles
    from bundler.config import load
    from bundler.home import open_home
    from bundler.keys import hsm
    from bundler.keys.keyring import open_signer
    from bundler.keys.secrets import Secrets, ask_on_terminal
    from bundler.repository.signers import HomeSigners

    home = open_home(settings.home)
    config = load(home.config)
    hsm.use_module(config.pkcs11_module)
    secrets = Secrets.choose(ask_on_terminal, os.environ, given.passphrase_file, given.pin_file)
    with home.lock():
        also = [open_signer(uri, None, secrets) for uri in given.keys]
        ceremony = Ceremony(home, HomeSigners(home, secrets, also), config.expiries, system_clock(), show_changes)
        names = [source.name for source in config.sources]
        yield Session(home, config, secrets, ceremony, Roles(home, names, ceremony, secrets, sign=not given.stage))


def new_keys(session: Session, *, no_passphrase: bool) -> NewKeys:
    """Say how to make private keys in the home."""
    from bundler.ceremony.key_changes import NewKeys

    if no_passphrase:
        warn_open_keys(session.home.keys)
    return NewKeys(None if no_passphrase else session.secrets.new_passphrase())


def show_changes(lines: Sequence[str]) -> None:
    """Show what a root would change."""
    click.echo("\n".join(lines), err=True)


def tell(session: Session, outcome: Outcome | None, given: Given) -> None:
    """Say what became of a change, and what comes next."""
    from manifests import durable

    if outcome is not None and not outcome.in_force and given.out is not None:
        durable.write(given.out, outcome.proposal.encode())
    if given.output == "json":
        print_json(outcome_to_json(outcome))
        return
    if outcome is None:
        click.echo("Done; the next bundle carries it.")
        return
    version = outcome.proposal.proposed.version
    if outcome.in_force:
        click.echo(f"Root {version} is in force; the next bundle carries it.")
        return
    file = given.out or session.home.staged_root
    click.echo(f"Root {version} waits for signatures:")
    for missing in outcome.proposal.missing:
        click.echo(f"  {missing}")
    click.echo(
        f"Next: carry {file} to them; each runs: bundle keys sign FILE --key KEY\n"
        "      then, back here:                  bundle keys accept FILE..."
    )


def outcome_to_json(outcome: Outcome | None) -> dict[str, Any]:
    """Return an outcome as one JSON object."""
    if outcome is None:
        return {"state": "with-next-bundle"}
    return {
        "state": "in-force" if outcome.in_force else "waiting",
        "root_version": outcome.proposal.proposed.version,
        "expires_at": to_text(outcome.proposal.proposed.expires),
        "signed_by": [signature.keyid for signature in outcome.proposal.signatures],
        "missing": list(outcome.proposal.missing),
        "changes": list(outcome.proposal.changes()),
    }


__all__ = ["Given", "Session", "change_options", "new_keys", "no_passphrase_option", "session", "tell"]
