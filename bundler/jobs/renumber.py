"""Number a publisher's next versions above all that sites have, once its home came back from a backup that is too old.

A site never goes back, in any role: a version that it trusts already, with other content, is refused, and so is
an older one. No role's version is ever above that of the snapshot, so all of them are above the highest snapshot
that any site has as soon as each is signed anew with a higher version than that.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.history import History
from bundler.home import Home
from bundler.repository import floor as version_floor
from bundler.repository.repository import Repository
from bundler.seal.journal import finish_interrupted
from manifests.errors import UsageError

MOST_AHEAD = 100_000
"""How far ahead a site can be believed to be: ten years of a bundle an hour. A typing error cannot be taken back."""


@dataclass(frozen=True)
class Renumbered:
    """What the next versions will be above, and the versions that nobody is taken to have any more."""

    above: int
    forgotten: tuple[int, ...]


def renumber_above(home: Home, above: int) -> Renumbered:
    """Let every role's next version be above ``above``, and take no site to have anything.

    1. Refuse a number that no site can have: it cannot be taken back.
    2. Forget the versions that are remembered: those that sites have may be others of the same number.
    3. Raise the floor, above which the next version of every role is.

    Args:
        home: A publisher's directory that came back from a backup.
        above: The highest version that any site has.

    Raises:
        ConfigurationError: ``repository.damaged``.
        UsageError: ``restored.above``: nobody can have that version.
        StorageError: The disk is full, read-only or failing; do it again.
        LockedError: Another process works in the home.
    """
    with home.lock():
        finish_interrupted(home)
        # 1. The number.
        repository, history = Repository.load(home.metadata), History(home)
        most = max(repository.snapshot_version, repository.floor) + MOST_AHEAD
        if not 1 <= above <= most:
            raise UsageError(
                "restored.above",
                f"No site of this publisher can have version {above}",
                have=f"version {repository.snapshot_version} here",
                need=f"1 to {most}: the highest generation in any site's relay status",
            )
        # 2. Versions, before the floor: what fails in between is done again with the same number.
        forgotten = history.list_versions()
        for version in forgotten:
            history.forget_version(version)
        # 3. The floor never goes down.
        above = max(above, repository.floor)
        version_floor.write_floor(home.metadata, above)
        return Renumbered(above, forgotten)
