"""Reading how a relay stands, out of its state and its configuration."""

from __future__ import annotations

from dataclasses import replace

from relay.config import Config
from relay.home import Home
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.state.last_refusal import load_last_refusal
from relay.status.facts import Status
from relay.store.outstanding import list_outstanding


def read_status(home: Home, config: Config, state: State) -> Status:
    """Read how the relay stands, without what it serves."""
    ring = state.publications.find_ring(DEFAULT_RING)
    generation = None if ring.generation is None else state.generations.find_generation(ring.generation)
    targets, target_bytes = state.publications.measure_files(ring.name)
    hold_days = {place.name: place.hold_days for place in config.deliveries}
    return Status(
        ring=ring.name,
        generation=0 if generation is None else generation.number,
        publisher=None if generation is None else generation.publisher,
        created=None if generation is None else generation.created,
        imported_at=None if generation is None else generation.imported_at,
        clock_floor=state.trusted.load_clock_floor(),
        roles=state.trusted.list_roles(),
        targets=targets,
        target_bytes=target_bytes,
        generations=state.generations.count_generations(),
        connectivity=config.connectivity,
        stale_after_days=config.stale_after_days,
        last_import=state.last_import.load_last_import(),
        last_refusal=load_last_refusal(home.last_refusal_file),
        pending=list_outstanding(state, home.store),
        sources=() if generation is None else state.generations.list_sources(generation.number),
        absent_sources=() if generation is None else state.generations.list_absent_sources(generation.number),
        deliveries=tuple(
            replace(row, hold_days=hold_days.get(row.wanted.place)) for row in state.deliveries.list_all()
        ),
        delivery_problems=state.deliveries.list_problems(),
    )
