"""Answering a request for a file: validators, conditions, one range, and where the bytes come from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manifests.disk.blobs import BlobStore
from manifests.limits import KIB, MIB
from relay.server.byte_range import RequestedRange, parse_range
from relay.server.conditional import Conditions, Validators, evaluate_conditions, http_date, range_applies
from relay.server.media import content_type
from relay.server.messages import (
    FilePart,
    Header,
    Request,
    Response,
    header_fields,
    text_response,
    unavailable_response,
)
from relay.server.routes import MetadataFile, StoredFile

SMALL_FILE_BYTES = 64 * KIB
"""Content up to this size is kept in memory; above it the time to open a file no longer matters."""
CACHE_BYTES = 32 * MIB

_FRIENDLY = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class DamagedBlob:
    """A blob that the state names and the disk does not have as it should. ``found`` is its size there, if any."""

    sha256: str
    name: str
    length: int
    found: int | None


@dataclass(frozen=True, slots=True)
class Representation:
    """A file as HTTP sees it, made once per view. ``whole`` are the fields of 200, ``steady`` those of 304."""

    resource: StoredFile | MetadataFile
    validators: Validators
    length: int
    whole: list[Header]
    steady: list[Header]


class BlobCache:
    """Small blobs in memory by digest, verified as they are loaded, the least recently used dropped first.

    Args:
        store: Where they are loaded from.
        capacity_bytes: The most that is kept in memory.
    """

    def __init__(self, store: BlobStore, capacity_bytes: int = CACHE_BYTES) -> None:
        self._store = store
        self._capacity = capacity_bytes
        self._loaded: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def load_blob(self, sha256: str, length: int) -> bytes | None:
        """Return a blob's content, or ``None`` when the disk does not have it whole."""
        content = self._loaded.get(sha256)
        if content is not None:
            self._loaded.move_to_end(sha256)
            return content
        try:
            with self._store.path(sha256).open("rb") as file:
                content = file.read(length + 1)
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != sha256:
            return None
        self._keep(sha256, content)
        return content

    def _keep(self, sha256: str, content: bytes) -> None:
        self._loaded[sha256] = content
        self._bytes += len(content)
        while self._bytes > self._capacity:
            self._bytes -= len(self._loaded.popitem(last=False)[1])


class FileResponder:
    """Answers for files.

    Args:
        store: The blobs.
        on_damage: Told of a blob that is missing or has the wrong size; called for every request that meets it.
    """

    def __init__(self, store: BlobStore, on_damage: Callable[[DamagedBlob], None]) -> None:
        self._store = store
        self._cache = BlobCache(store)
        self._on_damage = on_damage

    def answer_request(self, request: Request, shape: Representation) -> Response:
        """Answer GET or HEAD for a file.

        Source: RFC 9110, 13.2.2 (the order of preconditions), 14.2 (Range is for GET alone).
        """
        verdict = evaluate_conditions(_conditions(request), shape.validators)
        if verdict == "not-modified":
            return Response(304, shape.steady)
        if verdict == "failed":
            return text_response(412, "The file is not the one that the request is about.\n")
        wanted = _range(request, shape)
        if wanted == "unsatisfiable":
            return text_response(
                416, "The range begins past the end.\n", [("content-range", f"bytes */{shape.length}")]
            )
        body = self._body(shape.resource, wanted)
        if body is None:
            return unavailable_response("This file is damaged here; the relay's operator has been told.")
        return Response(200, shape.whole, body) if wanted is None else _partial(shape, wanted, body)

    def _body(self, resource: StoredFile | MetadataFile, wanted: RequestedRange | None) -> bytes | FilePart | None:
        """Return the bytes or where they are; ``None`` when they are damaged."""
        start, end = (wanted.start, wanted.end) if wanted is not None else (0, None)
        if isinstance(resource, MetadataFile):
            return resource.content[start:end]
        if resource.length <= SMALL_FILE_BYTES:
            content = self._cache.load_blob(resource.sha256, resource.length)
            if content is not None and len(content) == resource.length:
                return content[start:end]
        else:
            path = self._store.path(resource.sha256)
            if _size(path) == resource.length:
                return FilePart(str(path), start, resource.length if end is None else end, resource.length)
        found = _size(self._store.path(resource.sha256))
        self._on_damage(DamagedBlob(resource.sha256, resource.name, resource.length, found))
        return None


def represent_file(resource: StoredFile | MetadataFile) -> Representation:
    """Return a file as HTTP sees it; the ``ETag`` is its digest."""
    if isinstance(resource, MetadataFile):
        digest, length, modified = hashlib.sha256(resource.content).hexdigest(), len(resource.content), None
    else:
        digest, length, modified = resource.sha256, resource.length, resource.modified_at
    validators = Validators(f'"{digest}"', None if modified is None else http_date(modified))
    steady = header_fields(("etag", validators.etag), ("cache-control", _FOR_EVER if resource.immutable else _FRIENDLY))
    if validators.last_modified is not None:
        steady.append(("last-modified", validators.last_modified))
    described = [("content-type", content_type(resource.name)), ("accept-ranges", "bytes"), *steady]
    return Representation(resource, validators, length, [("content-length", str(length)), *described], steady)


def _conditions(request: Request) -> Conditions:
    return Conditions(
        if_match=request.field("if-match"),
        if_unmodified_since=request.field("if-unmodified-since"),
        if_none_match=request.field("if-none-match"),
        if_modified_since=request.field("if-modified-since"),
    )


def _range(request: Request, shape: Representation) -> RequestedRange | Literal["unsatisfiable"] | None:
    header = request.field("range") if request.method == "GET" else None
    if header is None or not range_applies(request.field("if-range"), shape.validators):
        return None
    return parse_range(header, shape.length)


def _partial(shape: Representation, wanted: RequestedRange, body: bytes | FilePart) -> Response:
    place = [("content-length", str(wanted.length)), ("content-range", wanted.content_range(shape.length))]
    return Response(206, [*place, *shape.whole[1:]], body)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
