"""The number that every role's next version must be above: none, unless the home came back from a backup."""

from __future__ import annotations

from pathlib import Path

from manifests.disk import durable
from manifests.errors import ConfigurationError, MalformedError
from manifests.limits import MIB
from manifests.schemas import strictjson

FORMAT = "sealift-floor/1"


def floor_path(directory: Path) -> Path:
    """Return where the floor of a repository stands."""
    return directory.parent / "floor.json"


def read_floor(directory: Path) -> int:
    """Read the version that every role of a repository must stay above, 0 for none.

    Raises:
        ConfigurationError: ``repository.damaged``.
        StorageError: The file cannot be read.
    """
    file = floor_path(directory)
    with durable.storage_errors(file):
        if not file.exists():
            return 0
        data = file.read_bytes()
    try:
        value = strictjson.decode_json(data, name=file.name, max_bytes=MIB)
        if value["format"] == FORMAT and isinstance(value["above"], int):
            return int(value["above"])
    except (MalformedError, KeyError, TypeError):
        pass
    raise ConfigurationError(
        "repository.damaged",
        f"{file} is not what bundle restored wrote",
        todo=f"rm {file}; then bundle restored --above VERSION, the highest generation of any site",
    )


def write_floor(directory: Path, above: int) -> None:
    """Write the version that every role of a repository must stay above from now on, durably.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    durable.write_file(floor_path(directory), strictjson.encode_json({"format": FORMAT, "above": above}))
