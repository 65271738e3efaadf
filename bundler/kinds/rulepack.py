"""Source ``rulepack``: rule packs (``.dsru``), carried under their own names; open ones are checked and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from bundler.fetch.local_files import (
    Fingerprint,
    open_settled,
    read_errors,
    read_settled,
    refusing_changes,
    require_regular,
    settled_chunks,
    settled_fingerprints,
)
from bundler.sources.base import CheckedTarget, Pull, PulledTarget, SourceCheck, TargetState, Workbench, state_of
from bundler.sources.paths import absolute_path, require_target_path
from manifests.archives import rulepack
from manifests.archives.rulepack import OPEN_LABEL, VENDOR_LABEL, Release
from manifests.errors import ConfigurationError, FetchError, MalformedError
from manifests.manifest import TargetFacts
from manifests.text import count_text

_WILD = "*?["


@dataclass(frozen=True)
class PackFile:
    """One pack file: where it is, and what it looked like when it was found."""

    path: Path
    mark: Fingerprint


@dataclass(frozen=True)
class CarriedPack:
    """One pack that was read: its place in the store, and what is known of its inside."""

    target: PulledTarget
    item: TargetFacts
    release: Release | None


@dataclass(frozen=True)
class RulepackSource:
    """Carry rule packs.

    Args:
        patterns: Absolute files or globs.
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
    patterns: tuple[Path, ...]
    newest: int | None = None

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` for a relative path.
        """
        given = options["path"]
        patterns = tuple(absolute_path(name, pattern) for pattern in ([given] if isinstance(given, str) else given))
        for pattern in patterns:
            if any(char in part for part in pattern.parent.parts for char in _WILD):
                raise ConfigurationError(
                    "source.path", f"Source {name!r}: {str(pattern)!r} has a glob before its last part"
                )
        return cls(name, patterns, options.get("newest"))

    def pull(self, bench: Workbench) -> Pull:
        """Read every pack, check the open ones, and carry them all or the newest.

        Raises:
            FetchError: ``rulepack.none``, ``.name``, ``.duplicate-name``, ``.release-unknown``,
                ``directory.unreadable`` or ``directory.changing``.
            MalformedError: ``archive.*``, ``rulepack.*`` or ``json.*``: a pack is hostile or damaged.
        """
        found, packs = read_settled(self.name, self.patterns[0], self._find, lambda found: self._read_all(bench, found))
        return self._yield(bench, found, packs)

    def check(self, bench: Workbench) -> SourceCheck:
        """List the packs that are there, without reading them.

        Raises:
            FetchError: As :meth:`pull`.
        """
        with refusing_changes(self.name):
            found = self._find()
        known = bench.memo("files")
        targets = tuple(
            CheckedTarget(
                name,
                pack.mark.length,
                state_of(unchanged=known.get(name) == str(pack.mark), otherwise=TargetState.TO_READ),
            )
            for name, pack in sorted(found.items())
        )
        limit = "" if self.newest is None else f", of which the newest {self.newest} are carried"
        return SourceCheck(targets, f"{count_text(len(found), 'rule pack')} there{limit}")

    def _find(self) -> dict[str, PackFile]:
        found: dict[str, PackFile] = {}
        for pattern in self.patterns:
            for path in _expanded(pattern):
                name = require_target_path(self.name, path.name, what=f"the pack {str(path)!r}", code="rulepack.name")
                if name in found and found[name].path != path:
                    raise FetchError(
                        "rulepack.duplicate-name",
                        f"Source {self.name!r}: two packs are named {name!r}",
                        have=f"{found[name].path} and {path}",
                    )
                found[name] = PackFile(path, self._mark(path))
        if not found:
            raise FetchError(
                "rulepack.none",
                f"Source {self.name!r}: there is no rule pack",
                have=", ".join(str(pattern) for pattern in self.patterns),
            )
        return found

    def _mark(self, path: Path) -> Fingerprint:
        with read_errors(path):
            status = path.lstat()
        require_regular(self.name, path, status.st_mode, "name the pack itself")
        return Fingerprint.of(status)

    def _read_all(self, bench: Workbench, found: Mapping[str, PackFile]) -> list[CarriedPack]:
        return self._selected([self._read(bench, name, pack) for name, pack in sorted(found.items())])

    def _read(self, bench: Workbench, name: str, found: PackFile) -> CarriedPack:
        remembered = self._remembered(bench, name, found)
        if remembered is not None:
            return remembered
        bench.progress.start(f"{self.name}: {name}", found.mark.length)
        with open_settled(found.path, found.mark) as file:
            pack = _inside(name, file)
            file.seek(0)
            blob = bench.batch.add(settled_chunks(found.path, file, found.mark, bench.progress))
        named = Release.of_file(name)
        if pack is None:
            facts = () if named is None else (("release_by_name", str(named)),)
            return CarriedPack(PulledTarget(name, blob), TargetFacts(name, VENDOR_LABEL, facts), named)
        return CarriedPack(PulledTarget(name, blob), TargetFacts(name, OPEN_LABEL, pack.facts()), pack.release)

    def _remembered(self, bench: Workbench, name: str, found: PackFile) -> CarriedPack | None:
        """Return what the last good pull found in this very file."""
        blob = bench.remembered(name)
        if blob is None or bench.previous is None or bench.memo("files").get(name) != str(found.mark):
            return None
        item = next(item for item in bench.previous.items if item.path == name)
        facts = dict(item.facts)
        release = facts.get("release", facts.get("release_by_name"))
        return CarriedPack(PulledTarget(name, blob), item, None if release is None else Release.parse(str(release)))

    def _selected(self, packs: list[CarriedPack]) -> list[CarriedPack]:
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

    def _yield(self, bench: Workbench, found: Mapping[str, PackFile], packs: list[CarriedPack]) -> Pull:
        targets = tuple(sorted((pack.target for pack in packs), key=lambda target: target.path))
        checked = sum(pack.item.label == OPEN_LABEL for pack in packs)
        said = [f"{checked} of {len(packs)} open rule packs, checked inside"] if checked else []
        said += (
            [f"{len(packs) - checked} of {count_text(len(packs), 'vendor pack')} {VENDOR_LABEL}"]
            if checked < len(packs)
            else []
        )
        return Pull(
            targets=targets,
            verification="; ".join([*said, "no upstream signature checked"]),
            items=tuple(pack.item for pack in packs),
            memo={"files": settled_fingerprints({name: pack.mark for name, pack in found.items()}, bench.clock())},
        )


def _expanded(pattern: Path) -> list[Path]:
    if not any(char in pattern.name for char in _WILD):
        return [pattern]
    with read_errors(pattern.parent):
        pattern.parent.stat()
        hidden = pattern.name.startswith(".")  # as in a shell: a star fits no ._name that another system left
        return sorted(path for path in pattern.parent.glob(pattern.name) if hidden or not path.name.startswith("."))


def _inside(name: str, file: BinaryIO) -> rulepack.RulePack | None:
    """Read a pack's inside; errors name the pack.

    Raises:
        MalformedError: As :func:`manifests.archives.rulepack.read_rule_pack`, or ``rulepack.release-mismatch`` when
            an open pack is named as another release than it is.
    """
    try:
        pack = rulepack.read_rule_pack(file)
    except MalformedError as error:
        raise error.reworded(what=f"{name}: {error.what}") from error
    named = Release.of_file(name)
    if pack is not None and named is not None and named != pack.release:
        raise MalformedError(
            "rulepack.release-mismatch",
            f"The pack {name!r} is named as release {named}",
            have=f"release {pack.release} inside",
        )
    return pack
