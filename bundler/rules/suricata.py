"""Suricata and Snort rules: one per line, known by ``sid``.

Source: Suricata user guide, "Rules Format"; an option ends at the next ``;`` that no backslash precedes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundler.rules.rule import Rule, bounded_rules, make_rule

FORMAT = "Suricata"

_RULE = re.compile(
    rb"(?:alert|drop|pass|reject|rejectsrc|rejectdst|rejectboth|config|log|sdrop|block)\s[^(]*\((.*)\)", re.S
)
_OPTION_END = re.compile(rb"(?<!\\);")
_NUMBER = re.compile(rb"[0-9]{1,10}")
_ESCAPE = re.compile(r'\\([\\";:])')


def read_suricata_rules(data: bytes) -> tuple[Rule, ...]:
    """Return the rules of a file, commented-out ones as not enabled; lines that are no rule are passed over.

    Raises:
        MalformedError: ``rules.too-many``.
    """
    return bounded_rules([rule for line in _lines(data) if (rule := _rule(line)) is not None])


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield logical lines: a backslash at the end continues, also a rule that is commented out line by line."""
    begun: list[bytes] = []
    for physical in data.splitlines():
        line = physical.strip()
        if begun and begun[0].startswith(b"#"):
            line = line.lstrip(b"# \t")
        if line.endswith(b"\\"):
            begun.append(line[:-1])
            continue
        yield b"".join([*begun, line])
        begun = []
    if begun:
        yield b"".join(begun)


def _rule(line: bytes) -> Rule | None:
    text = line.lstrip(b"# \t")
    match = _RULE.fullmatch(text.rstrip())
    if match is None:
        return None
    options = _options(match[1])
    sid = options.get(b"sid", b"")
    if not _NUMBER.fullmatch(sid):
        return None
    gid = options.get(b"gid", b"1")
    identifier = sid if gid == b"1" else gid + b":" + sid
    return make_rule(
        FORMAT,
        _text(identifier),
        text.rstrip(),
        revision=_text(options.get(b"rev", b"")),
        title=_ESCAPE.sub(r"\1", _text(options.get(b"msg", b"")).removeprefix('"').removesuffix('"')),
        enabled=not line.startswith(b"#"),
    )


def _options(text: bytes) -> dict[bytes, bytes]:
    """Return the first value of every option that is asked for here."""
    found: dict[bytes, bytes] = {}
    for option in _OPTION_END.split(text):
        name, _, value = option.partition(b":")
        name = name.strip()
        if name in {b"sid", b"gid", b"rev", b"msg"}:
            found.setdefault(name, value.strip())
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
