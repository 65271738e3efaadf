"""What is where in a relay's directory."""

from __future__ import annotations

import pytest

from manifests.errors import ConfigurationError, LockedError
from relay.home import Home, open_home
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import make_home


def test_a_home_is_opened_by_any_path_to_it(tmp_path, monkeypatch):
    home = make_home(tmp_path / "relay", BundleForge().root)
    monkeypatch.chdir(tmp_path)
    assert open_home((tmp_path / "relay").relative_to(tmp_path)) == home == Home(tmp_path / "relay")


@pytest.mark.parametrize("gone", ["relay.toml", "state.db"])
def test_a_directory_without_configuration_or_state_is_no_home(tmp_path, gone):
    home = make_home(tmp_path / "relay", BundleForge().root)
    (home.path / gone).unlink()
    with pytest.raises(ConfigurationError) as caught:
        open_home(home.path)
    assert (caught.value.code, caught.value.todo) == ("home.missing", "relay init --root root.json")


def test_one_process_at_a_time_changes_a_home(tmp_path):
    home = make_home(tmp_path / "relay", BundleForge().root)
    with home.lock(), pytest.raises(LockedError), home.lock():
        pass
    with home.lock():
        assert home.lock_file.exists()


def test_every_place_is_below_the_home_and_none_is_another(tmp_path):
    home = Home(tmp_path)
    places = [getattr(home, name) for name, value in vars(Home).items() if isinstance(value, property)]
    paths = [place for place in places if hasattr(place, "parent")] + [home.store.root, home.store.temporary]
    assert {path.parent for path in paths} == {tmp_path}
    assert len(set(paths)) == len(paths) == 12
