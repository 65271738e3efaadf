"""Files that stand beside others: checksums and signatures, to check by and, if wanted, to carry too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.urls import shown_url, url_beside
from bundler.kinds.http.files import FoundFiles, RemoteFile, require_sound_url
from bundler.kinds.http.signatures import SIGNATURE_BYTES, Signature
from bundler.kinds.http.template import VERSION_FIELD
from bundler.sources.base import PulledTarget, Workbench
from bundler.sources.checksum_list import ChecksumList
from bundler.sources.checksums import ALGORITHMS, Algorithm
from manifests.disk.blobs import Blob
from manifests.errors import ConfigurationError
from manifests.limits import MIB

_LIST_BYTES = 8 * MIB
"""Of one checksum file: a hundred thousand lines of a tree of rules take as much."""


@dataclass(frozen=True)
class ReadLists:
    """The checksum files of one attempt at a source, each asked for once.

    Args:
        lists: By URL.
        signers: Who signed a list, by the list's URL.
    """

    lists: Mapping[str, ChecksumList]
    signers: Mapping[str, str]


@dataclass(frozen=True)
class Sidecars:
    """What stands beside every file of a source.

    Args:
        checksum: ``<file>.<algorithm>`` gives this checksum of the file.
        list_url: One list, of this algorithm, for all files that have no checksum of their own.
        signature: Every file is signed, or every checksum list.
        carry: Carry the sidecars as well.
    """

    checksum: Algorithm | None = None
    list_url: tuple[Algorithm, str] | None = None
    signature: Signature | None = None
    carry: bool = False

    @classmethod
    def from_config(cls, source: str, options: Mapping[str, Any]) -> Self:
        """Read the keys ``checksum``, ``<algorithm>_url``, ``signature`` and ``carry_sidecars``.

        Raises:
            ConfigurationError: ``source.signature``, ``source.path``; ``source.signature`` too for a
                ``signature_url`` without ``signature``; ``source.checksum`` for more than one of them, ``source.url``.
        """
        signature = Signature.from_config(source, options["signature"]) if "signature" in options else None
        tables = (entry for entry in options.get("urls", []) if isinstance(entry, Mapping))
        if signature is None and any("signature_url" in table for table in tables):
            raise ConfigurationError(
                "source.signature",
                f"Source {source!r}: signature_url says where signatures are, and not by whom",
                todo='write signature = { program = "…", key = "…" } too',
            )
        if signature is not None and signature.of_lists:
            _require_lists(source, options)
        checksum = next((name for name in ALGORITHMS if name == options.get("checksum")), None)
        given = [name for name in ALGORITHMS if f"{name}_url" in options]
        if len(given) + (checksum is not None) > 1:
            raise ConfigurationError(
                "source.checksum",
                f"Source {source!r} says more than once where its checksums are",
                have=", ".join([*(["checksum"] if checksum else []), *(f"{name}_url" for name in given)]),
                need="checksum, or one list for all files",
            )
        lists = [(name, require_sound_url(source, options[f"{name}_url"])) for name in given]
        return cls(checksum, lists[0] if lists else None, signature, options.get("carry_sidecars", False))

    def listed(self, found: FoundFiles) -> FoundFiles:
        """Return files with the list that is for all of them; ``{version}`` in its URL is theirs."""
        if self.list_url is None:
            return found
        algorithm, url = self.list_url
        url = url.replace(VERSION_FIELD, found.version or "")
        files = (
            file if file.checksum or file.checksum_url else replace(file, checksum_url=(algorithm, url))
            for file in found.files
        )
        return FoundFiles(tuple(files), found.version)

    def without(self, found: FoundFiles) -> FoundFiles:
        """Return a listing without the sidecars in it: they are no files of their own."""
        suffixes = [f".{self.checksum}"] if self.checksum else []
        suffixes += [self.signature.suffix] if self.signature else []
        paths = {file.path for file in found.files}
        beside = {path + suffix for path in paths for suffix in suffixes}
        lists = {"" if self.list_url is None else self.list_url[1]}
        files = (file for file in found.files if file.path not in beside and file.url not in lists)
        return FoundFiles(tuple(files), found.version)

    def checksum_of(self, file: RemoteFile) -> tuple[Algorithm, str] | None:
        """Return where a file's checksum is published."""
        if file.checksum_url is not None or self.checksum is None or file.checksum is not None:
            return file.checksum_url
        return self.checksum, url_beside(file.url, f".{self.checksum}")

    def any_of(self, files: Iterable[RemoteFile]) -> bool:
        """Tell whether any of these files has a sidecar."""
        return self.signature is not None or any(self.checksum_of(file) is not None for file in files)

    def read_lists(self, fetcher: Fetcher, bench: Workbench, files: Iterable[RemoteFile]) -> ReadLists:
        """Read every checksum file that these files need, once, and check its signature if lists are signed.

        Raises:
            NotAuthenticError: ``http.signature``, ``http.signature-format``.
            FetchError: As :meth:`bundler.fetch.fetcher.Fetcher.document`.
        """
        needed = {published: file for file in files if (published := self.checksum_of(file)) is not None}

        def read(one: tuple[tuple[Algorithm, str], RemoteFile]) -> tuple[ChecksumList, str | None]:
            (algorithm, url), file = one
            data = fetcher.document(url, max_bytes=_LIST_BYTES)
            signer = None
            if self.signature is not None and self.signature.of_lists:
                made_at = self._signature_url(file, self.signature)
                signer = _signed_by(self.signature, fetcher, bench, fetcher.document_read(url), made_at)
            return ChecksumList.read(data, algorithm, name=shown_url(url)), signer

        found = dict(zip((url for _, url in needed), fetcher.each(read, list(needed.items())), strict=True))
        signers = {url: signer for url, (_, signer) in found.items() if signer is not None}
        return ReadLists({url: listed for url, (listed, _) in found.items()}, signers)

    def wanted(self, lists: ReadLists, file: RemoteFile) -> WantedFile:
        """Return what to fetch, with the checksum that it must have.

        Raises:
            FetchError: ``http.checksum-format``.
        """
        check, published = file.checksum, self.checksum_of(file)
        if published is not None:
            check = lists.lists[published[1]].checksum_of(unquote(urlsplit(file.url).path, errors="replace"), file.path)
        return WantedFile(file.url, file.path, check=check)

    def signer(self, fetcher: Fetcher, bench: Workbench, file: RemoteFile, blob: Blob) -> str | None:
        """Check a file's signature and return who made it; ``None`` where none is expected.

        Raises:
            NotAuthenticError: ``http.signature``, ``http.signature-format``.
            FetchError: As :meth:`bundler.fetch.fetcher.Fetcher.document`.
        """
        if self.signature is None or self.signature.of_lists:
            return None
        return _signed_by(self.signature, fetcher, bench, blob, self._signature_url(file, self.signature))

    def carried(self, fetcher: Fetcher, files: Iterable[RemoteFile]) -> Iterator[PulledTarget]:
        """Yield the sidecars that were read, if they are carried."""
        for file in files if self.carry else ():
            for url, suffix in self._urls(file):
                yield PulledTarget(file.path + suffix, fetcher.document_read(url))

    def _urls(self, file: RemoteFile) -> Iterator[tuple[str, str]]:
        published = self.checksum_of(file)
        suffix = "" if published is None else f".{published[0]}"
        if published is not None:
            yield published[1], suffix
        if self.signature is not None:
            of = suffix if self.signature.of_lists else ""
            yield self._signature_url(file, self.signature), of + self.signature.suffix

    def _signature_url(self, file: RemoteFile, signature: Signature) -> str:
        """Return where the signature of a file, or of its checksum list, is."""
        published = self.checksum_of(file) if signature.of_lists else None
        return file.signature_url or url_beside(file.url if published is None else published[1], signature.suffix)


def _signed_by(signature: Signature, fetcher: Fetcher, bench: Workbench, blob: Blob, url: str) -> str:
    fetcher.document(url, max_bytes=SIGNATURE_BYTES)
    made = fetcher.document_read(url)
    return signature.verify(bench.batch.path(blob), bench.batch.path(made), shown_url(url))


def _require_lists(source: str, options: Mapping[str, Any]) -> None:
    """Refuse signed lists where a file is on none of them: nobody would have signed it.

    Raises:
        ConfigurationError: ``source.signature``.
    """
    if "checksum" in options or any(f"{name}_url" in options for name in ALGORITHMS):
        return
    keys = {key for name in ALGORITHMS for key in (name, f"{name}_url")}
    bare = [entry for entry in options.get("urls", [{}]) if not isinstance(entry, Mapping) or not keys & set(entry)]
    if bare:
        raise ConfigurationError(
            "source.signature",
            f"Source {source!r}: its checksum lists are signed, and not every file is on one",
            have=f"{len(bare):,} without a list" if "urls" in options else "no list",
            need='sha256_url = "…", for all files or for each',
        )
