"""What the commands share that look at bundle files: refusals that name the file, and what each file carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from manifests.console.commands import print_json
from manifests.errors import IrregularFileError, SealiftError, StorageError

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@contextmanager
def refusals_name(path: Path, todo: str = "compare its sha256 with the slip, and copy it again") -> Iterator[None]:
    """Let a refusal say which of the files it means, and what to do about it."""
    try:
        yield
    except SealiftError as error:
        named_already = isinstance(error, StorageError | IrregularFileError) and error.path is not None
        what = error.what if named_already else f"{path}: {error.what}"
        raise error.reworded(what=what, todo=error.todo or todo) from error


def print_manifests(
    found: Iterable[tuple[Path, Manifest]], output: str, *, said: str, verified: bool, targets: bool
) -> None:
    """Print what bundle files carry: text as soon as a file was read, JSON in the end.

    Args:
        found: Each file and its manifest.
        output: ``text`` or ``json``.
        said: What to say behind a file's name.
        verified: Whether the manifests are verified, for programs.
        targets: Whether to list every target.
    """
    from bundler.report.manifest import manifest_to_json, manifest_to_text

    if output == "json":
        rows = [
            {"file": str(path), "verified": verified, **manifest_to_json(manifest, targets=targets)}
            for path, manifest in found
        ]
        print_json(rows)
        return
    for path, manifest in found:
        click.echo(f"{path}{said}")
        click.echo(manifest_to_text(manifest, targets=targets))
