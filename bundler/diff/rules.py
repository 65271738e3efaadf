"""What changed rule by rule, in the formats that we can read. Pure but for the content it asks for.

Only files that changed are read. A rule is known by its format and identifier within its source, whichever
file it stands in: one that moved to another file is no change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bundler.diff.targets import Difference, SourceDifference
from bundler.rules.readers import reader_of
from bundler.rules.rule import MAX_FILE_BYTES, Rule
from manifests.archives.rulepack import RULE_PACK_SUFFIX, Release
from manifests.errors import MalformedError, NotAuthenticError
from manifests.manifest import Manifest, Target

MAX_SOURCE_RULES = 500_000
"""Rules of one source that are in memory at once; some 400 bytes each."""

ContentOf = Callable[[Target], bytes | None]
"""Gives a target's content, whose digest was checked; ``None`` when it is not at hand.

May raise :class:`MalformedError` or :class:`NotAuthenticError` for content that is damaged.
"""

Pair = tuple[Target | None, Target | None]
"""A file before and after."""


@dataclass(frozen=True)
class RuleVersion:
    """A rule as it stands on one side. ``revision`` is what its format says of its age, maybe nothing."""

    revision: str
    enabled: bool


@dataclass(frozen=True)
class RuleChange:
    """A rule that is not as it was: ``before`` is None for an added, ``after`` for a removed one."""

    identifier: str
    title: str
    before: RuleVersion | None
    after: RuleVersion | None


@dataclass(frozen=True)
class FormatChanges:
    """What changed among the rules of one format, each part sorted by identifier."""

    format: str
    added: tuple[RuleChange, ...]
    updated: tuple[RuleChange, ...]
    removed: tuple[RuleChange, ...]


@dataclass(frozen=True)
class NotCompared:
    """A file of a known format that could not be compared rule by rule, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class SourceRules:
    """What changed rule by rule in one source, for those that have rules or should."""

    source: str
    formats: tuple[FormatChanges, ...]
    not_compared: tuple[NotCompared, ...]


def compare_rules(difference: Difference, content: ContentOf) -> tuple[SourceRules, ...]:
    """Compare the rules of two manifests.

    Args:
        difference: What changed target by target.
        content: Gives the content of the targets of either side.

    Returns:
        A row per source that has rules which changed, or files that could not be compared.
    """
    rows = [_compare_source(source, difference, content) for source in difference.sources if source.changed]
    return tuple(row for row in rows if row.formats or row.not_compared)


def _compare_source(source: SourceDifference, difference: Difference, content: ContentOf) -> SourceRules:
    before, after = _Side(), _Side()
    not_compared: list[NotCompared] = []
    for pair in (*_file_pairs(source), *_pack_pairs(source, difference)):
        try:
            found = [_read(target, content) for target in pair]
            _check_room(before.count + after.count + sum(map(len, found)))
        except (MalformedError, NotAuthenticError) as error:
            path = next(target.path for target in reversed(pair) if target is not None)
            not_compared.append(NotCompared(path, f"{error.what.rstrip('.')}. [{error.code}]"))
            continue
        before.add(found[0])
        after.add(found[1])
    return SourceRules(source.name, _changes(before, after), tuple(not_compared))


def _file_pairs(source: SourceDifference) -> Iterable[Pair]:
    pairs: list[Pair] = [(None, target) for target in source.added]
    pairs += source.updated
    pairs += [(target, None) for target in source.removed]
    return [pair for pair in pairs if not any(target and _is_pack(target) for target in pair)]


def _pack_pairs(source: SourceDifference, difference: Difference) -> Iterable[Pair]:
    """Pair the newest rule pack of each side: every release has a name of its own, and several may be carried."""
    old, new = (_newest_pack(source.name, manifest) for manifest in (difference.old, difference.new))
    if (old and old.sha256) == (new and new.sha256):
        return ()
    return ((old, new),)


def _newest_pack(source: str, manifest: Manifest) -> Target | None:
    packs = [target for target in manifest.targets_of(source) if _is_pack(target)]
    return max(packs, key=_release, default=None)


def _is_pack(target: Target) -> bool:
    return target.path.lower().endswith(RULE_PACK_SUFFIX)


def _release(target: Target) -> tuple[int, int, str]:
    release = Release.of_file(target.path)
    return (release.year, release.number, target.path) if release else (0, 0, target.path)


def _check_room(count: int) -> None:
    if count > MAX_SOURCE_RULES:
        raise MalformedError("rules.too-many", f"The source holds more than {MAX_SOURCE_RULES:,} rules")


def _read(target: Target | None, content: ContentOf) -> tuple[Rule, ...]:
    """Return the rules of a file; none for a file that is not there or of no format that we know.

    Raises:
        MalformedError: ``rules.too-large``, ``rules.not-carried``, what the readers raise.
        NotAuthenticError: What ``content`` raises.
    """
    reader = None if target is None else reader_of(target.path)
    if target is None or reader is None:
        return ()
    if target.length > MAX_FILE_BYTES:
        raise MalformedError("rules.too-large", f"It is larger than {MAX_FILE_BYTES:,} bytes")
    data = content(target)
    if data is None:
        raise MalformedError("rules.not-carried", "Its content is not at hand")
    return reader(data)


class _Side:
    """The rules of one side of one source. An identifier may stand for several rules."""

    def __init__(self) -> None:
        self.count = 0
        self.rules: defaultdict[tuple[str, str], list[Rule]] = defaultdict(list)

    def add(self, rules: Sequence[Rule]) -> None:
        self.count += len(rules)
        for rule in rules:
            self.rules[rule.format, rule.identifier].append(rule)


def _changes(before: _Side, after: _Side) -> tuple[FormatChanges, ...]:
    found: dict[str, tuple[list[RuleChange], list[RuleChange], list[RuleChange]]] = {}
    for key in sorted(before.rules.keys() | after.rules.keys()):
        change = _change(key[1], before.rules, after.rules, key)
        if change is None:
            continue
        added, updated, removed = found.setdefault(key[0], ([], [], []))
        part = added if change.before is None else removed if change.after is None else updated
        part.append(change)
    return tuple(FormatChanges(name, *map(tuple, parts)) for name, parts in found.items())


_Rules = Mapping[tuple[str, str], Sequence[Rule]]


def _change(identifier: str, before: _Rules, after: _Rules, key: tuple[str, str]) -> RuleChange | None:
    old, new = before.get(key, ()), after.get(key, ())
    if set(old) == set(new):
        return None
    title = next((rule.title for rule in (*new, *old) if rule.title), "")
    return RuleChange(identifier, title, _version(old), _version(new))


def _version(rules: Sequence[Rule]) -> RuleVersion | None:
    if not rules:
        return None
    return RuleVersion(max(rule.revision for rule in rules), any(rule.enabled for rule in rules))
