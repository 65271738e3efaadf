"""Damaged bundles: what of them can still be believed, and whose fault a failure is.

A bundle's front (manifest, signature, TUF documents) decides everything. Where it does not verify, nothing of the
file is touched. Where it does, the place of each member follows from the signed manifest, so the rest of the file
may be cut off, overwritten or unreadable: every blob that has its digest is kept. A damaged file never makes a
generation: what is trusted and what is served stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from manifests.bundle.opening import open_bundle
from manifests.bundle.verify import VerifiedBundle, verify_bundle, verify_bundle_front
from manifests.errors import (
    DamagedBundleError,
    DamagedContainerError,
    MalformedError,
    MediumError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
    StorageError,
    StoredStateError,
)
from manifests.trust import TrustedState
from relay.importing.recovery import may_be_medium_damage
from relay.store.outstanding import OutstandingContent


class UnreadableError(Exception):
    """Content of a bundle cannot be read, or is not what was signed. ``error`` says how; the store is not at fault."""

    def __init__(self, error: SealiftError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class MemberDamage:
    """A member that could not be taken. ``needed``: its content was not here before."""

    member: str
    error: SealiftError
    needed: bool


@contextmanager
def open_medium(path: Path) -> Iterator[BinaryIO]:
    """Open a bundle; where that fails the medium is at fault, not the store.

    Raises:
        MalformedError: ``bundle.not-a-file``, ``bundle.hard-link``.
        StorageError: It cannot be opened.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_bundle(path))
        except StorageError as error:
            raise MediumError.of(error) from error
        yield file


def believe_bundle(
    file: BinaryIO, state: TrustedState, now: datetime, *, accept_expired: bool
) -> tuple[VerifiedBundle, SealiftError | None]:
    """Verify a bundle; one whose structure is damaged or unreadable by its front alone.

    Returns:
        The bundle, and what is wrong with its structure when it is not whole.

    Raises:
        RollbackError: It is older than what is trusted, by a front that verifies but for that.
        SealiftError: As :func:`manifests.bundle.verify.verify_bundle`; when the front does not verify either, the first
            reason.
    """
    try:
        return verify_bundle(file, state, now, accept_expired=accept_expired), None
    except StoredStateError:
        raise  # this machine's own disk is at fault, whatever came in
    except (DamagedContainerError, StorageError) as error:
        broken = _of_the_medium(error)
        try:
            return verify_bundle_front(file, state, now, accept_expired=accept_expired), broken
        except RollbackError:
            raise  # as signed, it is older than what is here: nothing of it is needed, damaged or not
        except SealiftError:
            raise broken from None


def read_content(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass a bundle's content on; its failures become :class:`UnreadableError`, so that they differ from the store's.

    Raises:
        UnreadableError: The medium cannot be read, or the content breaks its form or its stored digest.
    """
    try:
        yield from chunks
    except (MalformedError, NotAuthenticError, StorageError) as error:
        raise UnreadableError(_of_the_medium(error)) from error


def may_be_repaired(error: SealiftError) -> bool:
    """Tell whether recovery data could help: the medium is at fault, and not this machine's disk or the signer."""
    if isinstance(error, StorageError) and not isinstance(error, MediumError):
        return False
    return isinstance(error, DamagedBundleError) or may_be_medium_damage(error)


def _of_the_medium(error: SealiftError) -> SealiftError:
    return MediumError.of(error) if isinstance(error, StorageError) else error


def damaged_bundle(first: SealiftError, count: int, left: OutstandingContent) -> DamagedBundleError:
    """Return the refusal of a bundle whose undamaged content was kept.

    Args:
        first: What is wrong with it.
        count: How many members could not be taken.
        left: What its generation lacks now.
    """
    what = f"{count:,} of its members cannot be read" if count else "its end cannot be read"
    return DamagedBundleError(
        "bundle.damaged",
        f"The bundle is damaged: {what} ({first.code}: {first.what.rstrip('.')}). What is undamaged is kept",
        have=left.have,
        need=left.need,
        todo=left.todo,
        cause=first.code,
        damaged=count,
        generation=left.generation,
        missing=left.missing_targets,
    )
