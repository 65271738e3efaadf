"""What to do in the DMZ about a bundle that was refused: for people, with the command to type."""

from __future__ import annotations

from manifests.errors import CountedBackError, OtherVersionError, SealiftError


def advise_increment(since: int) -> str:
    """Return the command that makes what a site lacks that holds a generation, or none."""
    return f"bundle create --since {since}" if since else "bundle create --full"


def tells_of_lost_count(error: SealiftError) -> bool:
    """Tell whether a refusal means that the publisher gives a version twice, or counts back: it lost its place.

    An older timestamp does not: that is an older bundle, which is what there is every day.
    """
    return isinstance(error, OtherVersionError | CountedBackError)


def advise_renumber(above: int) -> str:
    """Return what a publisher has to do of whom this site has seen more than he remembers."""
    return (
        f"in the DMZ, whose home came back from a backup or is in use twice: bundle restored --above {above}, "
        "then bundle create"
    )
