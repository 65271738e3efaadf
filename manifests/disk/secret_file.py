"""A password or token in a file of its own, which nobody but its owner may read."""

from __future__ import annotations

from pathlib import Path

from manifests.disk.durable import storage_errors
from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError

_MAX_BYTES = 16 * 1024


def read_secret(path: Path, *, code: str, said: str) -> str | None:
    """Return the secret in a file, without the end of its line; ``None`` when there is no such file.

    Args:
        path: The file.
        code: Of the error when others may read it.
        said: What to call it there.

    Raises:
        ConfigurationError: ``code``: the group or others may do something with the file; ``file.*``: it is no file
            that can be read, or far too large for a secret.
        StorageError: It cannot be read.
    """
    with storage_errors(path):
        if not path.exists():
            return None
    given = read_given_file(path, max_bytes=_MAX_BYTES, what="a file with a password", error=ConfigurationError)
    if given.mode & 0o077:
        raise ConfigurationError(
            code,
            f"{said} can be read by others",
            have=f"mode {given.mode:o}",
            need="mode 600",
            todo=f"chmod 600 {path}",
        )
    return given.data.decode("utf-8", "surrogateescape").rstrip("\r\n")
