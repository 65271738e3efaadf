"""Writing a bundle: how far it is final is told to whoever reads behind it, and a failure leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.history import History
from bundler.plan.compress import compress_blobs
from bundler.seal.write import write_bundle
from manifests.disk.blobs import Blob
from manifests.errors import StorageError
from manifests.progress import NoProgress
from tests.support.small_publisher import SmallPublisher


@pytest.fixture
def publisher(tmp_path: Path) -> SmallPublisher:
    return SmallPublisher(tmp_path, 2)


def write(publisher: SmallPublisher, path: Path, reached: list[int]) -> None:
    (volume,) = History(publisher.home).read_version(1).volumes
    store = publisher.home.store()
    members = volume.manifest.documents
    documents = [(one.name, b"".join(store.read(one.sha256))) for one in members]
    deflated = [Blob(one.sha256, one.length) for one in members if one.deflated is not None]
    with compress_blobs(deflated, store, NoProgress()) as compressed:
        write_bundle(path, volume, documents, store, compressed, NoProgress(), reached.append)


def test_at_the_end_all_of_it_is_final(publisher: SmallPublisher, tmp_path: Path) -> None:
    (file,) = publisher.create().files
    reached: list[int] = []
    write(publisher, tmp_path / "again.zip", reached)
    assert (tmp_path / "again.zip").read_bytes() == file.path.read_bytes()
    assert reached[-1] == file.length
    assert reached == sorted(reached)


def test_a_failure_leaves_no_file(publisher: SmallPublisher, tmp_path: Path) -> None:
    (file,) = publisher.create().files
    publisher.home.store().path(file.manifest.targets[0].sha256).unlink()
    with pytest.raises(StorageError):
        write(publisher, tmp_path / "again.zip", [])
    assert not (tmp_path / "again.zip").exists()
