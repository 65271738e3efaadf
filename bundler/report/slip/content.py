"""What a slip says, and where it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Metadata, Signed
from tuf.api.serialization import DeserializationError

from bundler.diff.rules import SourceRules
from bundler.diff.targets import Difference
from manifests import recovery
from manifests.errors import MalformedError
from manifests.limits import DEFAULT_LIMITS
from manifests.manifest import NOTES_NAME, TUF_PREFIX, Manifest, one_line, signature
from manifests.schemas import strictjson
from manifests.text import count_text, size_text

MAX_NOTE_LINES = 8
MAX_NOTE_CHARACTERS = 160
MAX_ABSENT = 5
"""Absent sources with a line of their own; the others are counted."""
MAX_SOURCES = 12
"""Sources with a line of their own; more would not fit on the page."""


@dataclass(frozen=True)
class SlipVolume:
    """A file on the stick: its name, its length in bytes, its digest in lower-case hex."""

    name: str
    length: int
    sha256: str


@dataclass(frozen=True)
class RoleEnd:
    """Until when a role is good."""

    role: str
    expires_at: datetime


@dataclass(frozen=True)
class ChangeCounts:
    """How many files or rules changed since the version before."""

    added: int
    updated: int
    removed: int

    def __str__(self) -> str:
        parts = ((self.added, "new"), (self.updated, "updated"), (self.removed, "removed"))
        return ", ".join(f"{count:,} {word}" for count, word in parts if count) or "no change"


@dataclass(frozen=True)
class SourceLine:
    """A source: its files in all, and what changed.

    ``length`` in bytes; ``age_days`` is set when the newest pull failed and older content is carried;
    ``changes`` is ``None`` when there is nothing to compare with; ``rules`` are the changes by format; ``licence``
    is what the publisher notes of it, if anything.
    """

    name: str
    files: int
    length: int
    age_days: int | None = None
    changes: ChangeCounts | None = None
    rules: tuple[tuple[str, ChangeCounts], ...] = ()
    licence: str | None = None


@dataclass(frozen=True)
class Slip:
    """All that one page says of one bundle.

    Args:
        publisher: Who.
        version: Which snapshot version.
        since: The lowest generation that a site must hold, ``None`` for a full bundle.
        created: When it was sealed, aware UTC.
        tool: By what.
        volumes: The files, in the order of their numbers.
        keyids: The keys that signed the manifests, whole.
        roles: Until when each role is good, the first to end first.
        sources: By name.
        absent: What was meant to be there and is not: the name of each such source, and why.
        previous: The version that changes are counted from, if any.
        notes: The first lines of the release notes.
        more_notes: How many lines follow.
        recovery_percent: How much of each volume the recovery data beside it makes good, if there is any.
    """

    publisher: str
    version: int
    since: int | None
    created: datetime
    tool: str
    volumes: tuple[SlipVolume, ...]
    keyids: tuple[str, ...]
    roles: tuple[RoleEnd, ...]
    sources: tuple[SourceLine, ...]
    absent: tuple[tuple[str, str], ...] = ()
    previous: int | None = None
    notes: tuple[str, ...] = ()
    more_notes: int = 0
    recovery_percent: float | None = None

    @property
    def kind(self) -> str:
        """What a site must hold for it, in words."""
        return "full" if self.since is None else f"increment since version {self.since}"

    @property
    def recovery(self) -> str | None:
        """What lies beside each volume, in words."""
        if self.recovery_percent is None:
            return None
        name = self.volumes[0].name if len(self.volumes) == 1 else "FILE"
        return f"{recovery.side_name(name)} beside it, for {self.recovery_percent:g} % of its blocks"

    @property
    def file_stem(self) -> str:
        """What the slip's own files are named by: the bundle's name without volume and suffix."""
        since = "full" if self.since is None else f"since-{self.since:06d}"
        return f"{self.publisher}-{self.version:06d}-{since}.slip"


def prepare_slip(
    manifest: Manifest,
    signature_bytes: bytes,
    documents: Iterable[tuple[str, bytes]],
    volumes: Sequence[SlipVolume],
    *,
    difference: Difference | None = None,
    rules: Sequence[SourceRules] = (),
    recovery_percent: float | None = None,
) -> Slip:
    """Gather what a slip says of a bundle that was sealed and verified.

    Args:
        manifest: The manifest of any volume.
        signature_bytes: Its ``manifest.sig.json``.
        documents: TUF metadata and release notes by member name, ``tuf/`` before it or not.
        volumes: The files, in the order of their numbers.
        difference: What changed since the version before, if it is known.
        rules: What changed rule by rule.
        recovery_percent: How much recovery data goes beside each file, if any does.

    Raises:
        MalformedError: ``slip.metadata``, ``json.*``: the documents are none.
    """
    named = {name.removeprefix(TUF_PREFIX): data for name, data in documents}
    notes = _note_lines(named.pop(NOTES_NAME, b""))
    signed = strictjson.decode_json(
        signature_bytes, name=signature.SIGNATURE_NAME, max_bytes=DEFAULT_LIMITS.signature_bytes
    )
    return Slip(
        publisher=manifest.publisher,
        version=manifest.snapshot_version,
        since=manifest.since,
        created=manifest.created,
        tool=one_line(manifest.tool),
        volumes=tuple(volumes),
        keyids=tuple(row["keyid"] for row in signed["signatures"]),
        roles=_role_ends(named),
        sources=tuple(_source_lines(manifest, difference, rules)),
        absent=tuple((source.name, source.failure) for source in manifest.absent),
        previous=None if difference is None else difference.old.snapshot_version,
        notes=notes[:MAX_NOTE_LINES],
        more_notes=max(0, len(notes) - MAX_NOTE_LINES),
        recovery_percent=recovery_percent,
    )


def abridge_sources(sources: Sequence[SourceLine]) -> tuple[tuple[SourceLine, ...], tuple[SourceLine, ...]]:
    """Split sources into those with a line of their own and the rest, those that changed before the others."""
    if len(sources) <= MAX_SOURCES:
        return tuple(sources), ()
    by_weight = sorted(
        sources, key=lambda line: (line.age_days is None, line.changes == ChangeCounts(0, 0, 0), -line.length)
    )
    kept = {line.name for line in by_weight[: MAX_SOURCES - 1]}
    return tuple(s for s in sources if s.name in kept), tuple(s for s in sources if s.name not in kept)


def abridge_absent(slip: Slip) -> tuple[tuple[tuple[str, str], ...], int]:
    """Return the absent sources that have a line of their own, with short reasons, and how many more there are."""
    shown = tuple((name, _short(failure)) for name, failure in slip.absent[:MAX_ABSENT])
    return shown, len(slip.absent) - len(shown)


def digest_groups(digest: str) -> tuple[str, ...]:
    """Split a digest into groups that an eye can compare."""
    return tuple(digest[start : start + 8] for start in range(0, len(digest), 8))


def moment_text(instant: datetime) -> str:
    """Write an instant for people."""
    return instant.strftime("%Y-%m-%d %H:%M UTC")


def totals_text(slip: Slip) -> str:
    """Say how much there is."""
    files = sum(source.files for source in slip.sources)
    content, carried = (
        sum(lengths) for lengths in ([s.length for s in slip.sources], [v.length for v in slip.volumes])
    )
    what = f"{count_text(files, 'file')} from {count_text(len(slip.sources), 'source')}"
    return f"{what}, {size_text(content)}; {size_text(carried)} on the stick"


def top_roles(slip: Slip) -> tuple[RoleEnd, ...]:
    """Return the top-level roles and the source's role that ends first."""
    top = {"root", "timestamp", "snapshot", "targets"}
    below = [end for end in slip.roles if end.role not in top]
    return tuple(end for end in slip.roles if end.role in top or end in below[:1])


def has_licences(slip: Slip) -> bool:
    """Tell whether the publisher notes the licence of any source."""
    return any(source.licence is not None for source in slip.sources)


def _note_lines(notes: bytes) -> tuple[str, ...]:
    lines = (one_line(line).lstrip("#").strip() for line in notes.decode("utf-8", "replace").splitlines())
    return tuple(_short(line) for line in lines if line)


def _short(line: str) -> str:
    return line if len(line) <= MAX_NOTE_CHARACTERS else line[: MAX_NOTE_CHARACTERS - 3] + "..."


def _role_ends(documents: dict[str, bytes]) -> tuple[RoleEnd, ...]:
    """Read until when each role is good; of several roots, the newest."""
    ends: dict[str, tuple[int, datetime]] = {}
    for name, data in documents.items():
        try:
            signed: Signed = Metadata.from_bytes(data).signed
        except DeserializationError:
            raise MalformedError("slip.metadata", f"{name} is not TUF metadata") from None
        role = name.removesuffix(".json").rpartition(".")[2]
        ends[role] = max(ends.get(role, (0, signed.expires)), (signed.version, signed.expires))
    rows = (RoleEnd(role, expires_at) for role, (_, expires_at) in ends.items())
    return tuple(sorted(rows, key=lambda row: (row.expires_at, row.role)))


def _source_lines(
    manifest: Manifest, difference: Difference | None, rules: Sequence[SourceRules]
) -> Iterable[SourceLine]:
    changed = {source.name: source for source in difference.sources} if difference else {}
    by_rule = {row.source: row for row in rules}
    for source in manifest.sources:
        own = manifest.targets_of(source.name)
        found = changed.get(source.name)
        formats = by_rule[source.name].formats if source.name in by_rule else ()
        yield SourceLine(
            name=source.name,
            files=len(own),
            length=sum(target.length for target in own),
            age_days=None if source.failure is None else (manifest.created - source.pulled_at).days,
            changes=None if found is None else ChangeCounts(len(found.added), len(found.updated), len(found.removed)),
            rules=tuple((f.format, ChangeCounts(len(f.added), len(f.updated), len(f.removed))) for f in formats),
            licence=None if source.licence is None else one_line(source.licence),
        )
