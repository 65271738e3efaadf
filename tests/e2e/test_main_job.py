"""The main job on real content: sealed in the DMZ, carried on a FAT32 stick, served to clients no one here wrote.

One site lives through three dates in the order of these tests. Inside runs in a network namespace
with nothing but loopback, so `https://localhost:4122` is really the address, and nothing can call out.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.home import Home
from tests.support import content
from tests.support.commands import BIN, clean_environment, run, wait_for
from tests.support.media import fat_stick
from tests.support.netns import Namespace, namespace
from tests.support.relay_homes import fingerprint

pytestmark = pytest.mark.needs(
    "root",
    "shared/data",
    "freshclam",
    "clamscan",
    "suricata",
    "suricata-update",
    "curl",
    "node",
    "tuf-js",
    "fusefat",
    "mkfs.vfat",
    "mcopy",
    "ip",
    "nsenter",
)

URL = "https://localhost:4122"


@dataclass
class Dmz:
    """The publisher's side: its home, the directories its sources point at, and what it sealed."""

    home: Path
    content: Path
    out: Path

    def seal(self, date: int) -> Path:
        content.lay_out(self.content, date)
        done = run([BIN / "bundle", "--home", self.home, "--quiet", "create", "--out", self.out, "-o", "json"])
        return Path(json.loads(done.stdout)["file"])


@dataclass
class Site:
    """The isolated side: its home, its namespace, its stick, and a directory for the clients."""

    home: Path
    inside: Namespace
    stick: Path
    work: Path
    service: subprocess.Popen[str]

    @property
    def ca(self) -> Path:
        return self.home / "tls" / "ca.pem"

    def run(self, *arguments: object, check: bool = True, **variables: object) -> subprocess.CompletedProcess[str]:
        return run(self.inside.command(*arguments), check=check, cwd=self.work, **variables)

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(BIN / "relay", "--home", self.home, "--quiet", *arguments, check=check)

    def generation(self) -> int | None:
        return json.loads(self.relay("status", "-o", "json").stdout)["generation"]

    def carry_in(self, bundle: Path) -> None:
        """Copy a bundle to a stick and plug it in, where the site expects sticks."""
        number = int(bundle.name.split("-")[1])
        with fat_stick(self.stick, [bundle]):
            wait_for(lambda: not (self.stick / bundle.name).exists(), seconds=90, what="the import", log=self.log)
        assert self.generation() == number

    def log(self) -> str:
        return (self.work / "relay.log").read_text("utf-8")


@pytest.fixture(scope="module")
def dmz(tmp_path_factory: pytest.TempPathFactory) -> Dmz:
    base = tmp_path_factory.mktemp("dmz")
    dmz = Dmz(base / "home", base / "content", base / "out")
    dmz.out.mkdir()
    run([BIN / "bundle", "--home", dmz.home, "init", "--publisher", "plant", "--no-passphrase"])
    with (dmz.home / "bundler.toml").open("a", encoding="utf-8") as file:
        for name in ("clamav", "custom", "suricata", "signature-base", "sigma"):
            file.write(f'\n[[source]]\nname = "{name}"\nkind = "directory"\npath = "{dmz.content / name}"\n')
    return dmz


@pytest.fixture(scope="module")
def site(dmz: Dmz, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    base = tmp_path_factory.mktemp("site")
    home, stick, work = base / "home", base / "stick", base / "work"
    stick.mkdir()
    work.mkdir()
    root = base / "root.json"
    run([BIN / "bundle", "--home", dmz.home, "keys", "export-root", "--out", root])
    with namespace() as inside:
        run(inside.command(BIN / "relay", "--home", home, "init", "--root", root))
        with (home / "relay.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[[inbox]]\npath = "{stick}"\nsettle_seconds = 0.5\nrescan_seconds = 0.5\n')
        with (work / "relay.log").open("w") as log:
            service = subprocess.Popen(
                [str(part) for part in inside.command(BIN / "relay", "--home", home, "run")],
                stdout=log,
                stderr=log,
                env=clean_environment(),
                text=True,
            )
            try:
                site = Site(home, inside, stick, work, service)
                wait_for(lambda: "listening on" in site.log(), seconds=30, what="the service", log=site.log)
                yield site
            finally:
                service.terminate()
                service.wait(30)


@pytest.fixture(scope="module")
def bundles(dmz: Dmz) -> dict[int, Path]:
    return {date: dmz.seal(date) for date in content.DATES}


def freshclam(site: Site, name: str, extra: str, *options: str) -> subprocess.CompletedProcess[str]:
    database = site.work / name
    database.mkdir(exist_ok=True)
    config = site.work / f"{name}.conf"
    config.write_text(
        f"DatabaseOwner root\nDatabaseDirectory {database}\nDNSDatabaseInfo no\nDatabaseMirror {URL}/clamav\n" + extra,
        "utf-8",
    )
    return site.run("freshclam", f"--config-file={config}", "--no-dns", *options, CURL_CA_BUNDLE=site.ca)


def test_the_first_bundle_crosses_on_a_stick_and_is_removed_from_it(site: Site, bundles: dict[int, Path]) -> None:
    site.carry_in(bundles[1])
    features = json.loads((site.home / "out" / "features.json").read_text("utf-8"))
    assert features["connectivity"] == "isolated"
    listing = run(["mdir", "-b", "-i", site.stick.with_suffix(".img"), "::"], check=False).stdout
    assert bundles[1].name not in listing


def test_freshclam_takes_the_vendor_signed_database_from_the_mirror(site: Site) -> None:
    done = freshclam(site, "official", "", "--update-db=test")
    assert "test.cvd updated (version: 1" in done.stdout
    assert (site.work / "official" / "test.cvd").read_bytes() == (content.DATA / "clamav/test-1.cvd").read_bytes()


CUSTOM = (
    "ExcludeDatabase daily\nExcludeDatabase main\nExcludeDatabase bytecode\n"
    f"DatabaseCustomURL {URL}/custom/airgap.ndb\n"
)


def test_clamscan_detects_eicar_with_the_custom_database(site: Site) -> None:
    freshclam(site, "custom", CUSTOM)
    suspect = site.work / "eicar.com"
    suspect.write_bytes(content.eicar())
    clean = site.work / "clean.txt"
    clean.write_text("nothing here\n", "ascii")
    done = site.run("clamscan", "-d", site.work / "custom", suspect, clean, check=False)
    assert done.returncode == 1
    assert f"{suspect}: Airgap.Eicar.1.UNOFFICIAL FOUND" in done.stdout
    assert f"{clean}: OK" in done.stdout


def test_suricata_update_takes_the_rules_and_the_engine_accepts_them(site: Site) -> None:
    data = site.work / "suricata"
    data.mkdir()
    variables = {"SSL_CERT_FILE": site.ca, "SOURCE_INDEX_URL": f"{URL}/suricata/index.yaml"}
    site.run("suricata-update", "update-sources", "-D", data, **variables)
    site.run("suricata-update", "enable-source", "-D", data, "airgap/hunting", **variables)
    engine = ["--suricata-conf", "/etc/suricata/suricata.yaml", "-o", data / "rules"]
    done = site.run(
        "suricata-update", "update", "-D", data, *engine, "--no-reload", "--no-test", "--now", "--fail", **variables
    )
    assert f"Fetching {URL}/suricata/hunting.rules.tar.gz" in done.stdout + done.stderr
    rules = data / "rules" / "suricata.rules"
    assert sum(line.startswith("alert") for line in rules.read_text("utf-8").splitlines()) > 100
    test = site.run("suricata", "-T", "-c", "/etc/suricata/suricata.yaml", "-S", rules, "-l", site.work)
    assert "Configuration provided was successfully loaded" in test.stdout + test.stderr


def test_curl_resumes_a_broken_download(site: Site) -> None:
    whole = content.DATA / "clamav" / "test-1.cvd"
    partial = site.work / "resumed.cvd"
    partial.write_bytes(whole.read_bytes()[:1000])
    trace = site.run(
        "curl", "-sS", "-v", "-C", "-", "--cacert", site.ca, "-o", partial, f"{URL}/clamav/test.cvd"
    ).stderr
    assert "206 Partial Content" in trace
    assert partial.read_bytes() == whole.read_bytes()


def targets_of(bundle: Path) -> dict[str, str]:
    """Return the digest of each target of a bundle."""
    (described,) = json.loads(run([BIN / "bundle", "inspect", "--targets", "-o", "json", bundle]).stdout)
    return {target["path"]: target["sha256"] for target in described["target_list"]}


NGCLIENT = """
import sys
from pathlib import Path
from tuf.ngclient import Updater
root, metadata, targets, directory, target = sys.argv[1:]
Path(directory, "targets").mkdir(parents=True)
updater = Updater(str(Path(directory, "metadata")), metadata, str(Path(directory, "targets")), targets,
                  bootstrap=Path(root).read_bytes())
updater.refresh()
print(updater.download_target(updater.get_targetinfo(target)))
"""


@pytest.mark.parametrize("client", ["ngclient", "tuf-js"])
def test_a_tuf_client_verifies_and_downloads_end_to_end(site: Site, bundles: dict[int, Path], client: str) -> None:
    target, digest = next(item for item in targets_of(bundles[1]).items() if item[0].startswith("sigma/"))
    arguments = [site.home / "root.json", f"{URL}/-/tuf/metadata/", f"{URL}/-/tuf/targets/", site.work / client, target]
    if client == "ngclient":
        done = site.run(BIN / "python", "-c", NGCLIENT, *arguments, SSL_CERT_FILE=site.ca)
    else:
        script = Path(__file__).with_name("tuf_js_client.mjs")
        done = site.run("node", script, *arguments, NODE_EXTRA_CA_CERTS=site.ca)
    assert hashlib.sha256(Path(done.stdout.strip()).read_bytes()).hexdigest() == digest


def test_freshclam_goes_from_version_1_to_6_by_increments(site: Site, bundles: dict[int, Path]) -> None:
    site.carry_in(bundles[3])
    done = freshclam(site, "official", "", "--update-db=test")
    assert "test.cld updated (version: 6" in done.stdout + done.stderr
    again = freshclam(site, "official", "", "--update-db=test")
    assert "is up-to-date" in again.stdout + again.stderr


def test_freshclam_sees_a_custom_database_that_changed_and_only_then(site: Site) -> None:
    first = freshclam(site, "custom", CUSTOM)
    assert "airgap.ndb updated" in first.stdout
    assert b"Airgap.Eicar.3" in (site.work / "custom" / "airgap.ndb").read_bytes()


def test_the_second_bundle_after_the_third_is_a_rollback_and_changes_nothing(
    site: Site, bundles: dict[int, Path]
) -> None:
    before = fingerprint(Home(site.home))
    done = site.relay("import", bundles[2], check=False)
    assert done.returncode == 22
    assert "[tuf.rollback.timestamp]" in done.stderr
    assert fingerprint(Home(site.home)) == before
    assert bundles[2].exists()


def test_the_same_file_again_is_a_stated_no_op(site: Site, bundles: dict[int, Path]) -> None:
    before = fingerprint(Home(site.home))
    done = site.relay("import", bundles[3])
    assert "is here already" in done.stdout
    assert fingerprint(Home(site.home)) == before


def test_every_source_is_served_byte_for_byte(site: Site, dmz: Dmz, bundles: dict[int, Path]) -> None:
    sealed = targets_of(bundles[3])
    on_disk = {
        f"{path.relative_to(dmz.content)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in dmz.content.rglob("*")
        if path.is_file()
    }
    assert sealed == on_disk
    for path in sorted(sealed)[:: len(sealed) // 40]:
        done = site.run(
            "curl", "-sSf", "--cacert", site.ca, "-o", site.work / "one", f"{URL}/{path.replace(' ', '%20')}"
        )
        assert done.returncode == 0
        assert hashlib.sha256((site.work / "one").read_bytes()).hexdigest() == on_disk[path]


def test_the_service_lived_through_it_all(site: Site) -> None:
    assert site.service.poll() is None
    assert "Traceback" not in site.log()
    assert site.relay("check").returncode == 0
