"""What a path means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.disk.blobs import Blob
from relay.server.pages.table import PAGES
from relay.server.routes import MetadataFile, StoredFile, resolve_path
from tests.support.relay_server import NOW, empty_view, view_of

A, B, C = Blob("a" * 64, 10), Blob("b" * 64, 20), Blob("c" * 64, 30)
VIEW = view_of(
    {"clamav/daily.cvd": (A, NOW), "au/server.ini": (B, NOW), "au/clamav/daily.cvd": (C, NOW)},
    rings={"canary": {"clamav/daily.cvd": (B, NOW)}},
)
MOUNTED = view_of(
    {"clamav/daily.cvd": (A, NOW), "au/server.ini": (B, NOW), "au/clamav/daily.cvd": (C, NOW), "au/-/status": (C, NOW)},
    mount_at_root="au",
)


@pytest.mark.parametrize(
    ("path", "blob"), [("/clamav/daily.cvd", A), ("/au/server.ini", B), ("/-/rings/default/clamav/daily.cvd", A)]
)
def test_a_source_and_a_path_name_a_file_of_the_default_ring(path, blob):
    assert resolve_path(VIEW, path) == StoredFile(
        path.removeprefix("/-/rings/default")[1:], blob.sha256, blob.length, NOW
    )


def test_another_ring_is_named_in_full():
    assert resolve_path(VIEW, "/-/rings/canary/clamav/daily.cvd") == StoredFile("clamav/daily.cvd", B.sha256, 20, NOW)
    assert resolve_path(VIEW, "/-/rings/canary/au/server.ini") == "absent"
    assert resolve_path(VIEW, "/-/rings/nobody/clamav/daily.cvd") == "absent"


def test_content_addressed_names_and_versioned_metadata_never_change():
    name = f"clamav/{A.sha256}.daily.cvd"
    assert resolve_path(VIEW, f"/-/tuf/targets/{name}") == StoredFile(name, A.sha256, 10, None, immutable=True)
    assert resolve_path(VIEW, "/-/tuf/metadata/1.root.json") == MetadataFile(
        "1.root.json", b'{"root":1}', immutable=True
    )
    assert resolve_path(VIEW, "/-/tuf/metadata/timestamp.json") == MetadataFile(
        "timestamp.json", b'{"timestamp":7}', immutable=False
    )
    assert resolve_path(VIEW, "/-/tuf/metadata/2.root.json") == "absent"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", PAGES["-/"]),
        ("/-/", PAGES["-/"]),
        ("/-/status", PAGES["-/status"]),
        ("/-/status.json", PAGES["-/status.json"]),
        ("/-/features", PAGES["-/features"]),
        ("/-/features.json", PAGES["-/features.json"]),
        ("/-/healthz", PAGES["-/healthz"]),
        ("/-/metrics", PAGES["-/metrics"]),
    ],
)
def test_the_relays_own_pages_have_names_that_no_source_can_take(path, page):
    assert resolve_path(VIEW, path) == page


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "clamav/daily.cvd",
        "//clamav/daily.cvd",
        "/clamav//daily.cvd",
        "/clamav",
        "/clamav/",
        "/clamav/daily.cvd/",
        "/clamav/./daily.cvd",
        "/clamav/../clamav/daily.cvd",
        "/../clamav/daily.cvd",
        "/clamav\\daily.cvd",
        "/clamav/daily.cvd\0",
        "/clamav/daily.cvd%00",
        "/clamav%2fdaily.cvd",
        "/CLAMAV/daily.cvd",
        "/-",
        "/-/rings",
        "/-/rings/",
        "/-/rings/default",
        "/-/rings/default/",
        "/-/tuf/",
        "/-/tuf/targets/",
        "/-/tuf/targets/clamav/daily.cvd",
        "/-/tuf/metadata/../metadata/1.root.json",
        "/-/status/",
        "/-/nothing",
        "/etc/passwd",
    ],
)
def test_every_other_path_is_absent(path):
    assert resolve_path(VIEW, path) == "absent"


def test_a_source_mounted_at_the_root_stands_behind_the_others():
    assert resolve_path(MOUNTED, "/server.ini") == StoredFile("au/server.ini", B.sha256, 20, NOW)
    assert resolve_path(MOUNTED, "/-/rings/default/server.ini") == StoredFile("au/server.ini", B.sha256, 20, NOW)
    assert resolve_path(MOUNTED, "/clamav/daily.cvd") == StoredFile("clamav/daily.cvd", A.sha256, 10, NOW)
    assert resolve_path(MOUNTED, "/-/status") == PAGES["-/status"]
    assert resolve_path(MOUNTED, "/") == "absent"
    assert resolve_path(MOUNTED, "/../au/server.ini") == "absent"


@pytest.mark.parametrize(
    "path", ["/clamav/daily.cvd", "/-/rings/default/x/y", "/-/tuf/metadata/1.root.json", "/-/tuf/targets/a/b"]
)
def test_before_the_first_generation_content_is_not_there_yet(path):
    assert resolve_path(empty_view(), path) == "not-yet"


def test_before_the_first_generation_the_pages_are_there():
    assert resolve_path(empty_view(), "/") == PAGES["-/"]
    assert resolve_path(empty_view(), "/-/rings/canary/x/y") == "absent"


@given(st.text(max_size=80))
def test_any_text_is_a_published_name_a_page_or_absent(text):
    found = resolve_path(VIEW, "/" + text)
    if isinstance(found, StoredFile):
        assert found.name in VIEW.rings["default"].files
    else:
        assert found in {"absent", PAGES["-/"]} or text.startswith("-/")
