"""One signed-in session with a manager. It is ended whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from manifests.dsm import coding
from manifests.dsm.faults import SessionEndedError, answer_error
from manifests.dsm.types import Account, Channel, Reply, RuleChanges, SecurityUpdate
from manifests.errors import FetchError

Decode: TypeAlias = Callable[[str, Reply], Any]


@contextmanager
def signed_in(channel: Channel, account: Account) -> Iterator[Manager]:
    """Sign in, and sign out at the end of the block.

    A manager keeps sessions until they time out and allows only so many, so signing out is tried after any failure
    too; that it fails then is no news.

    Raises:
        FetchError: ``dsm.*``: the channel failed, the manager refused or answered nonsense.
    """
    manager = Manager(channel, account)
    manager.sign_in()
    try:
        yield manager
    finally:
        with suppress(FetchError):
            manager.sign_out()


class Manager:
    """The operations on rule packs. A session that the manager ended is begun anew, once per operation.

    Args:
        channel: Carries the messages.
        account: Who signs in.
    """

    def __init__(self, channel: Channel, account: Account) -> None:
        self._channel = channel
        self._account = account
        self._session: str | None = None

    def sign_in(self) -> None:
        """Begin a session.

        Raises:
            FetchError: ``dsm.credentials``, ``dsm.locked-out``, ``dsm.sessions``, or any other ``dsm.*``.
        """
        session = self._ask("authenticate", username=self._account.user, password=self._account.password)
        if not isinstance(session, str) or not session:
            raise answer_error("no session after signing in")
        self._session = session

    def sign_out(self) -> None:
        """End the session.

        Raises:
            FetchError: ``dsm.*``.
        """
        session, self._session = self._session, None
        if session is not None:
            self._ask("endSession", sID=session)

    def security_updates(self) -> tuple[SecurityUpdate, ...]:
        """Return every rule pack that the manager knows, in its order.

        Raises:
            FetchError: ``dsm.*``.
        """
        return coding.security_updates(self._call("securityUpdateRetrieveAll"))

    def export(self, number: int) -> bytes:
        """Return the file of a rule pack.

        Raises:
            FetchError: ``dsm.*``.
        """
        return bytes(self._call("securityUpdateExport", coding.decode_content, id=number))

    def store(self, content: bytes, file_name: str) -> SecurityUpdate:
        """Import a rule pack into the manager, without applying it.

        Raises:
            FetchError: ``dsm.refused`` when the manager does not take the file for a rule pack, or any other ``dsm.*``.
        """
        return coding.security_update(self._call("securityUpdateStore", securityUpdate=content, fileName=file_name))

    def changes(self, number: int) -> RuleChanges:
        """Return what applying a rule pack would change.

        Raises:
            FetchError: ``dsm.*``.
        """
        return coding.rule_changes(self._call("securityUpdateGetApplierInformation", ID=number))

    def apply(self, number: int, *, detect_only: bool) -> RuleChanges:
        """Apply a rule pack, and return what that changed.

        Raises:
            FetchError: ``dsm.*``.
        """
        return coding.rule_changes(self._call("securityUpdateApply", ID=number, detectOnly=detect_only))

    def _call(self, operation: str, decode: Decode = coding.decode_reply, **arguments: object) -> Any:
        """Ask within the session; when the manager has ended it, sign in again and ask once more."""
        with suppress(SessionEndedError):
            return self._ask(operation, decode, **arguments, sID=self._session)
        self.sign_in()
        return self._ask(operation, decode, **arguments, sID=self._session)

    def _ask(self, operation: str, decode: Decode = coding.decode_reply, **arguments: object) -> Any:
        envelope, headers = coding.encode_request(operation, **arguments)
        reply = self._channel(envelope, headers)
        try:
            return decode(operation, reply)
        except FetchError as error:
            if any(secret in (error.have or "") for secret in (self._account.password, self._session) if secret):
                raise error.reworded(have="(what the manager says repeats a secret)") from None
            raise
