"""Versions of upstreams: what is older than what we had is refused, unless the operator allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from manifests.errors import RollbackError

Version: TypeAlias = "tuple[int, ...]"
"""To compare by, part by part. Missing parts at the end count as zero, so ``()`` is lower than any other."""
Floor: TypeAlias = Mapping[str, Version]
"""What an upstream must not go back behind: thing to version. A kind chooses how it names things."""

UPSTREAM = "upstream"
"""The thing that has the version where an upstream has one version for all of it."""


def check_not_older(name: str, new: Version, old: Version | None, allowed: bool, *, what: str = "its upstream") -> None:
    """Refuse an upstream whose version is lower than one that came from it before.

    Args:
        name: The source.
        new: What the upstream has now.
        old: What came from it before; ``None`` when nothing did.
        allowed: The source's ``allow_older``.
        what: What went back, for people, where that is not the whole upstream.

    Raises:
        RollbackError: ``source.older``.
    """
    if allowed or old is None or _stripped(new) >= _stripped(old):
        return
    raise RollbackError(
        "source.older",
        f"Source {name!r}: {what} went back to an older version",
        have=f"{version_text(old)} pulled before, {version_text(new)} upstream",
        need=f"{version_text(old)} or newer",
        todo=f"ask the upstream's operator; if it is meant, write allow_older = true for {name} and pull again",
    )


def raise_floor(floor: Floor, came: Floor, *, allowed: bool) -> Floor:
    """Return the floor after a good pull. What did not come this time keeps its floor.

    Args:
        floor: What stood before.
        came: The versions that came.
        allowed: The source's ``allow_older``: a floor goes down to what came, to none at all for ``()``; otherwise it
            only rises.
    """
    kept = {} if allowed else floor
    merged = {**floor, **{thing: _higher(new, kept.get(thing, ())) for thing, new in came.items()}}
    return {thing: version for thing, version in merged.items() if _stripped(version)}


def version_text(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version)) or "0"


def _higher(new: Version, old: Version) -> Version:
    return new if _stripped(new) >= _stripped(old) else old


def _stripped(version: Version) -> Version:
    end = len(version)
    while end and version[end - 1] == 0:
        end -= 1
    return version[:end]
