"""How answers begin: after "continue", "processing" or "early hints" (RFC 9110 section 15.2), and not without end."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

from manifests.errors import FetchError

_SWITCHING = 101
"""The last that is said in HTTP: what follows is no answer to read."""
_MOST = 20
"""Of a server that says 102 every few seconds while it works, some; one without end is broken."""
_LINES = 100
_LINE_BYTES = 65536


class TwoLengthsError(http.client.HTTPException):
    """An answer gives its body more than one length."""


class PatientResponse(http.client.HTTPResponse):
    """An answer that begins after whatever 1xx came before it."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == _SWITCHING:
                return version, status, reason
            self._skip_headers()
        raise http.client.BadStatusLine(f"more than {_MOST} answers of 1xx")

    def begin(self) -> None:
        """Read status line and headers; a length that is said twice and alike is said once (RFC 9112 section 6.3)."""
        super().begin()
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) < 2 and "," not in "".join(lengths):
            return
        given = {part.strip() for text in lengths for part in text.split(",")}
        if len(given) > 1:
            self._close_conn()  # type: ignore[attr-defined]
            raise TwoLengthsError(", ".join(sorted(given)))
        del self.headers["Content-Length"]
        self.headers["Content-Length"] = only = given.pop()
        if not self.chunked and only.isascii() and only.isdigit():
            self.length = int(only)

    def _skip_headers(self) -> None:
        for _ in range(_LINES):
            line = self.fp.readline(_LINE_BYTES + 1)
            if len(line) > _LINE_BYTES:
                raise http.client.LineTooLong("header line")
            if line in {b"\r\n", b"\n", b""}:
                return
        raise http.client.HTTPException(f"more than {_LINES} header lines")


@contextmanager
def say_what_is_wrong(host: str) -> Iterator[None]:
    """Say of an answer whose beginning cannot be read what is wrong with it.

    Raises:
        FetchError: ``http.protocol``.
    """
    try:
        yield
    except http.client.HTTPException as error:
        if isinstance(error, TwoLengthsError):
            raise FetchError(
                "http.protocol", f"{host} gives an answer more than one length", have=str(error)[:80], need="one"
            ) from error
        if isinstance(error, http.client.LineTooLong):
            have = f"a line of more than {_LINE_BYTES:,} characters"
        elif type(error) is http.client.HTTPException:  # the bare class is raised for nothing else
            have = f"more than {_LINES} header lines"
        else:
            raise
        raise FetchError(
            "http.protocol",
            f"{host} begins its answer with more than is read",
            have=have,
            need=f"at most {_LINES} header lines of {_LINE_BYTES:,} characters",
            todo="tell the server's operator",
        ) from error
