"""Reading how a relay stands, out of its state, its audit log and its configuration."""

from __future__ import annotations

from dataclasses import replace

from relay.config import Config
from relay.events import log as events
from relay.home import Home
from relay.state import DEFAULT_RING, Event, State
from relay.status.facts import Outcome, Status
from relay.store.outstanding import outstanding


def read_status(home: Home, config: Config, state: State) -> Status:
    """Read how the relay stands, without what it serves."""
    ring = next(ring for ring in state.rings() if ring.name == DEFAULT_RING)
    generation = None if ring.generation is None else state.generation(ring.generation)
    targets, target_bytes = state.publication_size(ring.name)
    last = state.events(kinds=("import",), limit=1)
    hold_days = {place.name: place.hold_days for place in config.deliveries}
    return Status(
        ring=ring.name,
        generation=0 if generation is None else generation.number,
        publisher=None if generation is None else generation.publisher,
        created=None if generation is None else generation.created,
        imported_at=None if generation is None else generation.imported_at,
        clock_floor=state.clock_floor(),
        roles=state.roles(),
        targets=targets,
        target_bytes=target_bytes,
        generations=state.generation_count(),
        connectivity=config.connectivity,
        stale_after_days=config.stale_after_days,
        last_import=_outcome(last[0], "generation") if last else None,
        last_refusal=read_last_refusal(home),
        pending=outstanding(state, home.blobs),
        sources=() if generation is None else state.sources(generation.number),
        deliveries=tuple(replace(row, hold_days=hold_days.get(row.wanted.place)) for row in state.deliveries.all()),
        delivery_problems=state.deliveries.problems(),
    )


def read_last_refusal(home: Home) -> Outcome | None:
    """Return the newest refusal of the audit log."""
    event = events.last_logged(home, events.REFUSED)
    return None if event is None else _outcome(event, "code")


def _outcome(event: Event, subject: str) -> Outcome:
    return Outcome(event.at, str(event.details.get(subject, "")), event.text)
