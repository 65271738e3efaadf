"""The keys that every ``[[source]]`` can have, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bundler.sources.globs import EVERY_PATH, GlobSet

_GLOBS = {"type": "array", "items": {"type": "string", "minLength": 1}}

COMMON_KEYS: Mapping[str, Any] = {
    "include": {**_GLOBS, "minItems": 1},
    "exclude": _GLOBS,
    "fresh_days": {"type": "integer", "minimum": 1, "maximum": 3650},
    "licence": {"type": "string", "minLength": 1, "maxLength": 2000},
    "mount": {"enum": ["/"]},
    "deliver": {"type": "string", "pattern": "^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$"},
    "allow_older": {"type": "boolean"},
    "allow_empty": {"type": "boolean"},
}
"""JSON Schema properties. No kind has a key of these names."""


@dataclass(frozen=True)
class CommonOptions:
    """What a source's table says in common keys.

    Args:
        globs: Which of the paths that the kind yields are carried.
        fresh_days: Age in days from which the source counts as stale, in the DMZ and inside.
        licence: What the operator notes of the content's licence, for whoever receives it.
        mount: ``/``: the relay serves the source at its root too.
        deliver: The place, defined in ``relay.toml``, that the relay puts the source's files into.
        allow_older: Accept an upstream whose version went back.
        allow_empty: Accept an upstream that has nothing, or nothing any more.
    """

    globs: GlobSet = EVERY_PATH
    fresh_days: int | None = None
    licence: str | None = None
    mount: str | None = None
    deliver: str | None = None
    allow_older: bool = False
    allow_empty: bool = False

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read the common keys of a table that fits :data:`COMMON_KEYS`."""
        return cls(
            globs=GlobSet(tuple(table.get("include", ["**"])), tuple(table.get("exclude", []))),
            fresh_days=None if "fresh_days" not in table else int(table["fresh_days"]),
            licence=table.get("licence"),
            mount=table.get("mount"),
            deliver=table.get("deliver"),
            allow_older=table.get("allow_older", False),
            allow_empty=table.get("allow_empty", False),
        )


NOTHING_SAID = CommonOptions()
