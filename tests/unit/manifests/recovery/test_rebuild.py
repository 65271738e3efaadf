"""Damaged bundles rebuilt, and what is never tried."""

from __future__ import annotations

import random
import subprocess

import pytest

from bundler.seal.recovery import write_recovery
from manifests import recovery
from manifests.errors import (
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    StorageError,
)
from manifests.progress import CancelToken
from relay.importing import recovery as repair
from relay.store.temporary import remove_repair_directories
from tests.support.damage import pages_of, spoil_pages
from tests.support.recovery_sticks import LENGTH, QUIET, Stick, blocks_lost, copy_pages


@pytest.mark.parametrize("kind", ["zeros", "ones", "noise", "flip", "shift"])
def test_scattered_pages_up_to_the_rate_are_rebuilt(stick: Stick, kind: str) -> None:
    lost = int(len(pages_of(LENGTH)) * 0.05)
    spoil_pages(stick.bundle, blocks_lost(stick, lost), kind=kind)
    repaired = stick.check_whole()
    assert (repaired.damaged_blocks, repaired.blocks, repaired.unreadable_bytes) == (lost, 171, 0)
    assert repaired.text.startswith("The medium is damaged: rebuilt 8 of 171 blocks from acme-000007-full.zip.par2")


def test_as_many_blocks_as_there_is_recovery_data_are_rebuilt_and_not_one_more(stick: Stick) -> None:
    able = recovery.plan_recovery(LENGTH, 5).recovery_blocks
    spoil_pages(stick.bundle, blocks_lost(stick, able))
    stick.check_whole()
    stick.bundle.write_bytes(stick.content)
    spoil_pages(stick.bundle, blocks_lost(stick, able + 1))
    with pytest.raises(IncompleteError) as caught:
        stick.attempt()
    assert caught.value.code == "recovery.too-damaged"
    assert caught.value.details == {"damaged_blocks": able + 1, "blocks": 171, "recovery_blocks": able}
    assert list(stick.temporary.iterdir()) == []


def test_a_copy_that_was_cut_short_is_completed(stick: Stick) -> None:
    stick.bundle.write_bytes(stick.content[: LENGTH - 30_000])
    assert stick.check_whole().damaged_blocks == 8


def test_recovery_blocks_that_are_damaged_are_not_used(stick: Stick) -> None:
    able = recovery.plan_recovery(LENGTH, 5).recovery_blocks
    first = copy_pages(stick)[0][-1] + 1
    spoil_pages(stick.side, [first])
    side = recovery.read_side_file(stick.side)
    assert side is not None
    assert able - 2 <= len(side.recovery) < able
    spoil_pages(stick.bundle, blocks_lost(stick, len(side.recovery)))
    stick.check_whole()


def test_renamed_files_find_each_other_by_content(stick: Stick) -> None:
    stick.bundle = stick.bundle.rename(stick.path / "COPY (2).ZIP")
    stick.side = stick.side.rename(stick.path / "WHATEVER.PAR2")
    spoil_pages(stick.bundle, [0, 100])
    assert stick.check_whole().side_file == stick.side
    assert repair.find_own_side_file(stick.bundle) is None
    side = stick.side.rename(stick.path / "copy (2).zip.Par2")
    assert repair.find_own_side_file(stick.bundle) == side


def test_among_the_side_files_of_several_volumes_the_right_one_is_taken(stick: Stick) -> None:
    for number in range(3):
        other = stick.path / f"acme-000007-full-v{number}-of-9.zip"
        other.write_bytes(random.Random(number).randbytes(LENGTH))
        write_recovery(other, 5, QUIET, workspace=stick.temporary)
    stick.side.rename(stick.path / "zzz.par2")
    spoil_pages(stick.bundle, [7])
    assert stick.check_whole().side_file.name == "zzz.par2"


def test_a_whole_bundle_and_a_foreign_one_need_no_repair(stick: Stick) -> None:
    stick.check_none()
    stick.bundle.write_bytes(random.Random(1).randbytes(LENGTH))
    stick.check_none()


def test_without_recovery_data_nothing_is_tried(stick: Stick) -> None:
    stick.side.unlink()
    spoil_pages(stick.bundle, [7])
    stick.check_none()


@pytest.mark.parametrize(("error", "worth"), [
    (MalformedError("zip.gap", "x"), True),
    (NotAuthenticError("bundle.stored-digest", "x"), True),
    (StorageError("storage.io", "x", errno=5), True),
    (StorageError("storage.full", "x", errno=28), False),
    (StorageError("storage.space", "x"), False),
    (IncompleteError("base.missing", "x"), False),
])  # fmt: skip
def test_a_repair_is_tried_where_damage_explains_the_refusal(error: Exception, worth: bool) -> None:
    assert repair.may_be_medium_damage(error) is worth


def test_links_and_devices_called_so_are_not_opened(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    stick.side.rename(stick.path / "elsewhere")
    stick.side.symlink_to(stick.path / "elsewhere")
    (stick.path / "a.par2").mkdir()
    subprocess.run(["mkfifo", stick.path / "b.par2"], check=True)
    assert stick.attempt() is None


def test_recovery_blocks_of_somebody_elses_making_lead_nowhere_and_leave_nothing(stick: Stick) -> None:
    side = recovery.read_side_file(stick.side)
    assert side is not None
    data = bytearray(stick.side.read_bytes())
    for exponent, offset in side.recovery:
        packet = side.recovery_set.recovery(exponent, b"evil" * 1024)
        data[offset - 68 : offset + 4096] = packet
    stick.side.write_bytes(data)
    spoil_pages(stick.bundle, [7])
    before = stick.fingerprint()
    with pytest.raises(IncompleteError) as caught:
        stick.attempt()
    assert caught.value.code == "recovery.unusable"
    assert stick.fingerprint() == before
    assert list(stick.temporary.iterdir()) == []


def test_without_room_the_repair_is_not_begun(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    with pytest.raises(StorageError) as caught:
        repair.repair_bundle(stick.bundle, stick.temporary, QUIET, CancelToken(), reserve_bytes=2**60)
    assert caught.value.code == "storage.space"
    assert list(stick.temporary.iterdir()) == []


def test_what_an_interrupted_repair_left_is_swept(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    assert stick.attempt() is not None
    assert len(list(stick.temporary.iterdir())) == 1
    remove_repair_directories(stick.temporary)
    assert list(stick.temporary.iterdir()) == []
