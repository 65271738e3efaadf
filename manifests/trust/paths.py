"""Which role speaks for a path: patterns, and the search through delegations, fast for tens of thousands of paths.

``tuf.api`` answers the same question (``Delegations.get_roles_for_target``) and splits every pattern
anew for every path; one publisher delegates some 16 patterns per source, so listing all targets took
most of an import. A property test compares the two.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Iterator

from tuf.api.metadata import DelegatedRole, Root, TargetFile, Targets

from manifests.trust import refusals

TOP_TARGETS = Targets.type
"""Name of the top-level targets role."""


class Delegations:
    """The delegations of one targets role, prepared for many questions.

    Source: TUF 4.5 (``paths``, ``path_hash_prefixes``); TAP 15 (succinct hash bins).
    """

    def __init__(self, targets: Targets) -> None:
        self._succinct = None if targets.delegations is None else targets.delegations.succinct_roles
        roles = {} if targets.delegations is None else targets.delegations.roles or {}
        self._roles = tuple(_Role(role) for role in roles.values())

    def for_path(self, path: str) -> Iterator[tuple[str, bool]]:
        """Yield ``(role, terminating)`` for each role that may speak for the path, most trusted first."""
        if self._succinct is not None:
            yield self._succinct.get_role_for_target(path), True
            return
        parts = path.split("/")
        for role in self._roles:
            if role.matches(path, parts):
                yield role.name, role.terminating


class _Role:
    def __init__(self, role: DelegatedRole) -> None:
        self.name = role.name
        self.terminating = role.terminating
        self._prefixes = None if role.path_hash_prefixes is None else tuple(role.path_hash_prefixes)
        self._patterns: dict[int, list[tuple[tuple[str, bool], ...]]] = {}
        for pattern in role.paths or ():
            prepared = tuple((part, any(char in part for char in "*?[")) for part in pattern.split("/"))
            self._patterns.setdefault(len(prepared), []).append(prepared)

    def matches(self, path: str, parts: list[str]) -> bool:
        if self._prefixes is not None:
            return hashlib.sha256(path.encode("utf-8")).hexdigest().startswith(self._prefixes)
        return any(_fits(parts, pattern) for pattern in self._patterns.get(len(parts), ()))


def _fits(parts: list[str], pattern: tuple[tuple[str, bool], ...]) -> bool:
    """Compare part by part: literally, or as a shell pattern; most paths differ from most patterns at once."""
    for part, (wanted, is_glob) in zip(parts, pattern, strict=True):
        if not is_glob:
            if part != wanted:
                return False
        elif wanted != "*" and not fnmatch.fnmatchcase(part, wanted):
            return False
    return True


def search_target(
    path: str,
    load: Callable[[str, str], Targets],
    delegations: Callable[[str], Delegations],
    max_roles: int,
) -> TargetFile | None:
    """Search a target depth first, in order of trust; a terminating delegation ends the search below it.

    Args:
        path: The target's path.
        load: Given a role and its delegator, return the believed role.
        delegations: Given a role loaded so, return its delegations.
        max_roles: Ceiling on delegated roles visited.

    Raises:
        MalformedError: ``tuf.delegations``.

    Source: TUF 5.6.7.
    """
    to_visit, visited = [(TOP_TARGETS, Root.type)], set[str]()
    while to_visit:
        role, delegator = to_visit.pop()
        if role in visited:  # 5.6.7.1: cycles
            continue
        if len(visited) > max_roles:
            raise refusals.too_many_delegations(max_roles)
        target = load(role, delegator).targets.get(path)
        if target is not None:
            return target
        visited.add(role)
        children: list[tuple[str, str]] = []
        for child, terminating in delegations(role).for_path(path):
            children.append((child, role))
            if terminating:  # 5.6.7.2.1
                to_visit = []
                break
        to_visit += reversed(children)
    return None
