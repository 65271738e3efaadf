"""Network namespaces of our own with loopback and nothing else. Needs root and iproute2.

Commands enter by ``nsenter`` and not by ``ip netns exec``: that one gives each command mounts of its own, in
which a stick that is plugged in later does not appear.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Namespace:
    """A network namespace by its name."""

    name: str

    def command(self, *arguments: object) -> list[str]:
        """Return the command line that runs a command inside."""
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *(str(argument) for argument in arguments)]


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Make a namespace in which ``127.0.0.1`` and ``::1`` work and no other host exists; remove it in the end."""
    inside = Namespace(f"sealift-{secrets.token_hex(4)}")
    _ip("netns", "add", inside.name)
    try:
        subprocess.run(inside.command("ip", "link", "set", "lo", "up"), check=True, capture_output=True)
        yield inside
    finally:
        _ip("netns", "delete", inside.name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"ip {' '.join(arguments)} left with {done.returncode}: {done.stderr}")
