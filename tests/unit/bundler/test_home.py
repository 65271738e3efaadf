"""The publisher's directory: a home or none, and one process at a time in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.home import Home, open_home
from manifests.errors import ConfigurationError, LockedError


def test_a_directory_without_configuration_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_home(tmp_path)
    assert caught.value.code == "home.missing"
    assert caught.value.todo == f"bundle --home {tmp_path} init"


def test_a_home_is_locked_by_one_process_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock(), pytest.raises(LockedError) as caught, home.lock():
        pass
    assert caught.value.code == "lock.held"
