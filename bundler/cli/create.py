"""``bundle create``: the main job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bundler.cli.options import input_file, secrets_options, warn
from bundler.cli.unattended import HELP as EVERY_HELP
from bundler.plan.volumes import HELP as SIZE_HELP
from manifests.clock import system_clock
from manifests.console.bars import show_progress
from manifests.console.commands import Settings, output_option, print_json
from manifests.errors import PartialError, UsageError
from manifests.text import printable

if TYPE_CHECKING:
    from bundler.home import Home
    from bundler.jobs.create import CreatedBundles
    from bundler.repository.signers import HomeSigners
    from bundler.seal.companions import ChooseCompanions
    from manifests.progress import Progress


@dataclass(frozen=True)
class _Wishes:
    """The command line."""

    out: Path
    since: str | None
    volume_size: str | None
    again: int | None
    recovery: int | None
    note: Path | None
    passphrase_files: tuple[Path, ...]
    pin_file: Path | None
    full: bool
    no_pull: bool
    allow_partial: bool
    every: str | None


class Percent(click.ParamType[int]):
    """A whole number of per cent, with or without its sign."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value).removesuffix("%").strip()
        if not text.isdecimal() or not 1 <= int(text) <= 100:
            self.fail(f"{value!r} is not a whole number from 1% to 100%", param, ctx)
        return int(text)


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the bundle goes.")
@click.option("--full", is_flag=True, help="Carry everything, whatever the sites have.")
@click.option(
    "--since",
    metavar="RECEIPT|SITE|VERSION|last",
    help="Carry what this reader lacks. By default: what any registered site lacks; everything if there is none.",
)
@click.option("--volume-size", metavar="SIZE", help=SIZE_HELP)
@click.option(
    "--recovery",
    type=Percent(),
    help="Write recovery data beside each bundle: so many of its blocks may be lost on the way, such as 5%.",
)
@click.option("--again", type=click.IntRange(min=1), metavar="VERSION", help="Recreate this version's files.")
@click.option("--no-pull", is_flag=True, help="Seal what was pulled last; fetch nothing.")
@click.option("--allow-partial", is_flag=True, help="If sources fail, seal their last good content (exit code 11).")
@click.option("--note", type=input_file, help="Release notes to carry (Markdown).")
@click.option("--every", metavar="INTERVAL", help=EVERY_HELP)
@secrets_options
@output_option
@click.pass_obj
def command(settings: Settings, /, output: str, **options: Any) -> None:
    """Pull the sources, seal one signed bundle and verify what was written.

    With --volume-size: as many bundles as it takes, each of use by itself.
    """
    from bundler.report.created import created_to_json, created_to_text

    wishes = _Wishes(**options)
    if wishes.every is not None:
        from bundler.cli.unattended import run_unattended

        noticed: list[str] = []
        _check(wishes)
        # Made once for all runs: a pipe gives its passphrase once, and a PIN that was wrong is not tried again.
        signers = _signers(settings, wishes, noticed.append)
        run_unattended(settings, wishes.every, lambda: _with_warnings(_create(settings, wishes, signers), noticed))
        return
    _check(wishes)
    created = _create(settings, wishes, _signers(settings, wishes, warn))
    for warning in created.warnings:
        click.echo(printable(f"warning: {warning}"), err=True)
    if output == "json":
        print_json(created_to_json(created))
    else:
        click.echo(created_to_text(created))
    if created.failures:
        raise PartialError(
            "create.partial",
            f"{len(created.failures)} of the sources failed; the bundle carries their last good content, if any",
            have="; ".join(f"{failure.name}: {failure.error.what}" for failure in created.failures),
            todo="bundle sources check",
        )


def _signers(settings: Settings, wishes: _Wishes, warn_operator: Callable[[str], None]) -> HomeSigners:
    from bundler.config import load_config
    from bundler.home import open_home
    from bundler.repository.signers import signers_of

    home = open_home(settings.home)
    return signers_of(
        home,
        load_config(home.config),
        wishes.passphrase_files,
        wishes.pin_file,
        attended=wishes.every is None,
        warn=warn_operator,
    )


def _with_warnings(created: CreatedBundles, noticed: list[str]) -> CreatedBundles:
    """Add what was noticed of secret files to what one run says, once."""
    warnings = (*created.warnings, *noticed)
    noticed.clear()
    return replace(created, warnings=warnings)


def _create(settings: Settings, wishes: _Wishes, signers: HomeSigners) -> CreatedBundles:
    from bundler.cli.notes import read_notes
    from bundler.cli.own_places import own_places_of
    from bundler.config import load_config
    from bundler.context import Context
    from bundler.history import History
    from bundler.home import open_home
    from bundler.jobs.again import create_again
    from bundler.jobs.create import BundleOrder, create_bundles, open_keys
    from bundler.jobs.since import settle_readers
    from bundler.plan.volumes import parse_size

    home = open_home(settings.home)
    config = load_config(home.config)
    if wishes.again is not None:
        percent = History(home).read_version(wishes.again).recovery_percent
        with show_progress(settings) as shown:
            context = Context(home, config, system_clock, shown)
            return create_again(context, wishes.again, wishes.out, _companions(home, percent, shown))
    notes = None if wishes.note is None else read_notes(wishes.note)
    order = BundleOrder(
        out=wishes.out,
        tool=f"sealift {version('sealift')}",
        pull=not wishes.no_pull,
        allow_partial=wishes.allow_partial,
        notes=notes,
        readers=settle_readers(home, wishes.since, system_clock(), full=wishes.full),
        volume_size=None if wishes.volume_size is None else parse_size(wishes.volume_size),
        recovery_percent=wishes.recovery,
    )
    own = own_places_of(config, *wishes.passphrase_files, wishes.pin_file, out=wishes.out)
    open_keys(home, config, signers)  # before anything is pulled, and before a display would hide the question
    with show_progress(settings) as shown:
        context = Context(home, config, system_clock, shown, own)
        return create_bundles(context, order, signers, _companions(home, wishes.recovery, shown))


def _companions(home: Home, recovery_percent: int | None, shown: Progress) -> ChooseCompanions:
    """Return what goes beside the bundles: the slip, and recovery data when asked for."""
    from bundler.report.slip import files as slips
    from bundler.seal.companions import all_companions
    from bundler.seal.recovery import recovery_companions

    if recovery_percent is None:
        return slips.slip_beside(home)
    recovery = recovery_companions(recovery_percent, home.temporary, shown)
    return all_companions(slips.slip_beside(home, recovery_percent), recovery)


def _check(wishes: _Wishes) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: ``create.options``.
    """
    if wishes.full and wishes.since is not None:
        raise UsageError("create.options", "--full and --since contradict each other", todo="give one of them")
    given = {
        "--full": wishes.full,
        "--since": wishes.since is not None,
        "--volume-size": wishes.volume_size is not None,
        "--note": wishes.note is not None,
        "--recovery": wishes.recovery is not None,
        "--every": wishes.every is not None,
    }
    for option, there in given.items():
        if wishes.again is not None and there:
            raise UsageError(
                "create.options",
                f"--again and {option} contradict each other: the same files are made as before",
                todo=f"bundle create --again {wishes.again}",
            )
