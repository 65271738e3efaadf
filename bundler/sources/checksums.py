"""Checksums: by which algorithm, and whether bytes have one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from manifests.errors import FetchError

Algorithm = Literal["sha256", "sha512", "md5"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
HEX_DIGITS = {"sha256": 64, "sha512": 128, "md5": 32}


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


def _hasher(algorithm: Algorithm) -> hashlib._Hash:
    return hashlib.new(algorithm, usedforsecurity=False)
