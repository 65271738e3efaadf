"""Writing a container, front to back; a stored member's header is completed when its content is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO

from isal import isal_zlib

from manifests.container.layout import (
    SATURATED_32,
    Member,
    central_record,
    end_records,
    local_header,
    local_header_length,
)
from manifests.container.member_names import MemberNames, check_member_name
from manifests.errors import StorageError
from manifests.text import count_text


class ContainerWriter:
    """Writes one container to an empty, seekable binary file.

    ``OSError`` from the file passes through: whoever opened it knows its path. After an error the
    file is worthless.

    Args:
        file: Written from its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: list[Member] = []
        self._names = MemberNames()
        self._offset = 0

    def add(self, name: str, chunks: Iterable[bytes], *, length: int) -> Member:
        """Store content as it is.

        Args:
            name: The member's name, see :mod:`manifests.container.member_names`.
            chunks: The content, in order; consumed once.
            length: How many bytes the chunks will give.

        Raises:
            DamagedContainerError: ``zip.name-*``, ``zip.duplicate-name``, ``.case-collision`` or
                ``.file-and-directory``.
            StorageError: ``storage.changed`` when the chunks give another length.
        """
        start = self._begin(name, length)
        pieces = iter(chunks)
        first = next(pieces, b"")
        first_crc = crc = isal_zlib.crc32(first)
        written = len(first)
        self._file.write(local_header(replace(start, crc32=crc)))  # right already if this is all
        if written <= length:
            self._file.write(first)
        for chunk in pieces:
            crc = isal_zlib.crc32(chunk, crc)
            written += len(chunk)
            if written <= length:
                self._file.write(chunk)
        self._check_length(name, written, length)
        member = replace(start, crc32=crc)
        if crc != first_crc:
            self._file.seek(member.header_offset)
            self._file.write(local_header(member))
            self._file.seek(member.data_end)
        return self._keep(member)

    def add_deflated(
        self, name: str, stored_chunks: Iterable[bytes], *, length: int, stored_length: int, crc32: int
    ) -> Member:
        """Place a DEFLATE stream made beforehand by :func:`manifests.container.deflate_content`.

        Args:
            name: The member's name.
            stored_chunks: The stream, in order; consumed once.
            length: Length of the content, below 4 GiB - 1: a larger member is always stored.
            stored_length: How many bytes the chunks will give.
            crc32: CRC-32 of the content.

        Raises:
            DamagedContainerError: As for :meth:`add`.
            StorageError: ``storage.changed`` when the chunks give another length.
            ValueError: The content is too large to be deflated.
        """
        if max(length, stored_length) >= SATURATED_32:
            raise ValueError("content of 4 GiB and more is always stored")
        start = self._begin(name, length)
        member = replace(start, method="deflate", stored_length=stored_length, crc32=crc32)
        self._file.write(local_header(member))
        written = 0
        for chunk in stored_chunks:
            written += len(chunk)
            if written <= stored_length:
                self._file.write(chunk)
        self._check_length(name, written, stored_length)
        return self._keep(member)

    def finish(self) -> None:
        """Write the central directory and the end records; nothing can be added after it.

        Raises:
            ValueError: There are no members; a container has at least one.
        """
        if not self._members:
            raise ValueError("a container without members")
        size = 0
        for member in self._members:
            size += self._file.write(central_record(member))
        self._file.write(end_records(len(self._members), size, self._offset))
        self._file.flush()

    def _begin(self, name: str, length: int) -> Member:
        """Check a name and say where its member will be: where the file's position is."""
        self._names.add(check_member_name(name.encode("utf-8")))
        data_offset = self._offset + local_header_length(name, length)
        return Member(name, "stored", length, length, 0, self._offset, data_offset)

    def _keep(self, member: Member) -> Member:
        self._members.append(member)
        self._offset = member.data_end
        return member

    @staticmethod
    def _check_length(name: str, have: int, need: int) -> None:
        if have != need:
            raise StorageError(
                "storage.changed",
                f"The content for member {name!r} has another length than was promised",
                have=count_text(have, "byte"),
                need=count_text(need, "byte"),
            )
