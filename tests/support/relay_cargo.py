"""What travels in a forged bundle: content as blobs, parts and patches, and the zip that holds them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backports.zstd import CompressionParameter, ZstdCompressor, ZstdDict

from manifests.container import ContainerWriter, deflate_content
from manifests.manifest import Arrival, BlobMember, Part, Parted, PatchMember, Target


def digest_of(data: bytes) -> str:
    """Return a digest as manifests write it."""
    return hashlib.sha256(data).hexdigest()


class CarriedBlob:
    """Content and how it stands in the zip."""

    def __init__(self, content: bytes, *, deflated: bool) -> None:
        self.content = content
        digest = digest_of(content)
        if deflated:
            made = deflate_content([content], lambda _: None)
            self.member = BlobMember(digest, len(content), "deflate", made.stored_sha256, made.stored_length)
        else:
            self.member = BlobMember(digest, len(content), "stored", digest, len(content))


class CarriedPatch:
    """Content as a zstd patch: one segment with the whole base as its prefix."""

    def __init__(self, base: bytes, content: bytes) -> None:
        prefix = ZstdDict(base, is_raw=True).as_prefix
        options = {CompressionParameter.content_size_flag: 1, CompressionParameter.window_log: 24}
        compressor = ZstdCompressor(options=options, zstd_dict=prefix)
        compressor.set_pledged_input_size(len(content))
        frame = compressor.compress(content, ZstdCompressor.FLUSH_FRAME)
        self.data = struct.pack("<IIQQQ", 0x184D2A5E, 24, 0, len(base), len(frame)) + frame
        self.member = PatchMember(
            digest_of(content), len(content), digest_of(base), len(base), "zstd", digest_of(self.data), len(self.data)
        )


@dataclass(frozen=True)
class Cargo:
    """The targets, how each arrives, and what has to travel for it."""

    targets: tuple[Target, ...]
    parted: tuple[Parted, ...]
    blobs: tuple[CarriedBlob, ...]
    patches: tuple[CarriedPatch, ...]

    def without(self, begun: Iterable[bytes]) -> Cargo:
        """Return the same with these parts taken for held."""
        held = {digest_of(data) for data in begun}
        parted = tuple(
            replace(one, parts=tuple(replace(part, held=part.sha256 in held) for part in one.parts))
            for one in self.parted
        )
        return replace(self, parted=parted, blobs=tuple(b for b in self.blobs if b.member.sha256 not in held))


def load(
    files: Mapping[str, bytes],
    held: set[str],
    deflated: Iterable[str],
    patched: Mapping[str, bytes],
    parts: Mapping[str, int],
) -> Cargo:
    """Decide how each target arrives.

    Args:
        files: Target path to content.
        held: Digests that need not travel.
        deflated: Target paths whose content is deflated.
        patched: Target path to the content that its patch stands on.
        parts: Target path to the length of its parts.
    """
    content = {digest_of(files[path]): files[path] for path in sorted(files)}
    arrives: dict[str, Arrival] = dict.fromkeys(content, "blob")
    arrives |= {digest_of(files[path]): "patch" for path in patched}
    arrives |= {digest_of(files[path]): "parts" for path in parts}
    arrives |= dict.fromkeys(held & content.keys(), "held")
    compressed = {digest_of(files[path]) for path in deflated}
    pieces = {
        digest_of(files[path]): cut(files[path], length)
        for path, length in parts.items()
        if arrives[digest_of(files[path])] == "parts"
    }
    whole = {digest: data for digest, data in content.items() if arrives[digest] == "blob"}
    travels = whole | {digest_of(piece): piece for each in pieces.values() for piece in each}
    return Cargo(
        targets=tuple(
            Target(path, len(data), digest_of(data), arrives[digest_of(data)]) for path, data in sorted(files.items())
        ),
        parted=tuple(
            Parted(digest, len(content[digest]), tuple(Part(digest_of(piece), len(piece)) for piece in each))
            for digest, each in sorted(pieces.items())
        ),
        blobs=tuple(CarriedBlob(data, deflated=digest in compressed) for digest, data in travels.items()),
        patches=tuple(
            CarriedPatch(base, files[path])
            for path, base in patched.items()
            if arrives[digest_of(files[path])] == "patch"
        ),
    )


def cut(data: bytes, length: int) -> list[bytes]:
    """Cut content into parts."""
    return [data[start : start + length] for start in range(0, len(data), length)]


def write_zip(path: Path, members: list[tuple[str, bytes]], deflated: set[str]) -> None:
    """Write a canonical container."""
    with path.open("wb") as file:
        writer = ContainerWriter(file)
        for name, data in members:
            if name in deflated:
                pieces: list[bytes] = []
                made = deflate_content([data], pieces.append)
                writer.add_deflated(
                    name, pieces, length=made.length, stored_length=made.stored_length, crc32=made.crc32
                )
            else:
                writer.add(name, [data], length=len(data))
        writer.finish()
