"""One directory of another program: what is written, named and removed in it."""

from __future__ import annotations

import hashlib
import os

import pytest

from manifests.disk.blobs import Blob
from manifests.errors import ConfigurationError, NotAuthenticError, StorageError
from relay.config import DeliveryConfig
from relay.deliveries.files import open_directory

DATA = b"content"
BLOB = Blob(hashlib.sha256(DATA).hexdigest(), len(DATA))


@pytest.fixture
def directory(tmp_path):
    with open_directory(tmp_path) as directory:
        yield directory


def config(tmp_path, **values):
    return DeliveryConfig("place", tmp_path, **values)


def test_a_file_is_written_with_its_mode_and_named_once_it_is_whole(directory, tmp_path):
    directory.write_temporary(".part", [DATA[:3], DATA[3:]], BLOB, config(tmp_path, mode=0o640))
    assert (directory.has_name("a"), directory.hash_file(".part")) == (False, BLOB)
    directory.give_name(".part", "a")
    assert os.listdir(tmp_path) == ["a"]
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "a").stat().st_mode & 0o777) == (DATA, 0o640)


def test_content_that_is_not_what_it_should_be_leaves_nothing(directory, tmp_path):
    with pytest.raises(NotAuthenticError) as caught:
        directory.write_temporary(".part", [DATA[:-1]], BLOB, config(tmp_path))
    assert (caught.value.code, os.listdir(tmp_path)) == ("delivery.damaged", [])


@pytest.mark.parametrize("owner", ["no-such-user", "root:no-such-group"])
def test_an_owner_that_is_not_there_leaves_nothing(directory, tmp_path, owner):
    with pytest.raises(ConfigurationError) as caught:
        directory.write_temporary(".part", [DATA], BLOB, config(tmp_path, owner=owner))
    assert (caught.value.code, os.listdir(tmp_path)) == ("delivery.owner", [])


@pytest.mark.parametrize("make", ["file", "directory", "link"])
def test_a_name_that_something_has_is_not_taken(directory, tmp_path, make):
    {
        "file": lambda path: path.write_bytes(b"theirs"),
        "directory": lambda path: path.mkdir(),
        "link": lambda path: path.symlink_to("/nowhere"),
    }[make](tmp_path / "a")
    directory.write_temporary(".part", [DATA], BLOB, config(tmp_path))
    with pytest.raises(StorageError) as caught:
        directory.give_name(".part", "a")
    assert caught.value.code == "delivery.foreign"
    assert (directory.has_name("a"), directory.hash_file(".part")) == (True, BLOB)


def test_only_a_regular_file_has_a_hash_and_no_link_is_followed(directory, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert [directory.hash_file(name) for name in ("a", "link", "folder", "pipe", "none")] == [BLOB, *[None] * 4]
    assert directory.has_name("link")


def test_two_names_are_one_file_only_where_they_are(directory, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "copy").write_bytes(DATA)
    assert [directory.is_one_file("a", name) for name in ("b", "copy", "none")] == [True, False, False]


def test_what_is_removed_is_a_name_and_a_second_time_nothing_happens(directory, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "link").symlink_to("a")
    for name in ("link", "link", "none"):
        directory.remove_file(name)
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_without_room_is_refused(directory):
    directory.require_room(1)
    with pytest.raises(StorageError) as caught:
        directory.require_room(2**62)
    assert caught.value.code == "storage.space"


@pytest.mark.parametrize("make", ["nothing", "file"])
def test_a_directory_that_is_not_there_is_told_and_not_made(tmp_path, make):
    if make == "file":
        (tmp_path / "place").write_bytes(b"")
    with pytest.raises(StorageError) as caught, open_directory(tmp_path / "place"):
        pass
    assert caught.value.code == "delivery.missing"
    assert not (tmp_path / "place").is_dir()
