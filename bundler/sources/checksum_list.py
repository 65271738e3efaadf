"""Checksum files as the tools of this world write them, and which of their lines is about a file.

Read are bare digests; ``digest  name`` of the GNU tools, ``openssl dgst -r`` and ``shasum``, with the backslash in
front that escapes a name, and with a size between, as in Debian's lists; ``SHA256 (name) = digest`` of BSD, GNU
``--tag`` and ``cksum -a``, several algorithms in one file; ``SHA2-256(name)= digest`` of ``openssl dgst``;
``name: DIGEST`` in groups and over lines as ``gpg --print-md`` has it; ``sha256:digest``; ``certutil -hashfile``;
tables, lists and CSV of PowerShell's ``Get-FileHash``; all that in UTF-8 or UTF-16, with comments and clear-signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bundler.sources.checksums import HEX_DIGITS, Algorithm, Checksum
from manifests.errors import FetchError
from manifests.text import printable

_TAGS: Mapping[Algorithm, frozenset[str]] = {
    "sha256": frozenset({"sha256", "sha2256"}),
    "sha512": frozenset({"sha512", "sha2512"}),
    "md5": frozenset({"md5"}),
}
"""What tools call an algorithm, without dashes: SHA-256, and SHA2-256 of OpenSSL 3. SHA512/256 is another."""
_STDIN = frozenset({"-", "stdin", "(stdin)", "<stdin>"})
_COMMENTS = ("#", ";", "//")
_MARKS = "*?^"
"""Between digest and name: binary (GNU), portable and bits (shasum)."""
_TAGGED = re.compile(r"(\\?)(?:([A-Za-z0-9][A-Za-z0-9/_-]{0,30}) ?)?\((.+)\) ?= ?([0-9A-Fa-f]+)")
_SIZED = re.compile(r"\d{1,15}[ \t]+(\S.*)")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_RECORD = re.compile(
    r"^Algorithm[ \t]{0,9}:[ \t]{0,9}(\S{1,20})[ \t]{0,99}\n"
    r"Hash[ \t]{0,9}:[ \t]{0,9}([0-9A-Fa-f]{8,128}(?:[ \t]{0,99}\n[ \t]{1,20}[0-9A-Fa-f]{1,128}){0,20})[ \t]{0,99}\n"
    r"Path[ \t]{0,9}:[ \t]{0,9}(\S[^\n]*(?:\n[ \t]{9,20}\S[^\n]*){0,50})",
    re.MULTILINE,
)
"""One file in ``Get-FileHash | Format-List``, whose long lines go on below."""
_JOINED = 1_000
"""Characters of a row that may go on below."""
_ESCAPES = re.compile(r"\\([\\nr])")
_RELEASE = re.compile(r"(?:v|r|rc|rev|build|a|b|alpha|beta|pre|preview)?\d[0-9a-z+]{0,15}|final|release|rc|alpha|beta")
_ALIASES = frozenset({"latest", "current", "stable", "newest", "download"})


@dataclass(frozen=True)
class ChecksumLine:
    """One digest, in lower case, and what stands by it.

    Args:
        digest: Of the list's algorithm.
        name: Whose it is; ``None`` where the line does not say.
        heading: The line before a digest that stands alone: a comment, or what certutil says.
    """

    digest: str
    name: str | None = None
    heading: str = ""

    def labels(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield what the line may call its file, as the parts of a path, with how surely (more is surer)."""
        if self.name is None:
            words = self.heading.rstrip(" \t:").split()
            if words:
                yield _parts(words[-1]), 0
            return
        yield _parts(self.name), 3
        if self.name[0] in _MARKS and len(self.name) > 1:
            yield _parts(self.name[1:]), 2
        if match := _SIZED.fullmatch(self.name):
            yield _parts(match[1]), 1


@dataclass(frozen=True)
class ChecksumList:
    """A checksum file that was read.

    Args:
        algorithm: Whose digests are taken from it.
        name: What to call it in errors.
        lines: Those with such a digest.
        first: Its first line, for people.
    """

    algorithm: Algorithm
    name: str
    lines: tuple[ChecksumLine, ...]
    first: str

    @classmethod
    def read(cls, data: bytes, algorithm: Algorithm, *, name: str) -> ChecksumList:
        """Read a checksum file; lines that say nothing are passed over."""
        text = _decoded(data)
        rows = [row for row in re.split(r"\r\n|\r|\n", text) if row.strip()]
        return cls(algorithm, name, tuple(_Reader(algorithm).lines(text)), rows[0] if rows else "")

    def checksum_of(self, *paths: str) -> Checksum:
        """Return the one digest for a file.

        Args:
            paths: What the file may be called, the likeliest first: the path of its URL, its target path.

        Raises:
            FetchError: ``http.checksum-format`` when no line, or more than one, gives a digest for it.
        """
        found = next((digests for path in paths if (digests := self._named(path))), None)
        if not found and len(self.lines) == 1 and self.lines[0].name is None:
            found = {self.lines[0].digest}
        found = found or next((digests for path in paths if (digests := self._released(path))), set())
        if len(found) == 1:
            return Checksum(self.algorithm, found.pop())
        raise FetchError(
            "http.checksum-format",
            f"{self.name} gives no single {self.algorithm} for {paths[0].rpartition('/')[2]!r}",
            have=f"{len(found)} different digests for it" if found else self._said(),
            need=f"{HEX_DIGITS[self.algorithm]} hex digits, alone or with the file's name",
        )

    def _said(self) -> str:
        if not self.first:
            return "an empty file"
        beginning = repr(printable(self.first.strip())[:80])
        others = "1 digest of another file" if len(self.lines) == 1 else f"{len(self.lines):,} digests of other files"
        return f"{others}, the first line is {beginning}" if self.lines else beginning

    @cached_property
    def _by_file_name(self) -> Mapping[str, list[tuple[tuple[str, ...], int, str]]]:
        found: dict[str, list[tuple[tuple[str, ...], int, str]]] = {}
        for line in self.lines:
            for parts, surely in line.labels():
                if parts:
                    found.setdefault(parts[-1], []).append((parts, surely, line.digest))
        return found

    def _named(self, path: str) -> set[str]:
        """Return the digests of the lines that agree with a path in the most parts from its end."""
        wanted = _parts(path)
        ranked: dict[tuple[int, bool, int], set[str]] = {}
        for parts, surely, digest in self._by_file_name.get(wanted[-1], ()) if wanted else ():
            pairs = list(zip(reversed(parts), reversed(wanted), strict=False))
            common = next((at for at, (one, other) in enumerate(pairs) if one != other), len(pairs))
            ranked.setdefault((common, common == len(parts), surely), set()).add(digest)
        return ranked[max(ranked)] if ranked else set()

    def _released(self, path: str) -> set[str]:
        """Return the digests of the lines that call a file by its release: iocs-2026.11.csv for iocs.csv."""
        ours = re.split(r"[-_. ]", path.rpartition("/")[2].lower())
        digests = set()
        for line in self.lines:
            parts = _parts(line.name) if line.name else ()
            theirs = re.split(r"[-_. ]", parts[-1].lower().lstrip(_MARKS)) if parts else []
            if theirs and (_is_release(ours, theirs) or _is_release(theirs, ours) or _is_alias(ours, theirs)):
                digests.add(line.digest)
        return digests


def parse_checksum_file(data: bytes, algorithm: Algorithm, *paths: str, name: str) -> Checksum:
    """Return the digest for one file out of a checksum file.

    Args:
        data: The checksum file's bytes.
        algorithm: Whose digests are wanted.
        paths: What the file may be called, the likeliest first.
        name: What to call the checksum file in errors.

    Raises:
        FetchError: ``http.checksum-format``.
    """
    return ChecksumList.read(data, algorithm, name=name).checksum_of(*paths)


def _decoded(data: bytes) -> str:
    """Return the text: UTF-8, or UTF-16 as PowerShell writes it, with its mark or without."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-8", "replace")
    return text.lstrip("\ufeff")


def _parts(name: str) -> tuple[str, ...]:
    """Return a name or path, of Unix or Windows, as its parts."""
    return tuple(part for part in name.strip("\"'").replace("\\", "/").split("/") if part not in {"", "."})


class _Reader:
    """Finds the digests of one algorithm."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._tags = _TAGS[algorithm]
        self._digits = HEX_DIGITS[algorithm]
        digest = f"[0-9A-Fa-f]{{{self._digits}}}"
        self._plain = re.compile(rf"(\\?)(?:([A-Za-z0-9-]{{2,12}})[:=])?({digest})(?:[ \t]+(\S.*))?")
        self._table = re.compile(rf"([A-Za-z0-9-]{{2,12}})[ \t]+({digest})(?:[ \t]+(\S.*))?")

    def lines(self, text: str) -> Iterator[ChecksumLine]:
        """Yield a text's digests, in order."""
        before = ""
        for row in self._joined(_RECORD.sub(_as_tagged, re.sub(r"\r\n?", "\n", text)).split("\n")):
            line = None if row.startswith(_COMMENTS) else self._line(row)
            if line is None:
                before = row
                continue
            yield ChecksumLine(line.digest.lower(), line.name, "" if line.name else before)
            before = ""

    def _joined(self, rows: list[str]) -> Iterator[str]:
        """Yield rows without blanks around them; digests that ``gpg --print-md`` broke up are put together."""
        held = ""
        for raw in rows:
            row = raw.strip()
            if not row:
                continue
            if 0 < len(held) < _JOINED and raw[0] in " \t" and self._line(row) is None and _is_hex(row.split()):
                held = f"{held} {row}"
                continue
            if held:
                yield held
            held = row
        if held:
            yield held

    def _line(self, row: str) -> ChecksumLine | None:
        if row.startswith('"'):  # Get-FileHash | Export-Csv
            row = row.strip('"').replace('","', "  ")
        if match := _TAGGED.fullmatch(row):
            right = len(match[4]) == self._digits and (match[2] is None or self._is_ours(match[2]))
            return _named(match[4], match[3], escaped=bool(match[1])) if right else None
        if match := self._plain.fullmatch(row):
            right = match[2] is None or self._is_ours(match[2])
            return _named(match[3], match[4], escaped=bool(match[1])) if right else None
        match = self._table.fullmatch(row)
        if match and self._is_ours(match[1]):
            return _named(match[2], match[3])
        return self._tail(row)

    def _tail(self, row: str) -> ChecksumLine | None:
        """Read a line that ends in its digest: ``name: DIGEST``, the digest in groups or in one piece."""
        words = row.replace("=", " = ").split()
        if words and not _HEX.fullmatch(words[-1]):
            head, colon, last = words[-1].rpartition(":")
            words[-1:] = [head + colon, last] if colon else words[-1:]
        digits, at = "", len(words)
        while at and len(digits) < self._digits and _HEX.fullmatch(words[at - 1]):
            at -= 1
            digits = words[at] + digits
        if len(digits) != self._digits:
            return None
        label = " ".join(words[:at]).rstrip(" \t:=")
        if not label or self._is_ours(label) or label.casefold() == "hash":
            return ChecksumLine(digits)
        return _named(digits, label)

    def _is_ours(self, tag: str) -> bool:
        return tag.lower().replace("-", "").replace("_", "") in self._tags


def _named(digest: str, name: str | None, *, escaped: bool = False) -> ChecksumLine:
    if name is None or name.lstrip("*").casefold() in _STDIN:
        return ChecksumLine(digest)
    if escaped:
        name = _ESCAPES.sub(lambda match: {"n": "\n", "r": "\r"}.get(match[1], "\\"), name)
    return ChecksumLine(digest, name)


def _as_tagged(record: re.Match[str]) -> str:
    digest, path = "".join(record[2].split()), re.sub(r"\n[ \t]+", "", record[3]).rstrip()
    return f"{record[1]} ({path}) = {digest}"


def _is_hex(words: list[str]) -> bool:
    return all(_HEX.fullmatch(word) for word in words)


def _is_release(plain: list[str], full: list[str]) -> bool:
    """Tell whether ``full`` is ``plain`` with a release somewhere in it."""
    at, extra = 0, 0
    for word in full:
        if at < len(plain) and word == plain[at]:
            at += 1
        elif _RELEASE.fullmatch(word):
            extra += 1
        else:
            return False
    return at == len(plain) and extra > 0


def _is_alias(ours: list[str], theirs: list[str]) -> bool:
    """Tell whether ours stands for whatever is the newest (``latest``, ``iocs-latest.csv``), and theirs may be that."""
    if not _ALIASES & set(ours):
        return False
    plain = [word for word in ours if word not in _ALIASES]
    return (ours[0] in _ALIASES and theirs[len(theirs) - len(plain) :] == plain) or _is_release(plain, theirs)
