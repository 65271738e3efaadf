"""Containers with chosen members, small and beyond the great boundaries."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

from manifests.container import (
    ContainerWriter,
    Member,
    deflate_content,
)
from manifests.limits import MIB

ZEROS = bytes(MIB)


TEXT = "".join(f"alert tcp any any -> any {port} (sid:{port};)\n" for port in range(20_000)).encode()


class SparseFile(io.FileIO):
    """A file in which a written block of zeros is a hole."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if data is ZEROS:
            self.seek(len(data), os.SEEK_CUR)
            return len(data)
        return super().write(data)


def zeros(length: int) -> Iterator[bytes]:
    for _ in range(length // MIB):
        yield ZEROS
    yield bytes(length % MIB)


def add(writer: ContainerWriter, name: str, content: bytes, *, deflated: bool = False) -> Member:
    if not deflated:
        return writer.add(name, [content[:100], content[100:]], length=len(content))
    stream = io.BytesIO()
    made = deflate_content([content], stream.write)
    return writer.add_deflated(
        name, [stream.getvalue()], length=made.length, stored_length=made.stored_length, crc32=made.crc32
    )


def container(*members: tuple[str, bytes], deflated: bool = False) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file)
    for name, content in members:
        add(writer, name, content, deflated=deflated)
    writer.finish()
    return file.getvalue()


def write_sparse(path: Path, length: int) -> None:
    """Write a member of zeros between two small ones, as holes."""
    with SparseFile(path, "w") as file:
        writer = ContainerWriter(file)  # type: ignore[arg-type]
        writer.add("first", [b"1"], length=1)
        writer.add("zeros", zeros(length), length=length)
        writer.add("last", [b"last"], length=4)
        writer.finish()
