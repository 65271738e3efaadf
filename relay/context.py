"""What a command or a job of a relay works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from manifests.clock import Clock
from manifests.progress import CancelToken, NoProgress, Progress
from relay.config import Config
from relay.home import Home


@dataclass(frozen=True)
class Context:
    """The relay's home and what travels with it through every step of a command or a job.

    Args:
        home: The relay's directory.
        config: As it was read from there.
        clock: The system's clock.
        progress: Told about each step.
        cancel: Asked between steps and within long ones.
    """

    home: Home
    config: Config
    clock: Clock
    progress: Progress = field(default_factory=NoProgress)
    cancel: CancelToken = field(default_factory=CancelToken)
