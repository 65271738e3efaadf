"""One database of a ClamAV mirror: the ``.cvd``, the chain of increments that leads to it, and ``.sign`` files.

What is carried is always a set that freshclam accepts. A client asks for the increments from its own version up to
the one that the header of ``X.cvd`` names: with a hole in the chain it stops before the hole, and without the very
last increment it stays where it is. So the chain is unbroken and ends in the database's version. Where the upstream
has no last increment, an empty one takes its place, ClamAV's own sign for "take the whole database".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, TypeVar

from bundler.fetch.errors import GoneError, HttpStatusError, UnboundedError, WebPageError
from bundler.fetch.fetcher import FetchedFile, WantedFile
from bundler.kinds.clamav import sigtool as clamav_sigtool
from bundler.kinds.clamav.files import (
    HEADER_BYTES,
    SIGN_BYTES,
    DatabaseHeader,
    check_body,
    check_cdiff,
    is_cdiff,
    is_sign,
    read_header,
)
from bundler.sources.base import JSON, PulledTarget, Workbench
from manifests.disk.blobs import Blob
from manifests.errors import FetchError
from manifests.limits import MIB

_CDIFF_BYTES = 256 * MIB

T = TypeVar("T")


@dataclass(frozen=True)
class KnownDatabase:
    """What the last good pull found out about a database.

    Args:
        version: Of the ``.cvd``; kept as the database's floor.
        header: SHA-256 of its header.
        verified: Whether its digital signature was verified.
        complete: Whether older increments than those at hand were asked for in vain.
    """

    version: int
    header: str
    verified: bool
    complete: bool

    @classmethod
    def of(cls, bench: Workbench, name: str) -> Self | None:
        """Return what is remembered, if anything is."""
        value = bench.memo("databases").get(name)
        if not isinstance(value, Mapping):
            return None
        version, header = bench.floor.get(name), value.get("header")
        if not version or not isinstance(header, str):
            return None
        return cls(version[0], header, value.get("verified") is True, value.get("complete") is True)

    def to_json(self) -> JSON:
        """Return it as the next pull will find it."""
        return {"header": self.header, "verified": self.verified, "complete": self.complete}


class Upstream(Protocol):
    """Where a mirror's files come from: a server, or a directory of this machine."""

    def head_bytes(self, url: str, count: int) -> bytes:
        """Return the first bytes of a file."""

    def get(self, wanted: WantedFile) -> FetchedFile:
        """Bring one file into the batch."""

    def document_or_none(self, url: str, *, max_bytes: int) -> bytes | None:
        """Return a small file whole in memory, or ``None`` when there is none."""


@dataclass(frozen=True)
class Database:
    """One database as it will be carried.

    Args:
        name: Such as ``daily``.
        header: The database's own.
        targets: All its files.
        increments: So many increments lead to it; 0 when clients must take it whole.
        known: What to remember.
        patched: freshclam patched it on this machine: a ``.cld``, with no signature as a whole.
    """

    name: str
    header: DatabaseHeader
    targets: tuple[PulledTarget, ...]
    increments: int
    known: KnownDatabase
    patched: bool = False

    @property
    def file(self) -> str:
        """The name that ClamAV knows it by: a ``.cld`` is one that freshclam patched."""
        return f"{self.name}.{'cld' if self.patched else 'cvd'}"


@dataclass(frozen=True)
class DatabaseProbe:
    """A database's header at the upstream, next to what is known of it."""

    header: DatabaseHeader
    digest: str
    known: KnownDatabase | None

    @property
    def unchanged(self) -> bool:
        """Tell whether it is the very header of the last good pull."""
        return self.known is not None and self.known.header == self.digest

    @property
    def verified(self) -> bool:
        """Tell whether what has this header was verified before: in it stand the signature and what it is of."""
        return self.known is not None and self.unchanged and self.known.verified


@dataclass(frozen=True)
class Mirror:
    """An upstream with the layout of ClamAV's own.

    Args:
        source: The source's name, for errors.
        url: Where the databases are, without a final slash.
        cdiffs: Carry at most so many increments of each.
        fetcher: Fetches.
        bench: The source's.
        sigtool: Verifies signatures, where it is installed.
    """

    source: str
    url: str
    cdiffs: int
    fetcher: Upstream
    bench: Workbench
    sigtool: Path | None

    def probe(self, name: str) -> DatabaseProbe:
        """Read a database's header, and nothing else.

        Raises:
            FetchError: As :class:`Fetcher`.
            MalformedError: ``clamav.header``.
            RollbackError: ``source.older``.
        """
        file = f"{name}.cvd"
        data = self.fetcher.head_bytes(f"{self.url}/{file}", HEADER_BYTES)
        header = read_header(data, name=file)
        self.bench.check_not_older(self.source, name, (header.version,), what=f"the database {name}")
        return DatabaseProbe(header, _digest(data), KnownDatabase.of(self.bench, name))

    def pull(self, name: str) -> Database:
        """Fetch what is new of a database.

        Raises:
            FetchError: As :class:`Fetcher`; ``clamav.changing``, ``clamav.sigtool``.
            MalformedError: ``clamav.header``, ``clamav.cdiff``.
            NotAuthenticError: ``clamav.md5``, ``clamav.signature``.
            RollbackError: ``source.older``.
        """
        probe = self.probe(name)
        file = f"{name}.cvd"
        blob = self.bench.remembered(file) if probe.unchanged else None
        if blob is None:
            blob = self._whole(name, probe)
            probe = self._checked(file, blob, probe)
        version = probe.header.version
        sign = self._sign(f"{name}-{version}.cvd.sign")
        verified = probe.verified or self._verified(file, blob, sign)
        chain, complete = self._chain(name, version, probe.known, signed=sign is not None)
        increments = sum(target.path.endswith(".cdiff") and target.blob.length > 0 for target in chain)
        targets = (PulledTarget(file, blob), *([sign] if sign else []), *chain)
        return Database(
            name, probe.header, targets, increments, KnownDatabase(version, probe.digest, verified, complete)
        )

    def _whole(self, name: str, probe: DatabaseProbe) -> Blob:
        """Fetch a database whose header is new.

        It is asked for under a name of its own for each version, so unconditionally: a mirror whose file times stand
        still would call it unchanged.
        """
        file = f"{name}-{probe.header.version}.cvd"
        return self.fetcher.get(WantedFile(f"{self.url}/{name}.cvd", file, proves_itself=True)).blob

    def _checked(self, file: str, blob: Blob, probe: DatabaseProbe) -> DatabaseProbe:
        """Check a database that was just fetched, which may be a newer one than was asked about."""
        data = self._beginning(blob)
        header = read_header(data, name=file)
        if header.version < probe.header.version:
            raise FetchError(
                "clamav.changing",
                f"{file} is not what its own header was a moment ago",
                have=f"version {header.version}",
                need=f"version {probe.header.version}",
                todo="pull again; a mirror of several servers needs a while until all have the newest",
            )
        check_body(header, self.bench.read(blob), name=file)
        return DatabaseProbe(header, _digest(data), probe.known)

    def _verified(self, file: str, blob: Blob, sign: PulledTarget | None) -> bool:
        if self.sigtool is None:
            return False
        with ExitStack() as stack:
            files = [(file, stack.enter_context(self.bench.open(blob)))]
            if sign is not None:
                files.append((sign.path, stack.enter_context(self.bench.open(sign.blob))))
            clamav_sigtool.verify_database(self.sigtool, file, files)
        return True

    def _chain(
        self, name: str, version: int, known: KnownDatabase | None, *, signed: bool
    ) -> tuple[tuple[PulledTarget, ...], bool]:
        """Return the increments with their signatures, newest first; and whether none older need be asked for.

        A signature may appear after its increment. It is asked for again where the upstream has any others, and
        that of the newest everywhere.
        """
        chain: list[PulledTarget] = []
        lowest = max(2, version - self.cdiffs + 1)
        numbers = range(version, lowest - 1, -1)
        signed = signed or any(self.bench.remembered(f"{name}-{number}.cdiff.sign") for number in numbers)
        for number in numbers:
            ask = not (known and known.complete and number < known.version)
            found = self._increment(name, number, ask=ask, sign=signed or number == version)
            if not found:
                complete = number < version and found is not None
                break
            chain += found
        else:
            complete = True
        if not chain and version > 1:
            chain.append(PulledTarget(f"{name}-{version}.cdiff", self.bench.batch.add(())))
        return tuple(chain), complete

    def _increment(self, name: str, number: int, *, ask: bool, sign: bool) -> tuple[PulledTarget, ...] | None:
        """Return one increment and its signature.

        Returns:
            Nothing when the upstream says that it has none; ``None`` when it does not give it, for whatever reason.
        """
        file = f"{name}-{number}.cdiff"
        here = self.bench.remembered(file)
        if here is not None and here.length > 0:
            beside = self._sign(f"{file}.sign") if sign else None
            return (PulledTarget(file, here), *([beside] if beside else []))
        if not ask:
            return ()
        wanted = WantedFile(f"{self.url}/{file}", file, max_bytes=_CDIFF_BYTES)
        try:
            fetched = _beside(lambda: self.fetcher.get(wanted))
        except GoneError:
            return ()
        if fetched is None or not is_cdiff(self._beginning(fetched.blob)):
            return None
        check_cdiff(self.bench.read(fetched.blob), number, name=file)
        signed = self._sign(f"{file}.sign")
        return (PulledTarget(file, fetched.blob), *([signed] if signed else []))

    def _beginning(self, blob: Blob) -> bytes:
        with self.bench.open(blob) as stream:
            return stream.read(HEADER_BYTES)

    def _sign(self, file: str) -> PulledTarget | None:
        """Return a ``.sign`` file where the upstream has one; its name says the version, so it never changes."""
        here = self.bench.remembered(file)
        if here is not None:
            return PulledTarget(file, here)
        url = f"{self.url}/{file}"
        data = _beside(lambda: self.fetcher.document_or_none(url, max_bytes=SIGN_BYTES))
        return None if data is None or not is_sign(data) else PulledTarget(file, self.bench.batch.add([data]))


def _beside(fetch: Callable[[], T]) -> T | None:
    """Return a file that stands beside a database which came well, or ``None`` where the upstream does not give it.

    Who has no such file does not always say 404: object stores answer 403, some servers a web page. And one whose end
    nobody says would be cut short unnoticed; ``freshclam`` does without it.

    Raises:
        FetchError: There is none (404 or 410), or the fetch failed in a way that may pass.
    """
    try:
        return fetch()
    except GoneError:
        raise
    except (WebPageError, UnboundedError):
        return None
    except HttpStatusError as error:
        if error.is_refusal:
            return None
        raise


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
