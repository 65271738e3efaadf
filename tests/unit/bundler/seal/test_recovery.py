"""Recovery data beside sealed bundles: one file each, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from bundler.seal.companions import SealedFile
from bundler.seal.recovery import recovery_companions, write_recovery
from manifests import recovery
from manifests.errors import UsageError
from tests.support.recovery_sticks import LENGTH, QUIET, Stick


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


@pytest.mark.parametrize("percent", [0, -1, 100.1, float("nan")])
def test_a_rate_that_makes_no_sense_is_refused_before_anything_is_sealed(tmp_path: Path, percent: float) -> None:
    with pytest.raises(UsageError) as caught:
        recovery_companions(percent, tmp_path, QUIET)
    assert caught.value.code == "recovery.percent"


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
