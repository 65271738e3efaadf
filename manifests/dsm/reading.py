"""Read a whole answer within bounds of size and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from manifests.errors import FetchError
from manifests.text import count_text


def collect_answer(chunks: Iterable[bytes], *, max_bytes: int, seconds: float, monotonic: Callable[[], float]) -> bytes:
    """Return all chunks as one.

    Args:
        chunks: Each as soon as it came, so that the time is looked at.
        max_bytes: The most that is taken.
        seconds: The longest that it may take from now on.
        monotonic: A clock for the deadline, in seconds.

    Raises:
        FetchError: ``dsm.too-large`` or ``dsm.too-slow``.
    """
    deadline = monotonic() + seconds
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > max_bytes:
            raise FetchError(
                "dsm.too-large",
                "The manager's answer is larger than allowed",
                have=f"{count_text(len(data), 'byte')} and more",
                need=f"at most {max_bytes:,}",
                todo="raise max_bytes if the rule pack is really that large",
            )
        if monotonic() > deadline:
            raise FetchError(
                "dsm.too-slow",
                "The manager's answer took too long",
                have=f"{count_text(len(data), 'byte')} in {count_text(seconds, 'second')}",
            )
    return bytes(data)
