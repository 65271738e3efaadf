import os

import pytest

from manifests.errors import MalformedError, NotAuthenticError, StorageError, UsageError
from relay.config import InboxConfig
from relay.quarantine.registry import (
    content_of_refused,
    export_refused,
    find_refused_bundle,
    quarantine_bundle,
    refused_bundles,
    restore_refused,
)
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import make_config, make_home

REASON = MalformedError("zip.gap", "There is a gap")


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "relay", BundleForge().root)


def take(home, path, **config):
    return quarantine_bundle(home, make_config(home, **config), path, REASON, CREATED)


@pytest.mark.parametrize("length", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20 + 7])
def test_a_refused_file_comes_out_as_it_went_in(home, tmp_path, length):
    data = os.urandom(length)
    (tmp_path / "bad.zip").write_bytes(data)
    record = take(home, tmp_path / "bad.zip")
    assert (record.length, record.code, record.exit_code, record.name) == (length, "zip.gap", 21, "bad.zip")
    assert (tmp_path / "bad.zip").read_bytes() == data
    assert b"".join(content_of_refused(home, record)) == data
    assert refused_bundles(home) == (record,)


def test_nothing_of_the_content_can_be_read_in_quarantine(home, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"malware " * 1000)
    record = take(home, tmp_path / "bad.zip")
    copy = home.quarantine / f"{record.id}.sealed"
    assert b"malware" not in copy.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["flip", "cut", "append", "swap", "magic"])
def test_damage_in_quarantine_is_noticed_and_nothing_is_exported(home, tmp_path, damage):
    (tmp_path / "bad.zip").write_bytes(os.urandom(2 * 2**20))
    record = take(home, tmp_path / "bad.zip")
    copy = home.quarantine / f"{record.id}.sealed"
    data, chunk = copy.read_bytes(), 2**20 + 16
    copy.write_bytes(
        {
            "flip": data[:-1] + bytes([data[-1] ^ 1]),
            "cut": data[:-chunk],
            "append": data + b"x",
            "swap": data[:24] + data[24 + chunk :] + data[24 : 24 + chunk],
            "magic": b"x" + data[1:],
        }[damage]
    )
    with pytest.raises(NotAuthenticError) as caught:
        export_refused(home, record, tmp_path / "out.zip")
    assert caught.value.code == "quarantine.damaged"
    assert not (tmp_path / "out.zip").exists()


def test_the_same_file_again_is_counted_and_kept_once(home, tmp_path):
    for _ in range(3):
        (tmp_path / "bad.zip").write_bytes(b"the same")
        record = take(home, tmp_path / "bad.zip")
    assert record.times == 3
    assert len(list(home.quarantine.glob("*.sealed"))) == 1


def test_the_oldest_leave_when_the_quarantine_is_full(home, tmp_path):
    for number in range(4):
        (tmp_path / "bad.zip").write_bytes(b"%d" % number * 400)
        quarantine_bundle(
            home,
            make_config(home, quarantine_bytes=1000),
            tmp_path / "bad.zip",
            REASON,
            CREATED.replace(second=number),
        )
    assert [record.at.second for record in refused_bundles(home)] == [2, 3]


def test_of_a_file_larger_than_the_quarantine_only_the_record_is_kept(home, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"x" * 1001)
    record = take(home, tmp_path / "bad.zip", quarantine_bytes=1000)
    assert not record.kept
    assert refused_bundles(home) == (record,)
    with pytest.raises(StorageError) as caught:
        export_refused(home, record, tmp_path / "out.zip")
    assert caught.value.code == "quarantine.not-kept"


def test_links_and_devices_are_no_files_to_keep(home, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    for name in ("fifo", "link"):
        with pytest.raises(MalformedError) as caught:
            take(home, tmp_path / name)
        assert caught.value.code == "bundle.not-a-file"
    assert refused_bundles(home) == ()


def test_restore_puts_the_file_into_the_first_inbox_and_forgets_it(home, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"bad")
    record = take(home, tmp_path / "bad.zip")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    config = make_config(home, inboxes=(InboxConfig(inbox),))
    assert restore_refused(home, config, record) == inbox / "bad.zip"
    assert (inbox / "bad.zip").read_bytes() == b"bad"
    assert refused_bundles(home) == ()
    assert sorted(entry.name for entry in home.quarantine.iterdir()) == ["key"]


def test_export_never_replaces_a_file(home, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"bad")
    record = take(home, tmp_path / "bad.zip")
    (tmp_path / "out.zip").write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        export_refused(home, record, tmp_path / "out.zip")
    assert caught.value.code == "quarantine.file-exists"
    assert (tmp_path / "out.zip").read_bytes() == b"mine"


def test_an_id_may_be_shortened_while_it_is_one(home, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"bad")
    record = take(home, tmp_path / "bad.zip")
    assert find_refused_bundle(home, record.id[:6]) == record
    for prefix, code in (("zz", "quarantine.unknown"), ("", "quarantine.ambiguous")):
        with pytest.raises(UsageError) as caught:
            find_refused_bundle(home, prefix)
        assert caught.value.code == code


def test_of_a_file_for_which_the_disk_has_no_room_only_the_record_is_kept(home, tmp_path, monkeypatch):
    monkeypatch.setattr("manifests.disk.durable.free_bytes", lambda _: 1000)
    (tmp_path / "bad.zip").write_bytes(b"x" * 101)
    assert not take(home, tmp_path / "bad.zip", reserve_bytes=900).kept
    assert take(home, tmp_path / "bad.zip", reserve_bytes=899).kept
