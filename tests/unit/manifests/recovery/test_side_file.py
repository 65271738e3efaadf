"""Side files that are damaged, foreign or made to mislead."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from manifests import recovery
from manifests.recovery.packets import (
    FILE_PACKET,
    MAIN_PACKET,
    PACKET_HEADER,
    PACKET_MAGIC,
    RECOVERY_PACKET,
    RecoverySet,
)
from manifests.recovery.side_file import COPIES
from tests.support.damage import spoil_pages
from tests.support.recovery_sticks import Stick, beginning, copy_pages, forged


def test_the_side_file_outlives_the_loss_of_all_copies_but_one(stick: Stick) -> None:
    spoil_pages(stick.bundle, [3, 5])
    places = copy_pages(stick)
    for kept in range(COPIES):
        whole = stick.side.read_bytes()
        spoil_pages(stick.side, [page for number, pages in enumerate(places) if number != kept for page in pages])
        stick.check_whole()
        stick.side.write_bytes(whole)


def test_a_copy_is_put_together_from_the_good_pages_of_all(tmp_path: Path) -> None:
    stick = Stick(tmp_path, length=5_000_000)
    spoil_pages(stick.bundle, [3, 5])
    places = copy_pages(stick)
    assert len(places[0]) == 7
    for seed, kind in enumerate(("noise", "zeros", "flip")):
        whole, dice = stick.side.read_bytes(), random.Random(seed)
        for place in range(len(places[0])):  # all copies are hurt; two of each page are left, or one among zeros
            kept = dice.sample(range(COPIES), 1 if kind == "zeros" else 2)
            lost = [pages[place] for number, pages in enumerate(places) if number not in kept]
            spoil_pages(stick.side, lost, kind=kind)
        stick.check_whole()
        stick.side.write_bytes(whole)


def test_a_file_that_is_only_called_so_is_passed_over(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    whole = stick.side.read_bytes()
    for data in (b"", b"PAR2\x00PKT", whole[:100], bytes(100_000), stick.content, PACKET_MAGIC * 5_000):
        stick.side.write_bytes(data)
        stick.check_none()


def test_a_side_file_cut_off_anywhere_is_used_as_far_as_it_goes(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    whole = stick.side.read_bytes()
    for length in range(0, len(whole), 9_973):
        stick.side.write_bytes(whole[:length])
        side = recovery.read_side_file(stick.side)
        if side is not None and side.recovery:
            stick.check_whole()


@pytest.mark.parametrize(
    "places", ["", "0", "0 0 0 0", "0 0 0 0 -1", "0 0 0 0 0 0", "0 0 0 0 999999999999999", "a b c d e"]
)
def test_places_that_make_no_sense_are_refused(stick: Stick, places: str) -> None:
    stick.side.write_bytes(beginning(forged(stick), places))
    assert recovery.read_side_file(stick.side) is None


def test_the_search_for_recovery_blocks_ends_however_many_false_beginnings_there_are(tmp_path: Path) -> None:
    block_bytes = 1024 * 1024
    made = RecoverySet("x.zip", block_bytes, b"m" * 16, b"k" * 16, block_bytes, bytes(20))
    false = PACKET_HEADER.pack(
        PACKET_MAGIC, PACKET_HEADER.size + 4 + block_bytes, bytes(16), made.set_id, RECOVERY_PACKET
    )
    head = made.packet(MAIN_PACKET) + made.packet(FILE_PACKET) + made.creator("Sealift; copies at 0 0 0 0 0")
    path = tmp_path / "false.par2"
    checksums = made.packet(b"PAR 2.0\x00IFSC\x00\x00\x00\x00")
    path.write_bytes(head + checksums + false * 60_000)
    began = time.process_time()
    side = recovery.read_side_file(path)
    assert side is not None
    assert side.recovery == ()
    assert time.process_time() - began < 10
