from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from bundler.repository.repository import Repository, role_runways, write_metadata
from manifests.errors import ConfigurationError
from tests.support.repositories import A1, AB
from tests.support.tuf_publisher import NOW


def test_runway_names_the_role_that_ends_first_before_the_others(publisher):
    publisher.publish(A1)
    rows = role_runways(publisher.load(), NOW + timedelta(days=61))
    assert [row.role for row in rows] == ["snapshot", "timestamp", "a", "targets", "root"]
    assert rows[0].expires_at == NOW + timedelta(days=60)
    assert rows[0].days == -1
    assert all(left.expires_at <= right.expires_at for left, right in pairwise(rows))


def test_writing_twice_changes_nothing_and_an_interrupted_write_is_finished(publisher):
    staged = publisher.stage(AB)
    repository = publisher.load()
    write_metadata(repository.directory, [row for row in staged.documents if row[0] != "timestamp.json"])
    assert publisher.load().snapshot_version == 0
    write_metadata(repository.directory, staged.documents)
    before = {path.name: path.stat().st_mtime_ns for path in publisher.directory.iterdir()}
    write_metadata(repository.directory, staged.documents)
    assert {path.name: path.stat().st_mtime_ns for path in publisher.directory.iterdir()} == before
    assert publisher.load().snapshot_version == 1


@pytest.mark.parametrize("name", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "1.a.json"])
@pytest.mark.parametrize("data", [None, b"", b"{}", b"[]", b'{"signed":{"_type":"x"},"signatures":[]}'])
def test_a_damaged_repository_is_named_and_not_worked_with(publisher, name, data):
    publisher.publish(A1)
    path = publisher.directory / name
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    if name == "timestamp.json" and data is None:
        assert publisher.load().snapshot_version == 0
        return
    with pytest.raises(ConfigurationError) as caught:
        Repository.load(publisher.directory)
    assert caught.value.code == "repository.damaged"
    assert name in caught.value.what


def test_a_root_that_the_one_before_did_not_sign_is_damage(publisher):
    other = CryptoSigner.generate_ed25519()
    metadata = Metadata[Root].from_bytes(publisher.load().roots[0])
    metadata.signed.version = 2
    metadata.signed.add_key(other.public_key, "root")
    metadata.sign(other)
    (publisher.directory / "2.root.json").write_bytes(metadata.to_bytes())
    with pytest.raises(ConfigurationError) as caught:
        publisher.load()
    assert caught.value.code == "repository.damaged"
