"""The relay's durable state: what is trusted, what is held, what each ring serves, what happened.

One SQLite database, write-ahead log, synchronous. An import is one transaction: trusted metadata, clock
floor, generation and event change together or not at all. Nothing is written for a refusal.
"""

from __future__ import annotations

from manifests.byte_ranges import Range
from relay.state.arriving import ArrivingGeneration, ArrivingVolume
from relay.state.database import State
from relay.state.deliveries import Delivery, DeliveryProblem, DeliveryState, Wanted
from relay.state.records import Event, Generation, GenerationTarget, NewGeneration, Ring
from relay.state.schema import database_errors

__all__ = [
    "ArrivingGeneration",
    "ArrivingVolume",
    "Delivery",
    "DeliveryProblem",
    "DeliveryState",
    "Event",
    "Generation",
    "GenerationTarget",
    "NewGeneration",
    "Range",
    "Ring",
    "State",
    "Wanted",
    "database_errors",
]
