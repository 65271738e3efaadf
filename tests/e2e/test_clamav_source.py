"""Kind ``clamav`` with ClamAV itself on both sides of the gap, on databases that its vendor signed.

The upstream goes through versions in the order of these tests; one client inside follows each, others come late.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import clamav_forge as forge
from tests.support import source_simulator as simulated
from tests.support.commands import run
from tests.support.content import DATA, eicar
from tests.support.far_side import URL, FarSide, NearSide, far_side
from tests.support.source_simulator import SourceSimulator

pytestmark = pytest.mark.needs("root", "shared/data", "freshclam", "clamscan", "sigtool", "ip", "nsenter")

GENUINE = DATA / "clamav"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceSimulator]:
    with SourceSimulator(ca_directory=tmp_path_factory.mktemp("upstream")) as server:
        yield server


@pytest.fixture(scope="module")
def near(upstream: SourceSimulator, tmp_path_factory: pytest.TempPathFactory) -> NearSide:
    side = NearSide.make(tmp_path_factory.mktemp("near"))
    side.configure(
        '[[source]]\nname = "clamav"\nkind = "clamav"\ndatabases = ["test", "bytecode"]\nrequire_signature = true\n'
        f'url = "{upstream.url("/db")}"\nca = "{upstream.ca_directory}/ca.pem"\n'
        f'custom = ["{upstream.url("/own/airgap.ndb")}"]\n'
    )
    return side


@pytest.fixture(scope="module")
def far(near: NearSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    with far_side(tmp_path_factory.mktemp("far"), near) as side:
        yield side


def lay_out(upstream: SourceSimulator, version: int, *, without: tuple[int, ...] = ()) -> None:
    """Serve a version with every increment that leads to it, but for some."""
    names = {f"test-{version}.cvd": "test.cvd", f"test-{version}.cvd.sign": f"test-{version}.cvd.sign"}
    for number in range(2, version + 1):
        for file in (f"test-{number}.cdiff", f"test-{number}.cdiff.sign"):
            names[file] = file
            if number in without:
                upstream.on(f"/db/{file}", simulated.status(404))
                del names[file]
    for file, name in names.items():
        data = (GENUINE / file).read_bytes()
        upstream.serve(f"/db/{name}", data, last_modified="Tue, 01 Jun 2021 00:00:00 GMT")
    upstream.serve("/db/bytecode.cvd", (GENUINE / "bytecode.cvd").read_bytes())
    upstream.serve("/own/airgap.ndb", f"Airgap.Eicar.{version}:0:*:{eicar().hex()}\n".encode(), etag=f'"own{version}"')


EXCLUDED = "ExcludeDatabase daily\nExcludeDatabase main\n"
CUSTOM = f"{EXCLUDED}ExcludeDatabase bytecode\nDatabaseCustomURL {URL}/clamav/airgap.ndb\n"


def freshclam(far: FarSide, client: str, *options: str, mirror: str = "DatabaseMirror", more: str = "") -> str:
    """Update a client of its own name and return what freshclam said."""
    database = far.work / client
    database.mkdir(exist_ok=True)
    config = far.work / f"{client}.conf"
    config.write_text(
        f"DatabaseOwner root\nDatabaseDirectory {database}\nDNSDatabaseInfo no\n{mirror} {URL}/clamav\n{more}"
    )
    wanted = options or ("--update-db=test",)
    done = far.run("freshclam", f"--config-file={config}", *wanted, CURL_CA_BUNDLE=far.ca)
    return done.stdout + done.stderr


def test_the_first_version_crosses_verified_by_sigtool(upstream: SourceSimulator, near: NearSide, far: FarSide) -> None:
    lay_out(upstream, 1)
    bundle = near.seal()
    (source,) = near.manifest(bundle)["sources"]
    assert source["verification"] == (
        "MD5 in the header matches: 2 of 2 databases; 2 of 2 signatures verified by sigtool; "
        "1 custom database carried, not verified"
    )
    far.carry_in(bundle)
    assert "test.cvd updated (version: 1" in freshclam(far, "steady")
    assert (far.work / "steady" / "test.cvd").read_bytes() == (GENUINE / "test-1.cvd").read_bytes()
    for late in ("late", "later"):
        shutil.copytree(far.work / "steady", far.work / late)


def test_a_client_three_versions_behind_catches_up_by_increments(
    upstream: SourceSimulator, near: NearSide, far: FarSide
) -> None:
    lay_out(upstream, 4)
    far.carry_in(near.seal())
    said = freshclam(far, "steady")
    assert "test.cld updated (version: 4" in said
    assert "Incremental update failed" not in said


def test_a_client_one_version_behind_catches_up_by_one_increment(
    upstream: SourceSimulator, near: NearSide, far: FarSide
) -> None:
    lay_out(upstream, 5)
    far.carry_in(near.seal())
    assert "test.cld updated (version: 5" in freshclam(far, "steady")
    shutil.copytree(far.work / "steady", far.work / "behind")
    assert "is up-to-date" in freshclam(far, "steady")


def test_a_mirror_that_lacks_the_last_increment_leaves_nobody_behind(
    upstream: SourceSimulator, near: NearSide, far: FarSide
) -> None:
    lay_out(upstream, 6, without=(6,))
    bundle = near.seal()
    carried = {target["path"]: target["length"] for target in near.manifest(bundle)["target_list"]}
    assert carried["clamav/test-6.cdiff"] == 0
    assert "clamav/test-5.cdiff" not in carried
    far.carry_in(bundle)
    for client in ("behind", "late"):
        assert "test.cvd updated (version: 6" in freshclam(far, client)
        assert (far.work / client / "test.cvd").read_bytes() == (GENUINE / "test-6.cvd").read_bytes()


def test_once_the_increment_is_there_the_chain_is_whole_again(
    upstream: SourceSimulator, near: NearSide, far: FarSide
) -> None:
    lay_out(upstream, 6)
    far.carry_in(near.seal())
    assert "test.cld updated (version: 6" in freshclam(far, "steady")
    assert "test.cld updated (version: 6" in freshclam(far, "later")


def test_everything_is_served_byte_for_byte_sign_files_included(near: NearSide, far: FarSide) -> None:
    for name in ("test-6.cvd.sign", "test-3.cdiff", "test-3.cdiff.sign"):
        got = far.work / "got"
        far.run("curl", "-sSf", "--cacert", far.ca, "-o", got, f"{URL}/clamav/{name}")
        assert got.read_bytes() == (GENUINE / name).read_bytes()


def test_a_new_client_without_options_takes_an_official_database(far: FarSide) -> None:
    said = freshclam(far, "plain", "--no-dns", more=EXCLUDED)
    assert "bytecode.cvd updated (version: 19" in said
    assert "bytecode.cvd database is up-to-date" in freshclam(far, "plain", "--no-dns", more=EXCLUDED)


def test_a_client_that_takes_us_for_a_private_mirror_is_served_too(far: FarSide) -> None:
    assert "test.cvd updated (version: 6" in freshclam(far, "private", mirror="PrivateMirror")


def test_clamscan_detects_by_the_custom_database_beside_the_mirror(far: FarSide) -> None:
    freshclam(far, "custom", "--no-dns", more=CUSTOM)
    suspect, clean = far.work / "eicar.com", far.work / "clean.txt"
    suspect.write_bytes(eicar())
    clean.write_text("nothing here\n")
    done = far.run("clamscan", "-d", far.work / "custom", suspect, clean, check=False)
    assert done.returncode == 1
    assert f"{suspect}: Airgap.Eicar.6.UNOFFICIAL FOUND" in done.stdout
    assert f"{clean}: OK" in done.stdout


def test_with_nothing_new_nothing_is_downloaded(upstream: SourceSimulator, near: NearSide) -> None:
    upstream.seen.clear()
    done = near.bundle("pull", "-o", "json")
    assert json.loads(done.stdout)["sources"][0]["unchanged"] is True
    asked = [(seen.path, seen.headers.get("range"), seen.headers.get("if-none-match")) for seen in upstream.seen]
    assert asked == [
        ("/db/bytecode.cvd", "bytes=0-511", None),
        ("/db/bytecode-19.cvd.sign", None, None),
        ("/db/bytecode-19.cdiff", None, None),
        ("/db/test.cvd", "bytes=0-511", None),
        ("/own/airgap.ndb", None, '"own6"'),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (forge.cvd(7), "clamav.signature"),
        (forge.cvd(7, md5="0" * 32), "clamav.md5"),
        ((GENUINE / "test-5.cvd"), "source.older"),
    ],
    ids=["forged", "damaged", "older"],
)
def test_a_bad_database_is_refused_and_the_last_good_one_sealed_with_its_reason(
    upstream: SourceSimulator, near: NearSide, data: bytes | Path, code: str
) -> None:
    lay_out(upstream, 6)
    upstream.serve("/db/test.cvd", data.read_bytes() if isinstance(data, Path) else data)
    done = near.bundle("create", "--out", near.out, check=False)
    assert done.returncode == 10
    done = near.bundle("create", "--allow-partial", "--out", near.out, "-o", "json", check=False)
    assert done.returncode == 11
    (source,) = near.manifest(Path(json.loads(done.stdout)["file"]))["sources"]
    assert source["failure"].endswith(f"[{code}]")


def test_what_freshclam_keeps_in_the_dmz_crosses_as_a_cld_and_a_private_mirror_of_it_serves(
    upstream: SourceSimulator, near: NearSide, far: FarSide, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    config = tmp_path / "freshclam.conf"
    config.write_text(
        f"DatabaseOwner root\nDatabaseDirectory {kept}\nDNSDatabaseInfo no\nDatabaseMirror {upstream.url('/db')}\n"
    )
    for version in (3, 6):
        lay_out(upstream, version)
        run(
            ["freshclam", f"--config-file={config}", "--update-db=test"],
            CURL_CA_BUNDLE=upstream.ca_directory / "ca.pem",
        )
    assert sorted(path.name for path in kept.iterdir()) == ["freshclam.dat", "test.cld"]
    near.configure(f'[[source]]\nname = "kept"\nkind = "clamav"\ndatabases = ["test"]\npath = "{kept}"\n')
    bundle = near.seal()
    source = next(one for one in near.manifest(bundle)["sources"] if one["name"] == "kept")
    assert source["verification"] == (
        "SHA-256 of the parts matches: 1 database that freshclam patched (.cld); 1 .cld carried, not verified"
    )
    far.carry_in(bundle)
    database = far.work / "cld"
    database.mkdir()
    inside = far.work / "cld.conf"
    inside.write_text(
        f"DatabaseOwner root\nDatabaseDirectory {database}\nDNSDatabaseInfo no\nPrivateMirror {URL}/kept\n"
    )
    done = far.run("freshclam", f"--config-file={inside}", "--update-db=test", CURL_CA_BUNDLE=far.ca)
    assert "test.cld updated (version: 6" in done.stdout
    assert (database / "test.cld").read_bytes() == (kept / "test.cld").read_bytes()
