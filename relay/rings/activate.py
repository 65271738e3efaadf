"""Activation: the only mover of a ring. One transaction a move, with its event."""

from __future__ import annotations

from datetime import datetime

from manifests.clock import instant_text
from relay.context import Context
from relay.rings.mounting import list_mount_conflicts
from relay.rings.policy import HeldGeneration, choose_generation
from relay.state import Event, Ring, State
from relay.state.records import Detail

ACTIVATED = "activate"
"""Kind of the event that a move of a ring is."""


def move_rings(context: Context) -> tuple[Event, ...]:
    """Move every ring to the generation that its policy chooses.

    Needs no lock of the home: a move is one transaction over a generation that is held, and a generation that is
    chosen is never forgotten.

    Args:
        context: The relay's.

    Returns:
        The event of each move, none where every ring serves what it should.

    Raises:
        StorageError: The disk is full, read-only or failing; rings that were moved before stay moved.
        LockedError: ``lock.database``.
    """
    events: list[Event] = []
    with State(context.home.database) as state:
        for ring in state.publications.list_rings():
            if _wanted(state, ring, context.clock()) is not None:
                with state.transaction():
                    events += _move_ring(state, ring.name, context)
    return tuple(events)


def _wanted(state: State, ring: Ring, now: datetime) -> int | None:
    """Return the generation that a ring should be moved to; ``None`` when it serves that one, or nothing is held."""
    held = tuple(HeldGeneration(row.number, row.imported_at) for row in state.generations.list_generations())
    chosen = choose_generation(ring, held, now)
    return None if chosen == ring.generation else chosen


def _move_ring(state: State, name: str, context: Context) -> tuple[Event, ...]:
    """Move one ring, asking again within the transaction: another process may have moved it meanwhile."""
    ring, now = state.publications.find_ring(name), context.clock()
    wanted = _wanted(state, ring, now)
    if wanted is None:
        return ()
    published = state.publications.activate_generation(name, wanted, now)
    state.receipts.note_change()
    event = _event(name, wanted, ring.generation, published, now)
    state.event_rows.add_event(event)
    for told in list_mount_conflicts(context.config.mount_at_root, state.generations.list_sources(wanted), now):
        state.event_rows.add_event(told)
    return (event,)


def _event(ring: str, generation: int, before: int | None, published: datetime, now: datetime) -> Event:
    text = f"Ring {ring} serves generation {generation}" + ("" if before is None else f" instead of {before}")
    details: dict[str, Detail] = {
        "ring": ring,
        "generation": generation,
        "before": before,
        "published_at": instant_text(published),
    }
    return Event(now, ACTIVATED, text, details)
