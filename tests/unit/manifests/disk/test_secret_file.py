"""A secret in a file of its own, which nobody but its owner may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.disk.secret_file import read_secret
from manifests.errors import ConfigurationError


def test_the_end_of_the_line_is_no_part_of_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" pass word\r\n")
    path.chmod(0o600)
    assert read_secret(path, code="x.mode", said="The password") == " pass word"
    assert read_secret(tmp_path / "none", code="x.mode", said="The password") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        read_secret(path, code="x.mode", said="The password")
    assert (caught.value.code, caught.value.todo) == ("x.mode", f"chmod 600 {path}")
