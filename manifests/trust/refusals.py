"""Every refusal of the workflow: its stable code, and what is wrong, had, needed and to do."""

from __future__ import annotations

import re
from datetime import datetime

from tuf.api.metadata import Timestamp

from manifests.clock import instant_text
from manifests.errors import (
    CountedBackError,
    ExpiredError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    OlderTimestampError,
    OtherVersionError,
    RollbackError,
)
from manifests.text import count_text

_PLAIN_ROLE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def refusal_code(reason: str, role: str) -> str:
    """Return the error code ``tuf.<reason>.<role>``; a role with an unusual name is ``delegated``."""
    return f"tuf.{reason}.{role if _PLAIN_ROLE.fullmatch(role) else 'delegated'}"


def too_large(role: str, have: int, ceiling: int) -> MalformedError:
    """Return the refusal of a document beyond its ceiling, in bytes."""
    return MalformedError(
        refusal_code("too-large", role),
        f"The {role!r} metadata is too large",
        have=count_text(have, "byte"),
        need=f"at most {ceiling:,}",
        role=role,
    )


def malformed(role: str, reason: str) -> MalformedError:
    """Return the refusal of a document that cannot be read."""
    return MalformedError(refusal_code("malformed", role), f"The {role!r} metadata cannot be read: {reason}", role=role)


def extension(reason: str, role: str = Timestamp.type) -> MalformedError:
    """Return the refusal of a role without a proper ``x-sealift``."""
    return MalformedError(
        "tuf.extension", f"The x-sealift of the {role!r} metadata cannot be read: {reason}", need="a bundle", role=role
    )


def unsaid(role: str) -> MalformedError:
    """Return the refusal of a targets role that says nothing of delivery, mount and age: one of an earlier program."""
    return MalformedError(
        "tuf.extension",
        f"The {role!r} metadata does not say what sites act on (x-sealift): the bundle is of an earlier Sealift",
        need="a bundle in which the targets role signs for delivery, mount and freshness",
        todo="bundle create, with the program of today",
        role=role,
    )


def unlisted(role: str) -> MalformedError:
    """Return the refusal of a role that is delegated and not in the snapshot."""
    return MalformedError(refusal_code("unlisted", role), f"The snapshot does not list the role {role!r}", role=role)


def too_many_delegations(ceiling: int) -> MalformedError:
    """Return the refusal of a delegation graph beyond the ceiling."""
    return MalformedError("tuf.delegations", "There are too many delegations", need=f"at most {ceiling:,}")


def signatures(role: str, have: int, threshold: int) -> NotAuthenticError:
    """Return the refusal of a document that too few keys signed."""
    return NotAuthenticError(
        refusal_code("signature", role),
        f"The {role!r} metadata is not signed by enough of its keys",
        have=count_text(have, "valid signature"),
        need=f"{threshold}",
        role=role,
    )


def length(role: str, have: int, need: int) -> NotAuthenticError:
    """Return the refusal of a document whose length is not the signed one."""
    return NotAuthenticError(
        refusal_code("length", role),
        f"The {role!r} metadata has another length than its signed one",
        have=count_text(have, "byte"),
        need=f"{need:,}",
        role=role,
    )


def digest(role: str) -> NotAuthenticError:
    """Return the refusal of a document whose digest is not the signed one."""
    return NotAuthenticError(
        refusal_code("hash", role), f"The {role!r} metadata does not match its signed digest", role=role
    )


def wrong_version(role: str, have: int, need: int) -> OtherVersionError:
    """Return the refusal of a document of another version than the one asked for."""
    return OtherVersionError(
        refusal_code("version", role),
        f"The {role!r} metadata is not the version it should be",
        have=f"version {have}",
        need=f"version {need}",
        role=role,
    )


def other_content(role: str) -> OtherVersionError:
    """Return the refusal of a known version that comes with other bytes."""
    return OtherVersionError(
        refusal_code("version", role),
        f"The {role!r} metadata has a version that is trusted already, and other content",
        need="a new version for new content",
        role=role,
    )


def root_withheld(have: int, need: int) -> NotAuthenticError:
    """Return the refusal of a root chain that stops short of the root that the timestamp names."""
    return NotAuthenticError(
        "tuf.root-withheld",
        "A newer root exists and was left out",
        have=f"roots up to {have}",
        need=f"roots up to {need}",
        todo="get it again from the publisher, by another way",
    )


def rollback(role: str, have: int, floor: int) -> RollbackError:
    """Return the refusal of a version older than the trusted one; an older timestamp alone is an older bundle."""
    kind = OlderTimestampError if role == Timestamp.type else CountedBackError
    return kind(
        refusal_code("rollback", role),
        f"The {role!r} metadata is older than what is trusted already",
        have=f"version {have}",
        need=f"version {floor} or newer",
        todo="nothing: the newer content stays in place",
        role=role,
    )


def removed(role: str) -> CountedBackError:
    """Return the refusal of a snapshot that no longer lists a role it listed before."""
    return CountedBackError(
        refusal_code("removed", role),
        f"The new snapshot no longer lists the role {role!r}",
        need="every role that was listed before",
        role=role,
    )


def expired(role: str, expires_at: datetime, now: datetime) -> ExpiredError:
    """Return the refusal of a document past its signed lifetime."""
    return ExpiredError(
        refusal_code("expired", role),
        f"The {role!r} metadata has expired",
        have=f"it ended on {instant_text(expires_at)}; the time here is {instant_text(now)}",
        need="metadata that is still valid",
        todo="get a newer one from the publisher, and check this machine's clock",
        role=role,
    )


def missing(role: str) -> IncompleteError:
    """Return the refusal when a document is not there."""
    return IncompleteError(
        refusal_code("missing", role),
        f"The {role!r} metadata is missing",
        todo="get a whole copy from the publisher",
        role=role,
    )


def no_such_target(path: str) -> IncompleteError:
    """Return the refusal of a path that no believed role lists."""
    return IncompleteError(
        "tuf.no-such-target", f"The publisher lists no target {path!r}", todo="check the path against the source's list"
    )
