"""A TUF client over a repository in memory; the installed command over TLS is in tests/e2e/test_tuf_client.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.errors import ConfigurationError, IncompleteError, NotAuthenticError, SealiftError
from manifests.trust.directory import MetadataDirectory
from relay.dialing.tuf.client import open_tuf_client, target_file_name
from tests.support.relay_bundles import BundleForge
from tests.support.relay_cargo import digest_of

DATA = b"alert tcp any any -> any any (sid:1;)\n"
METADATA, TARGETS = "https://up.invalid/metadata", "https://up.invalid/targets/"


class Repository:
    """What a publisher has, by URL; every request is remembered."""

    def __init__(self, forge: BundleForge) -> None:
        self.asked: list[str] = []
        self.files = {f"{METADATA}/{name}": data for name, data in forge.metadata.items()}
        self.files |= {
            f"{TARGETS}{path.rpartition('/')[0]}/{digest_of(data)}.{path.rpartition('/')[2]}": data
            for path, data in forge.files.items()
        }

    def get(self, url: str, max_bytes: int) -> bytes | None:
        self.asked.append(url.rpartition("/")[2])
        data = self.files.get(url)
        assert data is None or len(data) <= max_bytes
        return data

    def stream(self, url: str, max_bytes: int) -> Iterator[bytes]:
        self.asked.append(url.rpartition("/")[2])
        assert len(self.files[url]) <= max_bytes
        yield from (self.files[url][:3], self.files[url][3:])


@pytest.fixture
def forge(tmp_path: Path) -> BundleForge:
    forge = BundleForge()
    forge.files = {"rules/a.rules": DATA}
    forge.seal(tmp_path / "1.zip")
    return forge


@pytest.fixture
def metadata(tmp_path: Path, forge: BundleForge) -> MetadataDirectory:
    directory = MetadataDirectory(tmp_path / "trusted")
    directory.initialise(forge.root)
    return directory


def download(forge: BundleForge, metadata: MetadataDirectory, repository: Repository, path: str, to: Path) -> Path:
    with open_tuf_client(metadata, repository, METADATA, forge.clock()()) as client:
        client.refresh_metadata()
        return client.download_target(path, to, TARGETS)


def test_a_target_is_downloaded_once_under_its_quoted_path(
    forge: BundleForge, metadata: MetadataDirectory, tmp_path: Path
) -> None:
    repository = Repository(forge)
    file = download(forge, metadata, repository, "rules/a.rules", tmp_path / "out")
    assert (file, file.read_bytes()) == (tmp_path / "out" / "rules%2Fa.rules", DATA)
    assert f"{digest_of(DATA)}.a.rules" in repository.asked
    repository.asked.clear()
    assert download(forge, metadata, repository, "rules/a.rules", tmp_path / "out") == file
    assert repository.asked == ["2.root.json", "timestamp.json"]


def test_other_content_than_the_signed_one_leaves_what_was_there(
    forge: BundleForge, metadata: MetadataDirectory, tmp_path: Path
) -> None:
    repository = Repository(forge)
    repository.files = {url: data[::-1] if data == DATA else data for url, data in repository.files.items()}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "rules%2Fa.rules").write_bytes(b"of yesterday")
    with pytest.raises(NotAuthenticError) as caught:
        download(forge, metadata, repository, "rules/a.rules", tmp_path / "out")
    assert caught.value.code == "tuf-client.target"
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "out").iterdir()] == [
        ("rules%2Fa.rules", b"of yesterday")
    ]


def test_a_target_that_nobody_signed_is_not_asked_for(
    forge: BundleForge, metadata: MetadataDirectory, tmp_path: Path
) -> None:
    repository = Repository(forge)
    with pytest.raises(IncompleteError) as caught:
        download(forge, metadata, repository, "rules/none", tmp_path / "out")
    assert caught.value.code == "tuf.no-such-target"
    assert not (tmp_path / "out").exists()


def test_what_it_came_to_trust_is_kept_though_a_later_step_is_refused(
    forge: BundleForge, metadata: MetadataDirectory, tmp_path: Path
) -> None:
    forge.seal(tmp_path / "2.zip")
    repository = Repository(forge)
    repository.files[f"{METADATA}/2.snapshot.json"] = b"{}"
    with (
        pytest.raises(SealiftError),
        open_tuf_client(metadata, repository, METADATA, forge.clock()()) as client,
    ):
        client.refresh_metadata()
    with metadata.lock():
        timestamp = metadata.load().timestamp
    assert timestamp is not None
    assert b'"version":2' in timestamp


def test_without_a_directory_there_is_no_root_to_begin_with(forge: BundleForge, tmp_path: Path) -> None:
    nowhere = MetadataDirectory(tmp_path / "nowhere")
    with (
        pytest.raises(ConfigurationError) as caught,
        open_tuf_client(nowhere, Repository(forge), METADATA, forge.clock()()),
    ):
        pass
    assert caught.value.code == "tuf-client.no-root"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.txt", "a.txt"),
        ("a/b c", "a%2Fb%20c"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E."),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 135 + "~" + digest_of(b"x" * 201)),
    ],
)
def test_a_target_has_one_file_name_that_every_file_system_takes(path: str, name: str) -> None:
    assert target_file_name(path) == name
    assert len(name) <= 200
