"""A function that asks for a page."""

from __future__ import annotations

from tests.support.relay_pages import ask

__all__ = ["ask"]
