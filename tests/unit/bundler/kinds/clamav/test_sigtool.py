"""ClamAV's own program verifies, where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.kinds.clamav import sigtool as clamav_sigtool
from manifests.errors import FetchError, NotAuthenticError
from tests.support import clamav_forge as forge
from tests.support.content import DATA

GENUINE = DATA / "clamav"


def verify(sigtool: Path, directory: Path, database: bytes, **options: float) -> None:
    (directory / "blob").write_bytes(database)
    (directory / "other").write_bytes(forge.sign(6))
    with (directory / "blob").open("rb") as file, (directory / "other").open("rb") as sign:
        clamav_sigtool.verify_database(sigtool, "test.cvd", [("test.cvd", file), ("test-6.cvd.sign", sign)], **options)


@pytest.mark.needs("shared/data", "sigtool")
def test_sigtool_verifies_a_genuine_database_and_refuses_a_forged_one(tmp_path: Path) -> None:
    sigtool = clamav_sigtool.find_sigtool()
    assert sigtool is not None
    verify(sigtool, tmp_path, (GENUINE / "test-6.cvd").read_bytes())
    with pytest.raises(NotAuthenticError) as caught:
        verify(sigtool, tmp_path, forge.cvd(6))
    assert caught.value.code == "clamav.signature"


def test_sigtool_sees_the_files_under_their_own_names_and_no_environment_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_TOKEN", "secret")
    script = f'ls > {tmp_path}/names; cat test.cvd > {tmp_path}/read; env > {tmp_path}/env; echo "Verification OK."'
    verify(forge.program(tmp_path / "bin", script), tmp_path, b"database")
    assert (tmp_path / "names").read_text() == "test-6.cvd.sign\ntest.cvd\n"
    assert (tmp_path / "read").read_bytes() == b"database"
    assert "OUR_TOKEN" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize("script", ["echo no >&2; exit 1", "echo Verification OK; exit 1", "exit 0"])
def test_only_a_sigtool_that_says_ok_verifies(tmp_path: Path, script: str) -> None:
    with pytest.raises(NotAuthenticError) as caught:
        verify(forge.program(tmp_path / "bin", script), tmp_path, b"database")
    assert caught.value.code == "clamav.signature"
    assert str(caught.value.have).startswith("sigtool left with ")


def test_a_sigtool_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        verify(forge.program(tmp_path / "bin", "exec sleep 60"), tmp_path, b"database", timeout_seconds=0.2)
    assert caught.value.code == "clamav.sigtool"


def test_a_sigtool_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        verify(tmp_path / "nowhere", tmp_path, b"database")
    assert caught.value.code == "clamav.sigtool"
