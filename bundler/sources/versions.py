"""Versions of upstreams: what is older than what we had is refused, unless the operator allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from manifests.errors import RollbackError

Version: TypeAlias = "tuple[int, ...]"
"""To compare by, part by part. Missing parts at the end count as zero, so ``()`` is lower than any other."""
Floor: TypeAlias = Mapping[str, Version]
"""What an upstream must not go back behind: thing to version. A kind chooses how it names things."""

_NUMBER = re.compile(r"\d{1,17}", re.ASCII)
_CANDIDATE = 10**17
"""Stands in a version where a release candidate begins; no number in a version is as large."""
_STAGES = ("dev", "alpha", "beta", "pre", "rc")
_STAGE_OF = {
    **dict.fromkeys(("dev", "snapshot", "nightly"), 0),
    **dict.fromkeys(("alpha", "a"), 1),
    **dict.fromkeys(("beta", "b"), 2),
    **dict.fromkeys(("pre", "preview", "milestone", "m"), 3),
    **dict.fromkeys(("rc", "cr", "candidate"), 4),
}
_MARK = re.compile(
    r"(?<=\d)[-_.~+ ]?"
    r"(?:(dev|snapshot|nightly|alpha|beta|preview|pre|milestone|candidate|rc|cr)(?![a-z])|([abm])(?=\d))",
    re.ASCII | re.IGNORECASE,
)
"""What makes a version one before its release. A letter alone is a patch after it: OpenSSL's 1.0.2k."""

UPSTREAM = "upstream"
"""The thing that has the version where an upstream has one version for all of it."""


def read_version(text: str) -> Version:
    """Return the numbers in a version, to compare it by: ``v1.10`` is (1, 10).

    What comes before a release is lower than it, and higher than all that is lower than the release: 1.9, 2.0-beta1,
    2.0-rc1, 2.0-rc2, 2.0.
    """
    match = _MARK.search(text)
    numbers = tuple(map(int, _NUMBER.findall(text[: match.start()] if match else text)))
    if match is None or not any(numbers):
        return numbers if match is None else tuple(map(int, _NUMBER.findall(text)))
    release = _stripped(numbers)
    after = tuple(map(int, _NUMBER.findall(text[match.end() :])))
    stage = _STAGE_OF[(match[1] or match[2]).lower()]
    return (*release[:-1], release[-1] - 1, _CANDIDATE, stage, *after)


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
    if _CANDIDATE not in version[1:-1]:
        return ".".join(map(str, version)) or "0"
    at = version.index(_CANDIDATE)
    release, stage, after = version[:at], version[at + 1], version[at + 2 :]
    named = _STAGES[stage] if stage < len(_STAGES) else str(stage)
    return f"{version_text((*release[:-1], release[-1] + 1))}-{named}{'.'.join(map(str, after))}"


def _higher(new: Version, old: Version) -> Version:
    return new if _stripped(new) >= _stripped(old) else old


def _stripped(version: Version) -> Version:
    end = len(version)
    while end and version[end - 1] == 0:
        end -= 1
    return version[:end]
