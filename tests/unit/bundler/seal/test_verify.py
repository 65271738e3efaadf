"""A sealed bundle is believed by what stands on the medium, every byte of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bundler.repository.repository import Repository
from bundler.seal.verify import verify_sealed
from manifests.errors import ExpiredError, SealiftError
from manifests.manifest import Manifest
from manifests.progress import NoProgress
from manifests.trust import trusted_root
from tests.support.small_publisher import NOW, SmallPublisher


@pytest.fixture
def publisher(tmp_path: Path) -> SmallPublisher:
    return SmallPublisher(tmp_path, 2)


def verify(publisher: SmallPublisher, path: Path, days: int = 0, *, accept_expired: bool = False) -> Manifest:
    state = trusted_root(Repository.load(publisher.home.metadata).roots[0])
    return verify_sealed(path, state, NOW + timedelta(days=days), NoProgress(), accept_expired=accept_expired)


def test_what_was_sealed_is_verified_and_says_what_it_carries(publisher: SmallPublisher) -> None:
    (file,) = publisher.create().files
    assert verify(publisher, file.path) == file.manifest


def test_any_byte_that_differs_is_refused(publisher: SmallPublisher, tmp_path: Path) -> None:
    (file,) = publisher.create().files
    data = file.path.read_bytes()
    for position in range(0, len(data), len(data) // 40):
        (tmp_path / "bad.zip").write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(SealiftError):
            verify(publisher, tmp_path / "bad.zip")


def test_one_past_its_lifetime_is_refused_unless_that_is_accepted(publisher: SmallPublisher) -> None:
    (file,) = publisher.create().files
    with pytest.raises(ExpiredError):
        verify(publisher, file.path, days=1_000)
    assert verify(publisher, file.path, days=1_000, accept_expired=True) == file.manifest
