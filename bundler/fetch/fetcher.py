"""What the kinds of source fetch with: files into the batch, small documents, the first bytes of something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from bundler.fetch.answer import Answer, Ask, Validators
from bundler.fetch.cooldown import Cooldown
from bundler.fetch.memory import Memory
from bundler.fetch.options import FetchOptions
from bundler.fetch.partial import Partial, Partials, file_chunks
from bundler.fetch.portal import is_page, refuse_portal, without_portal
from bundler.fetch.session import tls_context
from bundler.fetch.transport import Transport
from bundler.fetch.urls import shown
from bundler.fetch.wanted import Fetched, Looked, Wanted
from bundler.sources.base import JSON, Workbench
from manifests.blobs import Blob
from manifests.errors import FetchError, SealiftError

_GONE = frozenset({404, 410})
_SPOILED = frozenset({"http.range", "http.checksum", "http.length", "http.too-large"})
"""After these errors what came so far is of no use."""

A = TypeVar("A")
T = TypeVar("T")


class Fetcher:
    """Fetches for one source, as a context manager; its methods are for one thread.

    Args:
        options: From :func:`bundler.fetch.options.fetch_options`.
        bench: Where content goes, and what is remembered.
        name: The source's.
    """

    def __init__(self, options: FetchOptions, bench: Workbench, name: str) -> None:
        self._options = options
        self._bench = bench
        self._name = name
        self._partials = Partials(bench.fetching, name, bench.clock)
        self._cooldown = Cooldown(bench.fetching / "cooldown.json", bench.clock)
        self._context = tls_context(options)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._local = threading.local()
        self._transports: list[Transport] = []
        self._pool: ThreadPoolExecutor | None = None
        self._read: dict[str, Blob] = {}
        self._memory = Memory(bench)

    def __enter__(self) -> Self:
        self._partials.prune()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        for transport in self._transports:
            transport.close()

    def get(self, wanted: Wanted) -> Fetched:
        """Bring one file into the batch: not at all, or only its rest, where that is enough.

        Raises:
            FetchError: ``http.checksum``, ``http.length``, ``http.captive-portal``, or as
                :meth:`bundler.fetch.transport.Transport.get`, after as many tries as that is worth.
        """
        return self._get(wanted, announce=True)

    def get_all(self, wanted: Sequence[Wanted]) -> tuple[Fetched, ...]:
        """Bring several files into the batch, so many at once as the options allow.

        Returns:
            In the order of ``wanted``.

        Raises:
            FetchError: As :meth:`get`: the first failure, after which nothing more is begun.
        """
        if len(wanted) < 2 or self._options.parallel == 1:
            return tuple(self.get(one) for one in wanted)
        total = sum(one.length or 0 for one in wanted) if all(one.length is not None for one in wanted) else None
        self._bench.progress.start(f"{self._name}: {len(wanted):,} files", total)
        return self.each(lambda one: self._get(one, announce=False), wanted)

    def each(self, work: Callable[[A], T], items: Sequence[A]) -> tuple[T, ...]:
        """Do some work for each item, so many at once as the options allow; the work may use ``look`` and ``document``.

        Returns:
            In the order of ``items``.

        Raises:
            SealiftError: The first failure, after which nothing more is begun.
        """
        if len(items) < 2 or self._options.parallel == 1:
            return tuple(work(item) for item in items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._options.parallel, "fetch")
        futures = [self._pool.submit(work, item) for item in items]
        try:
            for done in as_completed(futures):
                done.result()
        except BaseException:
            self._stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._stop.clear()
            raise
        return tuple(future.result() for future in futures)

    def look(self, wanted: Wanted) -> Looked:
        """Ask for a file and read no body: is it there, how long is it, did it change?

        Raises:
            FetchError: As :meth:`get`, but for what only a body shows.
        """
        known = self._held(wanted)
        if known is not None:
            return Looked(wanted.path, known.length, True, self._memory.file(wanted.path, wanted.url).modified_at)
        ask = self._ask(wanted, None)

        def attempt() -> Looked:
            with self._transport.get(wanted.url, ask, max_bytes=wanted.max_bytes) as answer:
                if not (_may_be_page(wanted) or is_page(urlsplit(wanted.url).path)):
                    refuse_portal(wanted.url, answer)
                held = self._bench.remembered(wanted.path) if answer.unchanged else None
                length = answer.length if held is None else held.length
                return Looked(wanted.path, length, answer.unchanged, answer.validators.modified_at)

        return self._transport.retrying(attempt)

    def document(self, url: str, *, max_bytes: int, html: bool = False) -> bytes:
        """Return a small file, whole in memory; one that did not change comes from the store.

        Args:
            url: Where it is.
            max_bytes: Its ceiling.
            html: A web page is what is asked for.

        Raises:
            FetchError: As :meth:`get`.
        """
        return self._transport.retrying(lambda: self._document(url, max_bytes, html))

    def document_or_none(self, url: str, *, max_bytes: int, html: bool = False) -> bytes | None:
        """Return a small file as :meth:`document`, or ``None`` when there is none (404 or 410).

        Raises:
            FetchError: As :meth:`get`.
        """
        try:
            return self.document(url, max_bytes=max_bytes, html=html)
        except FetchError as error:
            if error.code == "http.status" and error.context.get("status") in _GONE:
                return None
            raise

    def document_read(self, url: str) -> Blob:
        """Return what :meth:`document` read last from this URL, in the batch or the store.

        Raises:
            KeyError: It was not read yet.
        """
        return self._read[url]

    def head_bytes(self, url: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file, fewer if it is shorter; no more of it is read.

        Raises:
            FetchError: As :meth:`get`.
        """

        def attempt() -> bytes:
            with self._transport.get(url, Ask(start=0, end=count - 1)) as answer:
                data = bytearray()
                while len(data) < count and (chunk := next(answer.chunks, b"")):
                    data += chunk
                refuse_portal(url, answer, bytes(data))
                return bytes(data[:count])

        try:
            return self._transport.retrying(attempt)
        except FetchError as error:
            if error.context.get("status") == 416:  # there is no first byte
                return b""
            raise

    def again(self, attempt: Callable[[], T], codes: frozenset[str]) -> T:
        """Run ``attempt`` once more, after a pause, if it fails with one of these codes.

        For what two files say of each other: one may have been read just before the other was replaced.

        Raises:
            SealiftError: What the last attempt raised.
        """
        try:
            return attempt()
        except SealiftError as error:
            if error.code not in codes:
                raise
        self._bench.pause(1)
        return attempt()

    def memo(self) -> Mapping[str, JSON]:
        """Return what the next pull wants to remember: ``files`` by path, ``documents`` by a digest of the URL."""
        return self._memory.to_json()

    @property
    def _transport(self) -> Transport:
        """This thread's transport."""
        found: Transport | None = getattr(self._local, "transport", None)
        if found is None:
            bench = self._bench
            found = Transport(self._options, self._context, self._cooldown, bench.clock, bench.pause)
            self._local.transport = found
            self._transports.append(found)
        return found

    def _get(self, wanted: Wanted, *, announce: bool) -> Fetched:
        held = self._held(wanted)
        if held is not None:
            given = self._memory.file(wanted.path, wanted.url)
            self._memory.keep_file(wanted.path, wanted.url, given)
            self._advance(held.length)
            return Fetched(wanted.path, held, True, given.modified_at)
        return self._transport.retrying(lambda: self._attempt(wanted, announce=announce))

    def _held(self, wanted: Wanted) -> Blob | None:
        """Return what the last good pull gave, if nobody need be asked about it."""
        known = self._bench.remembered(wanted.path)
        return known if known and wanted.is_met_by(known, lambda: self._bench.read(known)) else None

    def _attempt(self, wanted: Wanted, *, announce: bool) -> Fetched:
        if self._stop.is_set():
            raise FetchError("http.cancelled", f"{shown(wanted.url)} was left because another file failed")
        begun = self._partials.find(wanted.path, wanted.url)
        try:
            if begun is not None and begun.blob is not None:
                if wanted.is_met_by(begun.blob, begun.read):
                    return self._taken(wanted, begun.data, begun.blob, begun.validators)
                if wanted.check is not None or wanted.length not in {None, begun.length}:
                    begun = None  # it came whole, and is something else than what is wanted now
            with self._transport.get(wanted.url, self._ask(wanted, begun), max_bytes=wanted.max_bytes) as answer:
                return self._taken(wanted, *self._received(wanted, begun, answer, announce))
        except FetchError as error:
            if error.code in _SPOILED:
                self._partials.drop(wanted.path, wanted.url)
            raise

    def _ask(self, wanted: Wanted, begun: Partial | None) -> Ask:
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
        self, wanted: Wanted, begun: Partial | None, answer: Answer, announce: bool
    ) -> tuple[Path | None, Blob, Validators]:
        """Return the content that an answer means, its file if it is not in the store, and its validators."""
        if answer.unchanged and begun is not None and begun.blob is not None:
            return begun.data, begun.blob, begun.validators
        known = self._bench.remembered(wanted.path)
        if answer.unchanged and known is not None:
            return None, known, self._memory.file(wanted.path, wanted.url).updated(answer.validators)
        wanted.check_length(answer.total)
        if announce:
            self._bench.progress.start(f"{self._name}: {wanted.path}", answer.total)
        chunks = answer.chunks if _may_be_page(wanted) else without_portal(wanted.url, answer)
        resumed = begun if answer.start else None
        if resumed is not None and resumed.total not in {None, answer.total}:
            raise FetchError("http.range", f"{shown(wanted.url)} has another length than when it was begun")
        self._advance(answer.start)
        chunks = self._counted(wanted.bounded(answer.start, chunks))
        data, blob = self._partials.receive(wanted.path, wanted.url, answer, chunks, resumed)
        return data, blob, resumed.validators if resumed else answer.validators

    def _taken(self, wanted: Wanted, data: Path | None, blob: Blob, given: Validators) -> Fetched:
        """Check a file, and put it into the batch if it is not in the store."""
        wanted.check_length(blob.length)
        if data is not None:
            if wanted.check is not None:
                wanted.check.require(file_chunks(data), name=shown(wanted.url))
            self._bench.batch.take(data, blob)
        self._memory.keep_file(wanted.path, wanted.url, given)
        return Fetched(wanted.path, blob, self._bench.remembered(wanted.path) == blob, given.modified_at)

    def _document(self, url: str, max_bytes: int, html: bool) -> bytes:
        known = self._memory.document(url)
        ask = Ask(unless=known[0]) if known and known[0] and known[1].length <= max_bytes else Ask()
        with self._transport.get(url, ask, max_bytes=max_bytes) as answer:
            if answer.unchanged and known is not None:
                self._memory.keep_document(url, known[0].updated(answer.validators), known[1])
                self._read[url] = known[1]
                return b"".join(self._bench.read(known[1]))
            data = b"".join(answer.chunks)
            if not html and not is_page(urlsplit(url).path):
                refuse_portal(url, answer, data)
            self._read[url] = self._bench.batch.add([data])
            if answer.validators:
                self._memory.keep_document(url, answer.validators, self._read[url])
            return data

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._advance(len(chunk))
            yield chunk
            if self._stop.is_set():
                raise FetchError("http.cancelled", "A download was left because another failed")

    def _advance(self, done: int) -> None:
        with self._lock:
            self._bench.progress.advance(done)


def _may_be_page(wanted: Wanted) -> bool:
    """Tell whether a web page may be what is wanted. A checksum says more than a look at the first bytes."""
    return wanted.check is not None or is_page(wanted.path)


__all__ = ["Fetched", "Fetcher", "Looked", "Wanted"]
