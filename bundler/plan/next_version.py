"""What the next version consists of, before it is decided how anything of it travels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bundler.pull.result import PullResult
from bundler.repository.staging import Staged
from manifests.manifest import NOTES_NAME, TUF_PREFIX, AbsentSource, SourceRecord, Target


@dataclass(frozen=True)
class NextVersion:
    """Everything that is to be sealed.

    Args:
        publisher: The name that its bundles begin with.
        snapshot_version: Of the TUF snapshot.
        root_version: Of the newest root.
        created: The instant of sealing.
        tool: What seals it.
        sources: What is said of each source, sorted by name.
        targets: Every target of every source, sorted by path; how it arrives is not decided here.
        absent: The sources that gave nothing, sorted by name.
        documents: TUF metadata and release notes by the names of their members, in the order of the zip.
    """

    publisher: str
    snapshot_version: int
    root_version: int
    created: datetime
    tool: str
    sources: tuple[SourceRecord, ...]
    targets: tuple[Target, ...]
    documents: tuple[tuple[str, bytes], ...]
    absent: tuple[AbsentSource, ...] = ()


def compose_version(
    publisher: str, tool: str, pulled: PullResult, staged: Staged, notes: bytes | None = None
) -> NextVersion:
    """Put together what was pulled, the metadata that was staged for it, and the release notes."""
    targets = (target for source_targets in pulled.targets.values() for target in source_targets)
    dated = (replace(record, pulled_at=staged.pulled_at[record.name]) for record in pulled.records)
    metadata = tuple((TUF_PREFIX + name, data) for name, data in staged.documents)
    return NextVersion(
        publisher=publisher,
        snapshot_version=staged.snapshot_version,
        root_version=staged.root_version,
        created=staged.created,
        tool=tool,
        sources=tuple(sorted(dated, key=lambda record: record.name)),
        targets=tuple(sorted(targets, key=lambda target: target.path)),
        documents=metadata if notes is None else (*metadata, (NOTES_NAME, notes)),
        absent=tuple(sorted(pulled.absent, key=lambda source: source.name)),
    )
