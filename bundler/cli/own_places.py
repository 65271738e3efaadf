"""Which files and directories of this run no source may carry: secrets, and where the bundles go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.config import Config
from bundler.keys.secrets import FILE_VARIABLE, PIN_FILE_VARIABLE
from bundler.sources.own_files import OwnPlace

_SECRET_KEYS = ("password_file", "token_file")
_ENDINGS = (".zip", ".zip.par2", ".txt", ".html")
"""Of what goes into ``--out``: bundles, recovery data, slips."""


def own_places_of(
    config: Config,
    *secret_files: Path | None,
    out: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[OwnPlace, ...]:
    """Return the places of ours that a command knows of.

    Args:
        config: Names the files with the secrets of upstreams.
        secret_files: Those of the command line.
        out: Where bundles will be written.
        environment: Names files with secrets too.
    """
    named = [environment.get(variable) for variable in (FILE_VARIABLE, PIN_FILE_VARIABLE)]
    secrets = [*(path for path in secret_files if path), *(Path(path) for path in named if path)]
    places = [OwnPlace(path, "a file with a secret") for path in (*secrets, *_secrets_of_upstreams(config))]
    if out is not None:
        names = tuple(f"{config.publisher}-000001-full{ending}" for ending in _ENDINGS)
        places.append(OwnPlace(out, "where the bundles go (--out)", names, f"{config.publisher}-*"))
    return tuple(places)


def _secrets_of_upstreams(config: Config) -> Iterator[Path]:
    for source in config.sources:
        for credentials in source.options.values():
            if isinstance(credentials, Mapping):
                yield from (Path(credentials[key]) for key in _SECRET_KEYS if isinstance(credentials.get(key), str))
