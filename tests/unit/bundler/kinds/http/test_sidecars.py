"""Which files stand beside others, and what they say."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.options import FetchOptions
from bundler.kinds.http.files import FoundFiles, RemoteFile
from bundler.kinds.http.sidecars import Sidecars
from bundler.sources.checksums import Checksum
from manifests.errors import ConfigurationError
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

U = "https://up.invalid/"
PINNED = Checksum("sha256", "ab" * 32)


def listed(*paths: str) -> FoundFiles:
    return FoundFiles(tuple(RemoteFile(U + path, path) for path in paths), "7")


def test_a_sidecar_in_a_listing_is_no_file_of_its_own_unless_it_stands_alone() -> None:
    found = Sidecars(checksum="sha256").without(listed("a", "a.sha256", "a.md5", "b.sha256"))
    assert ([file.path for file in found.files], found.version) == (["a", "a.md5", "b.sha256"], "7")
    assert Sidecars().without(listed("a", "a.sha256")) == listed("a", "a.sha256")


@pytest.mark.parametrize(
    ("sidecars", "file", "where"),
    [
        (Sidecars(), RemoteFile(U + "a", "a"), None),
        (Sidecars(checksum="md5"), RemoteFile(U + "a?v=1", "a"), ("md5", U + "a.md5?v=1")),
        (Sidecars(checksum="md5"), RemoteFile(U + "a", "a", PINNED), None),
        (Sidecars(checksum="md5"), RemoteFile(U + "a", "a", None, ("sha1", U + "s")), ("sha1", U + "s")),
    ],
)
def test_what_is_said_of_one_file_goes_before_what_is_said_of_all(
    sidecars: Sidecars, file: RemoteFile, where: tuple[str, str] | None
) -> None:
    assert sidecars.checksum_of(file) == where
    assert sidecars.any_of([file]) is (where is not None)


def test_a_published_checksum_is_read_and_carried_only_when_asked(bench: Bench, server: SourceSimulator) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    server.serve("/a.sha256", f"{digest}  a\n".encode())
    file = RemoteFile(server.url("/a"), "dir/a")
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        for carry, paths in ((False, []), (True, ["dir/a.sha256"])):
            sidecars = Sidecars(checksum="sha256", carry=carry)
            wanted = sidecars.wanted(sidecars.read_lists(fetcher, work, [file]), file)
            assert (wanted.url, wanted.path, wanted.check) == (file.url, "dir/a", Checksum("sha256", digest))
            assert [target.path for target in sidecars.carried(fetcher, [file])] == paths


def test_a_pinned_checksum_needs_no_request(bench: Bench, server: SourceSimulator) -> None:
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        sidecars, file = Sidecars(checksum="sha256"), RemoteFile(server.url("/a"), "a", PINNED)
        wanted = sidecars.wanted(sidecars.read_lists(fetcher, work, [file]), file)
    assert (wanted.check, server.seen) == (PINNED, [])


@pytest.mark.parametrize(
    ("options", "sidecars"),
    [
        ({}, Sidecars()),
        ({"checksum": "sha512", "carry_sidecars": True}, Sidecars("sha512", carry=True)),
        ({"urls": [U + "a", {"url": U + "b"}]}, Sidecars()),
    ],
)
def test_the_configuration_says_what_stands_beside(options: dict[str, Any], sidecars: Sidecars) -> None:
    assert Sidecars.from_config("s", options) == sidecars


def test_a_place_of_signatures_without_a_signer_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Sidecars.from_config("s", {"urls": [{"url": U + "a", "signature_url": U + "b"}]})
    assert caught.value.code == "source.signature"
