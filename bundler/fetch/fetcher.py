"""What the kinds of source fetch with: files into the batch, small documents, the first bytes of something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import Self, TypeVar
from urllib.parse import urlsplit

from bundler.fetch.answer import ALL, Ask, require_bounded, require_plain
from bundler.fetch.cooldown import Cooldown
from bundler.fetch.download import Downloads, may_be_page
from bundler.fetch.errors import FORBIDDEN, RANGE_REFUSALS, GoneError, HttpStatusError, WrongRangeError
from bundler.fetch.memory import Memory
from bundler.fetch.options import FetchOptions
from bundler.fetch.portal import beginning_of, is_page, refuse_portal
from bundler.fetch.session import tls_context
from bundler.fetch.transport import FetchTransport
from bundler.fetch.wanted import FetchedFile, OfferedFile, WantedFile
from bundler.sources.base import JSON, Workbench
from manifests.disk.blobs import Blob
from manifests.errors import SealiftError
from manifests.text import count_text

A = TypeVar("A")
T = TypeVar("T")


class Fetcher:
    """Fetches for one source, as a context manager; its methods are for one thread, but where :meth:`each` says so.

    Args:
        options: From :func:`bundler.fetch.options.fetch_options`.
        bench: Where content goes, and what is remembered.
        name: The source's.
    """

    def __init__(self, options: FetchOptions, bench: Workbench, name: str) -> None:
        self._options = options
        self._bench = bench
        self._name = name
        self._cooldown = Cooldown(bench.fetching / "cooldown.json", bench.clock)
        self._context = tls_context(options)
        self._local = threading.local()
        self._transports: list[FetchTransport] = []
        self._pool: ThreadPoolExecutor | None = None
        self._read: dict[str, Blob] = {}
        self._came_from: dict[str, str] = {}
        self._memory = Memory(bench)
        self._downloads = Downloads(bench, name, self._memory)

    def __enter__(self) -> Self:
        self._downloads.prune()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        for transport in self._transports:
            transport.close()

    def get(self, wanted: WantedFile) -> FetchedFile:
        """Bring one file into the batch: not at all, or only its rest, where that is enough.

        Raises:
            FetchError: ``http.checksum``, ``http.length``, ``http.captive-portal``, or as
                :meth:`bundler.fetch.transport.FetchTransport.get`, after as many tries as that is worth.
        """
        return self._get(wanted, announce=True)

    def get_or_none(self, wanted: WantedFile) -> FetchedFile | None:
        """Bring one file into the batch as :meth:`get`, or return ``None`` when there is none (404 or 410).

        Raises:
            FetchError: As :meth:`get`.
        """
        try:
            return self.get(wanted)
        except GoneError:
            return None

    def get_all(self, wanted: Sequence[WantedFile]) -> tuple[FetchedFile, ...]:
        """Bring several files into the batch, so many at once as the options allow.

        Returns:
            In the order of ``wanted``.

        Raises:
            FetchError: As :meth:`get`: the first failure, after which nothing more is begun.
        """
        if len(wanted) < 2 or self._options.parallel == 1:
            return tuple(self.get(one) for one in wanted)
        total = sum(one.length or 0 for one in wanted) if all(one.length is not None for one in wanted) else None
        self._bench.progress.start(f"{self._name}: {count_text(len(wanted), 'file')}", total)
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
            self._downloads.stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._downloads.stop.clear()
            raise
        return tuple(future.result() for future in futures)

    def look(self, wanted: WantedFile) -> OfferedFile:
        """Ask for a file and read no body: is it there, how long is it, did it change?

        Raises:
            FetchError: As :meth:`get`, but for what only a body shows.
        """
        known = self._downloads.already_here(wanted)
        if known is not None:
            return OfferedFile(wanted.path, known.length, True, self._memory.file(wanted.path, wanted.url).modified_at)
        ask = self._downloads.ask(wanted, None)

        def attempt() -> OfferedFile:
            with self._transport.get(wanted.url, ask, max_bytes=wanted.max_bytes) as answer:
                if wanted.check is None:
                    require_plain(wanted.url, answer, wanted.path)
                if not (may_be_page(wanted) or is_page(urlsplit(wanted.url).path)):
                    refuse_portal(wanted.url, answer, beginning_of(answer))
                here = self._bench.remembered(wanted.path) if answer.unchanged else None
                length = answer.length if here is None else here.length
                return OfferedFile(wanted.path, length, answer.unchanged, answer.validators.modified_at)

        return self._transport.retrying(attempt)

    def is_there(self, wanted: WantedFile) -> bool:
        """Ask whether there is a file (no 404 and no 410), and read no body.

        Raises:
            FetchError: As :meth:`look`.
        """
        try:
            self.look(wanted)
        except GoneError:
            return False
        return True

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

    def document_or_none(self, url: str, *, max_bytes: int, or_forbidden: bool = False) -> bytes | None:
        """Return a small file as :meth:`document`, or ``None`` when there is none (404 or 410).

        Args:
            url: Where it is.
            max_bytes: Its ceiling.
            or_forbidden: Take a 403 for the same: some stores answer so for what they do not have.

        Raises:
            FetchError: As :meth:`get`.
        """
        try:
            return self.document(url, max_bytes=max_bytes)
        except GoneError:
            return None
        except HttpStatusError as error:
            if or_forbidden and error.status == FORBIDDEN:
                return None
            raise

    def document_read(self, url: str) -> Blob:
        """Return what :meth:`document` read last from this URL, in the batch or the store.

        Raises:
            KeyError: It was not read yet.
        """
        return self._read[url]

    def document_url(self, url: str) -> str:
        """Return the URL at the end of the redirects that :meth:`document` followed last from this one.

        Raises:
            KeyError: It was not read yet.
        """
        return self._came_from[url]

    def head_bytes(self, url: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file, fewer if it is shorter; no more of it is read.

        They are asked for as a range; where that gives no sense or too little, without one.

        Raises:
            FetchError: As :meth:`get`.
        """

        def attempt() -> bytes:
            try:
                data = self._peek(url, Ask(start=0, end=count - 1), count)
            except WrongRangeError:
                data = b""
            except HttpStatusError as error:
                if error.status not in RANGE_REFUSALS:
                    raise
                data = b""
            return data if len(data) == count else self._peek(url, ALL, count)

        return self._transport.retrying(attempt)

    def once_more(self, attempt: Callable[[], T], passing: tuple[type[SealiftError], ...]) -> T:
        """Run ``attempt`` once more, after a pause, if it fails with one of these errors.

        For what two files say of each other: one may have been read just before the other was replaced.

        Raises:
            SealiftError: What the last attempt raised.
        """
        try:
            return attempt()
        except passing:
            self._bench.pause(1)
        return attempt()

    def memo(self) -> Mapping[str, JSON]:
        """Return what the next pull wants to remember: ``files`` by path, ``documents`` by a digest of the URL."""
        return self._memory.to_json()

    @property
    def _transport(self) -> FetchTransport:
        """This thread's transport."""
        found: FetchTransport | None = getattr(self._local, "transport", None)
        if found is None:
            bench = self._bench
            found = FetchTransport(self._options, self._context, self._cooldown, bench.clock, bench.pause)
            self._local.transport = found
            self._transports.append(found)
        return found

    def _get(self, wanted: WantedFile, *, announce: bool) -> FetchedFile:
        found = self._downloads.unasked(wanted)
        if found is not None:
            return found
        return self._transport.retrying(lambda: self._downloads.bring(self._transport, wanted, announce=announce))

    def _peek(self, url: str, ask: Ask, count: int) -> bytes:
        with self._transport.get(url, ask) as answer:
            require_plain(url, answer)
            data = bytearray()
            while len(data) < count and (chunk := next(answer.chunks, b"")):
                data += chunk
            refuse_portal(url, answer, bytes(data))
            return bytes(data[:count])

    def _document(self, url: str, max_bytes: int, html: bool) -> bytes:
        known = self._memory.document(url)
        ask = Ask(unless=known[0]) if known and known[0] and known[1].length <= max_bytes else Ask()
        with self._transport.get(url, ask, max_bytes=max_bytes) as answer:
            self._came_from[url] = answer.url
            if answer.unchanged and known is not None:
                self._memory.keep_document(url, known[0].updated(answer.validators), known[1])
                self._read[url] = known[1]
                return b"".join(self._bench.read(known[1]))
            require_plain(url, answer)
            data = b"".join(answer.chunks)
            require_bounded(url, answer)
            if not html and not is_page(urlsplit(url).path):
                refuse_portal(url, answer, data)
            self._read[url] = self._bench.batch.add([data])
            if answer.validators:
                self._memory.keep_document(url, answer.validators, self._read[url])
            return data


__all__ = ["FetchedFile", "Fetcher", "OfferedFile", "WantedFile"]
