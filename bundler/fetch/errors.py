"""What goes wrong while fetching over HTTP, as far as somebody acts on it; the rest is a plain ``FetchError``.

::

    FetchError
      x BrokenTransferError    no connection, silence, or an end before the end: try again, go on where it broke off
      x TooSlowError           it takes longer than the options allow
      x HttpStatusError        the server refused: some refusals pass
          x GoneError          404 or 410: it has no such file
          x BusyError          429 or 503: come back later; whoever says when is left alone until then
      x WebPageError           a web page came where a file was asked for: what is optional may be passed over
      x UnboundedError         nobody says where the file ends
      x WrongBodyError         what comes is not the file that is wanted: what came so far is of no use
          x WrongLengthError   it is not as long as its index says: either may be about to change
          x WrongRangeError    it is another part than was asked for: try again, from the beginning
              x NoSuchRangeError   416: the file ends before that part begins

A file that has another checksum than it should is a :class:`bundler.sources.checksums.ChecksumError`.
"""

from __future__ import annotations

from typing import Any

from manifests.errors import FetchError

GONE = frozenset({404, 410})
"""Status codes that say: there is no such file."""
FORBIDDEN = 403
"""Some stores answer this for what they do not have, so as not to tell what there is."""
RANGE_REFUSALS = frozenset({400, 405, 406, 412, 501})
"""What servers and what stands before them say to a range that they do not understand."""
BUSY = frozenset({429, 503})
TOO_MANY = 429
"""We asked too often: a host that says so is left alone, also when it does not say until when."""
_FOR_GOOD = frozenset({501, 505, 506, 508, 510, 511})
"""These a server says of itself for good, or (511) a network that wants somebody to sign in."""
BROKEN = frozenset(range(500, 600)) - BUSY - _FOR_GOOD
"""The server, or one that it asks, fails: ``http.server``. 520-527 and 530 are what content networks say of theirs."""
PASSING = frozenset({408, 425})
"""The server waited for us too long, or would not yet take our word for who asks."""


class BrokenTransferError(FetchError):
    """No connection came to be, or it broke off: ``http.connect``, ``.timeout`` or ``.truncated``."""


class TooSlowError(FetchError):
    """A connection, an answer or a body took longer than it may: ``http.too-slow``."""


class HttpStatusError(FetchError):
    """A server answered with a status that gives no file.

    Args:
        status: The status code.
    """

    status: int

    def __init__(
        self, code: str, what: str, *, status: int, have: str | None = None, todo: str | None = None, **details: Any
    ) -> None:
        super().__init__(code, what, have=have, todo=todo, status=status, **details)
        self._fix(status=status)

    @property
    def may_pass(self) -> bool:
        """Whether it is worth asking again in a moment."""
        return self.status in BUSY | BROKEN | PASSING

    @property
    def is_refusal(self) -> bool:
        """Whether the server will not give it, and would not later either: what many say of a file they do not have."""
        return 400 <= self.status < 500 and not self.may_pass


class GoneError(HttpStatusError):
    """The server has no such file, or has it no longer."""


class BusyError(HttpStatusError):
    """The server asks us to come back later.

    Args:
        host: ``host:port`` of who asks.
        retry_after_seconds: When to come back; ``None`` when it does not say.
    """

    host: str
    retry_after_seconds: int | None

    def __init__(
        self, code: str, what: str, *, status: int, host: str, retry_after_seconds: int | None, have: str | None
    ) -> None:
        super().__init__(code, what, status=status, have=have, retry_after_seconds=retry_after_seconds, host=host)
        self._fix(host=host, retry_after_seconds=retry_after_seconds)


class WebPageError(FetchError):
    """A web page came where a file was asked for: ``http.captive-portal``."""


class UnboundedError(FetchError):
    """A body ends with its connection, and so may be cut short unnoticed: ``http.unbounded``."""


class WrongBodyError(FetchError):
    """What comes is not the file that is wanted: ``http.length``, ``.too-large`` or ``.range``."""


class WrongLengthError(WrongBodyError):
    """A file is not as long as its index says: ``http.length``."""


class WrongRangeError(WrongBodyError):
    """Another part of a file came than was asked for: ``http.range``."""


class NoSuchRangeError(WrongRangeError):
    """The file ends before the part that was asked for begins: 416."""


def is_worth_retrying(error: FetchError) -> bool:
    """Tell whether a fetch that failed like this may succeed in a moment."""
    return isinstance(error, BrokenTransferError | WrongRangeError) or (
        isinstance(error, HttpStatusError) and error.may_pass
    )
