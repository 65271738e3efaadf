"""``relay tuf-client``: an ordinary TUF client on the command line of the TUF conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from manifests.clock import system_clock
from manifests.errors import SealiftError, UsageError
from manifests.text import printable_lines

if TYPE_CHECKING:
    from relay.dialing.tuf.client import TufClient

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class _Options:
    metadata_dir: Path
    metadata_url: str | None
    target_names: tuple[str, ...]
    target_dir: Path | None
    target_base_url: str | None
    authorities: Path | None


@click.group(name="tuf-client")
@click.option("--metadata-dir", type=click.Path(path_type=Path), required=True, help="Where trusted metadata is kept.")
@click.option("--metadata-url", help="Base URL of the repository's metadata.")
@click.option("--target-name", "target_names", multiple=True, help="Path of a target; may be repeated.")
@click.option("--target-dir", type=click.Path(path_type=Path), help="Where downloaded targets go.")
@click.option("--target-base-url", help="Base URL of the repository's targets.")
@click.option(
    "--ca",
    "authorities",
    type=click.Path(path_type=Path),
    help="PEM file of the authorities to trust  [default: REQUESTS_CA_BUNDLE, SSL_CERT_FILE, the usual ones]",
)
@click.pass_context
def command(
    ctx: click.Context,
    metadata_dir: Path,
    metadata_url: str | None,
    target_names: tuple[str, ...],
    target_dir: Path | None,
    target_base_url: str | None,
    authorities: Path | None,
) -> None:
    """Verify and download from a TUF repository over HTTP(S).

    Exits with 0, or with 1 for any refusal or failure, which is what the TUF conformance suite asks
    for; the error line ends with our own code.
    """
    ctx.obj = _Options(metadata_dir, metadata_url, target_names, target_dir, target_base_url, authorities)


@command.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.pass_obj
def init(options: _Options, root: Path) -> None:
    """Pin the trusted root that a person brought. No network."""
    from manifests.disk.given_file import read_given_file
    from manifests.limits import DEFAULT_LIMITS
    from manifests.trust.directory import MetadataDirectory

    with _refusals():
        data = read_given_file(root, max_bytes=DEFAULT_LIMITS.root_bytes, what="the trusted root.json").data
        MetadataDirectory(options.metadata_dir).initialise(data)


@command.command()
@click.pass_obj
def refresh(options: _Options) -> None:
    """Bring the top-level metadata up to date."""
    with _refusals(), _client(options) as client:
        client.refresh_metadata()


@command.command()
@click.pass_obj
def download(options: _Options) -> None:
    """Refresh, then fetch each --target-name in order; stop at the first that fails."""
    with _refusals(), _client(options) as client:
        directory = _needed(options.target_dir, "--target-dir")
        base_url = _needed(options.target_base_url, "--target-base-url")
        if not options.target_names:
            raise UsageError("usage.option", "--target-name is missing")
        client.refresh_metadata()
        for name in options.target_names:
            click.echo(client.download_target(name, directory, base_url))


@contextmanager
def _client(options: _Options) -> Iterator[TufClient]:
    from manifests.trust.directory import MetadataDirectory
    from relay.dialing.tuf.client import open_tuf_client
    from relay.dialing.tuf.http import HttpTransport, authorities_from

    url = _needed(options.metadata_url, "--metadata-url")
    directory = MetadataDirectory(options.metadata_dir)
    with (
        HttpTransport(authorities_from(options.authorities)) as transport,
        open_tuf_client(directory, transport, url, system_clock()) as client,
    ):
        yield client


@contextmanager
def _refusals() -> Iterator[None]:
    """Leave with 1 for every error of ours, its code shown on stderr."""
    try:
        yield
    except SealiftError as error:
        click.echo(printable_lines(f"relay tuf-client: {error} [{error.code}]"), err=True)
        raise click.exceptions.Exit(1) from error


def _needed(value: ValueT | None, option: str) -> ValueT:
    if value is None:
        raise UsageError("usage.option", f"{option} is missing")
    return value
