"""When a file in an inbox is ready: what was seen and the clock go in, what to do next comes out.

::

    MOVING --still for settle_seconds--> look --whole--------------> READY --imported, refused--> DONE
       ^                                  |--another program's-----> FOREIGN
       |                                  '--end missing, in use---> WAITING --look again--> ...
       '--any change of the file's stamp, from every phase           (after patience_seconds: READY, to be refused)

    READY --a base is missing, damaged--> BLOCKED --something was imported, its recovery data
                                                    has come, or patience_seconds--> READY

One ledger has the files of all inboxes, so that bundles are imported oldest first wherever they lie; an inbox that
does not answer is left out meanwhile. Nothing here reads a clock or a disk. Instants are seconds of a clock that
never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from manifests.recovery import is_side_name, side_name

COARSE_TIME_SECONDS = 2.0
"""FAT keeps times in steps of two seconds: content can change within one."""
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
FAILURES_BEFORE_GIVING_WAY = 3
"""After so many failures of its own (a worn stick) a file lets younger ones go first."""

ClaimedVersion = tuple[int, int]
"""Snapshot version and volume that a file claims, unverified: good for an order only."""


@dataclass(frozen=True)
class FileStamp:
    """What changes when a file is written, replaced or linked. Times in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class InboxRules:
    """How patient an inbox is, in seconds.

    ``settle_seconds``: how long a stamp must stand still before the file is opened. ``rescan_seconds``:
    how often the directory is listed without any event. ``patience_seconds``: how long a file that does not
    end like a zip may rest before it is refused. ``gather_seconds``: how long a ready file waits for others
    that are still moving, so that bundles which arrive together are imported oldest first; and how long an end
    may be missing when the recovery data beside the file is here, so that the end is damaged more likely than to come.
    """

    settle_seconds: float = 2.0
    rescan_seconds: float = 10.0
    patience_seconds: float = 600.0
    gather_seconds: float = 60.0


@dataclass(frozen=True)
class SeenFile:
    """A file that a listing of an inbox showed."""

    path: Path
    stamp: FileStamp


class Likeness(StrEnum):
    """What a first look at a settled file says. Nothing here is believed."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class FirstLook:
    """The result of a look. ``busy``: another program has the file open for writing, or under a second name."""

    likeness: Likeness
    reason: str = ""
    busy: bool = False


class Phase(StrEnum):
    """Where a file stands on its way."""

    MOVING = "moving"
    WAITING = "waiting"
    READY = "ready"
    BLOCKED = "blocked"
    DONE = "done"
    FOREIGN = "foreign"


class ImportEnding(StrEnum):
    """How an import ended, for the ledger."""

    IMPORTED = "imported"
    REFUSED = "refused"
    INCOMPLETE = "incomplete"
    LOCKED = "locked"
    FAILED = "failed"


@dataclass(frozen=True)
class Candidate:
    """One file, as it was seen last. ``since``: when its stamp was first seen; ``due``: when to act next."""

    inbox: Path
    path: Path
    stamp: FileStamp
    rules: InboxRules
    since: float
    due: float
    phase: Phase = Phase.MOVING
    reason: str = ""
    ready_at: float = 0.0
    claimed_version: ClaimedVersion | None = None
    version_read: bool = False
    failures: int = 0

    @property
    def named_as_bundle(self) -> bool:
        """Tell whether the name ends in ``.zip``; others are looked at, but nobody waits for them."""
        return self.path.suffix.lower() == ".zip"

    @property
    def named_as_side_file(self) -> bool:
        """Tell whether it is called like recovery data: a bundle that has come with it is imported after it."""
        return is_side_name(self.path.name)

    def is_side_file_of(self, bundle: Path) -> bool:
        """Tell whether it is named like the recovery data of a bundle; sticks change the case of names."""
        return self.path.parent == bundle.parent and self.path.name.lower() == side_name(bundle.name).lower()

    @property
    def order(self) -> tuple[bool, bool, ClaimedVersion, str]:
        """Oldest claimed version first, then volume, then name; unreadable claims and failing files last."""
        return (
            self.failures >= FAILURES_BEFORE_GIVING_WAY,
            self.claimed_version is None,
            self.claimed_version or (0, 0),
            str(self.path),
        )


def _settle_seconds(stamp: FileStamp, rules: InboxRules) -> float:
    coarse = stamp.mtime_ns % 1_000_000_000 == 0
    return rules.settle_seconds + (COARSE_TIME_SECONDS if coarse else 0.0)


def _is_ready(look: FirstLook, out_of_patience: bool) -> bool:
    """Tell whether a file is to be imported now, if only to be refused with the right reason."""
    if look.likeness is Likeness.WHOLE:
        return out_of_patience or not look.busy
    return look.likeness is Likeness.PARTIAL and out_of_patience and not look.busy


class Ledger:
    """Every file of every inbox, and what to do next."""

    def __init__(self) -> None:
        self._files: dict[Path, Candidate] = {}
        self._silent: frozenset[Path] = frozenset()
        self._importing: Candidate | None = None
        self._paused_until = 0.0
        self._failures_in_a_row = 0

    def __iter__(self) -> Iterator[Candidate]:
        return iter(tuple(self._files.values()))

    def files_of(self, inbox: Path | None) -> tuple[Candidate, ...]:
        """Return the files of one inbox, or of all."""
        return tuple(c for c in self if inbox is None or c.inbox == inbox)

    def take_listing(self, now: float, inbox: Path, rules: InboxRules, seen_files: Iterable[SeenFile]) -> None:
        """Take in one whole listing of one inbox; files that it does not show are forgotten."""
        seen = {one.path: one.stamp for one in seen_files}
        for candidate in self.files_of(inbox):
            if candidate.path not in seen:
                del self._files[candidate.path]
        for path, stamp in seen.items():
            known = self._files.get(path)
            if known is None or known.stamp != stamp:
                due = now + _settle_seconds(stamp, rules)
                self._files[path] = Candidate(inbox, path, stamp, rules, since=now, due=due)

    def leave_out(self, silent: Iterable[Path]) -> None:
        """Let nobody wait for the files of inboxes that do not answer: of these, and of no others."""
        self._silent = frozenset(silent)

    def files_to_look_at(self, now: float, inbox: Path | None = None) -> tuple[Candidate, ...]:
        """Return the files that have settled, or that rest and deserve another look."""
        return tuple(c for c in self.files_of(inbox) if c.phase in {Phase.MOVING, Phase.WAITING} and c.due <= now)

    def take_look(self, now: float, candidate: Candidate, look: FirstLook | None) -> None:
        """Take in a look at a file; ``None`` when it was no longer the file of the listing."""
        if self._files.get(candidate.path) != candidate:
            return
        rules = candidate.rules
        if look is None:
            after = replace(candidate, since=now, due=now + rules.settle_seconds, phase=Phase.MOVING)
        elif look.likeness is Likeness.FOREIGN:
            after = replace(candidate, phase=Phase.FOREIGN, reason=look.reason)
        elif _is_ready(look, now - candidate.since >= self._patience_seconds(candidate)):
            after = replace(candidate, phase=Phase.READY, reason=look.reason, ready_at=now)
        else:
            after = replace(candidate, phase=Phase.WAITING, reason=look.reason, due=now + rules.rescan_seconds)
        self._files[candidate.path] = after
        if after.phase is Phase.FOREIGN and after.named_as_side_file:
            for other in self:
                if other.phase is Phase.BLOCKED and after.is_side_file_of(other.path):
                    self._files[other.path] = replace(other, phase=Phase.READY)

    def _patience_seconds(self, candidate: Candidate) -> float:
        """Return how long an end may be missing, in seconds: less when recovery data, which comes last, is here."""
        with_side_file = any(c.phase is Phase.FOREIGN and c.is_side_file_of(candidate.path) for c in self)
        return candidate.rules.gather_seconds if with_side_file else candidate.rules.patience_seconds

    def files_to_order(self, inbox: Path | None = None) -> tuple[Candidate, ...]:
        """Return the ready files whose claimed version matters, because there are others."""
        ready = self._ready()
        return tuple(c for c in ready if not c.version_read and inbox in {None, c.inbox}) if len(ready) > 1 else ()

    def take_claimed_version(self, candidate: Candidate, version: ClaimedVersion | None) -> None:
        """Take in what a ready file says of itself; ``None`` when it cannot be read."""
        if self._files.get(candidate.path) == candidate:
            self._files[candidate.path] = replace(candidate, claimed_version=version, version_read=True)

    def next_import(self, now: float) -> Candidate | None:
        """Return the file to import now, if any."""
        ready = self._ready()
        if not ready or now < self._paused_until or now < self._gathers_until(now, ready):
            return None
        return min(ready, key=lambda c: c.order)

    def begin_import(self, now: float, inbox: Path) -> Candidate | None:
        """Begin the import that comes next, if its file lies in this inbox and no other import is under way."""
        if self._importing is not None or self.files_to_order():
            return None
        chosen = self.next_import(now)
        self._importing = chosen if chosen is not None and chosen.inbox == inbox else None
        return self._importing

    @property
    def is_importing(self) -> bool:
        """Tell whether an import is under way."""
        return self._importing is not None

    def inboxes_to_act(self) -> frozenset[Path]:
        """Return the inboxes that the next import waits for: to say what their files claim, or to begin it."""
        ready = self._ready()
        if not ready or self._importing is not None:
            return frozenset()
        waited_for = self.files_to_order() or (min(ready, key=lambda c: c.order),)
        return frozenset(c.inbox for c in waited_for)

    def _ready(self) -> list[Candidate]:
        return [c for c in self if c.phase is Phase.READY and c.inbox not in self._silent]

    def _gathers_until(self, now: float, ready: list[Candidate]) -> float:
        """Tell until when ready files wait for those that still move."""
        if not any(self._is_waited_for(c) for c in self):
            return now
        return min(c.ready_at + c.rules.gather_seconds for c in ready)

    def _is_waited_for(self, candidate: Candidate) -> bool:
        named = candidate.named_as_bundle or candidate.named_as_side_file
        return candidate.phase is Phase.MOVING and named and candidate.inbox not in self._silent

    def abandon_import(self) -> None:
        """Take in that the import under way was given up: its file stays as it was."""
        self._importing = None

    def take_ending(self, now: float, candidate: Candidate, ending: ImportEnding, reason: str = "") -> None:
        """Take in how the import of a file ended."""
        self._importing = None
        if ending in {ImportEnding.LOCKED, ImportEnding.FAILED}:
            self._pause(now)
        else:
            self._paused_until, self._failures_in_a_row = 0.0, 0
        if ending is ImportEnding.IMPORTED:
            self.retry_blocked()
        if self._files.get(candidate.path) != candidate:
            return
        if ending is ImportEnding.INCOMPLETE:
            due = now + candidate.rules.patience_seconds
            after = replace(candidate, phase=Phase.BLOCKED, due=due, reason=reason)
        elif ending in {ImportEnding.LOCKED, ImportEnding.FAILED}:
            failures = candidate.failures + (ending is ImportEnding.FAILED)
            after = replace(candidate, failures=failures, reason=reason)
        else:
            after = replace(candidate, phase=Phase.DONE, reason=reason)
        self._files[candidate.path] = after

    def _pause(self, now: float) -> None:
        pause = min(FIRST_PAUSE_SECONDS * 2**self._failures_in_a_row, LONGEST_PAUSE_SECONDS)
        self._paused_until = now + pause
        self._failures_in_a_row = min(self._failures_in_a_row + 1, 16)

    def retry_blocked(self, inbox: Path | None = None) -> None:
        """Let files of one inbox, or of all, try again that lacked a base: something new is here."""
        for candidate in self.files_of(inbox):
            if candidate.phase is Phase.BLOCKED:
                self._files[candidate.path] = replace(candidate, phase=Phase.READY)

    def retry_due(self, now: float) -> None:
        """Let blocked files whose time has come try again."""
        for candidate in self:
            if candidate.phase is Phase.BLOCKED and candidate.due <= now:
                self._files[candidate.path] = replace(candidate, phase=Phase.READY)

    def next_due(self, now: float, inbox: Path | None = None) -> float | None:
        """Return when something is to be done without any event; ``None`` when nothing is, or others act first."""
        dues = [c.due for c in self.files_of(inbox) if c.phase in {Phase.MOVING, Phase.WAITING, Phase.BLOCKED}]
        acting = self.inboxes_to_act()
        if acting and inbox in {None, *acting}:
            dues.append(max(now, self._paused_until, self._gathers_until(now, self._ready())))
        return min(dues, default=None)
