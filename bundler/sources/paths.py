"""Paths of sources: absolute ones of the configuration, and names of upstreams that become target paths."""

from __future__ import annotations

from pathlib import Path

from manifests.errors import ConfigurationError, FetchError, MalformedError
from manifests.limits import MIB
from manifests.names import check_target_path

_FILE_BYTES = 64 * MIB
"""Ceiling on a file of keys, certificates or roots that a source names; a system's whole bundle takes 0.3 MiB."""


def absolute_path(source: str, path: str) -> Path:
    """Return a configured path.

    Args:
        source: The source's name, for the error.
        path: As it is written.

    Raises:
        ConfigurationError: ``source.path`` for a relative one, whose meaning would depend on where we run.
    """
    if not Path(path).is_absolute():
        raise ConfigurationError("source.path", f"Source {source!r}: the path {path!r} is not absolute")
    return Path(path)


def existing_file(source: str, path: str, *, need: str) -> Path:
    """Return a configured path of a file that is there.

    Args:
        source: The source's name, for the error.
        path: As it is written.
        need: What file it should be.

    Raises:
        ConfigurationError: ``source.path`` for a relative one, where there is no file, or one far too large.
    """
    file = absolute_path(source, path)
    if not file.is_file():
        raise ConfigurationError("source.path", f"Source {source!r}: there is no file {file}", need=need)
    if (length := file.stat().st_size) > _FILE_BYTES:
        raise ConfigurationError(
            "source.path", f"Source {source!r}: {file} is too large", have=f"{length:,} bytes", need=need
        )
    return file


def require_target_path(
    source: str,
    path: str,
    *,
    what: str,
    code: str,
    todo: str | None = None,
    error: type[FetchError | ConfigurationError] = FetchError,
) -> str:
    """Return the name that an upstream gives a file, if it can be the file's target path.

    Args:
        source: The source's name.
        path: The file's name below it.
        what: What has this name, for people.
        code: Of the error.
        todo: What the operator can do.
        error: What is raised: by default it is the upstream that is wrong.

    Raises:
        FetchError, ConfigurationError: ``code``.
    """
    try:
        check_target_path(f"{source}/{path}")
    except MalformedError as wrong:
        raise error(
            code,
            f"Source {source!r}: {what} cannot be carried under its name: {wrong.what}",
            need=wrong.need,
            todo=todo,
        ) from wrong
    return path
