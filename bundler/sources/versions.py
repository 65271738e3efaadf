"""Versions of upstreams: what is older than what we had is refused, unless the operator allows it."""

from __future__ import annotations

from manifests.errors import RollbackError


def check_not_older(
    name: str, new: tuple[int, ...], old: tuple[int, ...] | None, allowed: bool, *, what: str = "its upstream"
) -> None:
    """Refuse an upstream whose version is lower than that of the last good pull.

    Args:
        name: The source.
        new: What the upstream has now. Missing parts at the end count as zero.
        old: What the last good pull gave; ``None`` when there is none.
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
        have=f"{_text(old)} from the last good pull, {_text(new)} upstream",
        need=f"{_text(old)} or newer",
        todo=f"ask the upstream's operator; if it is meant, write allow_older = true for {name} and pull again",
    )


def _stripped(version: tuple[int, ...]) -> tuple[int, ...]:
    end = len(version)
    while end and version[end - 1] == 0:
        end -= 1
    return version[:end]


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "0"
