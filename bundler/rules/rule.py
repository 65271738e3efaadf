"""What is known of one rule, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.manifest import one_line

MAX_FILE_BYTES = 32 * MIB
"""Largest file that is read rule by rule; the largest published rule sets have some 30 MiB unpacked."""
MAX_FILE_RULES = 200_000
"""Rules of one file; ET Pro has some 100,000."""
MAX_SHOWN = 200
"""Characters of an identifier or a title."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file.

    ``identifier`` is what its format calls it by, ``revision`` what the format says of its age (may be
    empty), ``digest`` stands for its text. Nothing here moves a terminal's cursor.
    """

    format: str
    identifier: str
    revision: str
    digest: bytes
    title: str
    enabled: bool = True


Reader = Callable[[bytes], tuple[Rule, ...]]
"""Reads a file's content, pure; raises :class:`MalformedError` and nothing else."""


def make_rule(
    format_name: str, identifier: str, body: bytes, *, revision: str = "", title: str = "", enabled: bool = True
) -> Rule:
    """Return a rule whose texts are fit to be shown and whose digest stands for ``body``."""
    digest = hashlib.blake2b(body, digest_size=16).digest()
    return Rule(format_name, _shown(identifier), _shown(revision), digest, _shown(title), enabled)


def bounded_rules(rules: list[Rule]) -> tuple[Rule, ...]:
    """Return the rules of a file.

    Raises:
        MalformedError: ``rules.too-many``.
    """
    if len(rules) > MAX_FILE_RULES:
        raise MalformedError("rules.too-many", "It holds too many rules", need=f"at most {MAX_FILE_RULES:,}")
    return tuple(rules)


def _shown(text: str) -> str:
    line = one_line(text[: 2 * MAX_SHOWN]).strip()
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 3] + "..."
