"""The databases in a directory that cvdupdate or freshclam keeps: of each the newer of ``.cvd`` and ``.cld``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from bundler.fetch.fetcher import WantedFile
from bundler.fetch.local_files import Fingerprint, read_settled, refusing_changes
from bundler.kinds.clamav.database import Database, DatabaseProbe, KnownDatabase, Mirror
from bundler.kinds.clamav.files import HEADER_BYTES, read_header
from bundler.kinds.clamav.local import LocalFiles
from bundler.kinds.clamav.patched import check_parts, read_patched_header
from bundler.sources.base import PulledTarget, Workbench
from manifests.errors import FetchError

T = TypeVar("T")


@dataclass(frozen=True)
class MirrorDirectory:
    """A directory with databases of ClamAV.

    Args:
        files: Its files.
        mirror: Reads what is there as it would be read of a server.
    """

    files: LocalFiles
    mirror: Mirror

    @classmethod
    def open(cls, source: str, path: Path, cdiffs: int, bench: Workbench, sigtool: Path | None) -> Self:
        """Return a directory of which at most so many increments of each database are carried."""
        files = LocalFiles(source, path, bench)
        return cls(files, Mirror(source, str(path), cdiffs, files, bench, sigtool))

    def read(self, names: Sequence[str], others: Sequence[str], pull: Callable[[], T]) -> T:
        """Read databases and other files in one state: again, where somebody writes to them meanwhile.

        Args:
            names: Of the databases.
            others: Names of files that are read too.
            pull: Reads them.

        Raises:
            FetchError: ``directory.changing``, and what ``pull`` raises.
        """
        begins = [*(f"{name}{sign}" for name in names for sign in ".-"), *others]

        def find() -> Mapping[str, Fingerprint]:
            return self.files.marks(begins)

        _, result = read_settled(self.files.source, self.files.path, find, lambda _: pull())
        return result

    def pull(self, name: str) -> Database:
        """Return one database as it will be carried.

        Raises:
            ChangedError: Somebody writes to it.
            FetchError: ``clamav.missing``; as :class:`LocalFiles`.
            MalformedError: ``clamav.header``, ``clamav.cld``, ``clamav.cdiff``.
            NotAuthenticError: ``clamav.md5``, ``clamav.sha256``, ``clamav.signature``.
            RollbackError: ``source.older``.
        """
        probe, patched = self._newest(name)
        return self._pull_patched(name, probe) if patched else self.mirror.pull(name)

    def probe(self, name: str) -> tuple[DatabaseProbe, str]:
        """Return the header of the newest file of one database, and the name of that file.

        Raises:
            FetchError: As :meth:`pull`; ``directory.changing``.
            MalformedError: ``clamav.header``.
            RollbackError: ``source.older``.
        """
        with refusing_changes(self.files.source):
            probe, patched = self._newest(name)
        return probe, f"{name}.{'cld' if patched else 'cvd'}"

    def _newest(self, name: str) -> tuple[DatabaseProbe, bool]:
        """Return which of the two files is newer; of two that are the same, the one that has a signature."""
        found = [(self._probe(name, patched), patched) for patched in (False, True) if self._has(name, patched)]
        if not found:
            raise FetchError(
                "clamav.missing",
                f"Source {self.files.source!r}: there is neither {name}.cvd nor {name}.cld in {self.files.path}",
                need="a directory that cvdupdate or freshclam has filled",
                todo='run: cvd update (or freshclam), or name what is there, such as databases = ["daily"]',
            )
        probe, patched = max(found, key=lambda one: one[0].header.version)
        what = f"the database {name}"
        self.mirror.bench.check_not_older(self.files.source, name, (probe.header.version,), what=what)
        return probe, patched

    def _has(self, name: str, patched: bool) -> bool:
        return self.files.mark(f"{name}.{'cld' if patched else 'cvd'}") is not None

    def _probe(self, name: str, patched: bool) -> DatabaseProbe:
        file = f"{name}.{'cld' if patched else 'cvd'}"
        data = self.files.head_bytes(file, HEADER_BYTES)
        header = read_patched_header(data, name=file) if patched else read_header(data, name=file)
        return DatabaseProbe(header, hashlib.sha256(data).hexdigest(), KnownDatabase.of(self.mirror.bench, name))

    def _pull_patched(self, name: str, probe: DatabaseProbe) -> Database:
        file = f"{name}.cld"
        bench = self.mirror.bench
        blob = bench.remembered(file) if probe.unchanged else None
        if blob is None:
            blob = self.files.get(WantedFile(file, file)).blob
            with bench.open(blob) as stream:
                check_parts(stream, name=file)
        known = KnownDatabase(probe.header.version, probe.digest, False, False)
        return Database(name, probe.header, (PulledTarget(file, blob),), 0, known, patched=True)
