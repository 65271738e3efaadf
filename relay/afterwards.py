"""What follows an import, the same from the command, the inbox and the jobs of the service.

1. each ring is moved to the generation that its policy chooses (:mod:`relay.rings.activate`)
2. deliveries into other programs' directories (:mod:`relay.deliveries`), under a lock of their own
3. the feature list
4. the receipt, when something has changed that the newest does not tell of

Each step is done for what is there now, whoever brought it: what a crash or a full disk prevented is done the next
time. A step that fails keeps nobody from the others, and the import stands; an event tells of it once for as long as
it fails alike.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from manifests.errors import LockedError, SealiftError, StorageError
from relay.context import Context
from relay.deliveries import NOTHING_DELIVERED, DeliveryReport, carry_out_deliveries
from relay.deliveries.run import FAILED as DELIVERY_FAILED
from relay.events.log import log_event
from relay.feature_files import write_feature_files
from relay.receipt.make import make_receipt
from relay.rings.activate import move_rings
from relay.state import Event, State

Done = TypeVar("Done")

WAIT_SECONDS = 60.0
"""How long to wait for another process that looks after deliveries."""


@dataclass(frozen=True)
class StepFailure:
    """A step that failed. ``is_new``: it did not fail alike the last time, so that an event tells of it."""

    event: Event
    error: SealiftError
    is_new: bool


@dataclass(frozen=True)
class FollowUp:
    """What was done after an import. ``moves`` are the events of rings that were moved."""

    moves: tuple[Event, ...] = ()
    deliveries: DeliveryReport = NOTHING_DELIVERED
    failures: tuple[StepFailure, ...] = ()

    @property
    def delivery_events(self) -> tuple[Event, ...]:
        """What happened to deliveries, also that none could be looked after."""
        failed = (failure.event for failure in self.failures if failure.event.kind == DELIVERY_FAILED)
        return (*self.deliveries.events, *failed)


def follow_import(context: Context, *, more_to_come: bool = False, wait_seconds: float = WAIT_SECONDS) -> FollowUp:
    """Do everything that follows an import.

    Args:
        context: The relay's.
        more_to_come: Another import follows at once: the receipt is left to what follows that one.
        wait_seconds: How long to wait for another process that looks after deliveries; it is tried again later.

    Raises:
        CancelledError: The context's token says so; what is left is done the next time.
    """
    steps = _Steps(context)
    # 1. rings: first, since agents wait for them, and deliveries are made of what is served
    moves = steps.take("activate", lambda: move_rings(context)) or ()
    # 2. deliveries: what fails of one file is in their report, what fails here keeps all of them
    delivered = steps.take("delivery", lambda: carry_out_deliveries(context, wait_seconds=wait_seconds))
    # 3. the feature list
    steps.take("out", lambda: write_feature_files(context.home, context.config))
    # 4. the receipt: last, since it tells what is served
    if not more_to_come:
        steps.take("receipt", lambda: _refresh_receipt(context))
    return FollowUp(moves, delivered or NOTHING_DELIVERED, tuple(steps.failures))


_SENTENCES = {
    "activate": "A generation is held and could not be activated",
    "delivery": "Deliveries could not be looked after",
    "out": "The feature list was not written",
    "receipt": "No receipt could be written",
}
"""What it means for people that a step failed, by its name; the kind of its event is ``<name>-failed``."""


class _Steps:
    """The steps of one run, each on its own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._failed_before: dict[str, str] = {}
        self.failures: list[StepFailure] = []
        with suppress(StorageError, LockedError), State(context.home.database) as state:
            self._failed_before = state.follow_ups.load_failures()

    def take(self, name: str, step: Callable[[], Done]) -> Done | None:
        """Take a step; where it fails, an event says so, unless it failed alike the last time."""
        self._context.cancel.raise_if_cancelled()
        try:
            done = step()
        except LockedError:
            return None  # another process is at work; it is tried again
        except SealiftError as error:
            self._note_failure(name, error)
            return None
        if name in self._failed_before:
            self._save(lambda state: state.follow_ups.drop_failure(name))
        return done

    def _note_failure(self, name: str, error: SealiftError) -> None:
        now = self._context.clock()
        event = Event(now, f"{name}-failed", f"{_SENTENCES[name]}: {error}", {"code": error.code})
        is_new = self._failed_before.get(name) != error.code
        self.failures.append(StepFailure(event, error, is_new))
        if is_new:
            self._save(lambda state: state.follow_ups.save_failure(name, error.code, now))
            with suppress(StorageError):  # the log may be on the disk that fails
                log_event(self._context.home, event)

    def _save(self, change: Callable[[State], None]) -> None:
        with suppress(StorageError, LockedError), State(self._context.home.database) as state, state.transaction():
            change(state)


def _refresh_receipt(context: Context) -> None:
    """Make a receipt, unless the newest tells of every change."""
    with State(context.home.database) as state:
        changes = state.receipts.find_untold_changes()
        if changes is None:
            return
        make_receipt(context)
        with state.transaction():
            state.receipts.note_told(changes)
