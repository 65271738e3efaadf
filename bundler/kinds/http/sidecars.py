"""Files that stand beside others: checksums and signatures, to check by and, if wanted, to carry too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.urls import file_name_of, shown_url, url_beside
from bundler.kinds.http.files import FoundFiles, RemoteFile
from bundler.kinds.http.signatures import SIGNATURE_BYTES, Signature
from bundler.sources.base import PulledTarget, Workbench
from bundler.sources.checksums import ALGORITHMS, Algorithm, parse_checksum_file
from manifests.disk.blobs import Blob
from manifests.errors import ConfigurationError
from manifests.limits import MIB

_CHECKSUM_BYTES = MIB


@dataclass(frozen=True)
class Sidecars:
    """What stands beside every file of a source.

    Args:
        checksum: ``<file>.<algorithm>`` gives this checksum of the file.
        signature: Every file is signed.
        carry: Carry the sidecars as well.
    """

    checksum: Algorithm | None = None
    signature: Signature | None = None
    carry: bool = False

    @classmethod
    def from_config(cls, source: str, options: Mapping[str, Any]) -> Self:
        """Read the keys ``checksum``, ``signature`` and ``carry_sidecars``.

        Raises:
            ConfigurationError: ``source.signature``, ``source.path``; ``source.signature`` too for a
                ``signature_url`` without ``signature``.
        """
        signature = Signature.from_config(source, options["signature"]) if "signature" in options else None
        tables = (entry for entry in options.get("urls", []) if isinstance(entry, Mapping))
        if signature is None and any("signature_url" in table for table in tables):
            raise ConfigurationError(
                "source.signature",
                f"Source {source!r}: signature_url says where signatures are, and not by whom",
                todo='write signature = { program = "…", key = "…" } too',
            )
        checksum = next((name for name in ALGORITHMS if name == options.get("checksum")), None)
        return cls(checksum, signature, options.get("carry_sidecars", False))

    def without(self, found: FoundFiles) -> FoundFiles:
        """Return a listing without the sidecars in it: they are no files of their own."""
        suffixes = [f".{self.checksum}"] if self.checksum else []
        suffixes += [self.signature.suffix] if self.signature else []
        paths = {file.path for file in found.files}
        beside_one = {path + suffix for path in paths for suffix in suffixes}
        return FoundFiles(tuple(file for file in found.files if file.path not in beside_one), found.version)

    def checksum_of(self, file: RemoteFile) -> tuple[Algorithm, str] | None:
        """Return where a file's checksum is published."""
        if file.checksum_url is not None or self.checksum is None or file.checksum is not None:
            return file.checksum_url
        return self.checksum, url_beside(file.url, f".{self.checksum}")

    def any_of(self, files: Iterable[RemoteFile]) -> bool:
        """Tell whether any of these files has a sidecar."""
        return self.signature is not None or any(self.checksum_of(file) is not None for file in files)

    def wanted(self, fetcher: Fetcher, file: RemoteFile) -> WantedFile:
        """Return what to fetch, with the checksum that it must have.

        Raises:
            FetchError: ``http.checksum-format``, or as :meth:`bundler.fetch.fetcher.Fetcher.document`.
        """
        check, published = file.checksum, self.checksum_of(file)
        if published is not None:
            algorithm, url = published
            data = fetcher.document(url, max_bytes=_CHECKSUM_BYTES)
            check = parse_checksum_file(data, algorithm, file_name_of(file.url), name=shown_url(url))
        return WantedFile(file.url, file.path, check=check)

    def signer(self, fetcher: Fetcher, bench: Workbench, file: RemoteFile, blob: Blob) -> str | None:
        """Check a file's signature and return who made it; ``None`` where none is expected.

        Raises:
            NotAuthenticError: ``http.signature``, ``http.signature-format``.
            FetchError: As :meth:`bundler.fetch.fetcher.Fetcher.document`.
        """
        if self.signature is None:
            return None
        url = self._signature_url(file, self.signature)
        fetcher.document(url, max_bytes=SIGNATURE_BYTES)
        made = fetcher.document_read(url)
        return self.signature.verify(bench.batch.path(blob), bench.batch.path(made), shown_url(url))

    def carried(self, fetcher: Fetcher, files: Iterable[RemoteFile]) -> Iterator[PulledTarget]:
        """Yield the sidecars that were read, if they are carried."""
        for file in files if self.carry else ():
            for url, suffix in self._urls(file):
                yield PulledTarget(file.path + suffix, fetcher.document_read(url))

    def _urls(self, file: RemoteFile) -> Iterator[tuple[str, str]]:
        published = self.checksum_of(file)
        if published is not None:
            yield published[1], f".{published[0]}"
        if self.signature is not None:
            yield self._signature_url(file, self.signature), self.signature.suffix

    def _signature_url(self, file: RemoteFile, signature: Signature) -> str:
        return file.signature_url or url_beside(file.url, signature.suffix)
