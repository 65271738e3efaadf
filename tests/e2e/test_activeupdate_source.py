"""Kind ``activeupdate``: a documented tree on nginx, carried in, and found whole by a client at the relay's root."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import active_update_reader
from tests.support.active_update_tree import Tree
from tests.support.far_side import URL, FarSide, NearSide, far_side
from tests.support.nginx import Nginx

pytestmark = pytest.mark.needs("root", "nginx", "curl", "ip", "nsenter")

COMPONENTS = 400


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    root = tmp_path_factory.mktemp("upstream")
    Tree(COMPONENTS).write(root / "activeupdate")
    with Nginx(root) as server:
        yield server


@pytest.fixture(scope="module")
def near(upstream: Nginx, tmp_path_factory: pytest.TempPathFactory) -> NearSide:
    side = NearSide.make(tmp_path_factory.mktemp("near"))
    side.configure(
        '[[source]]\nname = "patterns"\nkind = "activeupdate"\n'
        f'url = "{upstream.base}/activeupdate"\nmount = "/"\nfresh_days = 3\nlicence = "for customers alone"\n'
    )
    return side


@pytest.fixture(scope="module")
def far(near: NearSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    with far_side(tmp_path_factory.mktemp("far"), near) as side:
        yield side


def found_inside(far: FarSide, url: str = URL) -> dict[str, Any]:
    """What the plain client finds, as JSON."""
    return json.loads(far.run(sys.executable, active_update_reader.__file__, f"{url}/", far.ca).stdout)


def digests(tree: Tree) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in tree.files.items()}


def test_a_client_finds_the_whole_tree_at_the_root_byte_for_byte(near: NearSide, far: FarSide, upstream: Nginx) -> None:
    tree = Tree(COMPONENTS)
    bundle = near.seal()
    assert upstream.statuses() == {200: 2 * COMPONENTS + 2}  # the index once more at the end
    far.carry_in(bundle)
    found = found_inside(far)
    index = found["files"].pop("server.ini")
    assert found["files"] == digests(tree)
    assert len(found["files"]) == 2 * COMPONENTS
    assert found["others"] == {"ini_xml.zip": 404}
    served = far.run("curl", "--silent", "--fail", "--cacert", far.ca, f"{URL}/server.ini").stdout.encode()
    assert hashlib.sha256(served.replace(b"\n", b"\r\n") if b"\r" not in served else served).hexdigest() == index
    assert found_inside(far, f"{URL}/patterns")["files"] == found["files"] | {"server.ini": index}


def test_the_manifest_and_the_relay_say_what_it_is(near: NearSide, far: FarSide) -> None:
    (bundle,) = near.out.glob("plant-000001-*.zip")
    (source,) = near.manifest(bundle)["sources"]
    said = {key: source[key] for key in ("kind", "version", "mount", "fresh_days", "licence")}
    assert said == {
        "kind": "activeupdate",
        "version": "VSAPI 17.363.00",
        "mount": "/",
        "fresh_days": 3,
        "licence": "for customers alone",
    }
    assert source["verification"].endswith("each with its signature, carried, not verified; over plain http")
    status = json.loads(far.run("curl", "--silent", "--cacert", far.ca, f"{URL}/-/status.json").stdout)
    assert status["mount_at_root"] == "patterns"
    assert [(s["name"], s["version"], s["fresh_days"], s["stale"]) for s in status["sources"]] == [
        ("patterns", "VSAPI 17.363.00", 3, False)
    ]


def test_nothing_new_upstream_is_nothing_downloaded(near: NearSide, upstream: Nginx) -> None:
    upstream.statuses()
    (pulled,) = json.loads(near.bundle("pull", "-o", "json").stdout)["sources"]
    assert pulled["unchanged"] is True
    assert upstream.statuses() == {304: 2 * COMPONENTS + 2}


def test_an_update_brings_what_is_new_and_the_client_finds_it(near: NearSide, far: FarSide, upstream: Nginx) -> None:
    tree = Tree(COMPONENTS, day=2)
    before, after = Tree(COMPONENTS).everything, tree.everything
    new = {path for path in after if before.get(path) != after[path]}
    for path in sorted(new):
        (upstream.root / "activeupdate" / path).write_bytes(after[path])
    upstream.statuses()
    bundle = near.seal()
    assert upstream.statuses()[200] == len(new - {"server.ini"}) + 1  # the index once more at the end
    far.carry_in(bundle)
    found = found_inside(far)["files"]
    del found["server.ini"]
    assert found == digests(tree)


def test_half_an_update_is_not_sealed(near: NearSide, upstream: Nginx) -> None:
    signature = upstream.root / "activeupdate" / "pattern" / "vsapi351.sig"
    kept: Path = signature.rename(signature.with_suffix(".away"))
    try:
        done = near.bundle("pull", check=False)
        assert done.returncode == 10
        assert "[activeupdate.incomplete]" in done.stdout
        assert "Have: 399 of 400 components." in done.stdout
        assert near.bundle("create", "--out", near.out, check=False).returncode == 10
    finally:
        kept.rename(signature)
