"""The Deep Security Manager's SOAP interface, as far as rule updates need it: what is said, never how it travels.

Both sides speak it: the bundler fetches rule packs from the manager in the DMZ, the relay brings them to the manager
inside. Here are the WSDL, the messages, the faults and the session; bytes go through a :class:`Channel` that each
side makes for itself, so nothing here opens a connection.
"""

from __future__ import annotations

from manifests.dsm.reading import collect_answer
from manifests.dsm.session import Manager, signed_in
from manifests.dsm.types import (
    SOAP_PATH,
    SWITCH_ON,
    Account,
    AppliedState,
    Change,
    Channel,
    Reply,
    RuleChanges,
    SecurityUpdate,
)

__all__ = [
    "SOAP_PATH",
    "SWITCH_ON",
    "Account",
    "AppliedState",
    "Change",
    "Channel",
    "Manager",
    "Reply",
    "RuleChanges",
    "SecurityUpdate",
    "collect_answer",
    "signed_in",
]
