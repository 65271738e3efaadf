"""The index of rule sources that ``suricata-update`` reads: ``index.yaml``, version 1.

Source: OISF's suricata-intel-index and ``suricata-update`` itself, which fills ``%(__version__)s`` and other
parameters into a source's ``url`` by Python's ``%``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from manifests.errors import FetchError, MalformedError
from manifests.limits import KIB
from manifests.text import cause_text

INDEX_BYTES = 256 * KIB
"""Ceiling on an index; the real one has some twenty sources in ten thousand bytes."""
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,2}"
"""A source's name, such as ``et/open``: it becomes part of a path."""

_DEPTH = 8
_TEXTS = ("summary", "description", "vendor", "license", "license-url", "homepage", "support-url", "min-version")
_LISTS = ("tags", "replaces")
_NAME = re.compile(NAME_PATTERN)
_FIELD = re.compile(r"%(?:%|\(([^()]*)\)s)?")
_SPOKEN_OF = 5
_ENDLESS = re.compile(r"[-+.]?[0-9][0-9a-fA-FxX_:.]{100}")
"""A number that takes longer to read than it is worth, and that Python would not print."""


@dataclass(frozen=True)
class IndexEntry:
    """One source of an index.

    Args:
        name: Such as ``et/open``.
        url: Where its rules are; with parameters, if it has any.
        checksum: Where its server publishes the MD5 of the rules: ``True`` for ``<url>.md5``, ``False`` for nowhere,
            or a URL.
        texts: What people and clients want to know of it, key and text.
        lists: Tags, and the sources that it replaces, key and names.
        obsolete: Why nobody should fetch it any more; ``None`` for a source in use.
        deprecated: Why it will be obsolete.
    """

    name: str
    url: str
    checksum: bool | str = True
    texts: tuple[tuple[str, str], ...] = ()
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    obsolete: str | None = None
    deprecated: str | None = None

    def moved(self, url: str) -> IndexEntry:
        """Return the entry for where the rules are now, with nothing to fill in."""
        return replace(self, url=url.replace("%", "%%"), checksum=True)


@dataclass(frozen=True)
class RuleIndex:
    """An index: its sources by name, and what it says of the newest versions, ``(product, branch, version)``."""

    entries: Mapping[str, IndexEntry]
    versions: tuple[tuple[str, str, str], ...] = ()


def read_rule_index(data: bytes, *, name: str) -> RuleIndex:
    """Read an index of rule sources.

    Args:
        data: At most ``INDEX_BYTES``.
        name: What to call it in errors.

    Raises:
        MalformedError: ``suricata.index-syntax`` or ``suricata.index``.
    """
    value = _load(data, name)
    if not isinstance(value, dict) or value.get("version") != 1:
        have = value.get("version") if isinstance(value, dict) else value
        raise _bad(name, "it is not an index of version 1", have=repr(have)[:80])
    sources = value.get("sources")
    if not isinstance(sources, dict):
        raise _bad(name, "it has no table of sources")
    entries = {key: _entry(key, entry, name) for key, entry in sources.items()}
    return RuleIndex(entries, tuple(_versions(value.get("versions"))))


def _load(data: bytes, name: str) -> Any:
    """Read YAML without references, which can stand for far more than they are, great depth, tags and endless numbers.

    On tags that do not fit their value the library fails in ways of its own.
    """
    try:
        depth = 0
        for event in yaml.parse(data, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > _DEPTH:
                raise _bad(name, "it has references or is nested too deeply")
            if getattr(event, "tag", None) is not None:
                raise _bad(name, "it has tags")
            if isinstance(event, yaml.ScalarEvent) and event.style is None and _ENDLESS.match(event.value):
                raise _bad(name, "it has a number without end")
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or cause_text(error)
        raise MalformedError("suricata.index-syntax", f"{name} is not YAML{where}: {problem}") from None


def _entry(key: object, value: object, index: str) -> IndexEntry:
    if not isinstance(key, str) or not _NAME.fullmatch(key):
        raise _bad(index, f"a source cannot be named {str(key)[:80]!r}")
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        raise _bad(index, f"the source {key} has no url")
    checksum = value.get("checksum", True)
    if not isinstance(checksum, bool | str):
        raise _bad(index, f"the source {key} has a checksum that is neither true, false nor a URL")
    return IndexEntry(
        name=key,
        url=value["url"],
        checksum=checksum,
        texts=tuple((text, str(value[text])) for text in _TEXTS if isinstance(value.get(text), str | int | float)),
        lists=tuple((part, _strings(value[part], key, part, index)) for part in _LISTS if part in value),
        obsolete=_reason(value.get("obsolete")),
        deprecated=_reason(value.get("deprecated")),
    )


def _versions(value: object) -> Iterator[tuple[str, str, str]]:
    """Yield the newest versions, which ``suricata-update check-versions`` asks for; what is none is passed over."""
    for product, branches in value.items() if isinstance(value, dict) else ():
        for branch, version in branches.items() if isinstance(branches, dict) else ():
            yield str(product), str(branch), str(version)


def _strings(value: object, key: str, part: str, index: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _bad(index, f"the source {key} has {part} that are not a list of words")
    return tuple(value)


def _reason(value: object) -> str | None:
    return None if value is None else str(value)


def _bad(index: str, what: str, *, have: str | None = None) -> MalformedError:
    return MalformedError("suricata.index", f"{index} cannot be used: {what}", have=have)


def choose_entries(entries: Mapping[str, IndexEntry], names: Sequence[str], *, index: str) -> tuple[IndexEntry, ...]:
    """Return the sources that somebody chose by name.

    Raises:
        FetchError: ``suricata.unknown-source``, ``suricata.obsolete``.
    """
    for name in names:
        if name not in entries:
            near = sorted(entries, key=lambda known: (known.partition("/")[0] != name.partition("/")[0], known))
            raise FetchError(
                "suricata.unknown-source",
                f"{index} has no source {name!r}",
                have=", ".join(near[:_SPOKEN_OF]) + (" …" if len(near) > _SPOKEN_OF else "") if near else "no source",
            )
        if (reason := entries[name].obsolete) is not None:
            raise FetchError(
                "suricata.obsolete",
                f"The source {name!r} is obsolete",
                have=repr(reason[:200]),
                todo="take it out of sources",
            )
    return tuple(entries[name] for name in names)


def fill_url(entry: IndexEntry, values: Mapping[str, str]) -> str:
    """Return an entry's URL with its parameters filled in.

    Raises:
        FetchError: ``suricata.parameter`` when a value is missing.
        MalformedError: ``suricata.index`` when the URL asks for something else than text.
    """

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if match[1] is None:
            raise _bad("The index", f"the url of {entry.name} has a lone %")
        if match[1] not in values:
            raise FetchError(
                "suricata.parameter",
                f"The url of {entry.name!r} needs the parameter {match[1]!r}",
                todo=_advice(match[1], entry.name),
            )
        return values[match[1]]

    return _FIELD.sub(fill, entry.url)


def _advice(parameter: str, name: str) -> str:
    if parameter == "__version__":
        return 'give suricata_version, such as "7.0.10": that of the engines inside'
    place = 'env = "VARIABLE", host = "HOST"'
    return (
        f'say where its value is and who may get it: parameters = {{ "{name}" = {{ "{parameter}" = {{ {place} }} }} }}'
    )


def encode_rule_index(index: RuleIndex) -> bytes:
    """Return an index as ``suricata-update`` reads it, the same bytes for the same index."""
    value: dict[str, Any] = {
        "version": 1,
        "sources": {entry.name: _as_yaml(entry) for entry in index.entries.values()},
    }
    for product, branch, version in index.versions:
        value.setdefault("versions", {}).setdefault(product, {})[branch] = version
    return yaml.safe_dump(value, sort_keys=True, width=120).encode("ascii")


def _as_yaml(entry: IndexEntry) -> dict[str, Any]:
    """Return one source; ``suricata-update`` fails on one without summary, vendor or license."""
    value: dict[str, Any] = {"summary": entry.name, "vendor": "unknown", "license": "unknown"}
    value |= dict(entry.texts)
    value |= {key: list(names) for key, names in entry.lists}
    value |= {"url": entry.url, "checksum": entry.checksum}
    if entry.deprecated is not None:
        value["deprecated"] = entry.deprecated
    return value
