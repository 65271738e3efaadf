"""What a manifest says, as frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from manifests.container.layout import Method

BLOB_PREFIX = "blobs/"
PATCH_PREFIX = "patches/"

Arrival = Literal["blob", "held", "patch", "parts"]
Engine = Literal["hdiffpatch", "hdiffpatch+deflate", "zstd"]


@dataclass(frozen=True)
class TargetFacts:
    """What is known of the inside of one target: a label and facts such as rule counts."""

    path: str
    label: str
    facts: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True)
class SourceRecord:
    """Where a source's targets came from, and how sure the publisher is of them.

    Args:
        name: First part of the paths of its targets.
        kind: Kind of source.
        pulled_at: When the last good pull was.
        verification: What was checked of the upstream's own signatures.
        failure: Why the newest pull failed, when what was pulled at ``pulled_at`` is carried instead.
        items: What is known of the inside of targets.
        version: The upstream's own version, for people.
        licence: What the publisher notes of the licence, for people.
        fresh_days: Days after ``pulled_at`` from which the source counts as stale; the site's own rule when None.
        mount: ``/`` when the site should serve the source at its root too.
        deliver: Name of the place, defined by the site, that the source's files are meant for.
    """

    name: str
    kind: str
    pulled_at: datetime
    verification: str
    failure: str | None = None
    items: tuple[TargetFacts, ...] = ()
    version: str | None = None
    licence: str | None = None
    fresh_days: int | None = None
    mount: str | None = None
    deliver: str | None = None


@dataclass(frozen=True)
class AbsentSource:
    """A source that the publisher has configured and nothing of which is carried, and why.

    Args:
        name: As that of a source that is carried.
        kind: Kind of source.
        failure: Why nothing of it could be had.
    """

    name: str
    kind: str
    failure: str


@dataclass(frozen=True)
class Target:
    """One file that agents can ask for. ``length`` in bytes, ``sha256`` in lower-case hex.

    ``arrives`` holds for all volumes of a version: as a ``blob`` or a ``patch`` of some volume, in
    ``parts`` that may be spread over volumes, or not at all because the site has it (``held``).
    """

    path: str
    length: int
    sha256: str
    arrives: Arrival = "blob"

    @property
    def source(self) -> str:
        """Name of the source that it belongs to: the first part of its path."""
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class DocumentMember:
    """A member that is no content: TUF metadata or release notes.

    With ``deflated``, a DEFLATE stream stands for it in the zip: that stream's SHA-256 and length.
    """

    name: str
    length: int
    sha256: str
    deflated: tuple[str, int] | None = None

    @property
    def stored(self) -> tuple[Method, int, int]:
        """How it is stored, its length, and what it takes in the zip, in bytes."""
        return (
            ("stored", self.length, self.length)
            if self.deflated is None
            else ("deflate", self.length, self.deflated[1])
        )


@dataclass(frozen=True)
class BlobMember:
    """A member ``blobs/<sha256>``: its content, and the bytes that stand for it in the zip; the same when stored.

    The content is that of a target, or a part of one.
    """

    sha256: str
    length: int
    method: Method
    stored_sha256: str
    stored_length: int

    @property
    def name(self) -> str:
        """Name of the zip member."""
        return BLOB_PREFIX + self.sha256


@dataclass(frozen=True)
class PatchMember:
    """A stored member ``patches/<patch_sha256>`` that makes a target's content out of content the site holds.

    ``sha256`` and ``length`` are those of the result, ``base_sha256`` and ``base_length`` of what it is applied to.
    """

    sha256: str
    length: int
    base_sha256: str
    base_length: int
    engine: Engine
    patch_sha256: str
    patch_length: int

    @property
    def name(self) -> str:
        """Name of the zip member."""
        return PATCH_PREFIX + self.patch_sha256


@dataclass(frozen=True)
class Part:
    """A piece of a target's content: carried as a blob by some volume, or ``held`` by the site already."""

    sha256: str
    length: int
    held: bool = False


@dataclass(frozen=True)
class Parted:
    """A target's content that arrives in parts: joined in this order they are the content."""

    sha256: str
    length: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Manifest:
    """A whole manifest, of one volume.

    ``documents``, ``blobs`` and ``patches`` are what this volume carries, in the order of the zip;
    ``targets`` sorted by path and ``parted`` sorted by digest are those of the whole version.
    ``since`` is the lowest generation that the reader was taken to hold; ``None`` when nothing was.
    ``absent`` are the sources, by name, that were meant to be there too and gave nothing.
    """

    publisher: str
    snapshot_version: int
    root_version: int
    created: datetime
    tool: str
    sources: tuple[SourceRecord, ...]
    targets: tuple[Target, ...]
    documents: tuple[DocumentMember, ...]
    blobs: tuple[BlobMember, ...]
    patches: tuple[PatchMember, ...] = ()
    parted: tuple[Parted, ...] = ()
    since: int | None = None
    volume_index: int = 1
    volume_count: int = 1
    absent: tuple[AbsentSource, ...] = ()

    def targets_of(self, source: str) -> tuple[Target, ...]:
        """Return the targets of one source, sorted by path."""
        return tuple(target for target in self.targets if target.source == source)

    @property
    def file_name(self) -> str:
        """The name a bundle is given; recognition never depends on it."""
        return bundle_file_name(self.publisher, self.snapshot_version, self.since, self.volume_index, self.volume_count)


def bundle_file_name(publisher: str, version: int, since: int | None, volume_index: int, volume_count: int) -> str:
    """Return the name that a bundle is given."""
    kind = "full" if since is None else f"since-{since:06d}"
    volume = f"-v{volume_index}-of-{volume_count}" if volume_count > 1 else ""
    return f"{publisher}-{version:06d}-{kind}{volume}.zip"
