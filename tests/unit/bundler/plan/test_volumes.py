"""The planner of volumes: nothing is lost, nothing stands twice, no volume is larger than it may be."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bundler.plan import volumes
from bundler.plan.volumes import (
    LEAST_PART_BYTES,
    PART_ROW_BYTES,
    PARTED_ROW_BYTES,
    Piece,
    Volume,
    parse_size,
    plan_volumes,
)
from manifests.errors import UsageError

FIXED = 10_000


@st.composite
def piece_lists(draw: st.DrawFn) -> list[Piece]:
    pieces = []
    for number in range(draw(st.integers(0, 40))):
        length = draw(st.integers(0, 400_000) | st.integers(0, 4_000_000))
        deflated = draw(st.booleans())
        divisible = draw(st.booleans()) or length > 100_000
        stored = length - length // 7 - 1 if deflated and length > 10 else length
        pieces.append(Piece(str(number), length, stored, draw(st.integers(100, 900)), divisible))
    return pieces


def cost(volume: Volume, pieces: dict[str, Piece]) -> int:
    whole = sum(pieces[key].stored_length + pieces[key].overhead for key in volume.whole)
    return whole + sum(part.length + pieces[part.key].overhead for part in volume.slices)


def rows(planned: tuple[Volume, ...]) -> int:
    slices = [part.key for volume in planned for part in volume.slices]
    return PART_ROW_BYTES * len(slices) + PARTED_ROW_BYTES * len(set(slices))


@given(piece_lists(), st.integers(FIXED + 120_000, 3_000_000))
@example([], FIXED + 120_000)
def test_no_volume_is_larger_than_it_may_be_and_everything_is_carried_once(pieces: list[Piece], size: int) -> None:
    by_key = {piece.key: piece for piece in pieces}
    planned = plan_volumes(pieces, FIXED, size)
    assert max(FIXED + rows(planned) + cost(volume, by_key) for volume in planned) <= size
    whole = [key for volume in planned for key in volume.whole]
    cut: dict[str, int] = {}
    for part in (part for volume in planned for part in volume.slices):
        assert part.offset == cut.get(part.key, 0)
        assert part.length > 0
        cut[part.key] = part.offset + part.length
    assert sorted(whole + list(cut)) == sorted(by_key)
    assert all(end == by_key[key].length and by_key[key].divisible for key, end in cut.items())
    assert all(sum(part.key == key for volume in planned for part in volume.slices) >= 2 for key in cut)


@given(piece_lists())
def test_without_a_size_there_is_one_volume(pieces: list[Piece]) -> None:
    assert plan_volumes(pieces, FIXED, None) == (Volume(tuple(piece.key for piece in pieces)),)


def test_the_first_pieces_come_first_and_gaps_are_filled() -> None:
    pieces = [Piece(name, length, length, 100) for name, length in (("a", 50), ("b", 90), ("c", 800_000), ("d", 60))]
    big = Piece("e", 700_000, 700_000, 100)
    planned = plan_volumes([*pieces, big], 0, 1_000_000)
    assert [volume.whole for volume in planned] == [("a", "b", "c", "d"), ("e",)]


def test_what_is_larger_than_a_volume_is_cut_and_fills_the_volume_that_is_open() -> None:
    pieces = [Piece("small", 300_000, 300_000, 100), Piece("large", 2_500_000, 2_500_000, 100)]
    planned = plan_volumes(pieces, 0, 1_000_000)
    assert [volume.whole for volume in planned] == [("small",), (), ()]
    rows_length = 3 * PART_ROW_BYTES + PARTED_ROW_BYTES
    first, second, third = (volume.slices[0].length for volume in planned)
    assert first == 1_000_000 - 300_000 - 200 - rows_length
    assert second == 1_000_000 - 100 - rows_length
    assert first + second + third == 2_500_000


def test_a_part_is_not_cut_smaller_than_it_is_worth() -> None:
    room = LEAST_PART_BYTES - 1
    pieces = [Piece("small", 900_000 - room, 900_000 - room, 100), Piece("large", 1_000_000, 1_000_000, 100)]
    planned = plan_volumes(pieces, 0, 900_000)
    assert [len(volume.slices) for volume in planned] == [0, 1, 1]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [Piece("a", 10, 10, 100)],
        [Piece("a", 10**6, 10**6, 100)],
        [Piece("a", 10**6, 10**6, 100, divisible=False)],
    ],
)
def test_volumes_too_small_are_refused_with_what_they_would_have_to_be(pieces: list[Piece]) -> None:
    with pytest.raises(UsageError) as caught:
        plan_volumes(pieces, FIXED, FIXED - 1)
    assert caught.value.code == "create.volume-size"
    need = int((caught.value.need or "").split()[0].replace(",", ""))
    assert plan_volumes(pieces, FIXED, need)
    assert parse_size((caught.value.todo or "").removeprefix("--volume-size ")) == need


@given(piece_lists(), st.integers(0, FIXED + 60_000))
def test_the_size_that_is_asked_for_is_enough(pieces: list[Piece], size: int) -> None:
    pieces = [*pieces, Piece("large", 500_000, 500_000, 100)]
    with pytest.raises(UsageError) as caught:
        plan_volumes(pieces, FIXED, size)
    assert plan_volumes(pieces, FIXED, parse_size((caught.value.todo or "").removeprefix("--volume-size ")))


def test_what_cannot_be_cut_must_fit() -> None:
    with pytest.raises(UsageError) as caught:
        plan_volumes([Piece("patch", 200_000, 200_000, 100, divisible=False)], FIXED, 200_000)
    assert caught.value.code == "create.volume-size"


def test_small_content_needs_no_room_for_parts() -> None:
    assert len(plan_volumes([Piece("a", 10, 10, 100)], FIXED, FIXED + 110)) == 1


def test_more_volumes_than_a_name_has_room_for_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        plan_volumes([Piece(str(number), 900, 900, 100) for number in range(10_000)], 0, 1_000)
    assert caught.value.code == "create.volume-size"
    assert caught.value.todo == "--volume-size 4KB"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("4GB", 4_000_000_000),
        ("4gb", 4_000_000_000),
        ("4.7GB", 4_700_000_000),
        ("4 GiB", 4_294_967_296),
        ("500KB", 500_000),
        ("700MB", 700_000_000),
        ("2TB", 2_000_000_000_000),
        ("123456", 123_456),
        ("123456B", 123_456),
        ("fat32", 4_294_967_295),
        ("FAT32", 4_294_967_295),
        ("dvd", 4_690_000_000),
        ("cd", 700_000_000),
        ("25GB", 25_000_000_000),
    ],
)
def test_sizes_are_decimal_unless_they_say_otherwise(text: str, length: int) -> None:
    assert parse_size(text) == length


@pytest.mark.parametrize("text", ["", "GB", "4G", "-1GB", "4,7GB", "1e9", "four", "floppy", "4GB\n", "٤GB", "9999TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert caught.value.code == "create.volume-size"


def test_the_help_names_the_presets() -> None:
    assert all(name in volumes.HELP for name in volumes.PRESETS)
