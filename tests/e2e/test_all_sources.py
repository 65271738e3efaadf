"""One ``bundle create`` carries every kind of upstream through an authenticated proxy; inside, real clients find all.

nginx serves a ClamAV tree, Suricata's index and rules, an ActiveUpdate tree of 400 components and open rule packs;
squid wants a user and password in between; freshclam, suricata-update and a plain ActiveUpdate reader are the agents.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import active_update_reader
from tests.support.active_update_tree import Tree
from tests.support.commands import BIN, run
from tests.support.content import DATA, eicar
from tests.support.far_side import URL, FarSide, NearSide, far_side
from tests.support.nginx import Nginx
from tests.support.squid import Squid

pytestmark = pytest.mark.needs(
    "root", "shared/data", "nginx", "squid", "freshclam", "clamscan", "suricata-update", "suricata", "ip", "nsenter"
)

REPOSITORY = Path(__file__).parents[2]
COMPONENTS = 400
HUNTING = DATA / "suricata" / "hunting.rules.tar.gz"
SOURCES = """
[[source]]
name = "clamav"
kind = "clamav"
databases = ["test"]
url = "{upstream}/clamav"
custom = ["{upstream}/own/airgap.ndb"]
{through}
[[source]]
name = "suricata"
kind = "suricata"
suricata_version = "7.0.10"
sources = ["et/open"]
index = "{upstream}/suricata/index.yaml"
{through}
[[source]]
name = "patterns"
kind = "activeupdate"
url = "{upstream}/activeupdate"
mount = "/"
{through}
[[source]]
name = "packs"
kind = "http"
index = "{upstream}/packs/"
include = ["*.dsru"]
{through}
"""


def lay_out(root: Path) -> None:
    """Fill nginx's directory, but for what names its address."""
    (root / "clamav").mkdir(parents=True)
    shutil.copyfile(DATA / "clamav" / "test-6.cvd", root / "clamav" / "test.cvd")
    for number in range(2, 7):
        shutil.copyfile(DATA / "clamav" / f"test-{number}.cdiff", root / "clamav" / f"test-{number}.cdiff")
    (root / "own").mkdir()
    (root / "own" / "airgap.ndb").write_text(f"Airgap.Eicar:0:*:{eicar().hex()}\n")
    (root / "suricata").mkdir()
    shutil.copyfile(HUNTING, root / "suricata" / "emerging.rules.tar.gz")
    (root / "suricata" / "emerging.rules.tar.gz.md5").write_text(
        f"{hashlib.md5(HUNTING.read_bytes(), usedforsecurity=False).hexdigest()}\n"
    )
    Tree(COMPONENTS).write(root / "activeupdate")
    (root / "packs").mkdir()
    run(
        [
            BIN / "bundle",
            "rulepack",
            "build",
            REPOSITORY / "docs" / "sample-rulepack",
            "--out",
            root / "packs" / "26-031.dsru",
        ]
    )


def suricata_index(base: str) -> dict[str, Any]:
    url = f"{base}/suricata/emerging.rules.tar.gz"
    source = {"summary": "Open rules", "vendor": "et", "license": "GPL-3.0", "url": url}
    return {"version": 1, "sources": {"et/open": source}, "versions": {"suricata": {"recommended": "7.0.10"}}}


@dataclass(frozen=True)
class Crossing:
    """What is on both sides after the first crossing."""

    upstream: Nginx
    root: Path
    proxy: Squid
    near: NearSide
    far: FarSide

    def create(self) -> subprocess.CompletedProcess[str]:
        command = [BIN / "bundle", "--home", self.near.home, "--quiet", "create", "--out", self.near.out, "-o", "json"]
        return run(command, PROXY_PASSWORD=self.proxy.password)


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    base = tmp_path_factory.mktemp("all")
    root = base / "upstream"
    lay_out(root)
    near = NearSide.make(base / "near")
    with Nginx(root) as upstream, Squid() as proxy:
        (root / "suricata" / "index.yaml").write_text(yaml.safe_dump(suricata_index(upstream.base)))
        through = (
            f'proxy = "{proxy.url}"\nproxy_credentials = {{ user = "{proxy.user}", password_env = "PROXY_PASSWORD" }}\n'
        )
        near.configure(SOURCES.format(upstream=upstream.base, through=through))
        with far_side(base / "far", near) as far:
            crossing = Crossing(upstream, root, proxy, near, far)
            far.carry_in(Path(json.loads(crossing.create().stdout)["file"]))
            yield crossing


def test_all_of_it_came_through_the_proxy_in_one_bundle(crossing: Crossing) -> None:
    (bundle,) = crossing.near.out.glob("*.zip")
    manifest = crossing.near.manifest(bundle)
    assert {source["name"]: source["kind"] for source in manifest["sources"]} == {
        "clamav": "clamav",
        "packs": "http",
        "patterns": "activeupdate",
        "suricata": "suricata",
    }
    asked = {target.removeprefix(crossing.upstream.base) for method, target in crossing.proxy.requests()}
    assert {"/clamav/test.cvd", "/suricata/index.yaml", "/packs/26-031.dsru", "/own/airgap.ndb"} <= asked
    assert len([path for path in asked if path.startswith("/activeupdate/")]) >= 2 * COMPONENTS


def test_freshclam_updates_from_it_and_clamscan_detects(crossing: Crossing) -> None:
    far, database = crossing.far, crossing.far.work / "db"
    database.mkdir()
    config = far.work / "freshclam.conf"
    config.write_text(
        f"DatabaseOwner root\nDatabaseDirectory {database}\nDNSDatabaseInfo no\nDatabaseMirror {URL}/clamav\n"
        "ExcludeDatabase daily\nExcludeDatabase main\nExcludeDatabase bytecode\n"
        f"DatabaseCustomURL {URL}/clamav/airgap.ndb\n"
    )
    for wanted in (("--update-db=test",), ("--update-db=custom",)):
        far.run("freshclam", f"--config-file={config}", *wanted, CURL_CA_BUNDLE=far.ca)
    assert (database / "test.cvd").read_bytes() == (DATA / "clamav" / "test-6.cvd").read_bytes()
    (far.work / "eicar.com").write_bytes(eicar())
    done = far.run("clamscan", "--no-summary", "-d", database / "airgap.ndb", far.work / "eicar.com", check=False)
    assert "Airgap.Eicar.UNOFFICIAL FOUND" in done.stdout


def test_suricata_update_has_the_relay_as_its_only_source(crossing: Crossing) -> None:
    far, data = crossing.far, crossing.far.work / "suricata"
    data.mkdir()
    index = {"SSL_CERT_FILE": far.ca, "SOURCE_INDEX_URL": f"{URL}/suricata/index.yaml"}
    far.run("suricata-update", "update-sources", "-D", data, **index)
    far.run("suricata-update", "enable-source", "et/open", "-D", data, **index)
    engine = ("--suricata-conf", "/etc/suricata/suricata.yaml", "--no-reload", "--fail", "--now")
    said = far.run("suricata-update", "update", *engine, "-D", data, "-o", data / "rules", **index)
    assert "Testing with suricata -T" in said.stdout + said.stderr
    assert sum(line.startswith("alert") for line in (data / "rules" / "suricata.rules").read_text().splitlines()) > 100


def test_a_plain_activeupdate_reader_finds_its_tree_at_the_root_byte_for_byte(crossing: Crossing) -> None:
    far = crossing.far
    found = json.loads(far.run(sys.executable, active_update_reader.__file__, f"{URL}/", far.ca).stdout)["files"]
    found.pop("server.ini")
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in Tree(COMPONENTS).files.items()}


def test_the_open_rule_packs_arrive_byte_for_byte(crossing: Crossing) -> None:
    fetched = crossing.far.work / "26-031.dsru"
    crossing.far.run("curl", "-sf", "--cacert", crossing.far.ca, "-o", fetched, f"{URL}/packs/26-031.dsru")
    assert fetched.read_bytes() == (crossing.root / "packs" / "26-031.dsru").read_bytes()


def test_with_nothing_new_upstream_no_file_is_downloaded_again(crossing: Crossing) -> None:
    crossing.upstream.statuses()
    crossing.create()
    asked = crossing.upstream.statuses()
    assert asked[304] >= 1
    assert set(asked) <= {200, 206, 304, 404}
    assert asked[200] <= 3, f"more than indexes and checksums: {asked}"
