"""The manager's refusals as errors: each fault by the element or class name in its detail."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from manifests.dsm.types import SWITCH_ON
from manifests.errors import FetchError

_TEXT = 300


class SessionEndedError(FetchError):
    """The manager has ended the session: to be begun anew."""


@dataclass(frozen=True)
class _Meaning:
    code: str
    what: str
    todo: str | None = None
    error: type[FetchError] = FetchError


_MEANINGS = {
    "ManagerLockoutException": _Meaning(
        "dsm.locked-out", "The manager has locked this user out", "unlock the user in the manager's console"
    ),
    "ManagerMaxSessionsException": _Meaning(
        "dsm.sessions",
        "The manager allows this user no further session",
        "end other sessions, or raise the number of active sessions allowed",
    ),
    "ManagerTimeoutException": _Meaning(
        "dsm.session-expired", "The manager has ended our session", "run it again", SessionEndedError
    ),
    "ManagerAuthenticationException": _Meaning(
        "dsm.credentials", "The manager does not accept the user or the password", "check the credentials"
    ),
    "ManagerAuthorizationException": _Meaning(
        "dsm.rights",
        "This user may not do that in the manager",
        "give the user's role the rights to web services and to rule updates",
    ),
    "ManagerSecurityException": _Meaning(
        "dsm.credentials", "The manager does not let us in", "check the credentials and the user's role"
    ),
    "ManagerValidationException": _Meaning("dsm.refused", "The manager refuses what it was given"),
    "ManagerIntegrityConstraintException": _Meaning("dsm.refused", "The manager refuses what it was given"),
    "ManagerCommunicationException": _Meaning("dsm.fault", "The manager cannot reach something that it needs"),
    "ManagerException": _Meaning("dsm.fault", "The manager failed"),
}
_ELEMENTS = {
    "fault": "ManagerException",
    "fault1": "ManagerLockoutException",
    "fault2": "ManagerAuthenticationException",
    "fault3": "ManagerMaxSessionsException",
    "fault4": "ManagerSecurityException",
    "fault5": "ManagerCommunicationException",
    "fault6": "ManagerTimeoutException",
    "fault7": "ManagerValidationException",
    "fault8": "ManagerAuthorizationException",
    "fault9": "ManagerIntegrityConstraintException",
}
"""Fault elements of the WSDL; its numbers, not ours."""
_CLASS = re.compile(r"\bManager[A-Za-z]*Exception\b")


def fault_error(message: str | None, details: Iterable[tuple[str, str]]) -> FetchError:
    """Return the error that a SOAP fault means.

    Args:
        message: The fault's text.
        details: Local name and text of each element of its detail.
    """
    named = [_ELEMENTS.get(element) or _class_name(text) for element, text in details]
    name = next((found for found in named if found), None) or _class_name(message or "") or "ManagerException"
    meaning = _MEANINGS.get(name, _MEANINGS["ManagerException"])
    return meaning.error(
        meaning.code, meaning.what, have=shown_fault(message or "") or None, todo=meaning.todo, fault=name
    )


def status_error(status: int) -> FetchError:
    """Return the error that an HTTP status without a SOAP answer means."""
    if status in {403, 404}:
        return FetchError(
            "dsm.soap-off",
            "The manager's SOAP interface is switched off, or this is not a manager",
            have=f"HTTP status {status}",
            todo=f"on the manager's machine: {SWITCH_ON}",
            status=status,
        )
    return FetchError("dsm.status", f"The manager answered HTTP status {status} and no SOAP", need="200", status=status)


def answer_error(why: str, *, have: str | None = None) -> FetchError:
    """Return the error of an answer that is not what the interface promises."""
    return FetchError(
        "dsm.answer",
        f"The manager's answer cannot be used: {why}",
        have=have,
        todo="check that the address is that of a Deep Security Manager",
    )


def shown_fault(text: str) -> str:
    """Return a manager's text for people: printable, one line, bounded."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_TEXT]


def _class_name(text: str) -> str | None:
    match = _CLASS.search(text)
    return match[0] if match and match[0] in _MEANINGS else None
