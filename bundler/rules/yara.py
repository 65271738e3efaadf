"""YARA rules, known by name.

A tokenizer, not a parser: it knows comments, strings, regular expressions and braces well enough to tell
where a rule ends. Source: YARA's ``libyara/lexer.l``; a ``/`` there begins a comment or a regular expression,
never a division.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundler.rules.rule import Rule, bounded_rules, make_rule
from manifests.errors import MalformedError

FORMAT = "YARA"

_TOKEN = re.compile(
    rb"""
      (?P<skip>    \s++ | //[^\n]*+ | /\*.*?(?:\*/|\Z) )
    | (?P<string>  "(?:[^"\\\n]|\\[^\n])*+"? )
    | (?P<regex>   /(?:[^/\\\n]|\\[^\n])++/? )
    | (?P<word>    [$\#@!]?[A-Za-z0-9_]++ )
    | (?P<open>    \{ )
    | (?P<close>   \} )
    | (?P<other>   [^\s"/A-Za-z0-9_$\#@!{}]++ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ESCAPE = re.compile(rb"\\(.)", re.S)


def read_yara_rules(data: bytes) -> tuple[Rule, ...]:
    """Return the rules of a file. Their digests do not see comments and white space.

    Raises:
        MalformedError: ``rules.yara`` when it ends within a rule, or names one as no rule can be named;
            ``rules.too-many``.
    """
    return bounded_rules(list(_rules(_tokens(data))))


def _tokens(data: bytes) -> Iterator[tuple[str, bytes]]:
    for match in _TOKEN.finditer(data):
        kind = match.lastgroup or "other"
        if kind != "skip":
            yield kind, match[0]


def _rules(tokens: Iterator[tuple[str, bytes]]) -> Iterator[Rule]:
    for kind, token in tokens:
        if kind == "word" and token == b"rule":
            yield _rule(tokens)


def _rule(tokens: Iterator[tuple[str, bytes]]) -> Rule:
    """Read one rule, its keyword being read."""
    _, name = next(tokens, ("", b""))
    if not _NAME.fullmatch(name):
        raise MalformedError("rules.yara", "A YARA rule has no name")
    body = [name]
    depth, description = 0, b""
    for kind, token in tokens:
        if kind == "string" and not description and body[-2:] == [b"description", b"="]:
            description = token
        body.append(token)
        depth += (kind == "open") - (kind == "close")
        if kind == "close" and depth <= 0:
            return make_rule(FORMAT, name.decode("ascii"), b" ".join(body), title=_unquoted(description))
    raise MalformedError("rules.yara", f"It ends within the YARA rule {name.decode('ascii')}")


def _unquoted(token: bytes) -> str:
    inner = token[1:].removesuffix(b'"')
    return _ESCAPE.sub(rb"\1", inner).decode("utf-8", "replace")
