"""The side file made: one that other PAR2 programs can use."""

from __future__ import annotations

import subprocess

from manifests.recovery import program
from tests.support.damage import spoil_pages
from tests.support.recovery_sticks import Stick, blocks_lost


def test_any_par2_program_can_use_the_side_file(stick: Stick) -> None:
    spoil_pages(stick.bundle, blocks_lost(stick, 8))
    command = [program.find_par2(), "repair", "-q", "-q", str(stick.side)]
    assert subprocess.run(command, cwd=stick.path, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert stick.bundle.read_bytes() == stick.content
