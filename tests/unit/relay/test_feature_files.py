"""The files of the feature list in ``out/``."""

import json
from contextlib import suppress

import pytest

from manifests.errors import StorageError
from manifests.features import features_to_disable, load_catalogue
from relay.feature_files import feature_files, write_feature_files
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import make_config, make_home


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "relay", BundleForge().root)


def test_each_language_has_its_own_files_and_the_others_stand_once():
    files = feature_files(features_to_disable(load_catalogue(), "isolated"), ("en", "ja"))
    assert sorted(files) == [
        "features.en.dsm-c.sh",
        "features.en.txt",
        "features.ja.dsm-c.sh",
        "features.ja.txt",
        "features.json",
        "features.rest.json",
    ]
    assert json.loads(files["features.json"])


def test_files_that_are_right_are_left_alone_and_others_are_made_right(home):
    config = make_config(home)
    write_feature_files(home, config)
    whole = {path.name: path.read_bytes() for path in home.out.glob("features*")}
    stamp = (home.out / "features.json").stat().st_mtime_ns
    (home.out / "features.rest.json").write_text("spoilt")
    (home.out / "features.en.txt").unlink()
    write_feature_files(home, config)
    assert {path.name: path.read_bytes() for path in home.out.glob("features*")} == whole
    assert (home.out / "features.json").stat().st_mtime_ns == stamp


def test_a_directory_that_cannot_be_made_is_an_error_of_storage(home):
    with suppress(FileNotFoundError):
        home.out.rename(home.path / "elsewhere")
    home.out.write_bytes(b"a file")
    with pytest.raises(StorageError):
        write_feature_files(home, make_config(home))
