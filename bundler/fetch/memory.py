"""What the last good pull remembers of an upstream's answers, and what the next one will."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bundler.fetch.answer import GivenValidators
from bundler.sources.base import JSON, Workbench
from manifests.disk.blobs import Blob

_DIGITS = frozenset("0123456789abcdef")


class Memory:
    """Validators of files, by path; validators and content of documents, by a digest of the URL.

    URLs themselves are not written down: a token may stand in a query.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._files: dict[str, JSON] = {}
        self._documents: dict[str, JSON] = {}

    def file(self, path: str, url: str) -> GivenValidators:
        """Return the validators that a target came with at the last good pull, if it came from this URL."""
        return _validators(self._bench.memo("files").get(path), url)

    def keep_file(self, path: str, url: str, given: GivenValidators) -> None:
        """Remember the validators that a target came with."""
        self._files[path] = _note(url, given)

    def document(self, url: str) -> tuple[GivenValidators, Blob] | None:
        """Return a document of the last good pull with its validators, if its content is in the store."""
        note = self._bench.memo("documents").get(_digest(url))
        if not isinstance(note, Mapping):
            return None
        sha256, length = note.get("sha256"), note.get("length")
        if not isinstance(sha256, str) or len(sha256) != 64 or not _DIGITS.issuperset(sha256):
            return None
        if not isinstance(length, int) or not self._bench.store.has_blob(blob := Blob(sha256, length)):
            return None
        return _validators(note, url), blob

    def keep_document(self, url: str, given: GivenValidators, blob: Blob) -> None:
        """Remember a document and its validators for the next pull."""
        self._documents[_digest(url)] = {**_note(url, given), "sha256": blob.sha256, "length": blob.length}

    def to_json(self) -> Mapping[str, JSON]:
        """Return the validators and documents that the next pull wants to know."""
        return {"files": dict(sorted(self._files.items())), "documents": dict(sorted(self._documents.items()))}


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _note(url: str, given: GivenValidators) -> dict[str, JSON]:
    return {"url": _digest(url), "etag": given.etag, "last_modified": given.last_modified}


def _validators(note: JSON, url: str) -> GivenValidators:
    if not isinstance(note, Mapping) or note.get("url") != _digest(url):
        return GivenValidators()
    etag, modified = note.get("etag"), note.get("last_modified")
    return GivenValidators(
        etag if isinstance(etag, str) else None,
        modified if isinstance(modified, str) else None,
    )
