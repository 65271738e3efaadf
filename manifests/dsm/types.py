"""What a manager says, as types, and what carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args

SOAP_PATH = "/webservice/Manager"
"""Where a manager serves its SOAP interface."""
SWITCH_ON = "dsm_c -action changesetting -name settings.configuration.webserviceAPIEnabled -value true"
"""The command on the manager's machine that switches the SOAP interface on; it is off by default."""

AppliedState = Literal["APPLIED", "APPLIED_CURRENT", "NOT_APPLIED"]
APPLIED_STATES: tuple[AppliedState, ...] = get_args(AppliedState)


@dataclass(frozen=True)
class Account:
    """Who signs in. The password shows nowhere."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """A whole HTTP answer. ``body`` was bounded by whoever read it."""

    status: int
    body: bytes


class Channel(Protocol):
    """Carries one SOAP message to the manager's endpoint and brings its answer."""

    def __call__(self, envelope: bytes, headers: Mapping[str, str]) -> Reply:
        """Post an envelope.

        Raises:
            FetchError: ``dsm.connect``, ``.tls``, ``.timeout``, ``.too-slow``, ``.too-large`` or ``.broken``.
        """


@dataclass(frozen=True)
class SecurityUpdate:
    """One rule pack that a manager knows.

    Args:
        id: The manager's own number for it.
        name: Its file name.
        state: ``None`` when the manager says something that we do not know.
        detect_only: Whether its new rules only detect.
        released: When the vendor released it, aware, in UTC.
    """

    id: int
    name: str
    state: AppliedState | None
    detect_only: bool
    released: datetime | None


@dataclass(frozen=True)
class Change:
    """What applying a pack does to one sort of rule; ``None`` where the manager does not count it."""

    what: str
    added: int
    updated: int
    deleted: int | None
    added_and_assigned: int | None = None


@dataclass(frozen=True)
class RuleChanges:
    """The summary that the manager's console shows before a pack is applied, in its order."""

    changes: tuple[Change, ...]
    summary: str
