"""Nothing in place of something: what a source says where its upstream has no content left."""

from __future__ import annotations

from manifests.errors import FetchError


class EmptyError(FetchError):
    """Where there should be rules or signatures there are none: ``source.empty`` or ``source.stand-in``."""


def empty_error(source: str, path: str, what: str, *, have: str, hint: str | None = None) -> EmptyError:
    """Return the error for a file without content.

    Args:
        source: The source's name.
        path: The file's name below it.
        what: Of what there is none: ``rule``, ``signature``.
        have: How the file begins, or what it had before.
        hint: What else may be wrong than the upstream.
    """
    return EmptyError(
        "source.empty",
        f"Source {source!r}: there is no {what} in {path}",
        have=have,
        todo=f"{hint or 'ask the upstream whether the subscription has ended'}; "
        f"if it is meant to be empty, write allow_empty = true for {source}",
    )
