"""What a publisher's targets roles say of its sources beyond TUF, in fields that TUF clients skip.

The manifest says it too, and is signed by the timestamp key alone, which lies in the DMZ and signs every week. What a
site acts on must not hang on that key: where files are delivered and mounted is signed by whoever says which sources
there are, and when they were pulled by whoever signs the files themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import Targets

from manifests import clock
from manifests.errors import MalformedError
from manifests.trust import refusals
from manifests.trust.documents import EXTENSION
from manifests.trust.paths import TOP_TARGETS


@dataclass(frozen=True)
class SourcePolicy:
    """What a site is asked to do with a source; signed by the top-level targets role.

    Args:
        fresh_days: Days after its pull from which it counts as stale; the site's own rule when None.
        mount: ``/`` when the site should serve it at its root too.
        deliver: Name of the place that its files are meant for.
    """

    fresh_days: int | None = None
    mount: str | None = None
    deliver: str | None = None


_TYPES: Mapping[str, type] = {"fresh_days": int, "mount": str, "deliver": str}


def policies_extension(policies: Mapping[str, SourcePolicy]) -> dict[str, Any]:
    """Return the fields that say in the top-level targets role what sites should do with each source."""
    said = {
        name: {key: value for key, value in vars(one).items() if value is not None} for name, one in policies.items()
    }
    return {EXTENSION: {"sources": said}}


def pulled_extension(pulled_at: datetime) -> dict[str, Any]:
    """Return the fields that say in a source's role when it was pulled."""
    return {EXTENSION: {"pulled_at": clock.instant_text(pulled_at)}}


def read_policies(targets: Targets) -> dict[str, SourcePolicy]:
    """Return what sites should do with each source, by its name.

    Args:
        targets: The top-level targets role, believed.

    Raises:
        MalformedError: ``tuf.extension``: it does not say so, or not in this form.
    """
    sources = _field(targets, TOP_TARGETS, "sources")
    if not isinstance(sources, dict):
        raise refusals.extension("sources is no table", TOP_TARGETS)
    return {name: _policy(name, said) for name, said in sources.items()}


def read_pulled_at(source: str, role: Targets) -> datetime:
    """Return when a source was pulled, by its own role.

    Raises:
        MalformedError: ``tuf.extension``: it does not say so, or not in this form.
    """
    value = _field(role, source, "pulled_at")
    if not isinstance(value, str):
        raise refusals.extension("pulled_at is no text", source)
    try:
        return clock.parse_instant(value)
    except MalformedError as error:
        raise refusals.extension(error.what, source) from error


def _field(targets: Targets, role: str, key: str) -> Any:
    """Return the one field of a role's extension.

    A role without it is refused however it came to be: whoever holds the keys of snapshot and timestamp could show a
    new site the signed roles of a time when this was not in them, and then say what they like in the manifest.
    """
    if EXTENSION not in targets.unrecognized_fields:
        raise refusals.unsaid(role)
    value = targets.unrecognized_fields[EXTENSION]
    if not isinstance(value, dict) or value.keys() != {key}:
        raise refusals.extension(f"its only field is not {key}", role)
    return value[key]


def _policy(name: str, said: Any) -> SourcePolicy:
    # The very type: for Python, true is a number too, and equal to 1.
    if not isinstance(said, dict) or any(type(value) is not _TYPES.get(key) for key, value in said.items()):
        raise refusals.extension(
            f"what it says of the source {name!r} is not fresh_days, mount and deliver", TOP_TARGETS
        )
    return SourcePolicy(**said)
