"""Single checks of the workflow that need nothing but the documents at hand."""

from __future__ import annotations

from collections.abc import Callable

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import MetaFile, Root, Snapshot, Targets

from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.trust import refusals
from manifests.trust.documents import MetadataDocument, check_signatures, parse_metadata


def self_signed_root(data: bytes, limits: Limits = DEFAULT_LIMITS) -> MetadataDocument[Root]:
    """Read a root and check that its own keys sign it.

    Raises:
        NotAuthenticError: ``tuf.signature.root``.
        MalformedError: ``tuf.malformed.root`` or ``tuf.too-large.root``.

    Source: TUF 5.2.
    """
    root = parse_metadata(Root, data, Root.type, limits.root_bytes)
    check_signatures(root.signed, Root.type, root)
    return root


def check_meta(meta: MetaFile, data: bytes, role: str) -> None:
    """Compare bytes with the length and digests that the document above them gives, where it gives any.

    Raises:
        NotAuthenticError: ``tuf.length.<role>``, or ``tuf.hash.<role>``, also for an unknown algorithm.

    Source: TUF 5.5.2, 5.6.2.
    """
    if meta.length is not None and len(data) != meta.length:
        raise refusals.length(role, len(data), meta.length)
    try:
        meta.verify_length_and_hashes(data)
    except LengthOrHashMismatchError as error:
        raise refusals.digest(role) from error


def check_no_rollback(new: Snapshot, known: Snapshot) -> None:
    """Refuse a snapshot that takes back a role or a role's version.

    Raises:
        RollbackError: ``tuf.removed.<role>`` or ``tuf.rollback.<role>``.

    Source: TUF 5.5.5.
    """
    for name, known_meta in known.meta.items():
        role = name.removesuffix(".json")
        meta = new.meta.get(name)
        if meta is None:
            raise refusals.removed(role)
        if meta.version < known_meta.version:
            raise refusals.rollback(role, meta.version, known_meta.version)


def delegated_roles(targets: Targets, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """Return the names of the roles that a targets role delegates to, in order of trust.

    Raises:
        MalformedError: ``tuf.delegations``: hash bins beyond the ceiling, which a few bytes can ask for.

    Source: TUF 5.6.7; TAP 15 for hash bins.
    """
    if targets.delegations is None:
        return ()
    bins = targets.delegations.succinct_roles
    if bins is None:
        return tuple(targets.delegations.roles or ())
    if bins.number_of_bins > limits.delegations:
        raise refusals.too_many_delegations(limits.delegations)
    return tuple(bins.get_roles())


def wanted_roles(targets: Targets, may_be_wanted: Callable[[str], bool], limits: Limits) -> tuple[str, ...]:
    """Return the roles of :func:`delegated_roles` that may speak for a wanted path.

    Args:
        targets: The delegator.
        may_be_wanted: Tells whether any path that fits a pattern of ``paths`` may be wanted. Where paths are shared
            out by their digests each role may have any.
        limits: Ceilings.

    Raises:
        MalformedError: ``tuf.delegations``.
    """
    named = None if targets.delegations is None else targets.delegations.roles
    if not named:
        return delegated_roles(targets, limits)
    return tuple(
        name for name, role in named.items() if role.paths is None or any(may_be_wanted(path) for path in role.paths)
    )
