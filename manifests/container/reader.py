"""Reading one member's content, checking everything that its records promise while it streams.

1. the proportions of the records are not those of a decompression bomb (before a byte is inflated)
2. the stored bytes are hashed as they are read, where the caller needs their digest
3. a DEFLATE stream gives what the records say, no byte more or less, and ends with the member
4. the content's CRC-32 is the one of the records

Nothing that was yielded may be used before step 4 has passed: the caller writes it where nobody looks yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NoReturn, cast

from isal import isal_zlib

from manifests.container.deflating import RAW_DEFLATE, inflates_too_much
from manifests.container.layout import Member
from manifests.container.source import CHUNK_BYTES, read_at
from manifests.errors import DamagedContainerError
from manifests.limits import DEFAULT_LIMITS, Limits

_INFLATED_BYTES: Final = 256 * 1024
"""How much is inflated at a time: a third faster than a megabyte, since it stays in the processor's cache."""

_INFLATE_ERROR: Final = cast("type[Exception]", isal_zlib.error)
"""A class, although isal's stubs call it an instance."""


class MemberReader:
    """Iterates over one member's content in chunks of at most 1 MiB; good for one pass.

    The content is checked only when the iteration has come to its end without an error. Several
    readers may share a file, one thread at a time.

    Args:
        file: The container.
        member: One of the members that ``read_directory`` returned for it.
        limits: Ceilings on inflation.
        digest: Whether to hash the stored bytes. For a stored member whose content the caller
            hashes anyway it is the same digest twice.
        check_crc: Whether the CRC-32 is known; without it the caller's digests must tell.

    Raises:
        DamagedContainerError: While iterating: ``zip.ratio``, ``.deflate``, ``.deflate-truncated``,
            ``.deflate-trailing``, ``.length``, ``.crc`` or ``.truncated``.
        StorageError: While iterating: the medium cannot be read.
    """

    def __init__(
        self,
        file: BinaryIO,
        member: Member,
        limits: Limits = DEFAULT_LIMITS,
        *,
        digest: bool = True,
        check_crc: bool = True,
    ) -> None:
        self.member = member
        self._file = file
        self._limits = limits
        self._hasher = hashlib.sha256() if digest else None
        self._check_crc = check_crc
        self._complete = False

    @property
    def stored_sha256(self) -> str:
        """Digest of the member's bytes in the container, in lower-case hex.

        Raises:
            RuntimeError: The iteration is not at its end, or no digest was asked for.
        """
        if not self._complete or self._hasher is None:
            raise RuntimeError("the digest is known after the last chunk, if it was asked for")
        return self._hasher.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        member = self.member
        # 1. Proportions. Again here, although the directory was checked: members of a damaged file come without one.
        if inflates_too_much(member.length, member.stored_length, self._limits):
            self._refuse("zip.ratio", f"inflates more than {self._limits.inflate_ratio}-fold")
        crc = 0
        for chunk in self._stored(CHUNK_BYTES) if member.method == "stored" else self._inflated():
            crc = isal_zlib.crc32(chunk, crc)
            yield chunk
        # 4. CRC-32. It guards against bad sectors only; whether the bytes are the signed ones, digests tell.
        if self._check_crc and crc != member.crc32:
            self._refuse("zip.crc", "is damaged (checksum mismatch)")
        self._complete = True

    def _stored(self, most: int) -> Iterator[bytes]:
        """Yield the bytes that stand in the container, at most so many at a time. Source: APPNOTE 4.3.8."""
        offset, end = self.member.data_offset, self.member.data_end
        while offset < end:
            chunk = read_at(self._file, offset, min(most, end - offset))
            offset += len(chunk)
            if self._hasher is not None:  # 2.
                self._hasher.update(chunk)
            yield chunk

    def _inflated(self) -> Iterator[bytes]:
        """Yield the content of a DEFLATE stream that must end with the member. Source: RFC 1951."""
        inflater = isal_zlib.decompressobj(RAW_DEFLATE)
        left = self.member.length
        # 3. One byte too many is refused before it is yielded, so that a lying stream never fills a disk.
        for stored in self._stored(_INFLATED_BYTES):
            if inflater.eof:
                self._refuse("zip.deflate-trailing", "has bytes behind the end of its DEFLATE stream")
            for chunk in self._inflate(inflater, stored):
                left -= len(chunk)
                if left < 0:
                    self._refuse("zip.length", "inflates to more than its records say")
                yield chunk
        if inflater.unused_data:
            self._refuse("zip.deflate-trailing", "has bytes behind the end of its DEFLATE stream")
        if not inflater.eof:
            self._refuse("zip.deflate-truncated", "has a DEFLATE stream without its end")
        if left:
            self._refuse("zip.length", "inflates to less than its records say")

    def _inflate(self, inflater: Any, data: bytes) -> Iterator[bytes]:
        """Yield what one piece of the stream gives, a megabyte at most at a time."""
        while not inflater.eof:
            try:
                chunk = inflater.decompress(data, CHUNK_BYTES)
            except _INFLATE_ERROR as error:
                self._refuse("zip.deflate", f"is not a DEFLATE stream ({error})")
            data = inflater.unconsumed_tail
            if chunk:
                yield chunk
            elif not data:
                return

    def _refuse(self, code: str, what: str) -> NoReturn:
        raise DamagedContainerError(code, f"Member {self.member.name!r} {what}", member=self.member.name)
