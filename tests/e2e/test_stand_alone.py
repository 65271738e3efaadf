"""What `scripts/build` ships, in an empty environment: a root directory with the two folders, glibc, zlib, no Python.

The environment is a chroot with /proc, /dev/null and /dev/urandom, entered in a mount namespace of its own: its
mounts end with the process, however it ends. Needs root, binutils and util-linux.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from manifests import patches
from manifests.archives.seven_zip import _program_path
from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.disk.blobs import BlobStore
from tests.support import dsm_simulator
from tests.support.commands import run, wait_for
from tests.support.dsm_simulator import DsmSimulator
from tests.support.rule_packs import members, pack_7z
from tests.support.source_simulator import SourceSimulator

pytestmark = pytest.mark.needs("root", "objdump", "strip", "unshare")

REPOSITORY = Path(__file__).parents[2]
BASE = {
    "libz.so.1",
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
}
ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
for device in null urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
exec env -i "$(command -v chroot)" "$root" "$@"
"""


class EmptyRoot:
    """A root directory in which nothing is installed but what was put there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for directory in ("proc", "dev", "tmp", "opt"):
            (path / directory).mkdir(parents=True)
        for device in ("null", "urandom"):
            (path / "dev" / device).touch()

    def command(self, *arguments: object) -> list[str]:
        """Return the command line that runs a program in here, without a single environment variable."""
        wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "sh", self.path]
        return [str(part) for part in (*wrap, *arguments)]

    def run(self, program: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run(self.command(f"/opt/{program}/{program}", *arguments), check=check)

    def bundle(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("bundle", "--home", "/dmz", "--quiet", *arguments, check=check)

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("relay", "--home", "/site", "--quiet", *arguments, check=check)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmptyRoot]:
    root = EmptyRoot(tmp_path_factory.mktemp("empty"))
    out = root.path / "opt"
    run([REPOSITORY / "scripts" / "build", "--no-wheelhouse", "--out", out], timeout=900)
    for library in libraries(out):
        (root.path / library).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{library}", root.path / library)
    yield root
    shutil.rmtree(root.path)


def libraries(folder: Path) -> set[str]:
    """Return what the programs and every library in their folders take from the system, as paths below the root."""
    found = set()
    for program in ("bundle", "relay"):
        inside = folder / program / "_internal"
        said = run(["ldd", folder / program / program]).stdout
        said += run(["ldd", *filter(is_elf, inside.rglob("*"))], check=False, LD_LIBRARY_PATH=inside).stdout
        assert "not found" not in said, said
        paths = {Path(path) for path in re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.MULTILINE)}
        found |= {str(path).lstrip("/") for path in paths if not path.is_relative_to(inside)}
    return found


def is_elf(path: Path) -> bool:
    with path.open("rb") if path.is_file() else open(os.devnull, "rb") as file:
        return file.read(4) == b"\x7fELF"


@pytest.fixture(scope="module")
def sealed(empty: EmptyRoot) -> str:
    """Found a publisher in there with a directory and a rule pack, and seal once."""
    rules = empty.path / "feeds" / "rules"
    rules.mkdir(parents=True)
    (rules / "demo.yar").write_text("rule demo { condition: false }\n")
    (empty.path / "feeds" / "25-054.dsru").write_bytes(pack_7z(members()))
    empty.bundle("init", "--publisher", "plant", "--no-passphrase")
    with (empty.path / "dmz" / "bundler.toml").open("a") as config:
        config.write('\n[[source]]\nname = "rules"\nkind = "directory"\npath = "/feeds/rules"\n')
        config.write('\n[[source]]\nname = "packs"\nkind = "rulepack"\npath = "/feeds/25-054.dsru"\n')
    created = json.loads(empty.bundle("create", "--mkdir", "--out", "/stick", "-o", "json").stdout)
    empty.bundle("keys", "export-root", "--out", "/root.json")
    return str(created["file"])


@pytest.fixture(scope="module")
def site(empty: EmptyRoot, sealed: str) -> str:
    """Found a relay in there that has imported the bundle."""
    empty.relay("init", "--root", "/root.json", "--listen", "127.0.0.1:0")
    with (empty.path / "site" / "relay.toml").open("a") as config:  # so rarely that only an event can tell
        config.write('\n[[inbox]]\npath = "/site/inbox"\nrescan_seconds = 3600\n')
    return empty.relay("import", sealed).stdout


def test_nothing_but_glibc_and_zlib_is_taken_from_the_system(empty: EmptyRoot) -> None:
    names = {Path(path).name for path in libraries(empty.path / "opt")}
    assert {name for name in names if not name.startswith("ld-linux")} <= BASE


def test_there_is_no_python_in_the_empty_environment(empty: EmptyRoot) -> None:
    assert not [path for path in empty.path.rglob("*") if re.fullmatch(r"python[\d.]*", path.name) and path.is_file()]


@pytest.mark.parametrize(
    ("program", "inside", "outside"), [("bundle", "bundler", "relay"), ("relay", "relay", "bundler")]
)
def test_neither_program_holds_the_other(empty: EmptyRoot, program: str, inside: str, outside: str) -> None:
    viewer = [REPOSITORY / ".venv/bin/pyi-archive_viewer", "--list", "--recursive", "--brief"]
    names = {
        line.strip().strip("'") for line in run([*viewer, empty.path / "opt" / program / program]).stdout.split("\n")
    }
    packages = {name.partition(".")[0] for name in names}
    assert {inside, "manifests"} <= packages
    assert outside not in packages


@pytest.mark.parametrize("program", ["bundle", "relay"])
def test_each_program_knows_its_version_and_shows_every_command(empty: EmptyRoot, program: str) -> None:
    assert empty.run(program, "--version").stdout.startswith(f"{program}, version ")
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", empty.run(program, "--help").stdout, re.MULTILINE)
    assert listed is not None
    commands = re.findall(r"^  (\S+)", listed[1], re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        helped = empty.run(program, "--home", "/nowhere", command, "--help")
        assert helped.stdout.startswith(f"Usage: {program} {command}")


def test_a_user_without_a_home_directory_is_asked_for_one(empty: EmptyRoot) -> None:
    refused = empty.run("relay", "status", check=False)
    assert refused.returncode == 3
    assert "[home.unknown]" in refused.stderr


def test_a_bundle_is_sealed_verified_and_inspected(empty: EmptyRoot, sealed: str) -> None:
    assert re.fullmatch(r"/stick/plant-000001-full\.zip", sealed)
    assert "verified" in empty.bundle("verify", sealed, "--root", "/root.json").stdout
    told = empty.bundle("inspect", sealed).stdout
    assert "rules (directory)" in told
    assert "25-054" in told


def test_sources_that_need_libraries_of_their_own_are_pulled(empty: EmptyRoot, tmp_path: Path) -> None:
    (empty.path / "etc").mkdir()
    (empty.path / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    password = empty.path / "password"
    password.write_text(f"{dsm_simulator.PASSWORD}\n")
    password.chmod(0o600)
    with SourceSimulator() as web, DsmSimulator(tmp_path) as manager:
        shutil.copyfile(tmp_path / "ca.pem", empty.path / "ca.pem")
        manager.add("26-030.dsru")
        index = (
            f"version: 1\nsources:\n  et/open: {{summary: s, vendor: et, license: MIT, url: '{web.url('/a.rules')}'}}\n"
        )
        web.serve("/index.yaml", index.encode())
        web.serve("/a.rules", b'alert tcp any any -> any any (msg:"a"; sid:1;)\n')
        tables = [
            f'name = "suricata"\nkind = "suricata"\nindex = "{web.url("/index.yaml")}"\nsources = ["et/open"]\n'
            'suricata_version = "7.0.10"',
            f'name = "dsm"\nkind = "dsm-rules"\nurl = "{manager.url}"\nca = "/ca.pem"\n'
            f'credentials = {{ user = "{dsm_simulator.USER}", password_file = "/password" }}',
            f'name = "kept"\nkind = "http"\nurls = ["{web.url("/a.rules")}"]\n'
            f'credentials = {{ host = "{web.base.removeprefix("http://")}", plain_http = true, user = "u", '
            'password_keyring = "sealift" }',
        ]
        empty.run("bundle", "--home", "/kinds", "--quiet", "init", "--publisher", "plant", "--no-passphrase")
        with (empty.path / "kinds" / "bundler.toml").open("a") as config:
            config.write("".join(f"\n[[source]]\n{table}\n" for table in tables))
        done = empty.run("bundle", "--home", "/kinds", "--quiet", "pull", "-o", "json", "suricata", "dsm", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {source["name"]: source["kind"] for source in json.loads(done.stdout)["sources"]} == {
            "suricata": "suricata",
            "dsm": "dsm-rules",
        }
        kept = empty.run("bundle", "--home", "/kinds", "--quiet", "pull", "kept", check=False)
    assert "Traceback" not in kept.stderr
    assert "[source.credentials]" in kept.stdout + kept.stderr


def test_a_damaged_bundle_is_refused_with_its_exit_code(empty: EmptyRoot, sealed: str) -> None:
    data = bytearray((empty.path / sealed.lstrip("/")).read_bytes())
    data[200] ^= 1
    (empty.path / "damaged.zip").write_bytes(data)
    refused = empty.bundle("verify", "/damaged.zip", "--root", "/root.json", check=False)
    assert refused.returncode == 21
    assert "Traceback" not in refused.stderr


def test_a_pack_that_only_the_bundled_7zz_can_read_is_read(empty: EmptyRoot, tmp_path: Path) -> None:
    for name, data in members().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    coders = ["-m0=BCJ2", "-m1=LZMA", "-m2=LZMA:d64k", "-m3=LZMA:d64k", "-mb0:1", "-mb0s1:2", "-mb0s2:3"]
    pack = empty.path / "bcj2.dsru"
    run([_program_path(), "a", "-t7z", *coders, pack, "."], cwd=tmp_path)
    assert "25-054" in empty.bundle("rulepack", "show", "/bcj2.dsru").stdout


def test_the_bundle_is_imported_and_the_store_is_sound(empty: EmptyRoot, site: str) -> None:
    assert "Generation 1 of plant" in site
    status = json.loads(empty.relay("status", "-o", "json").stdout)
    assert (status["publisher"], status["generation"]) == ("plant", 1)
    assert "0 damaged" in empty.relay("check").stdout


def test_the_features_to_disable_are_said_in_both_languages(empty: EmptyRoot, site: str) -> None:
    assert "Smart Scan" in empty.relay("features").stdout
    assert "スマートスキャン" in empty.relay("features", "--lang", "ja").stdout
    assert len(json.loads(empty.relay("features", "--format", "json").stdout)["items"]) == 17


def test_the_service_imports_from_its_inbox_and_serves_to_the_outside(empty: EmptyRoot, site: str) -> None:
    (empty.path / "feeds" / "rules" / "second.yar").write_text("rule second { condition: false }\n")
    bundle = empty.path / json.loads(empty.bundle("create", "--mkdir", "--out", "/stick", "-o", "json").stdout)[
        "file"
    ].lstrip("/")
    log = empty.path / "relay.log"
    with log.open("w") as file:
        command = empty.command("/opt/relay/relay", "--home", "/site", "run", "--log", "json")
        service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)
    try:
        wait_for(lambda: "listening" in log.read_text(), seconds=60, what="the service", log=log.read_text)
        port = int(re.findall(r'"address": "[^"]*:(\d+)"', log.read_text())[0])
        shutil.move(bundle, empty.path / "site" / "inbox")
        wait_for(lambda: fetch(empty, port, "/rules/second.yar")[0] == 200, seconds=60, what="it", log=log.read_text)
        assert fetch(empty, port, "/rules/demo.yar") == (200, (empty.path / "feeds/rules/demo.yar").read_bytes())
        assert fetch(empty, port, "/rules/absent.yar")[0] == 404
        assert b"Smart Scan" in fetch(empty, port, "/-/features")[1]
        client_downloads(empty, port)
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0, log.read_text()


def fetch(empty: EmptyRoot, port: int, path: str) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=empty.path / "site" / "tls" / "ca.pem")
    connection = HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def client_downloads(empty: EmptyRoot, port: int) -> None:
    """Verify and fetch with the program's own TUF client, in there too."""
    base = f"https://127.0.0.1:{port}/-/tuf"
    client = ("tuf-client", "--metadata-dir", "/tmp/client", "--ca", "/site/tls/ca.pem")
    (empty.path / "tmp" / "targets").mkdir()
    empty.relay(*client, "init", "/root.json")
    empty.relay(*client, "--metadata-url", f"{base}/metadata/", "refresh")
    where = (
        "--target-name",
        "rules/second.yar",
        "--target-dir",
        "/tmp/targets",
        "--target-base-url",
        f"{base}/targets/",
    )
    empty.relay(*client, "--metadata-url", f"{base}/metadata/", *where, "download")
    fetched = {hashlib.sha256(path.read_bytes()).digest() for path in (empty.path / "tmp/targets").rglob("*.yar")}
    assert fetched == {hashlib.sha256((empty.path / "feeds/rules/second.yar").read_bytes()).digest()}


def patterns(version: int) -> dict[str, bytes]:
    """Return files of which the second version travels as a patch of another engine each."""
    dice = random.Random(5)
    noise = dice.randbytes(200_000)
    lines = [b"alert tcp any any -> any any (sid:%d; rev:%d;)\n" % (sid, dice.randrange(10**9)) for sid in range(3000)]
    files = {"few.bin": noise, "moved.rules": b"".join(lines), "packed.gz": gzip.compress(b"".join(lines), mtime=1)}
    if version == 1:
        return files
    few = bytes(byte ^ (place % 500 == 0) for place, byte in enumerate(noise))
    packed = gzip.compress(b"# 2\n" + b"".join(lines[:-5]), mtime=2)
    return {"few.bin": few, "moved.rules": b"".join(dice.sample(lines, len(lines))), "packed.gz": packed}


@dataclass(frozen=True)
class Crossing:
    """A publisher and a site that is one version behind it, and the increment that is on its way."""

    empty: EmptyRoot
    bundle: Path
    said: dict[str, Any]

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.empty.run("relay", "--home", "/far/site", "--quiet", *arguments, check=check)


@pytest.fixture(scope="module")
def crossing(empty: EmptyRoot) -> Crossing:
    content = empty.path / "far" / "patterns"
    content.mkdir(parents=True)
    run_bundle = partial(empty.run, "bundle", "--home", "/far/dmz", "--quiet")
    run_bundle("init", "--publisher", "far", "--no-passphrase")
    with (empty.path / "far/dmz/bundler.toml").open("a") as config:
        config.write('\n[[source]]\nname = "patterns"\nkind = "directory"\npath = "/far/patterns"\n')
    run_bundle("keys", "export-root", "--out", "/far/root.json")
    for version, options in ((1, ["--full"]), (2, ["--since", "last", "--recovery", "20%"])):
        for name, data in patterns(version).items():
            (content / name).write_bytes(data)
        said = json.loads(run_bundle("create", "--mkdir", "--out", "/far/stick", *options, "-o", "json").stdout)
        if version == 1:
            empty.run("relay", "--home", "/far/site", "--quiet", "init", "--root", "/far/root.json")
            empty.run("relay", "--home", "/far/site", "--quiet", "import", said["file"])
    return Crossing(empty, empty.path / said["file"].lstrip("/"), said)


def test_an_increment_is_made_there_with_patches_of_all_engines(crossing: Crossing) -> None:
    assert crossing.bundle.name == "far-000002-since-000001.zip"
    with open_bundle(crossing.bundle) as file:
        manifest = claimed_manifest(file)
    assert {patch.engine for patch in manifest.patches} == set(patches.ENGINES)
    assert [file["kind"] for file in crossing.said["beside"]] == ["slip", "slip", "recovery"]
    assert len(list(crossing.bundle.parent.glob("far-000002-*"))) == 4


def test_a_damaged_increment_is_repaired_from_its_side_file_and_its_patches_are_applied(crossing: Crossing) -> None:
    data = bytearray(crossing.bundle.read_bytes())
    data[len(data) // 2] ^= 1
    crossing.bundle.write_bytes(data)
    done = crossing.relay("import", crossing.said["file"])
    assert "Generation 2 of far" in done.stdout
    assert json.loads(crossing.relay("status", "-o", "json").stdout)["generation"] == 2
    store = BlobStore(crossing.empty.path / "far/site/blobs", crossing.empty.path / "far/site/tmp")
    for content in patterns(2).values():
        assert store.path(hashlib.sha256(content).hexdigest()).read_bytes() == content
    assert crossing.bundle.read_bytes() == bytes(data)  # the stick is left as it is


def test_a_receipt_is_drawn_there_and_taken_in(crossing: Crossing) -> None:
    assert crossing.relay("receipt", "--qr").stdout.startswith("Code 1 of 1\n")
    said = json.loads(crossing.relay("receipt", "--qr", "--name", "far", "-o", "json").stdout)
    (crossing.empty.path / "far" / "codes.txt").write_text("\n".join(said["texts"]))
    take = ("sites", "import", "--fingerprint", said["fingerprint"], "/far/codes.txt", "-o", "json")
    (taken,) = json.loads(crossing.empty.run("bundle", "--home", "/far/dmz", *take).stdout)
    assert (taken["site"], taken["outcome"], taken["generation"]) == ("far", "registered", said["generation"])


def test_two_programs_carry_their_checksums_and_licences(empty: EmptyRoot) -> None:
    out = empty.path / "opt"
    assert run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out).stdout == ""
    for program in ("bundle", "relay"):
        assert (out / program / "_internal" / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
        assert (out / program / "_internal" / "licences" / "tuf").is_dir()
