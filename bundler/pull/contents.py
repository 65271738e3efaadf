"""What a pull brings must still be what the source is there for: rules and signatures, not nothing or an excuse."""

from __future__ import annotations

from collections.abc import Mapping

from bundler.rules.counting import count_active, is_counted
from bundler.rules.stand_ins import LOOKED_AT_BYTES, may_stand_in, stand_in_of
from bundler.sources.base import Pull, PulledTarget, Workbench
from bundler.sources.emptiness import EmptyError, empty_error
from manifests.disk.blobs import Blob

_SPOKEN_BYTES = 60


def require_content(source: str, pulled: Pull, before: Pull | None, bench: Workbench) -> None:
    """Refuse a pull in which something had rules or signatures and has none now, or that brings a stand-in.

    Only what is new is looked at. What cannot be counted is let through: it has gates of its own.

    Args:
        source: The source's name.
        pulled: What comes.
        before: The last good pull, however the source was configured then.
        bench: The source's; with its ``allow_empty`` everything passes.

    Raises:
        EmptyError: ``source.empty``, ``source.stand-in``.
    """
    if bench.allow_empty:
        return
    _refuse_vanished(source, pulled, bench)
    known = {target.path: target.blob for target in before.targets} if before else {}
    for target in pulled.targets:
        if known.get(target.path) != target.blob:
            _refuse_stand_in(source, target, bench)
            _refuse_emptied(source, target, known, bench)


def _refuse_stand_in(source: str, target: PulledTarget, bench: Workbench) -> None:
    if not may_stand_in(target.path, target.blob.length):
        return
    beginning = _beginning(target.blob, bench)
    found = stand_in_of(target.path, beginning, target.blob.length)
    if found is not None:
        raise EmptyError(
            "source.stand-in",
            f"Source {source!r}: {target.path} is {found} in place of the file",
            have=_shown(beginning),
            todo="run git lfs pull there, and pull again"
            if beginning.startswith(b"version ")
            else f"ask the upstream; if it is meant so, write allow_empty = true for {source}",
        )


def _refuse_vanished(source: str, pulled: Pull, bench: Workbench) -> None:
    had = [target.path for target in bench.previous.targets if is_counted(target.path)] if bench.previous else []
    if had and pulled.targets and not any(is_counted(target.path) for target in pulled.targets):
        have = f"{had[0]} before, the first of {len(had):,}"
        raise empty_error(source, "all that it has", "rule or signature", have=have)


def _refuse_emptied(source: str, target: PulledTarget, known: Mapping[str, Blob], bench: Workbench) -> None:
    old = known.get(target.path)
    if old is None or not is_counted(target.path) or not bench.store.has_blob(old) or _count(target, bench) != 0:
        return
    had = _count(PulledTarget(target.path, old), bench)
    if had:
        have = f"{had:,} before, none now: {_shown(_beginning(target.blob, bench))}"
        raise empty_error(source, target.path, "active rule or signature", have=have)


def _count(target: PulledTarget, bench: Workbench) -> int | None:
    with bench.open(target.blob) as file:
        return count_active(target.path, file)


def _beginning(blob: Blob, bench: Workbench) -> bytes:
    with bench.open(blob) as file:
        return file.read(LOOKED_AT_BYTES)


def _shown(beginning: bytes) -> str:
    return repr(beginning[:_SPOKEN_BYTES].decode("utf-8", "replace")) if beginning else "an empty file"
