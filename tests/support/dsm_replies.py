"""A manager's answers as SOAP."""

from __future__ import annotations

import pytest

from manifests.dsm import Reply, coding
from manifests.errors import FetchError
from tests.support.dsm_simulator import envelope


def response(operation: str, inner: str = "") -> bytes:
    return envelope(f'<{operation}Response xmlns="urn:Manager">{inner}</{operation}Response>')


def returned(operation: str, inner: str) -> Reply:
    return Reply(200, response(operation, f"<{operation}Return>{inner}</{operation}Return>"))


def refusal(operation: str, reply: Reply) -> FetchError:
    with pytest.raises(FetchError) as caught:
        coding.decode_reply(operation, reply)
    return caught.value
