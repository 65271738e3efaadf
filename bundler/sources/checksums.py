"""Checksum files as servers publish them: a bare digest, ``digest  name``, or BSD's ``SHA256 (name) = digest``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from manifests.errors import FetchError

Algorithm = Literal["sha256", "sha512", "md5"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
HEX_DIGITS = {"sha256": 64, "sha512": 128, "md5": 32}

_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]+)(?:[ \t]+\*?(?P<name>\S.*))?\s*")
_BSD_LINE = re.compile(r"[A-Z0-9-]+ \((?P<name>.+)\) = (?P<digest>[0-9A-Fa-f]+)\s*")


class ChecksumError(FetchError):
    """Content has another checksum than it should: ``http.checksum``."""


@dataclass(frozen=True)
class Checksum:
    """What content must hash to; ``digest`` in lower-case hex."""

    algorithm: Algorithm
    digest: str

    def fits(self, chunks: Iterable[bytes]) -> bool:
        """Tell whether these bytes have this checksum."""
        hasher = _hasher(self.algorithm)
        for chunk in chunks:
            hasher.update(chunk)
        return hasher.hexdigest() == self.digest

    def require(self, chunks: Iterable[bytes], *, name: str) -> None:
        """Refuse bytes that do not have this checksum.

        Args:
            chunks: The bytes.
            name: What to call them in the error.

        Raises:
            ChecksumError: ``http.checksum``.
        """
        hasher = _hasher(self.algorithm)
        for chunk in chunks:
            hasher.update(chunk)
        if hasher.hexdigest() != self.digest:
            raise ChecksumError(
                "http.checksum",
                f"{name} does not have the checksum that it should",
                have=f"{self.algorithm} {hasher.hexdigest()}",
                need=f"{self.algorithm} {self.digest}",
            )


def parse_checksum_file(data: bytes, algorithm: Algorithm, file_name: str, *, name: str) -> Checksum:
    """Find the digest for ``file_name`` in a checksum file.

    Args:
        data: The file's bytes.
        algorithm: Whose digests stand in it.
        file_name: The last part of the URL that it is for.
        name: What to call the checksum file in errors.

    Raises:
        FetchError: ``http.checksum-format`` when no line gives a digest of the right length for the file.
    """
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    rows = [match for line in lines if (match := _BSD_LINE.fullmatch(line) or _LINE.fullmatch(line))]
    bare = [row["digest"] for row in rows if row["name"] is None]
    named = [
        row["digest"]
        for row in rows
        if row["name"] and row["name"].rstrip().replace("\\", "/").rpartition("/")[2] == file_name
    ]
    found = {digest.lower() for digest in named or (bare if len(lines) == 1 else [])}
    if len(found) != 1 or len(digest := found.pop()) != HEX_DIGITS[algorithm]:
        raise FetchError(
            "http.checksum-format",
            f"{name} gives no single {algorithm} for {file_name!r}",
            have=repr(lines[0][:80]) if lines else "an empty file",
            need=f"{HEX_DIGITS[algorithm]} hex digits, alone or before the file's name",
        )
    return Checksum(algorithm, digest)


def _hasher(algorithm: Algorithm) -> hashlib._Hash:
    return hashlib.new(algorithm, usedforsecurity=False)
