"""Increments at real content: exactly what a reader lacks is carried, and only a receipt says what a reader has."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from manifests import patches
from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from manifests.disk.blobs import Blob, BlobStore
from manifests.manifest import Manifest, Target
from tests.support.commands import BIN, run
from tests.support.content import lay_out
from tests.support.publisher import Publisher

SOURCES = ("clamav", "custom", "suricata", "signature-base", "sigma")


def manifest_of(path: Path) -> Manifest:
    with open_bundle(path) as file:
        return claimed_manifest(file)


def digests(targets: Iterable[Target]) -> set[str]:
    return {target.sha256 for target in targets}


def arriving(manifest: Manifest, *ways: str) -> set[str]:
    return digests(target for target in manifest.targets if target.arrives in ways)


def store_of(publisher: Publisher) -> BlobStore:
    return BlobStore(publisher.home / "blobs", publisher.home / "tmp")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Publisher, dict[int, Path]]:
    """Three dates of real rule sets and databases: full at each, and since the first at the later ones."""
    publisher = Publisher.found(tmp_path_factory.mktemp("real"), *SOURCES)
    made = {}
    for date in (1, 2, 3):
        lay_out(publisher.content, date)
        made[date] = publisher.create("--full") if date == 1 else publisher.create("--since", "1")
    return publisher, made


@pytest.mark.needs("shared/data")
@pytest.mark.parametrize("date", [2, 3])
def test_an_increment_carries_exactly_what_changed(real: tuple[Publisher, dict[int, Path]], date: int) -> None:
    publisher, made = real
    first, later = manifest_of(made[1]), manifest_of(made[date])
    had, has = digests(first.targets), digests(later.targets)
    assert made[date].name == f"plant-00000{date}-since-000001.zip"
    assert arriving(later, "held") == had & has
    assert arriving(later, "blob", "patch") == has - had
    assert {blob.sha256 for blob in later.blobs} == arriving(later, "blob")
    assert {patch.sha256 for patch in later.patches} == arriving(later, "patch")
    assert {patch.base_sha256 for patch in later.patches} <= had
    assert has & had
    assert has - had
    assert made[date].stat().st_size < made[1].stat().st_size / 2
    publisher.bundle("verify", "--root", publisher.root, made[date])


@pytest.mark.needs("shared/data")
def test_patches_give_what_they_promise_and_are_smaller_than_the_whole(
    real: tuple[Publisher, dict[int, Path]], tmp_path: Path
) -> None:
    publisher, made = real
    store, later = store_of(publisher), manifest_of(made[3])
    assert later.patches
    for patch in later.patches:
        assert patch.patch_length < patch.length
        base, file = store.path(patch.base_sha256), store.path(patch.patch_sha256)
        content = b"".join(patches.apply_patch(patch.engine, base, file, Blob(patch.sha256, patch.length)))
        assert content == store.path(patch.sha256).read_bytes()


@pytest.mark.needs("shared/data")
def test_a_lost_bundle_costs_one_more_increment_and_never_a_full_one(
    real: tuple[Publisher, dict[int, Path]],
) -> None:
    """Bundle 2 was lost: what version 3 needs beyond version 1 is all in one increment."""
    _, made = real
    held = digests(manifest_of(made[1]).targets)
    third = manifest_of(made[3])
    assert arriving(third, "held") <= held
    assert made[3].stat().st_size < made[1].stat().st_size / 2


@pytest.mark.needs("shared/data")
def test_every_bundle_is_made_again_bit_for_bit(real: tuple[Publisher, dict[int, Path]], tmp_path: Path) -> None:
    publisher, made = real
    for date, path in made.items():
        publisher.bundle("create", "--mkdir", "--again", date, "--out", tmp_path)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert publisher.version() == 3


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "rules", "patterns")
    (publisher.content / "rules" / "a.rules").write_text("# a\n" * 50)
    (publisher.content / "patterns" / "p.bin").write_bytes(random.Random(1).randbytes(200_000))
    publisher.create()
    return publisher


def change(publisher: Publisher, number: int) -> None:
    """Another rule, and a pattern file that is changed in one place."""
    (publisher.content / "rules" / f"{number}.rules").write_text(f"# {number}\n" * 100)
    pattern = publisher.content / "patterns" / "p.bin"
    data = bytearray(pattern.read_bytes())
    data[number * 1000 : number * 1000 + 4] = b"here"
    pattern.write_bytes(data)


class Site:
    """A relay, by its commands."""

    def __init__(self, publisher: Publisher, home: Path) -> None:
        self.publisher, self.home = publisher, home
        self.relay("init", "--root", publisher.root)

    def relay(self, *arguments: object) -> str:
        return run([BIN / "relay", "--home", self.home, *arguments]).stdout

    def take(self, bundle: Path) -> None:
        self.relay("import", bundle)

    def receipt(self, path: Path) -> Path:
        self.relay("receipt", "--out", path, "--name", self.home.name)
        return path

    def register(self, path: Path) -> None:
        keyid = json.loads(self.receipt(path).read_bytes())["signatures"][0]["keyid"]
        self.publisher.bundle("sites", "import", "--fingerprint", keyid, path)


@pytest.fixture
def found(tmp_path: Path, publisher: Publisher) -> Callable[[str], Site]:
    return lambda name: Site(publisher, tmp_path / name)


def test_without_sites_a_bundle_is_full(publisher: Publisher) -> None:
    change(publisher, 1)
    assert publisher.create().name == "plant-000002-full.zip"


def test_an_increment_without_any_change_is_a_few_kilobytes(publisher: Publisher) -> None:
    bundle = publisher.create("--since", "last")
    assert arriving(manifest_of(bundle), "held") == digests(manifest_of(bundle).targets)
    assert bundle.stat().st_size < 15_000


def test_a_changed_pattern_file_travels_as_a_patch_and_small_text_whole(publisher: Publisher) -> None:
    change(publisher, 1)
    bundle = publisher.create("--since", "last")
    ways = {target.path: target.arrives for target in manifest_of(bundle).targets}
    assert ways == {"patterns/p.bin": "patch", "rules/1.rules": "blob", "rules/a.rules": "held"}
    assert bundle.stat().st_size < 20_000


def test_what_is_new_altogether_makes_the_bundle_a_full_one(publisher: Publisher) -> None:
    (publisher.content / "rules" / "a.rules").write_text("# other\n")
    (publisher.content / "patterns" / "p.bin").write_bytes(random.Random(2).randbytes(200_000))
    assert publisher.create("--since", "1").name == "plant-000002-full.zip"


def test_since_a_version_that_is_not_kept_is_refused_and_nothing_changes(publisher: Publisher) -> None:
    done = publisher.bundle("create", "--out", publisher.out, "--since", 9, check=False)
    assert done.returncode == 2
    assert "[history.unknown]" in done.stderr
    assert publisher.version() == 1


def test_built_is_not_arrived(publisher: Publisher, found: Callable[[str], Site], tmp_path: Path) -> None:
    """Bundles 2 and 3 never reach the site: each bundle stands on what its receipt says, not on what was made."""
    site = found("north")
    site.take(publisher.out / "plant-000001-full.zip")
    site.register(tmp_path / "1.receipt")
    for version in (2, 3):
        change(publisher, version)
        assert publisher.create().name == f"plant-00000{version}-since-000001.zip"


def test_a_bundle_serves_every_site_and_a_receipt_makes_it_smaller(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    north, south = found("north"), found("south")
    north.take(publisher.out / "plant-000001-full.zip")
    south.take(publisher.out / "plant-000001-full.zip")
    change(publisher, 1)
    second = publisher.create("--full")
    north.take(second)
    north.register(tmp_path / "north.receipt")
    south.register(tmp_path / "south.receipt")
    change(publisher, 2)
    assert publisher.create().name == "plant-000003-since-000001.zip"
    assert publisher.create("--since", "north", "--no-pull").name == "plant-000004-since-000002.zip"
    south.take(second)
    publisher.bundle("sites", "import", south.receipt(tmp_path / "south2.receipt"))
    assert publisher.create("--no-pull").name == "plant-000005-since-000002.zip"


def test_the_bundle_for_all_sites_carries_what_any_of_them_lacks_and_nothing_else(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    """North has version 1 and lost a file since, south has version 2, and version 3 is lost on the way to both."""
    north, south = found("north"), found("south")
    north.take(publisher.out / "plant-000001-full.zip")
    change(publisher, 1)
    south.take(publisher.create("--full"))
    store = BlobStore(north.home / "blobs", north.home / "tmp")
    (lost,) = {t.sha256 for t in manifest_of(publisher.out / "plant-000001-full.zip").targets if "a.rules" in t.path}
    store.path(lost).unlink()
    north.register(tmp_path / "north.receipt")
    south.register(tmp_path / "south.receipt")
    change(publisher, 2)
    publisher.create()
    change(publisher, 3)
    together = manifest_of(publisher.create())
    lacks = [
        arriving(manifest_of(publisher.create("--no-pull", "--since", site)), "blob", "patch")
        for site in ("north", "south")
    ]
    assert arriving(together, "blob", "patch") == lacks[0] | lacks[1]
    assert lost in lacks[0] - lacks[1]
    assert lacks[1] < lacks[0]
    bundle = publisher.out / together.file_name
    for site in (north, south):
        site.take(bundle)
        assert json.loads(site.relay("status", "-o", "json"))["generation"] == together.snapshot_version


def test_a_forged_receipt_makes_no_bundle(publisher: Publisher, found: Callable[[str], Site], tmp_path: Path) -> None:
    site = found("north")
    site.take(publisher.out / "plant-000001-full.zip")
    site.register(tmp_path / "north.receipt")
    receipt = json.loads((tmp_path / "north.receipt").read_bytes())
    payload = base64.b64decode(receipt["payload"])
    serial = json.loads(payload)["serial"]
    payload = payload.replace(f'"serial": {serial}'.encode(), f'"serial": {serial + 1}'.encode())
    assert json.loads(payload)["serial"] == serial + 1
    forged = (tmp_path / "north.receipt").read_bytes()
    forged = forged.replace(receipt["payload"].encode(), base64.b64encode(payload))
    (tmp_path / "forged.receipt").write_bytes(forged)
    before = needs(publisher)
    done = publisher.bundle("create", "--out", publisher.out, "--since", tmp_path / "forged.receipt", check=False)
    assert (done.returncode, "[receipt.signature]" in done.stderr) == (20, True)
    assert publisher.version() == 1
    assert needs(publisher) == before


def needs(publisher: Publisher) -> dict[str, int | None]:
    return {row["site"]: row["needs_bytes"] for row in json.loads(publisher.bundle("sites", "-o", "json").stdout)}


def brought(bundle: Path) -> int:
    """Return the bytes of all content that a site gets out of a bundle, each content counted once."""
    return sum({t.sha256: t.length for t in manifest_of(bundle).targets if t.arrives != "held"}.values())


def test_what_a_site_needs_is_the_content_of_the_increment_that_is_made_then(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    north, fresh = found("north"), found("fresh")
    fresh.register(tmp_path / "fresh.receipt")
    north.take(publisher.out / "plant-000001-full.zip")
    north.register(tmp_path / "north.receipt")
    assert needs(publisher) == {"fresh": 200 + 200_000, "north": 0}
    change(publisher, 1)
    (publisher.content / "rules" / "copy.rules").write_text("# 1\n" * 100)  # content that another target has, too
    publisher.bundle("pull")
    said = needs(publisher)
    assert said == {"fresh": 200 + 200_000 + 400, "north": 200_000 + 400}
    rows = {line.split()[0]: line.split()[-1] for line in publisher.bundle("sites").stdout.splitlines()}
    assert rows == {"site": "needs", "fresh": "200,600", "north": "200,400"}
    for site in ("north", "fresh"):
        assert brought(publisher.create("--no-pull", "--since", site)) == said[site]
    assert needs(publisher) == said  # built is not arrived


def test_what_is_damaged_at_a_site_is_needed_there(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    north = found("north")
    north.take(publisher.out / "plant-000001-full.zip")
    store = BlobStore(north.home / "blobs", north.home / "tmp")
    (digest,) = {t.sha256 for t in manifest_of(publisher.out / "plant-000001-full.zip").targets if t.length == 200_000}
    store.path(digest).unlink()
    north.register(tmp_path / "north.receipt")
    assert needs(publisher) == {"north": 200_000}
    assert brought(publisher.create("--since", "north")) == 200_000


def test_a_receipt_file_names_its_site_and_an_older_one_changes_nothing(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    site = found("north")
    site.take(publisher.out / "plant-000001-full.zip")
    site.register(tmp_path / "old.receipt")
    change(publisher, 1)
    site.take(publisher.create("--full"))
    change(publisher, 2)
    newer = site.receipt(tmp_path / "new.receipt")
    assert publisher.create("--since", newer).name == "plant-000003-since-000002.zip"
    assert publisher.create("--since", tmp_path / "old.receipt", "--no-pull").name == "plant-000004-since-000002.zip"


def test_a_receipt_of_a_site_that_nobody_confirmed_is_refused(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    receipt = found("north").receipt(tmp_path / "north.receipt")
    done = publisher.bundle("create", "--out", publisher.out, "--since", receipt, check=False)
    assert done.returncode == 3
    assert "[sites.unconfirmed]" in done.stderr
    assert publisher.version() == 1


@pytest.mark.parametrize(
    "options", [("--full", "--since", "1"), ("--again", "1", "--full"), ("--again", "1", "--since", "1")]
)
def test_contradicting_options_are_refused(publisher: Publisher, options: tuple[str, ...]) -> None:
    done = publisher.bundle("create", "--out", publisher.out, *options, check=False)
    assert done.returncode == 2
    assert "[create.options]" in done.stderr


def test_again_needs_the_content_and_says_what_is_gone(publisher: Publisher, tmp_path: Path) -> None:
    (target,) = (t for t in manifest_of(publisher.out / "plant-000001-full.zip").targets if "p.bin" in t.path)
    store_of(publisher).path(target.sha256).unlink()
    done = publisher.bundle("create", "--mkdir", "--again", 1, "--out", tmp_path / "again", check=False)
    assert done.returncode == 24
    assert "[again.content-gone]" in done.stderr
    assert not (tmp_path / "again").exists()


def test_an_increment_is_imported_by_the_site_it_was_made_for(
    publisher: Publisher, found: Callable[[str], Site], tmp_path: Path
) -> None:
    site = found("north")
    site.take(publisher.out / "plant-000001-full.zip")
    change(publisher, 1)
    site.take(publisher.create("--since", "last"))
    store = BlobStore(site.home / "blobs", site.home / "tmp")
    for name in ("patterns/p.bin", "rules/1.rules", "rules/a.rules"):
        content = (publisher.content / name).read_bytes()
        digest = next(
            t.sha256 for t in manifest_of(publisher.out / "plant-000002-since-000001.zip").targets if t.path == name
        )
        assert store.path(digest).read_bytes() == content
