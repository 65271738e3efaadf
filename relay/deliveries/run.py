"""Deliveries carried out: every step is on record before it is taken, so that an interrupted run is only run again.

1. what an earlier run left half-done is finished or undone
2. what is no longer wanted is removed, if it is still what we put there
3. what is wanted and missing is copied beside its place, made durable, and renamed into it
4. what could not be done is written down, and tried again at the next run

A failure of one file is no reason to leave out the others.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from manifests.disk.blobs import Blob
from manifests.disk.lock import exclusive_lock
from manifests.errors import SealiftError, StorageError
from manifests.text import printable
from relay.config import DeliveryConfig
from relay.context import Context
from relay.deliveries.files import TEMPORARY, DeliveryDirectory, open_directory
from relay.deliveries.plan import plan_deliveries, problem_of
from relay.rings.policy import DEFAULT_RING
from relay.state import Delivery, DeliveryProblem, DeliveryState, Event, State, Wanted

DELIVERED, REMOVED, GONE, FAILED = "delivered", "delivery-removed", "delivery-gone", "delivery-failed"
"""Kinds of the events that tell of deliveries."""
_HALF_DONE = frozenset({"begun", "ready"})


@dataclass(frozen=True)
class DeliveryReport:
    """What a run delivered and removed, and what is wrong after it.

    Args:
        events: What happened in this run; a failure only when it is new.
        problems: Everything that is not where it should be.
    """

    events: tuple[Event, ...] = ()
    problems: tuple[DeliveryProblem, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What to tell who stands before the machine: what was done, and all that is wrong."""
        done = [event.text for event in self.events if event.kind != FAILED]
        wrong = [
            line
            for one in self.problems
            for line in (f"Not delivered [{one.code}]: {one}", *(one.lines or "").splitlines())
        ]
        return (*done, *wrong)


NOTHING_DELIVERED = DeliveryReport()


def carry_out_deliveries(context: Context, *, wait_seconds: float = 0.0) -> DeliveryReport:
    """Bring the places of other programs to what the generation that is served means for them.

    It takes minutes where files are large, so it runs beside imports, under a lock of its own.

    Args:
        context: The relay's.
        wait_seconds: How long to wait for another process that looks after deliveries.

    Returns:
        What was done, and what of it could not be.

    Raises:
        LockedError: ``lock.held``: another process is at it; what a ring serves by now is seen to by that one.
        StorageError: The relay's own disk or database fails.
        CancelledError: The context's token says so; the next run finishes what was begun.
    """
    home = context.home
    with exclusive_lock(home.path / "deliveries.lock", wait_seconds=wait_seconds), State(home.database) as state:
        return _DeliveryRun(context, state).run()


class _DeliveryRun:
    """One run. ``_try`` keeps one file's failure from the others."""

    def __init__(self, context: Context, state: State) -> None:
        self._home = context.home
        self._config = context.config
        self._progress = context.progress
        self._cancel = context.cancel
        self._now = context.clock()
        self._state = state
        self._events: list[Event] = []
        self._problems: list[DeliveryProblem] = []

    def run(self) -> DeliveryReport:
        """Carry out the deliveries, and again if the ring was moved meanwhile."""
        rows = self._state.deliveries
        # 1. what is half-done
        for row in rows.list_all():
            if row.state in _HALF_DONE:
                self._try(row.wanted, partial(self._recover, row))
        recovering = self._problems
        wanted: tuple[Wanted, ...] | None = None
        while wanted != (served := rows.list_wanted(DEFAULT_RING)):
            # Whoever moved the ring meanwhile was kept out by our lock: it is for us to look again.
            wanted = served
            self._problems = list(recovering)
            self._bring_places_to(wanted)
        # 4. what could not be done
        self._save_problems()
        return DeliveryReport(tuple(self._events), tuple(self._problems))

    def _bring_places_to(self, wanted: tuple[Wanted, ...]) -> None:
        rows = self._state.deliveries
        settled = [row for row in rows.list_all() if row.state not in _HALF_DONE]
        todo = plan_deliveries(wanted, self._config.deliveries, settled, self._home.config_file, self._now)
        self._problems += todo.problems
        # 2. what is no longer wanted: first, for a name that it has may be wanted by another file
        for row in todo.remove:
            self._try(row.wanted, partial(self._remove, row, "the served generation no longer has it", None))
        for row in todo.withdraw:
            self._try(row.wanted, partial(self._remove, row, "its time was up", "withdrawn"))
        for row in todo.keep:
            self._try(row.wanted, partial(self._look_after, row))
        # 3. what is wanted and missing
        taken = {row.key for row in rows.list_all()}
        for place, one in todo.deliver:
            if (place.directory, one.file_name) not in taken:
                self._try(one, partial(self._deliver, place, one))

    def _try(self, wanted: Wanted, step: Callable[[], None]) -> None:
        self._cancel.raise_if_cancelled()
        try:
            step()
        except SealiftError as error:
            said = error if error.todo else error.reworded(todo="see to it; it is tried again by itself")
            self._problems.append(problem_of(wanted, wanted.file_name, said, self._now))

    def _recover(self, row: Delivery) -> None:
        """Finish or undo what was interrupted."""
        name, temporary = row.wanted.file_name, row.temporary
        with open_directory(row.directory) as directory:
            ours = False
            if row.state == "ready" and not directory.has_name(temporary):
                ours = directory.hash_file(name) == _blob(row.wanted)
            elif row.state == "ready" and not directory.has_name(name):
                directory.give_name(temporary, name)
                ours = True
            else:
                ours = row.state == "ready" and directory.is_one_file(temporary, name)
                directory.remove_file(temporary)
        if ours:
            self._note_delivered(row)
        else:
            with self._state.transaction():
                self._state.deliveries.forget_delivery(row)

    def _deliver(self, place: DeliveryConfig, one: Wanted) -> None:
        """Put one file into its place."""
        row = Delivery(place.directory, one, "begun", TEMPORARY.format(secrets.token_hex(8)))
        with open_directory(place.directory) as directory:
            if directory.has_name(one.file_name):
                self._take_as_found(directory, row)
                return
            directory.require_room(one.length)
            self._save(row)
            try:
                directory.write_temporary(row.temporary, self._content(one), _blob(one), place)
                self._save(replace(row, state="ready"))
            except (SealiftError, OSError):
                self._undo(directory, row)
                raise
            try:
                directory.give_name(row.temporary, one.file_name)
            except SealiftError:  # somebody else has the name; after any other error it may be ours already
                self._undo(directory, row)
                raise
        self._note_delivered(row)

    def _undo(self, directory: DeliveryDirectory, row: Delivery) -> None:
        directory.remove_file(row.temporary)
        with self._state.transaction():
            self._state.deliveries.forget_delivery(row)

    def _take_as_found(self, directory: DeliveryDirectory, row: Delivery) -> None:
        """Be content with a file that is what it should be, though somebody else put it there."""
        if directory.hash_file(row.wanted.file_name) != _blob(row.wanted):
            raise directory.foreign_file(row.wanted.file_name)
        self._save(replace(row, state="found", placed_at=self._now))

    def _note_delivered(self, row: Delivery) -> None:
        text = f"{row.file} is delivered: {row.wanted.path} of generation {row.wanted.generation}"
        self._save(replace(row, state="placed", placed_at=self._now), self._event(DELIVERED, text, row))

    def _look_after(self, row: Delivery) -> None:
        """Notice that somebody removed the file, as the vendor's guide asks people to; it does not come back."""
        if row.state not in {"placed", "found"}:
            return
        with open_directory(row.directory) as directory:
            there = directory.has_name(row.wanted.file_name)
        if not there:
            text = f"{row.file} was removed by somebody else; it is not delivered again"
            self._save(replace(row, state="gone"), self._event(GONE, text, row))

    def _remove(self, row: Delivery, why: str, then: DeliveryState | None) -> None:
        """Remove a file of ours, unless it is not what we put there any more."""
        event = None
        if row.state == "placed":
            with open_directory(row.directory) as directory:
                there = directory.has_name(row.wanted.file_name)
                if there and directory.hash_file(row.wanted.file_name) == _blob(row.wanted):
                    directory.remove_file(row.wanted.file_name)
                    event = self._event(REMOVED, f"{row.file} is removed: {why}", row)
                elif there:
                    text = f"{row.file} is not what was delivered any more, so it is left there"
                    event = self._event(GONE, text, row)
        if then is not None:
            self._save(replace(row, state=then), event)
            return
        with self._state.transaction():
            self._state.deliveries.forget_delivery(row)
            self._record(event)

    def _content(self, one: Wanted) -> Iterator[bytes]:
        """Yield what the store holds of a target."""
        if not self._home.store.has_blob(_blob(one)):
            raise StorageError("delivery.damaged", f"The store has lost {one.path}", todo="relay check")
        self._progress.start(f"Deliver {printable(one.file_name)}", one.length)
        for chunk in self._home.store.read(one.sha256):
            self._cancel.raise_if_cancelled()
            self._progress.advance(len(chunk))
            yield chunk

    def _save(self, row: Delivery, event: Event | None = None) -> None:
        with self._state.transaction():
            self._state.deliveries.save_delivery(row)
            self._record(event)

    def _record(self, event: Event | None) -> None:
        if event is not None:
            self._state.event_rows.add_event(event)
            self._events.append(event)

    def _event(self, kind: str, text: str, row: Delivery) -> Event:
        wanted = row.wanted
        details: dict[str, str | int | bool | None] = {
            "place": wanted.place,
            "source": wanted.source,
            "file": str(row.file),
            "sha256": wanted.sha256,
            "generation": wanted.generation,
        }
        return Event(self._now, kind, text, details)

    def _save_problems(self) -> None:
        """Write down what is wrong, and an event for each thing that is newly so."""
        before = {one.key: one for one in self._state.deliveries.list_problems()}
        after = {one.key: one for one in reversed(self._problems)}
        for key, one in after.items():
            if key in before and before[key].code == one.code:
                after[key] = replace(one, since=before[key].since)
        self._problems = sorted(after.values(), key=lambda one: one.key)
        if after == before:
            return
        with self._state.transaction():
            self._state.deliveries.replace_problems(self._problems)
            for one in self._problems:
                if one.key not in before or before[one.key].code != one.code:
                    details: dict[str, str | int | bool | None] = {
                        "code": one.code,
                        "place": one.place,
                        "source": one.source,
                        "file": one.file_name,
                        "lines": one.lines,
                    }
                    self._record(Event(self._now, FAILED, str(one), details))


def _blob(wanted: Wanted) -> Blob:
    return Blob(wanted.sha256, wanted.length)
