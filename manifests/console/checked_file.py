"""Say what is wrong in a configuration file, the same for both programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from manifests.console.commands import print_json
from manifests.errors import ConfigurationError
from manifests.text import printable


def tell_checked_file(path: Path, errors: Sequence[ConfigurationError], output: str) -> None:
    """Print every error of a file that was checked, or that there is none.

    Args:
        path: The file.
        errors: All that is wrong in it.
        output: ``json`` or ``text``.

    Raises:
        ConfigurationError: ``config.errors``: there are some.
    """
    if output == "json":
        print_json({"file": str(path), "errors": [error.to_json() for error in errors]})
    else:
        lines = [printable(f"{error} [{error.code}]") for error in errors]
        click.echo("\n".join(lines) if lines else f"{path}: no errors")
    if errors:
        count = f"{len(errors)} {'error' if len(errors) == 1 else 'errors'}"
        raise ConfigurationError("config.errors", f"{path} has {count}")
