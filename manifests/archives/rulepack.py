"""Open rule packs (``.dsru``): an archive of rules with a table of contents, ``rulepack.json``.

The table says of each rule what it is and which file has its body; every file of the archive is in
it with length and digest, and nothing else is. Bodies are opaque here: their form is the vendor's.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import total_ordering
from typing import Any, BinaryIO, Literal, get_args

from manifests.archives.archive import open_archive
from manifests.archives.base import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, ArchiveMember
from manifests.errors import MalformedError
from manifests.limits import MIB
from manifests.schemas import documents as schemas
from manifests.schemas import strictjson
from manifests.text import count_text

RULE_PACK_FORMAT = "sealift-rulepack/1"
RULE_TABLE_NAME = "rulepack.json"
RULE_PACK_SUFFIX = ".dsru"
OPEN_LABEL = "open rule pack"
VENDOR_LABEL = "carried, inside not verified"
MAX_TABLE_BYTES = 32 * MIB

RuleKind = Literal["intrusion-prevention", "integrity-monitoring", "log-inspection", "application-type"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)

_RELEASE = re.compile(r"([0-9]{2})-([0-9]{3})")
_PIVOT = 70
"""Two-digit years from 70 on are of the last century (as POSIX has it from 69 on); no rule pack is older."""


@total_ordering
@dataclass(frozen=True)
class Release:
    """A release ``YY-NNN``: the NNN-th of its year. Ordered by time, so ``99-052`` comes before ``00-001``."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Release:
        """Read ``25-054``.

        Raises:
            MalformedError: ``rulepack.release``.
        """
        match = _RELEASE.fullmatch(text) if text.isascii() else None
        if match is None:
            raise MalformedError("rulepack.release", f"{text[:40]!r} is not a release", need="YY-NNN such as 25-054")
        short = int(match[1])
        return cls((1900 if short >= _PIVOT else 2000) + short, int(match[2]))

    @classmethod
    def of_file(cls, name: str) -> Release | None:
        """Read the release that a file is named by (``25-054.dsru``), if it is."""
        stem = name.rpartition("/")[2].removesuffix(RULE_PACK_SUFFIX)
        return cls.parse(stem) if _RELEASE.fullmatch(stem) else None

    def __lt__(self, other: Release) -> bool:
        return (self.year, self.number) < (other.year, other.number)

    def __str__(self) -> str:
        return f"{self.year % 100:02d}-{self.number:03d}"


@dataclass(frozen=True)
class PackRule:
    """One rule: what it is, and the file with its body. ``length`` in bytes."""

    kind: RuleKind
    identifier: str
    name: str
    file: str
    length: int
    sha256: str
    change: Literal["added", "updated"] | None = None
    description: str = ""
    severity: str | None = None
    priority: str | None = None
    minimum_agent_version: str | None = None
    minimum_manager_version: str | None = None
    original_issue: str | None = None
    last_updated: str | None = None
    depends_on: tuple[str, ...] = ()
    type: str | None = None
    cve: tuple[str, ...] = ()
    cvss_score: str | None = None
    detect_only: bool = False
    application_type: str | None = None
    level: int | None = None
    groups: tuple[str, ...] = ()
    direction: str | None = None
    protocol: str | None = None
    ports: str | None = None


@dataclass(frozen=True)
class RulePack:
    """A whole open pack. ``rules`` sorted by kind (in the order of ``RULE_KINDS``), then identifier."""

    release: Release
    released: date
    rules: tuple[PackRule, ...]
    deleted: tuple[tuple[RuleKind, str], ...] = ()
    title: str | None = None
    publisher: str | None = None
    notes: str = ""

    def counts(self) -> dict[RuleKind, int]:
        """Return the number of rules of every kind, zeros included."""
        found = Counter(rule.kind for rule in self.rules)
        return {kind: found[kind] for kind in RULE_KINDS}

    def changes(self) -> dict[str, int]:
        """Return how many rules were added, updated and deleted; empty when the pack says nothing of it."""
        found = Counter(rule.change for rule in self.rules if rule.change)
        if not found and not self.deleted:
            return {}
        return {"added": found["added"], "updated": found["updated"], "deleted": len(self.deleted)}

    def facts(self) -> tuple[tuple[str, str | int], ...]:
        """Return what a manifest says of the pack, sorted by name."""
        facts: dict[str, str | int] = {"release": str(self.release), "released": self.released.isoformat()}
        facts |= {kind.replace("-", "_"): count for kind, count in self.counts().items()}
        facts |= {f"rules_{change}": count for change, count in self.changes().items()}
        facts["rules"] = len(self.rules)
        return tuple(sorted(facts.items()))


def read_rule_pack(file: BinaryIO, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> RulePack | None:
    """Read and check a rule pack.

    Args:
        file: Seekable; its position is not kept.
        limits: Ceilings on the archive.

    Returns:
        ``None`` for a vendor's pack, whose inside is not ours: no archive that we know, or one without
        ``rulepack.json``. (What is an archive must still be a harmless one.)

    Raises:
        MalformedError: ``archive.*``, ``json.*``, or as :func:`decode_rule_table` and :func:`check_rule_files`.
    """
    archive = open_archive(file, limits)
    if archive is None or RULE_TABLE_NAME not in {entry.name for entry in archive.files}:
        return None
    table_length = next(entry.length for entry in archive.files if entry.name == RULE_TABLE_NAME)
    if table_length > MAX_TABLE_BYTES:
        raise MalformedError(
            "json.too-large", f"{RULE_TABLE_NAME} is too large", need=f"at most {MAX_TABLE_BYTES:,} bytes"
        )
    members = archive.read(keep={RULE_TABLE_NAME})
    table = next(member for member in members if member.name == RULE_TABLE_NAME)
    pack = decode_rule_table(table.data or b"")
    check_rule_files(pack, tuple(member for member in members if member.name != RULE_TABLE_NAME))
    return pack


def decode_rule_table(data: bytes) -> RulePack:
    """Read ``rulepack.json``.

    Raises:
        MalformedError: ``json.*``, ``rulepack.schema``, ``rulepack.release``, ``rulepack.date`` or
            ``rulepack.duplicate`` when a rule or a file stands twice.
    """
    value = strictjson.decode_json(data, name=RULE_TABLE_NAME, max_bytes=MAX_TABLE_BYTES)
    schemas.check_document(value, "rulepack", name=RULE_TABLE_NAME)
    rules = tuple(sorted((_rule(table) for table in value["rules"]), key=_order))
    _check_unique("rule", [f"{rule.kind} {rule.identifier}" for rule in rules])
    _check_unique("file", [rule.file for rule in rules])
    return RulePack(
        release=Release.parse(value["release"]),
        released=_date(value["released"]),
        rules=rules,
        deleted=tuple(sorted((entry["kind"], entry["identifier"]) for entry in value.get("deleted", []))),
        title=value.get("title"),
        publisher=value.get("publisher"),
        notes=value.get("notes", ""),
    )


def check_rule_files(pack: RulePack, members: tuple[ArchiveMember, ...]) -> None:
    """Refuse a pack whose files are not exactly those of its table.

    Raises:
        MalformedError: ``rulepack.missing-file``, ``rulepack.unlisted-file`` or ``rulepack.digest``.
    """
    found = {member.name: member for member in members}
    for rule in pack.rules:
        member = found.pop(rule.file, None)
        if member is None:
            raise MalformedError(
                "rulepack.missing-file", f"The file {rule.file!r} of rule {rule.identifier} is missing"
            )
        if (member.sha256, member.length) != (rule.sha256, rule.length):
            raise MalformedError(
                "rulepack.digest",
                f"The file {rule.file!r} of rule {rule.identifier} is not the one that {RULE_TABLE_NAME} lists",
                have=f"{count_text(member.length, 'byte')}, sha256 {member.sha256}",
                need=f"{count_text(rule.length, 'byte')}, sha256 {rule.sha256}",
            )
    if found:
        raise MalformedError(
            "rulepack.unlisted-file", f"The pack holds {min(found)!r}, which {RULE_TABLE_NAME} does not list"
        )


def _rule(table: dict[str, Any]) -> PackRule:
    for key in ("original_issue", "last_updated"):
        if key in table:
            _date(table[key])
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return PackRule(**fields)


def _order(rule: PackRule) -> tuple[int, str]:
    return RULE_KINDS.index(rule.kind), rule.identifier


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MalformedError("rulepack.date", f"{text!r} is not a valid date", need="YYYY-MM-DD") from None


def _check_unique(what: str, keys: list[str]) -> None:
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise MalformedError("rulepack.duplicate", f"The {what} {twice[0]!r} is listed twice in {RULE_TABLE_NAME}")
