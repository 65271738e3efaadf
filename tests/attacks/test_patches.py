"""Hostile patches: whatever one says, what comes out is bounded, and each refusal has its reason."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from pathlib import Path

import pytest
from backports import zstd

from bundler.plan import patch_engines
from manifests import patches
from manifests.disk.blobs import Blob, BlobStore
from manifests.errors import MalformedError, NotAuthenticError
from manifests.patches import folded, prefix
from manifests.patches.deflate import MAX_FOLDED_BYTES, unfold_streams

OLD = random.Random(1).randbytes(30_000)
NEW = OLD[:10_000] + b"inserted" * 10 + OLD[10_000:20_000] + bytes((byte + 1) % 256 for byte in OLD[20_000:])
EXPECTED = Blob(hashlib.sha256(NEW).hexdigest(), len(NEW))
ENGINES = ("hdiffpatch", "zstd")
REASONS = {"patch.format", "patch.length", "patch.base"}


@pytest.fixture
def base(tmp_path) -> Path:
    (tmp_path / "old").write_bytes(OLD)
    return tmp_path / "old"


def good(engine: str, base: Path) -> bytes:
    target = base.with_name("new")
    target.write_bytes(NEW)
    return b"".join(patch_engines._ENGINES[engine](base, target))


def result(engine: str, base: Path, patch: bytes, expected: Blob = EXPECTED) -> bytes:
    path = base.with_name("patch")
    path.write_bytes(patch)
    return b"".join(patches.apply_patch(engine, base, path, expected))


def refusal(engine: str, base: Path, patch: bytes, expected: Blob = EXPECTED) -> str:
    with pytest.raises(MalformedError) as caught:
        result(engine, base, patch, expected)
    return caught.value.code


def number(value: int) -> bytes:
    groups = [value & 0x7F]
    while (value := value >> 7) > 0:
        groups.insert(0, value & 0x7F | 0x80)
    return bytes(groups)


def hdiff(length: int, count: int, *sections: bytes, base_length: int = len(OLD), sizes: bytes | None = None) -> bytes:
    said = b"".join(number(len(section)) + number(0) for section in sections)
    header = b"HDIFF13&\0" + number(length) + number(base_length) + number(count)
    return header + (said if sizes is None else sizes) + b"".join(sections)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_good_patch_is_good(engine, base):
    assert result(engine, base, good(engine, base)) == NEW


@pytest.mark.parametrize("engine", ENGINES)
def test_any_truncation_is_refused(engine, base):
    patch = good(engine, base)
    for length in [*range(0, len(patch), 1 + len(patch) // 200), len(patch) - 1]:
        assert refusal(engine, base, patch[:length]) in REASONS


@pytest.mark.parametrize("engine", ENGINES)
def test_a_byte_behind_the_patch_is_refused(engine, base):
    assert refusal(engine, base, good(engine, base) + b"\0") == "patch.format"


def outcome(engine: str, base: Path, patch: bytes) -> bytes | str:
    try:
        return result(engine, base, patch)
    except MalformedError as error:
        return error.code


def flip_and_look(engine: str, base: Path, step: int) -> None:
    patch = good(engine, base)
    store = BlobStore(base.parent / "blobs", base.parent / "tmp")
    store.create()
    for at in range(0, len(patch) * 8, step):
        damaged = bytearray(patch)
        damaged[at // 8] ^= 1 << at % 8
        found = outcome(engine, base, bytes(damaged))
        if isinstance(found, str):
            assert found in REASONS
        elif found != NEW:
            assert len(found) == len(NEW)
            with store.batch() as batch, pytest.raises(NotAuthenticError) as caught:
                batch.add(patches.apply_patch(engine, base, base.with_name("patch"), EXPECTED), EXPECTED)
            assert caught.value.code == "blob.digest"
    assert not list(store.temporary.iterdir())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_flipped_bit_is_refused_or_makes_no_more_than_it_should_and_the_digest_tells(engine, base):
    flip_and_look(engine, base, 1 + len(good(engine, base)) * 8 // 700)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_every_flipped_bit_is_refused_or_the_digest_tells(engine, base):
    flip_and_look(engine, base, 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_is_refused(engine, base):
    for seed in range(200):
        rng = random.Random(seed)
        start = good(engine, base)[:20] if seed % 2 else b""
        assert refusal(engine, base, start + rng.randbytes(rng.randrange(300))) in REASONS


@pytest.mark.parametrize("engine", ENGINES)
def test_another_length_than_the_signed_one_is_refused(engine, base):
    for length in (len(NEW) - 1, len(NEW) + 1, 0, 2**62):
        assert refusal(engine, base, good(engine, base), Blob(EXPECTED.sha256, length)) == "patch.length"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_base_of_another_length_is_refused_before_anything_is_made(engine, base):
    patch = good(engine, base)
    base.write_bytes(OLD[:-1])
    assert refusal(engine, base, patch) == "patch.base"


def test_hdiff_a_huge_result_is_refused_by_its_header(base):
    assert refusal("hdiffpatch", base, hdiff(2**60, 0, b"", b"\x3f", b"", b"")) == "patch.length"


@pytest.mark.parametrize(
    ("covers", "code"),
    [
        (b"\x41\x7f" + number(0) + number(100), "patch.format"),  # moves on, and the controls end
        (b"\x80" + b"\x01" + number(0), "patch.format"),  # the covers end early
        (b"\x81" + number(0) + number(5), "patch.base"),  # one byte before the base
        (b"\x00" + number(0) + number(len(OLD) + 1), "patch.base"),  # one byte beyond it
        (b"\x00" + number(60_000) + number(1), "patch.format"),  # beyond the result
        (b"\x00" + b"\xff" * 12 + b"\x01" + number(1), "patch.format"),  # a number without end
    ],
)
def test_hdiff_covers_that_point_outside_are_refused(covers, code, base):
    assert refusal("hdiffpatch", base, hdiff(len(NEW), 1, covers, b"", b"", b"x" * 40_000)) == code


def test_hdiff_more_covers_than_there_are_is_refused_at_once(base):
    assert refusal("hdiffpatch", base, hdiff(len(NEW), 2**62, b"\0\0\0" * 10, b"", b"", b"")) == "patch.format"


def test_hdiff_section_lengths_that_lie_are_refused(base):
    for sizes in (
        b"".join((number(2**62), number(0)) * 4),
        number(0) * 6 + number(2**62) + number(1),
        number(0) * 8,
    ):
        patch = hdiff(len(NEW), 0, b"", b"", b"", b"x" * len(NEW), sizes=sizes)
        assert refusal("hdiffpatch", base, patch) == "patch.format"


def test_hdiff_a_frame_that_makes_more_than_its_section_is_refused(base):
    bomb = zstd.compress(bytes(50_000_000))
    head = b"HDIFF13&zstd\0" + number(len(NEW)) + number(len(OLD)) + number(0)
    control = b"\x21" + bytes([0x80 | (len(NEW) - 1) >> 7 & 0x7F, (len(NEW) - 1) & 0x7F])
    for says in (len(NEW), len(NEW) - 1, 50_000_000):
        sizes = number(0) * 2 + number(len(control)) + number(0) * 3 + number(says) + number(len(bomb))
        assert refusal("hdiffpatch", base, head + sizes + control + bomb) == "patch.format"


def test_hdiff_a_window_beyond_the_limit_is_refused(base):
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(b"x" * len(NEW), mode=zstd.ZstdCompressor.FLUSH_BLOCK) + compressor.flush()
    head = b"HDIFF13&zstd\0" + number(len(NEW)) + number(len(OLD)) + number(0)
    sizes = number(0) * 2 + number(1) + number(0) * 3 + number(len(NEW)) + number(len(frame))
    assert refusal("hdiffpatch", base, head + sizes + b"\0" + frame) == "patch.format"


def test_hdiff_foreign_compressions_are_refused(base):
    patch = good("hdiffpatch", base)
    rest = patch[patch.index(b"\0") :]
    for name in (b"lzma", b"zlib", b"bz2", b"z" * 300):
        assert refusal("hdiffpatch", base, b"HDIFF13&" + name + rest) == "patch.format"


def segment(offset: int, length: int, content: bytes, *, stored: int | None = None, base: bytes = OLD) -> bytes:
    frame = patch_engines.smallest_frame(base[offset : offset + length] or bytes(64), content, patch_engines.QUICK)
    return prefix.segment_header(offset, length, len(frame) if stored is None else stored) + frame


def test_zstd_windows_outside_the_base_are_refused(base):
    assert refusal("zstd", base, segment(1, len(OLD), NEW)) == "patch.base"
    assert refusal("zstd", base, segment(2**63, 100, NEW)) == "patch.base"


def test_zstd_prefixes_and_segments_beyond_the_limits_are_refused_before_they_are_read(base):
    assert refusal("zstd", base, segment(0, 2**40, NEW)) == "patch.format"
    assert refusal("zstd", base, segment(0, 0, NEW)) == "patch.format"
    assert refusal("zstd", base, segment(0, 100, bytes(prefix.PREFIX_SEGMENT_BYTES + 1))) == "patch.format"


def test_zstd_more_segments_than_the_result_has_room_for_are_refused(base):
    assert refusal("zstd", base, segment(0, 3000, NEW) + segment(0, 3000, b"x")) == "patch.length"
    assert refusal("zstd", base, b"") == "patch.length"


def test_zstd_a_frame_without_its_content_length_is_refused(base):
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.content_size_flag: 0})
    frame = compressor.compress(NEW) + compressor.flush()
    assert refusal("zstd", base, prefix.segment_header(0, 100, len(frame)) + frame) == "patch.format"


def test_zstd_a_frame_that_makes_more_than_it_states_is_refused(base):
    frame = bytearray(zstd.compress(bytes(200_000)))
    stated = zstd.get_frame_info(bytes(frame)).decompressed_size
    at = bytes(frame).index(struct.pack("<I", stated))
    frame[at : at + 4] = struct.pack("<I", len(NEW))
    assert refusal("zstd", base, prefix.segment_header(0, 100, len(frame)) + bytes(frame)) == "patch.format"


def test_zstd_lengths_of_frames_that_lie_are_refused(base):
    for stored in (0, 1, 2**63):
        assert refusal("zstd", base, segment(0, 3000, NEW, stored=stored)) == "patch.format"


def gz(data: bytes, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


ARCHIVE = gz(b"".join(b"rule %d { condition: %x }\n" % (at, at * 7919) for at in range(3000)))
NEXT = gz(b"".join(b"rule %d { condition: %x }\n" % (at, at * 7919) for at in range(3000) if at != 1500))
NEXT_BLOB = Blob(hashlib.sha256(NEXT).hexdigest(), len(NEXT))
FOLDED = "hdiffpatch+deflate"


@pytest.fixture
def archive(tmp_path) -> Path:
    (tmp_path / "old").write_bytes(ARCHIVE)
    (tmp_path / "new").write_bytes(NEXT)
    return tmp_path / "old"


def good_folded(archive: Path) -> bytes:
    return b"".join(patch_engines._ENGINES[FOLDED](archive, archive.with_name("new")))


def test_folded_truncations_and_additions_are_refused(archive):
    patch = good_folded(archive)
    assert result(FOLDED, archive, patch, NEXT_BLOB) == NEXT
    for length in range(0, len(patch), 1 + len(patch) // 60):
        assert refusal(FOLDED, archive, patch[:length], NEXT_BLOB) in REASONS
    assert refusal(FOLDED, archive, patch + b"\0", NEXT_BLOB) == "patch.format"


def test_folded_a_flipped_bit_makes_no_more_than_it_should(archive):
    patch = good_folded(archive)
    for at in range(0, len(patch) * 8, 1 + len(patch) * 8 // 150):
        damaged = bytearray(patch)
        damaged[at // 8] ^= 1 << at % 8
        path = archive.with_name("patch")
        path.write_bytes(damaged)
        try:
            data = b"".join(patches.apply_patch(FOLDED, archive, path, NEXT_BLOB))
        except MalformedError as error:
            data = error.code.encode()
        assert data.decode("latin-1") in REASONS or len(data) == len(NEXT)


def test_folded_places_that_are_no_streams_are_refused(archive):
    patch = good_folded(archive)
    rest = patch[patch.index(b"HDIFF13&") :]
    for streams in ((9,), (10, 10), (11,), (len(ARCHIVE) - 1,), (2**40,)):
        assert refusal(FOLDED, archive, folded.folded_header(100, streams) + rest, NEXT_BLOB) in {
            "patch.format",
            "patch.base",
        }


def test_folded_records_larger_than_they_can_be_are_refused_before_they_are_made(archive):
    patch = folded.folded_header(2**50, (10,)) + hdiff(2**50, 0, b"", b"", b"", b"")
    assert refusal(FOLDED, archive, patch, NEXT_BLOB) == "patch.format"


def test_folded_files_beyond_the_limit_are_refused_unread(archive):
    assert refusal(FOLDED, archive, good_folded(archive), Blob("0" * 64, MAX_FOLDED_BYTES + 1)) == "patch.length"


@pytest.mark.parametrize(
    "records",
    [
        b"",
        b"\0\0" * 40,  # empty records
        b"\x01",  # no known kind
        b"\x08",  # no known type
        b"\0" + number(2**40),  # larger than any record
        b"\0" + number(5) + b"1234",  # ends early
        b"\x02" + number(70_000) + bytes(70_000),  # a stored block of impossible length
        b"\x04" + number(1) + b"a" + number(3) + b"\0\0\0",  # a match cut off
        b"\x06" + number(0),  # a dynamic block without tables
        b"\x06" + number(7) + b"\xff\xff\xff\0\0\0\0",  # tables of impossible sizes
        b"\x06" + number(7) + b"\0\0\0\1\1\1\1",  # more codes than there can be
        b"\x06" + number(8) + b"\0\0\0\1\0\0\0\x10",  # repeats nothing
        b"\x05" + number(0) + number(0) + b"\0" + number(len(NEXT) + 9) + bytes(len(NEXT) + 9),  # more than it should
    ],
)
def test_folded_records_that_break_their_format_are_refused(records, archive):
    size = max(len(records), 1) - 1
    control = bytes([size]) if size < 32 else b"\x20" + number(size)
    base_length = len(b"".join(unfold_streams(ARCHIVE, (10,))))
    inner = hdiff(len(records), 0, b"", control, b"", records, base_length=base_length)
    assert refusal(FOLDED, archive, folded.folded_header(len(records), (10,)) + inner, NEXT_BLOB) in REASONS
