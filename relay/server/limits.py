"""Ceilings on what one client can take."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.limits import KIB


@dataclass(frozen=True)
class ServerLimits:
    """Ceilings of the server. Times in seconds."""

    header_seconds: float = 30.0
    """For a request's headers, and for the next request of an idle connection."""
    write_seconds: float = 60.0
    """Without the client taking a byte; nginx has the same default."""
    header_bytes: int = 16 * KIB
    connections: int = 1024
    """At once, for each address; more wait to be accepted."""
    stop_seconds: float = 10.0
    """For answers under way when the server stops."""


DEFAULT = ServerLimits()
