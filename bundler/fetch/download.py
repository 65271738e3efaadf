"""One file's way into the batch: what is here of it, what is asked, what comes, what it is checked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from bundler.fetch.answer import Answer, Ask, GivenValidators, require_bounded, require_plain
from bundler.fetch.errors import WrongBodyError, WrongRangeError
from bundler.fetch.memory import Memory
from bundler.fetch.partial import PartialDownload, PartialDownloads, file_chunks
from bundler.fetch.portal import is_page, without_portal
from bundler.fetch.transport import FetchTransport
from bundler.fetch.urls import shown_url
from bundler.fetch.wanted import FetchedFile, WantedFile
from bundler.sources.base import Workbench
from bundler.sources.checksums import ChecksumError
from manifests.disk.blobs import Blob
from manifests.errors import FetchError


class Downloads:
    """The files of one source. Different files may be brought by different threads.

    Args:
        bench: Where content goes, and what is remembered.
        name: The source's.
        memory: The validators of files.
    """

    def __init__(self, bench: Workbench, name: str, memory: Memory) -> None:
        self.stop = threading.Event()
        """Set: every download ends at its next byte."""
        self._bench = bench
        self._name = name
        self._memory = memory
        self._partials = PartialDownloads(bench.fetching, name, bench.clock)
        self._lock = threading.Lock()

    def prune(self) -> None:
        """Remove interrupted downloads that nobody came back for."""
        self._partials.prune()

    def unasked(self, wanted: WantedFile) -> FetchedFile | None:
        """Take a file over from the last good pull, if nobody need be asked about it."""
        here = self.already_here(wanted)
        if here is None:
            return None
        given = self._memory.file(wanted.path, wanted.url)
        self._memory.keep_file(wanted.path, wanted.url, given)
        self._advance(here.length)
        return FetchedFile(wanted.path, here, True, given.modified_at)

    def already_here(self, wanted: WantedFile) -> Blob | None:
        """Return the content that the last good pull gave for a file, if it surely is what is wanted."""
        known = self._bench.remembered(wanted.path)
        return known if known and wanted.is_met_by(known, lambda: self._bench.read(known)) else None

    def bring(self, transport: FetchTransport, wanted: WantedFile, *, announce: bool) -> FetchedFile:
        """Try once to bring a file into the batch.

        Args:
            transport: This thread's.
            wanted: The file.
            announce: Whether the progress is told that it begins.

        Raises:
            FetchError: As :meth:`bundler.fetch.fetcher.Fetcher.get`.
        """
        if self.stop.is_set():
            raise FetchError("http.cancelled", f"{shown_url(wanted.url)} was left because another file failed")
        begun = self._partials.find(wanted.path, wanted.url)
        try:
            if begun is not None and begun.blob is not None:
                if wanted.is_met_by(begun.blob, begun.read):
                    return self._taken(wanted, begun.data, begun.blob, begun.validators)
                if wanted.check is not None or wanted.length not in {None, begun.length}:
                    begun = None  # it came whole, and is something else than what is wanted now
            with transport.get(wanted.url, self.ask(wanted, begun), max_bytes=wanted.max_bytes) as answer:
                return self._taken(wanted, *self._received(wanted, begun, answer, announce))
        except (WrongBodyError, ChecksumError):  # what came so far is of no use
            self._partials.drop(wanted.path, wanted.url)
            raise

    def ask(self, wanted: WantedFile, begun: PartialDownload | None) -> Ask:
        """Return what to ask: whether it changed, the rest of it, or all of it."""
        if begun is not None and begun.blob is not None:
            return Ask(unless=begun.validators) if begun.validators else Ask()
        if begun is not None and begun.resumable:
            return Ask(start=begun.length, if_range=begun.validators.strong)
        known = self._bench.remembered(wanted.path)
        given = self._memory.file(wanted.path, wanted.url)
        if known is None or not given or wanted.check is not None or wanted.length not in {None, known.length}:
            return Ask()  # nothing is here, or what is here is known to be something else
        return Ask(unless=given)

    def _received(
        self, wanted: WantedFile, begun: PartialDownload | None, answer: Answer, announce: bool
    ) -> tuple[Path | None, Blob, GivenValidators]:
        """Return the content that an answer means, its file if it is not in the store, and its validators."""
        if answer.unchanged and begun is not None and begun.blob is not None:
            return begun.data, begun.blob, begun.validators
        known = self._bench.remembered(wanted.path)
        if answer.unchanged and known is not None:
            return None, known, self._memory.file(wanted.path, wanted.url).updated(answer.validators)
        wanted.check_length(answer.total)
        if wanted.check is None and not answer.start:
            require_plain(wanted.url, answer, wanted.path)
        if wanted.check is None and wanted.length is None and not wanted.proves_itself:
            require_bounded(wanted.url, answer)
        if announce:
            self._bench.progress.start(f"{self._name}: {wanted.path}", answer.total)
        chunks = answer.chunks if may_be_page(wanted) else without_portal(wanted.url, answer)
        resumed = begun if answer.start else None
        if resumed is not None and resumed.total not in {None, answer.total}:
            raise WrongRangeError("http.range", f"{shown_url(wanted.url)} has another length than when it was begun")
        self._advance(answer.start)
        chunks = self._counted(wanted.bounded(answer.start, chunks))
        data, blob = self._partials.receive(wanted.path, wanted.url, answer, chunks, resumed)
        return data, blob, resumed.validators if resumed else answer.validators

    def _taken(self, wanted: WantedFile, data: Path | None, blob: Blob, given: GivenValidators) -> FetchedFile:
        """Check a file, and put it into the batch if it is not in the store."""
        wanted.check_length(blob.length)
        if data is not None:
            if wanted.check is not None:
                wanted.check.require(file_chunks(data), name=shown_url(wanted.url))
            self._bench.batch.take(data, blob)
        self._memory.keep_file(wanted.path, wanted.url, given)
        return FetchedFile(wanted.path, blob, self._bench.remembered(wanted.path) == blob, given.modified_at)

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._advance(len(chunk))
            yield chunk
            if self.stop.is_set():
                raise FetchError("http.cancelled", "A download was left because another failed")

    def _advance(self, done: int) -> None:
        with self._lock:
            self._bench.progress.advance(done)


def may_be_page(wanted: WantedFile) -> bool:
    """Tell whether a web page may be what is wanted. A checksum says more than a look at the first bytes."""
    return wanted.check is not None or is_page(wanted.path)
