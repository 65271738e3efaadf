"""What is wanted of an upstream, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bundler.fetch.errors import WrongLengthError
from bundler.fetch.urls import shown_url
from bundler.sources.checksums import Checksum
from manifests.disk.blobs import Blob
from manifests.text import count_text


@dataclass(frozen=True)
class WantedFile:
    """One file to fetch.

    Args:
        url: Where it is.
        path: Its target path without the source's name; what is remembered of it is found by this.
        length: What it must turn out to be, in bytes, if the index says.
        check: The checksum that it must have; content that has it is not fetched again.
        max_bytes: A lower ceiling than the options'.
        proves_itself: It shows whether it is whole, such as by a digest in it, and the kind looks: nobody need say
            how long it is.
        immutable: Its name says its content: what is here of it is never asked for again.
    """

    url: str
    path: str
    length: int | None = None
    check: Checksum | None = None
    max_bytes: int | None = None
    proves_itself: bool = False
    immutable: bool = False

    def is_met_by(self, blob: Blob, chunks: Callable[[], Iterable[bytes]]) -> bool:
        """Tell whether content that we have is surely this, so that nobody need be asked.

        Args:
            blob: What we have.
            chunks: Gives its bytes, for a checksum that is no SHA-256.
        """
        if self.length is not None and blob.length != self.length:
            return False
        if self.check is None:
            return self.immutable
        if self.check.algorithm == "sha256":
            return self.check.digest == blob.sha256
        return self.check.fits(chunks())

    def check_length(self, length: int | None) -> None:
        """Pass a length that is not known, or right.

        Raises:
            WrongLengthError: ``http.length``.
        """
        if self.length is not None and length is not None and length != self.length:
            raise WrongLengthError(
                "http.length",
                f"{shown_url(self.url)} is not as long as its index says",
                have=count_text(length, "byte"),
                need=count_text(self.length, "byte"),
            )

    def bounded(self, start: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass bytes on until there are more than there can be.

        Args:
            start: Where in the file they begin.
            chunks: The bytes.

        Raises:
            WrongLengthError: ``http.length``.
        """
        received = start
        for chunk in chunks:
            received += len(chunk)
            if self.length is not None and received > self.length:
                self.check_length(received)
            yield chunk


@dataclass(frozen=True)
class FetchedFile:
    """A file in the batch or the store. ``unchanged``: it is what the last good pull gave for this path."""

    path: str
    blob: Blob
    unchanged: bool
    last_modified: datetime | None


@dataclass(frozen=True)
class OfferedFile:
    """What a server says of a file whose body was not read. ``length`` in bytes, if it says."""

    path: str
    length: int | None
    unchanged: bool
    last_modified: datetime | None
