"""Sigma rules: YAML documents, known by their ``id``.

Only the keys at the top are looked at, line by line: below a block mapping they are what stands in the first
column. Source: YAML 1.2.2, 8.2.2 and 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundler.rules.rule import Rule, bounded_rules, make_rule

FORMAT = "Sigma"

_MARKER = re.compile(r"(?:---|\.\.\.)(?:\s.*)?")
_KEY = re.compile(r"""(["']?)([A-Za-z_][A-Za-z0-9_-]{0,63})\1[ \t]*:(?:[ \t]+(.*)|)""")
_BODIES = frozenset({"detection", "correlation", "filter"})
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}(?:\s+#.*)?")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_SINGLE = re.compile(r"'((?:[^']|'')*+)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))")
_CONTROLS = {"n": " ", "t": " ", "r": " ", "_": " "}


def read_sigma_rules(data: bytes) -> tuple[Rule, ...]:
    """Return the rules of a file; documents that are something else are passed over.

    Raises:
        MalformedError: ``rules.too-many``.
    """
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return bounded_rules([rule for lines in _documents(text) if (rule := _rule(lines)) is not None])


def _documents(text: str) -> Iterator[list[str]]:
    lines: list[str] = []
    for raw in text.split("\n"):
        line = raw.rstrip()
        if _MARKER.fullmatch(line):
            yield lines
            lines = []
        elif line or lines:
            lines.append(line)
    yield lines


def _rule(lines: list[str]) -> Rule | None:
    values = _top_level(lines)
    title, identifier = _scalar(values.get("title", [])), _scalar(values.get("id", []))
    if not _BODIES & values.keys() or not (title or identifier):
        return None
    while lines and not lines[-1]:
        lines.pop()
    return make_rule(
        FORMAT,
        identifier or f"without id: {title}",
        "\n".join(lines).encode("utf-8", "surrogateescape"),
        revision=_scalar(values.get("modified", [])) or _scalar(values.get("date", [])),
        title=title,
    )


def _top_level(lines: list[str]) -> dict[str, list[str]]:
    """Return what stands behind every key in the first column, line by line, not decoded; the first one counts."""
    found: dict[str, list[str]] = {}
    value: list[str] = []
    for line in lines:
        match = _KEY.fullmatch(line)
        if match is not None:
            value = [(match[3] or "").strip()]
            found.setdefault(match[2], value)
        elif line[:1] in (" ", "\t"):
            value.append(line.strip())
        elif line:
            value = []
    return found


def _scalar(lines: list[str]) -> str:
    """Decode a plain, quoted or block scalar as one line of text."""
    if not lines:
        return ""
    if _BLOCK.fullmatch(lines[0]):
        return _shown(" ".join(lines[1:]))
    text = " ".join(line for line in lines if line)
    single, double = _SINGLE.match(text), _DOUBLE.match(text)
    if single is not None:
        return _shown(single[1].replace("''", "'"))
    if double is not None:
        return _shown(_ESCAPE.sub(_unescaped, double[1]))
    return _shown(_COMMENT.sub("", text))


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is not None:
        return chr(int(code, 16))
    return _CONTROLS.get(match[3], match[3])


def _shown(text: str) -> str:
    return text.strip().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
