"""The tables of deflate, by the examples and rules of RFC 1951."""

from __future__ import annotations

import pytest

from manifests.errors import MalformedError
from manifests.patches.deflate.tables import (
    FIXED_LENGTHS,
    code_lengths,
    codes_of,
    extend_lengths,
    symbols_of,
    two_lists,
)


def written(lengths: tuple[int, ...]) -> list[str]:
    """Codes as the RFC writes them: the first bit on the left."""
    return [f"{code:0{length}b}"[::-1] for _, code, length in codes_of(lengths)]


def test_codes_are_those_of_the_example_of_the_rfc() -> None:
    assert written((3, 3, 3, 3, 3, 2, 4, 4)) == ["010", "011", "100", "101", "110", "00", "1110", "1111"]


def test_fixed_codes_begin_and_end_where_the_rfc_says() -> None:
    codes = written(FIXED_LENGTHS[0])
    assert [codes[symbol] for symbol in (0, 143, 144, 255, 256, 279, 280, 287)] == [
        "00110000",
        "10111111",
        "110010000",
        "111111111",
        "0000000",
        "0010111",
        "11000000",
        "11000111",
    ]


@pytest.mark.parametrize("lengths", [(1, 1, 1), (2,) * 5, (15,) * 40_000])
def test_more_codes_than_there_are_bits_for_are_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(MalformedError):
        list(codes_of(lengths))


def test_symbols_without_a_length_have_no_code() -> None:
    assert [symbol for symbol, _, _ in codes_of((0, 2, 0, 1, 2))] == [1, 3, 4]


def test_lengths_of_the_lengths_codes_stand_in_an_order_of_their_own() -> None:
    assert code_lengths((1, 2, 3, 4)) == [4, *[0] * 15, 1, 2, 3]
    assert code_lengths(range(19)) == [3, 17, 15, 13, 11, 9, 7, 5, 4, 6, 8, 10, 12, 14, 16, 18, 0, 1, 2]


@pytest.mark.parametrize(
    ("symbol", "extra", "lengths"),
    [(7, 0, [5, 7]), (16, 0, [5, 5, 5, 5]), (16, 3, [5] * 7), (17, 0, [5, 0, 0, 0]), (18, 127, [5, *[0] * 138])],
)
def test_a_symbol_is_a_length_or_a_repeat(symbol: int, extra: int, lengths: list[int]) -> None:
    given = [5]
    extend_lengths(given, symbol, extra)
    assert given == lengths


def test_nothing_can_be_repeated_before_the_first() -> None:
    with pytest.raises(MalformedError):
        extend_lengths([], 16, 0)


@pytest.mark.parametrize(
    ("count", "literals", "distances", "fits"),
    [(288, 286, 2, True), (289, 286, 2, False), (317, 287, 30, False), (288, 257, 31, False)],
)
def test_a_table_has_a_possible_size(count: int, literals: int, distances: int, fits: bool) -> None:
    if fits:
        assert list(map(len, two_lists([0] * count, literals, distances))) == [literals, distances]
    else:
        with pytest.raises(MalformedError):
            two_lists([0] * count, literals, distances)


@pytest.mark.parametrize(
    ("length", "symbol"),
    [
        (3, (257, 0, 0)),
        (10, (264, 0, 0)),
        (11, (265, 0, 1)),
        (12, (265, 1, 1)),
        (257, (284, 30, 5)),
        (258, (285, 0, 0)),
    ],
)
def test_a_length_has_the_symbol_and_extra_bits_of_the_rfc(length: int, symbol: tuple[int, int, int]) -> None:
    assert symbols_of()[0][length - 3] == symbol


@pytest.mark.parametrize(
    ("distance", "symbol"),
    [(1, (0, 0, 0)), (4, (3, 0, 0)), (5, (4, 0, 1)), (8, (5, 1, 1)), (24577, (29, 0, 13)), (32768, (29, 8191, 13))],
)
def test_a_distance_has_the_symbol_and_extra_bits_of_the_rfc(distance: int, symbol: tuple[int, int, int]) -> None:
    assert symbols_of()[1][distance - 1] == symbol
