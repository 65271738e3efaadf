"""One stretch of a patch, read in order and within its bounds."""

from __future__ import annotations

import io

import pytest
from backports.zstd import ZstdCompressor, ZstdDict, compress
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import MalformedError
from manifests.patches.deflate import encode_number
from manifests.patches.section import READ_BYTES, PatchSection

CONTENT = bytes(range(256)) * 1024


def plain(data: bytes, *, offset: int = 0, length: int | None = None) -> PatchSection:
    size = len(data) - offset if length is None else length
    return PatchSection(io.BytesIO(data), offset, size, size, window_log=None)


def packed(frame: bytes, length: int, *, behind: bytes = b"", window_log: int = 24) -> PatchSection:
    return PatchSection(io.BytesIO(frame + behind), 0, len(frame + behind), length, window_log=window_log)


def refusal(section: PatchSection, *sizes: int) -> str:
    with pytest.raises(MalformedError) as caught:
        read_whole(section, *sizes)
    assert caught.value.code == "patch.format"
    return caught.value.what.removeprefix("A patch breaks its format: ")


def read_whole(section: PatchSection, *sizes: int) -> bytes:
    data = b"".join(section.read(size) for size in sizes)
    section.finish()
    return data


@pytest.mark.parametrize(
    "sizes", [(len(CONTENT),), (1, 0, READ_BYTES - 1, READ_BYTES + 1, len(CONTENT) - 2 * READ_BYTES - 1)]
)
def test_content_comes_in_pieces_of_any_size_however_it_is_stored(sizes: tuple[int, ...]) -> None:
    assert read_whole(plain(CONTENT), *sizes) == CONTENT
    assert read_whole(packed(compress(CONTENT), len(CONTENT)), *sizes) == CONTENT


def test_a_section_begins_at_its_place_and_leaves_what_stands_behind_it() -> None:
    assert read_whole(plain(b"before content behind", offset=7, length=7), 7) == b"content"


def test_a_frame_may_refer_to_a_base() -> None:
    base = ZstdDict(CONTENT, is_raw=True)
    frame = ZstdCompressor(zstd_dict=base.as_prefix).compress(CONTENT, ZstdCompressor.FLUSH_FRAME)
    assert len(frame) < 200
    section = PatchSection(io.BytesIO(frame), 0, len(frame), len(CONTENT), window_log=24, base=base)
    assert read_whole(section, len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("section", "sizes", "said"),
    [
        (plain(b"abc"), (4,), "a section is too short"),
        (plain(b"abc"), (2,), "a section is longer than what uses it"),
        (plain(b"abc", length=9), (9,), "it ends early"),
        (packed(compress(b"abc")[:-1], 3), (3,), "it ends early"),
        (packed(compress(b"abc"), 9), (9,), "a section ends early"),
        (packed(compress(b"abcd"), 3), (3,), "a section is longer than what uses it"),
        (packed(compress(b"abc"), 3, behind=b"x"), (3,), "something stands behind a section"),
    ],
)
def test_a_section_that_says_more_or_less_than_it_has_is_refused(
    section: PatchSection, sizes: tuple[int, ...], said: str
) -> None:
    assert refusal(section, *sizes) == said


def test_what_is_no_frame_or_needs_a_larger_window_is_refused() -> None:
    assert refusal(packed(b"no frame at all", 3), 3)
    frame = ZstdCompressor(level=19).compress(CONTENT * 8, ZstdCompressor.FLUSH_FRAME)
    assert refusal(packed(frame, len(CONTENT) * 8, window_log=10), 1)


def test_stored_content_has_one_length() -> None:
    with pytest.raises(MalformedError):
        PatchSection(io.BytesIO(b"abc"), 0, 3, 4, window_log=None)


@given(st.integers(0, 2**63 - 1))
def test_any_number_is_read_as_it_was_written(value: int) -> None:
    assert plain(encode_number(value)).number() == (0, value)


@pytest.mark.parametrize(
    ("data", "tag_bits", "read"),
    [(b"\x45", 2, (1, 5)), (b"\xdf", 2, (3, 31)), (b"\xa1\x00", 2, (2, 128)), (b"\x81\x00", 0, (0, 128))],
)
def test_a_tag_stands_above_a_number(data: bytes, tag_bits: int, read: tuple[int, int]) -> None:
    assert plain(data).number(tag_bits) == read


@pytest.mark.parametrize("data", [b"", b"\x81", encode_number(2**63), b"\xff" * 20])
def test_a_number_without_end_or_beyond_63_bits_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        plain(data).number()
    assert caught.value.code == "patch.format"
