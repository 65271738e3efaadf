"""``bundle create`` is one step: a failure or a crash leaves no half bundle and no advanced version."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import BIN, clean_environment, run
from tests.support.publisher import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "rules", "patterns")
    (publisher.content / "rules" / "a.rules").write_text("alert tcp any any -> any any (sid:1;)\n" * 500)
    (publisher.content / "patterns" / "p.bin").write_bytes(random.Random(1).randbytes(100_000))
    return publisher


def bundles(publisher: Publisher) -> list[str]:
    return sorted(path.name for path in publisher.out.glob("*.zip")) if publisher.out.exists() else []


def test_create_verify_inspect_and_diff_agree_on_what_was_sealed(publisher: Publisher) -> None:
    first = publisher.create()
    assert first.name == "plant-000001-full.zip"
    (verified,) = json.loads(publisher.bundle("verify", "--root", publisher.root, "-o", "json", first).stdout)
    (claimed,) = json.loads(publisher.bundle("inspect", "--targets", "-o", "json", first).stdout)
    assert verified["verified"]
    assert not claimed["verified"]
    assert [target["path"] for target in claimed["target_list"]] == ["patterns/p.bin", "rules/a.rules"]
    (publisher.content / "rules" / "b.rules").write_text("# new\n")
    (publisher.content / "rules" / "a.rules").write_text("alert tcp any any -> any any (sid:2;)\n")
    (publisher.content / "patterns" / "p.bin").rename(publisher.content / "patterns" / "q.bin")
    second = publisher.create()
    diff = json.loads(publisher.bundle("diff", "-o", "json", first, second).stdout)
    assert [target["path"] for target in diff["added"]] == ["patterns/q.bin", "rules/b.rules"]
    assert [target["path"] for target in diff["removed"]] == ["patterns/p.bin"]
    assert [change["to"]["path"] for change in diff["changed"]] == ["rules/a.rules"]


@pytest.mark.parametrize("again", [False, True])
def test_every_file_that_was_written_is_listed_with_its_size_and_digest(publisher: Publisher, again: bool) -> None:
    options: list[object] = ["--recovery", "5%", "--volume-size", "90KB"]
    if again:
        publisher.bundle("create", "--mkdir", "--out", publisher.home / "first", *options)
        options = ["--again", "1"]
    said = json.loads(publisher.bundle("create", "--out", publisher.out, *options, "-o", "json").stdout)
    listed = {Path(file["file"]): file for file in (*said["files"], *said["beside"])}
    assert sorted(listed) == sorted(publisher.out.iterdir())
    if again:  # bit for bit: volumes, recovery data, slip
        assert all(path.read_bytes() == (publisher.home / "first" / path.name).read_bytes() for path in listed)
    for path, file in listed.items():
        assert file["length"] == path.stat().st_size
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["total_bytes"] == sum(path.stat().st_size for path in listed)
    assert len(said["files"]) == said["volume"]["count"] > 1
    assert [file["kind"] for file in said["beside"]] == ["slip", "slip", *["recovery"] * len(said["files"])]
    manifests = [json.loads(publisher.bundle("inspect", "-o", "json", f["file"]).stdout)[0] for f in said["files"]]
    assert said["carried_bytes"] == sum(manifest["carried_bytes"] for manifest in manifests) > 100_000


def test_the_digest_taken_while_large_members_were_written_is_that_of_the_file(publisher: Publisher) -> None:
    for number in range(3):
        content = random.Random(number).randbytes(9 * 2**20 + number)
        (publisher.content / "patterns" / f"{number}.bin").write_bytes(content)
    said = json.loads(publisher.bundle("create", "--out", publisher.out, "-o", "json").stdout)
    data = Path(said["file"]).read_bytes()
    assert len(data) > 27 * 2**20
    assert said["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_slip_says_that_recovery_data_lies_beside(publisher: Publisher) -> None:
    bundle = publisher.create("--recovery", "5%")
    (slip,) = publisher.out.glob("*.slip.txt")
    assert f"Recovery data: {bundle.name}.par2 beside it, for 5 % of its blocks\n" in slip.read_text()


def test_metadata_of_many_targets_is_deflated_and_roots_are_not(publisher: Publisher) -> None:
    for number in range(300):
        (publisher.content / "rules" / f"{number}.rules").write_text(f"# {number}\n")
    bundle = publisher.create()
    with zipfile.ZipFile(bundle) as file:
        methods = {info.filename: info.compress_type for info in file.infolist()}
        role = file.getinfo("tuf/1.rules.json")
    assert methods["tuf/1.rules.json"] == zipfile.ZIP_DEFLATED
    assert role.compress_size < role.file_size / 2
    stored = ("manifest.json", "manifest.sig.json", "tuf/1.root.json", "tuf/timestamp.json")
    assert {methods[name] for name in stored} == {zipfile.ZIP_STORED}
    again = publisher.home / "again"
    publisher.bundle("create", "--mkdir", "--again", 1, "--out", again)
    assert (again / bundle.name).read_bytes() == bundle.read_bytes()


def test_people_read_the_same_list_on_80_columns(publisher: Publisher) -> None:
    command = [BIN / "bundle", "--home", publisher.home, "create", "--mkdir", "--out", "out", "--recovery", "5%"]
    said = run(command, cwd=publisher.home).stdout
    written = sorted((publisher.home / "out").iterdir())
    assert len(written) == 4
    for path in written:
        assert f"\n{path}\n{path.stat().st_size:,} bytes" in said
        assert path.name.partition(".slip.")[1] or f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n" in said
    total = sum(path.stat().st_size for path in written)
    assert said.endswith(f"\n\n4 files, {total:,} bytes ({total / 1000:.2f} kB) in all\n")
    assert [line for line in said.splitlines() if len(line) > 80 and not line.startswith(str(publisher.home))] == []


@pytest.mark.needs("unzip", "7z")
def test_ordinary_unzip_tools_open_a_bundle(publisher: Publisher) -> None:
    bundle = publisher.create()
    assert "No errors detected" in run(["unzip", "-t", bundle]).stdout
    assert "Everything is Ok" in run(["7z", "t", bundle]).stdout
    assert run([BIN / "python", "-m", "zipfile", "-t", bundle]).stdout == "Done testing\n"


def test_a_failing_source_seals_nothing_and_leaves_with_10(publisher: Publisher) -> None:
    publisher.create()
    shutil.rmtree(publisher.content / "patterns")
    done = publisher.bundle("create", "--out", publisher.out, check=False)
    assert done.returncode == 10
    assert "[create.source-failed]" in done.stderr
    assert bundles(publisher) == ["plant-000001-full.zip"]
    assert publisher.version() == 1


def test_with_allow_partial_the_last_good_content_is_sealed_and_the_manifest_says_its_age(publisher: Publisher) -> None:
    publisher.create()
    shutil.rmtree(publisher.content / "patterns")
    done = publisher.bundle("create", "--out", publisher.out, "--allow-partial", "-o", "json", check=False)
    assert done.returncode == 11
    sealed = json.loads(done.stdout)
    patterns = next(source for source in sealed["sources"] if source["name"] == "patterns")
    assert patterns["failure"]
    assert patterns["targets"] == 1
    assert patterns["age_seconds"] >= 0
    publisher.bundle("verify", "--root", publisher.root, sealed["file"])


@pytest.mark.needs("unzip")
def test_release_notes_travel_in_the_bundle(publisher: Publisher, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("# Week 47\n")
    bundle = publisher.create("--note", notes)
    assert run(["unzip", "-p", bundle, "notes.md"]).stdout == "# Week 47\n"


def test_a_file_beyond_all_memory_that_is_named_by_mistake_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    bundle, huge = publisher.create(), tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 42)
    wrong: list[tuple[object, ...]] = [("verify", bundle, "--root", huge)]
    wrong += [("create", "--out", publisher.out, option, huge) for option in ("--note", "--since")]
    for command in wrong:
        done = publisher.bundle(*command, check=False)
        assert done.returncode in {2, 21}, done.stderr
        assert "Traceback" not in done.stderr
    assert publisher.version() == 1


def test_the_same_content_again_is_a_new_version_and_no_pull_asks_nobody(publisher: Publisher) -> None:
    publisher.create()
    shutil.rmtree(publisher.content)
    assert publisher.create("--no-pull").name == "plant-000002-full.zip"
    assert publisher.version() == 2


def crash_at(publisher: Publisher, call: str, number: int) -> bool:
    """Kill ``bundle create`` at its n-th call of a kind; tell whether it came that far."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:signal=KILL:when={number}"]
    command += [BIN / "bundle", "--home", publisher.home, "--quiet", "create", "--out", publisher.out]
    done = subprocess.run([str(part) for part in command], env=clean_environment(), capture_output=True, timeout=120)
    return done.returncode != 0


@pytest.mark.needs("strace")
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("call", ["fsync", "rename", "unlink", "ftruncate"])
def test_a_crash_leaves_the_old_state_or_the_new_and_the_next_run_goes_on(
    publisher: Publisher, call: str, stride: int
) -> None:
    publisher.create()
    number, version = 1, 1
    while crash_at(publisher, call, number):
        publisher.bundle("sources")
        if publisher.version() not in (version, version + 1):
            raise AssertionError(f"{call} {number}: version {publisher.version()} after {version}")
        publisher.create()
        version = publisher.version()
        visible = bundles(publisher)
        assert not list(publisher.out.glob(".*"))
        assert {path.name for path in publisher.out.glob("*.slip.*")} == {
            f"{Path(name).stem}.slip.{form}" for name in visible for form in ("txt", "html")
        }
        assert visible[-1] == f"plant-{version:06d}-full.zip"
        assert len(visible) == version
        publisher.bundle("verify", "--root", publisher.root, *[publisher.out / name for name in visible[-2:]])
        number += stride
    assert number > 1


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("room", "code"),
    [("size=64k", "storage.space"), ("nr_inodes=3", "storage.full")],
    ids=["seen before", "met midway"],
)
def test_a_full_disk_leaves_no_half_bundle_and_no_advanced_version(
    publisher: Publisher, tmp_path: Path, room: str, code: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    run(["mount", "-t", "tmpfs", "-o", room, "none", small])
    try:
        done = publisher.bundle("create", "--out", small, check=False)
        assert done.returncode == 40
        assert f"[{code}]" in done.stderr
        assert list(small.iterdir()) == []
        assert publisher.version() == 0
    finally:
        run(["umount", small])
    assert publisher.create().name == "plant-000001-full.zip"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_nothing_on_the_stick(publisher: Publisher, number: signal.Signals) -> None:
    with (publisher.content / "patterns" / "large.bin").open("wb") as file:
        for seed in range(40):
            file.write(random.Random(seed).randbytes(5_000_000))
    publisher.out.mkdir(exist_ok=True)
    command = [BIN / "bundle", "--quiet", "--home", publisher.home, "create", "--out", publisher.out]
    with subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(publisher.out.iterdir()):
            pass
        process.send_signal(number)
        _, err = process.communicate()
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in err
    assert list(publisher.out.iterdir()) == []
    assert not (publisher.home / "journal.json").exists()
    assert publisher.version() == 0


def test_two_runs_at_once_do_not_meet(publisher: Publisher) -> None:
    command = [str(part) for part in (BIN / "python", "-c", HOLD, publisher.home / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment(), text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = publisher.bundle("create", "--out", publisher.out, check=False)
        holder.send_signal(signal.SIGTERM)
    assert done.returncode == 41
    assert "[lock.held]" in done.stderr


HOLD = """
import pathlib, signal, sys
from manifests.disk.lock import exclusive_lock
with exclusive_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


def test_a_source_that_never_gave_anything_is_named_everywhere_also_inside(
    publisher: Publisher, tmp_path: Path
) -> None:
    shutil.rmtree(publisher.content / "patterns")
    done = publisher.bundle("create", "--out", publisher.out, "--allow-partial", "-o", "json", check=False)
    assert done.returncode == 11
    (absent,) = json.loads(done.stdout)["absent"]
    assert (absent["name"], absent["kind"]) == ("patterns", "directory")
    sealed = publisher.out / "plant-000001-full.zip"
    assert json.loads(publisher.bundle("inspect", "-o", "json", sealed).stdout)[0]["absent"] == [absent]
    assert "patterns (directory): NOTHING OF IT IS HERE" in publisher.bundle("inspect", sealed).stdout
    for slip in publisher.out.glob("*.slip.*"):
        assert "missing" in slip.read_text().lower()
    home = tmp_path / "relay"
    run([BIN / "relay", "--home", home, "init", "--root", publisher.root])
    run([BIN / "relay", "--home", home, "import", sealed])
    status = json.loads(run([BIN / "relay", "--home", home, "status", "-o", "json"]).stdout)
    assert status["absent_sources"] == [absent]
    assert [source["name"] for source in status["sources"]] == ["rules"]


def test_when_no_source_ever_gave_anything_the_reasons_are_said(publisher: Publisher) -> None:
    shutil.rmtree(publisher.content)
    done = publisher.bundle("create", "--out", publisher.out, "--allow-partial", check=False)
    assert done.returncode == 10
    assert "[create.nothing]" in done.stderr
    assert "patterns:" in done.stderr
    assert "bundle sources check" in done.stderr


@pytest.mark.parametrize("options", [(), ("--again", "1"), ("--every", "1d"), ("--full", "--no-pull")])
def test_a_directory_that_is_not_there_is_made_only_when_asked(publisher: Publisher, options: tuple[str, ...]) -> None:
    publisher.create()
    stick = publisher.home.parent / "media" / "stick"
    done = publisher.bundle("create", "--out", stick, *options, check=False)
    assert (done.returncode, "[create.out]" in done.stderr, "--mkdir" in done.stderr) == (2, True, True), done.stderr
    assert not stick.parent.exists()
    assert publisher.version() == 1


def test_with_mkdir_the_directory_is_made_and_a_file_is_none(publisher: Publisher) -> None:
    stick = publisher.home.parent / "media" / "stick"
    publisher.bundle("create", "--mkdir", "--out", stick)
    assert (stick / "plant-000001-full.zip").is_file()
    assert publisher.bundle("create", "--mkdir", "--out", publisher.root, check=False).returncode == 2


def test_only_if_changed_makes_nothing_when_nothing_is_new_and_says_so(publisher: Publisher) -> None:
    assert "1 file" not in publisher.bundle("create", "--out", publisher.out, "--only-if-changed").stderr
    done = publisher.bundle("create", "--out", publisher.out, "--only-if-changed")
    assert done.stdout == "Nothing is new since version 1; nothing was sealed.\n"
    said = json.loads(publisher.bundle("create", "--out", publisher.out, "--only-if-changed", "-o", "json").stdout)
    assert said == {"outcome": "unchanged", "snapshot_version": 1, "unchanged": ["patterns", "rules"]}
    assert (bundles(publisher), publisher.version()) == (["plant-000001-full.zip"], 1)
    publisher.create()
    assert publisher.version() == 2
