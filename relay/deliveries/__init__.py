"""Deliveries: files of the served generation, put into the directories of other programs under their own names.

A source whose publisher says ``deliver = NAME`` is meant for a place of that name; where the place is, only
``relay.toml`` says. Each file is a copy, never a link to the store. It appears at once and whole, replaces nothing
that somebody else put there, and is removed again when the generation no longer has it or its time is up.

What is done follows from what is: the served generation, the places, and the rows of the state. A run brings the
directories from any of its own half-done works to what should be, so an interrupted one is simply run again.
"""

from __future__ import annotations

from relay.deliveries.advice import suggest_place
from relay.deliveries.run import NOTHING_DELIVERED, DeliveryReport, carry_out_deliveries

__all__ = ["NOTHING_DELIVERED", "DeliveryReport", "carry_out_deliveries", "suggest_place"]
