"""Which generation a ring should serve. Pure."""

from __future__ import annotations

DEFAULT_RING = "default"
"""The one ring there is for now: it gets every generation at once."""
