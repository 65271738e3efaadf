"""What is worth compressing is, and the same content gives the same stream."""

from __future__ import annotations

import zlib
from hashlib import sha256
from pathlib import Path

import pytest

from bundler.plan.compress import compress_blobs, may_be_deflated
from manifests.disk.blobs import Blob, BlobStore
from manifests.progress import NoProgress

TEXT = b"alert tcp any any -> any any (msg: x; sid: 1;)\n" * 500
NOISE = b"".join(sha256(str(number).encode()).digest() for number in range(1_000))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    return store


def add(store: BlobStore, data: bytes) -> Blob:
    with store.batch() as batch:
        blob = batch.add([data])
        batch.commit()
    return blob


def test_text_is_deflated_and_what_does_not_shrink_is_stored(store: BlobStore) -> None:
    text, noise = add(store, TEXT), add(store, NOISE)
    with compress_blobs([text, noise], store, NoProgress()) as compressed:
        member = compressed.member(text)
        stream = b"".join(compressed.spooled[text.sha256].chunks())
        assert (member.method, member.stored_length) == ("deflate", len(stream))
        assert member.stored_sha256 == sha256(stream).hexdigest()
        assert zlib.decompress(stream, -15) == TEXT
        stored = compressed.member(noise)
        assert (stored.method, stored.stored_sha256) == ("stored", noise.sha256)


def test_the_same_content_gives_the_same_stream(store: BlobStore) -> None:
    text = add(store, TEXT)
    streams = []
    for _ in range(2):
        with compress_blobs([text], store, NoProgress()) as compressed:
            streams.append(b"".join(compressed.spooled[text.sha256].chunks()))
    assert streams[0] == streams[1]


def test_a_root_is_never_deflated_because_it_is_read_before_the_manifest_is_believed() -> None:
    assert not may_be_deflated("tuf/12.root.json")
    assert may_be_deflated("tuf/timestamp.json")
    assert may_be_deflated("notes.md")
