"""Source ``rulepack``: rule packs (``.dsru``), carried under their own names; open ones are checked and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from bundler.kinds.directory import absolute, changing, settled
from bundler.kinds.files import ATTEMPTS, ChangedError, Fingerprint, chunks, opened, read_errors, require_regular
from bundler.sources.base import CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench
from manifests import rulepack
from manifests.errors import ConfigurationError, FetchError, MalformedError
from manifests.manifest import TargetFacts
from manifests.names import check_target_path
from manifests.rulepack import OPEN_LABEL, VENDOR_LABEL, Release

_WILD = "*?["


@dataclass(frozen=True)
class Found:
    """One pack file: where it is, and what it looked like when it was found."""

    path: Path
    mark: Fingerprint


@dataclass(frozen=True)
class Pack:
    """One pack that was read: its place in the store, and what is known of its inside."""

    target: PulledTarget
    item: TargetFacts
    release: Release | None


@dataclass(frozen=True)
class RulepackSource:
    """Carry rule packs.

    Args:
        places: Absolute files or globs.
        newest: Carry only so many, the newest by release; all when None.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset()
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": {
                "if": {"type": "array"},
                "then": {"minItems": 1, "items": {"type": "string", "minLength": 1}},
                "else": {"type": "string", "minLength": 1},
            },
            "newest": {"type": "integer", "minimum": 1},
        },
    }

    name: str
    places: tuple[Path, ...]
    newest: int | None = None

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` for a relative path.
        """
        given = options["path"]
        places = tuple(absolute(name, place) for place in ([given] if isinstance(given, str) else given))
        for place in places:
            if any(char in part for part in place.parent.parts for char in _WILD):
                raise ConfigurationError(
                    "source.path", f"Source {name!r}: {str(place)!r} has a glob before its last part"
                )
        return cls(name, places, options.get("newest"))

    def pull(self, bench: Workbench) -> Pull:
        """Read every pack, check the open ones, and carry them all or the newest.

        Raises:
            FetchError: ``rulepack.none``, ``.name``, ``.duplicate-name``, ``.release-unknown``,
                ``directory.unreadable`` or ``directory.changing``.
            MalformedError: ``archive.*``, ``rulepack.*`` or ``json.*``: a pack is hostile or damaged.
        """
        last: ChangedError | None = None
        for _ in range(ATTEMPTS):
            try:
                found = self._find()
                packs = self._selected([self._read(bench, name, pack) for name, pack in sorted(found.items())])
                if self._find() == found:
                    return self._yield(bench, found, packs)
            except ChangedError as error:
                last = error
        raise changing(self.name, last or self.places[0])

    def check(self, bench: Workbench) -> SourceCheck:
        """List the packs that are there, without reading them.

        Raises:
            FetchError: As :meth:`pull`.
        """
        try:
            found = self._find()
        except ChangedError as error:
            raise changing(self.name, error) from error
        known = bench.memo("files")
        targets = tuple(
            CheckedTarget(name, pack.mark.length, "unchanged" if known.get(name) == str(pack.mark) else "to read")
            for name, pack in sorted(found.items())
        )
        limit = "" if self.newest is None else f", of which the newest {self.newest} are carried"
        return SourceCheck(targets, f"{len(found)} rule packs there{limit}")

    def _find(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for place in self.places:
            for path in _expanded(place):
                name = self._target_path(path)
                if name in found and found[name].path != path:
                    raise FetchError(
                        "rulepack.duplicate-name",
                        f"Source {self.name!r}: two packs are named {name!r}",
                        have=f"{found[name].path} and {path}",
                    )
                found[name] = Found(path, self._mark(path))
        if not found:
            raise FetchError(
                "rulepack.none",
                f"Source {self.name!r}: there is no rule pack",
                have=", ".join(str(place) for place in self.places),
            )
        return found

    def _mark(self, path: Path) -> Fingerprint:
        with read_errors(path):
            status = path.lstat()
        require_regular(self.name, path, status.st_mode, "name the pack itself")
        return Fingerprint.of(status)

    def _target_path(self, path: Path) -> str:
        try:
            check_target_path(f"{self.name}/{path.name}")
        except MalformedError as error:
            raise FetchError(
                "rulepack.name",
                f"Source {self.name!r}: the pack {str(path)!r} cannot be carried under its name: {error.what}",
                need=error.need,
            ) from error
        return path.name

    def _read(self, bench: Workbench, name: str, found: Found) -> Pack:
        remembered = self._remembered(bench, name, found)
        if remembered is not None:
            return remembered
        bench.progress.start(f"{self.name}: {name}", found.mark.length)
        with opened(found.path, found.mark) as file:
            pack = _inside(name, file)
            file.seek(0)
            blob = bench.batch.add(chunks(found.path, file, bench.progress))
        if blob.length != found.mark.length:
            raise ChangedError(str(found.path))
        named = Release.of_file(name)
        if pack is None:
            facts = () if named is None else (("release_by_name", str(named)),)
            return Pack(PulledTarget(name, blob), TargetFacts(name, VENDOR_LABEL, facts), named)
        return Pack(PulledTarget(name, blob), TargetFacts(name, OPEN_LABEL, pack.facts()), pack.release)

    def _remembered(self, bench: Workbench, name: str, found: Found) -> Pack | None:
        """Return what the last good pull found in this very file."""
        blob = bench.remembered(name)
        if blob is None or bench.previous is None or bench.memo("files").get(name) != str(found.mark):
            return None
        item = next(item for item in bench.previous.items if item.path == name)
        facts = dict(item.facts)
        release = facts.get("release", facts.get("release_by_name"))
        return Pack(PulledTarget(name, blob), item, None if release is None else Release.parse(str(release)))

    def _selected(self, packs: list[Pack]) -> list[Pack]:
        """Return the packs to carry, newest release first, those without one last."""
        if self.newest is not None:
            for pack in packs:
                if pack.release is None:
                    raise FetchError(
                        "rulepack.release-unknown",
                        f"Source {self.name!r}: the release of {pack.target.path!r} is not known",
                        need="a file named YY-NNN.dsru, or an open pack",
                        todo="rename it, or leave out newest",
                    )
        ordered = sorted(packs, key=lambda pack: pack.release or Release(0, 0), reverse=True)
        return ordered if self.newest is None else ordered[: self.newest]

    def _yield(self, bench: Workbench, found: Mapping[str, Found], packs: list[Pack]) -> Pull:
        targets = tuple(sorted((pack.target for pack in packs), key=lambda target: target.path))
        checked = sum(pack.item.label == OPEN_LABEL for pack in packs)
        said = [f"{checked} of {len(packs)} open rule packs, checked inside"] if checked else []
        said += [f"{len(packs) - checked} of {len(packs)} vendor packs {VENDOR_LABEL}"] if checked < len(packs) else []
        return Pull(
            targets=targets,
            verification="; ".join([*said, "no upstream signature checked"]),
            items=tuple(pack.item for pack in packs),
            memo={"files": settled({name: pack.mark for name, pack in found.items()}, bench.clock())},
            unchanged=bench.previous is not None and bench.previous.targets == targets,
        )


def _expanded(place: Path) -> list[Path]:
    if not any(char in place.name for char in _WILD):
        return [place]
    with read_errors(place.parent):
        place.parent.stat()
        return sorted(place.parent.glob(place.name))


def _inside(name: str, file: BinaryIO) -> rulepack.RulePack | None:
    """Read a pack's inside; errors name the pack.

    Raises:
        MalformedError: As :func:`manifests.rulepack.read_rule_pack`, or ``rulepack.release-mismatch`` when an open
            pack is named as another release than it is.
    """
    try:
        pack = rulepack.read_rule_pack(file)
    except MalformedError as error:
        raise MalformedError(
            error.code, f"{name}: {error.what}", have=error.have, need=error.need, todo=error.todo
        ) from error
    named = Release.of_file(name)
    if pack is not None and named is not None and named != pack.release:
        raise MalformedError(
            "rulepack.release-mismatch",
            f"The pack {name!r} is named as release {named}",
            have=f"release {pack.release} inside",
        )
    return pack
