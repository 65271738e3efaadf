import os

import pytest

from manifests.errors import ConfigurationError, MalformedError, NotAuthenticError
from relay.config import load_config
from relay.home import open_home
from relay.init import create_home, root_fingerprint
from relay.state import State
from tests.support.relay_bundles import CREATED, BundleForge, new_signer
from tests.support.relay_homes import make_home


def make(path, root, **values):
    options = {"connectivity": "isolated", "listen": "127.0.0.1:4122", "now": CREATED, "host_name": "r"} | values
    return create_home(path, root, **options)


def test_a_new_home_trusts_the_root_and_holds_nothing(tmp_path):
    forge = BundleForge()
    home = make_home(tmp_path / "a" / "relay", forge.root)
    assert open_home(home.path) == home
    assert home.root_file.read_bytes() == forge.root
    assert home.inbox.is_dir()
    assert (home.quarantine / "key").stat().st_mode & 0o777 == 0o600
    with State(home.database) as state:
        assert state.trusted.load_trusted().root == forge.root
        assert state.trusted.load_trusted().timestamp is None
        assert state.generations.find_newest_number() == 0
        assert [event.kind for event in state.event_rows.list_events()] == ["init"]
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["relay"]


def test_the_new_configuration_is_what_was_asked_for_and_loads(tmp_path):
    home = make(tmp_path / "relay", BundleForge().root, connectivity="proxy", listen="0.0.0.0:9")
    config = load_config(home.path)
    assert (config.connectivity, config.host, config.port) == ("proxy", "0.0.0.0", 9)


def test_an_empty_directory_becomes_the_home(tmp_path):
    (tmp_path / "relay").mkdir()
    assert make_home(tmp_path / "relay", BundleForge().root).database.is_file()


@pytest.mark.parametrize("kind", ["home", "file", "other", "link"])
def test_what_is_there_already_is_refused_and_untouched(tmp_path, kind):
    path = tmp_path / "relay"
    if kind == "file":
        path.write_text("mine")
    elif kind == "link":
        path.symlink_to(tmp_path)
    else:
        path.mkdir()
        (path / "mine").write_text("mine")
    with pytest.raises(ConfigurationError) as caught:
        make_home(path, BundleForge().root)
    assert caught.value.code == "home.exists"
    assert sorted(os.listdir(tmp_path)) == ["relay"]


def test_a_failed_init_leaves_nothing(tmp_path):
    forge = BundleForge()
    unsigned = forge.rotate({"root": [new_signer()]}).replace(b'"sig":"', b'"sig":"00')
    for root, error in ((b"{}", MalformedError), (unsigned, NotAuthenticError)):
        with pytest.raises(error):
            make(tmp_path / "deep" / "relay", root)
    with pytest.raises(ConfigurationError):
        make(tmp_path / "relay", forge.root, listen="nowhere")
    with pytest.raises(ConfigurationError):
        make(tmp_path / "relay", forge.root, host_name="no name at all")
    assert os.listdir(tmp_path) == []


def test_a_directory_without_a_relay_is_no_home(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        open_home(tmp_path)
    assert caught.value.code == "home.missing"


def test_a_fingerprint_is_sixteen_groups_of_four_digits():
    assert root_fingerprint(b"abc") == (
        "ba78 16bf 8f01 cfea 4141 40de 5dae 2223 b003 61a3 9617 7a9c b410 ff61 f200 15ad"
    )
