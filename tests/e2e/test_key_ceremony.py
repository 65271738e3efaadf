"""The ceremony as people hold it: files between machines, prompts on a terminal, a site that slept."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from manifests.text import fingerprint_lines
from tests.support.commands import BIN, clean_environment, run
from tests.support.media import squashfs_disc
from tests.support.publisher import Publisher

PASSPHRASE = "correct horse battery"


def bundle(home: Path, *arguments: object, check: bool = True, **variables: object) -> subprocess.CompletedProcess[str]:
    return run([BIN / "bundle", "--home", home, *arguments], check=check, **variables)


def answer(command: list[object], *answers: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, typing an answer to each question as it comes."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=clean_environment(TERM="dumb"),
        start_new_session=True,
    )
    os.close(slave)
    waiting, text = list(answers), ""
    seen = 0
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        text += data.decode("utf-8", "replace")
        if waiting and text[seen:].rstrip(" ").endswith(":"):
            seen = len(text)
            os.write(master, waiting.pop(0).encode() + b"\n")
    os.close(master)
    return process.wait(timeout=60), text


def test_init_asks_twice_encrypts_and_says_the_three_next_steps(tmp_path):
    home = tmp_path / "home"
    code, text = answer([BIN / "bundle", "--home", home, "init"], PASSPHRASE, PASSPHRASE)
    assert code == 0, text
    assert PASSPHRASE not in text
    assert text.count("bundle keys export-root --out root.json") == 1
    assert [line.strip()[:2] for line in text.splitlines() if line.startswith("  ")] == ["1.", "2.", "3."]
    for path in (home / "keys").glob("*.pem"):
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    code, text = answer([BIN / "bundle", "--home", home, "keys", "renew"], "wrong", PASSPHRASE)
    assert code == 0, text
    assert "Root 2 is in force" in text


def test_init_with_passphrases_that_differ_leaves_nothing(tmp_path):
    code, text = answer([BIN / "bundle", "--home", tmp_path / "home", "init"], PASSPHRASE, "something else")
    assert (code, "[passphrase.differs]" in text) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_init_without_terminal_or_file_says_what_it_needs(tmp_path):
    done = bundle(tmp_path / "home", "init", check=False)
    assert done.returncode == 3
    assert "[passphrase.missing]" in done.stderr
    assert "--passphrase-file" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_without_passphrase_says_out_loud_what_that_means(tmp_path):
    done = bundle(tmp_path / "home", "init", "--no-passphrase", "--expiry", "root=730", "-o", "json")
    assert "WARNING" in done.stderr
    assert "NOT encrypted" in done.stderr
    assert json.loads(done.stdout)["encrypted"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("--threshold", "2"), "init.threshold", 2),
        (("--expiry", "roots=3"), "init.expiry", 2),
        (("--publisher", "No Name"), "init.publisher", 2),
        (("--expiry", "timestamp=3"), "config.value", 3),
    ],
    ids=str,
)
def test_init_refuses_what_cannot_be_and_leaves_nothing(tmp_path, arguments, code, exit_code):
    done = bundle(tmp_path / "home", "init", "--no-passphrase", *arguments, check=False)
    assert (done.returncode, f"[{code}]" in done.stderr) == (exit_code, True)
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_an_existing_home_and_leaves_it_alone(tmp_path):
    publisher = Publisher.found(tmp_path / "dmz")
    before = {path: path.read_bytes() for path in publisher.home.rglob("*") if path.is_file()}
    done = bundle(publisher.home, "init", "--no-passphrase", check=False)
    assert (done.returncode, "[home.exists]" in done.stderr) == (3, True)
    assert {path: path.read_bytes() for path in publisher.home.rglob("*") if path.is_file()} == before


@pytest.mark.needs("strace")
def test_an_init_that_is_killed_leaves_no_home(tmp_path):
    for number in range(1, 14, 3):
        home = tmp_path / f"home{number}"
        inject = ["-e", "trace=fsync", "-e", f"inject=fsync:signal=KILL:when={number}"]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject]
        done = run([*command, BIN / "bundle", "--home", home, "init", "--no-passphrase"], check=False)
        assert done.returncode != 0
        assert not home.exists()


@pytest.mark.needs("root")
def test_a_full_disk_leaves_no_home(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", small])
    try:
        done = bundle(small / "home", "init", "--no-passphrase", check=False)
        assert (done.returncode, "[storage.full]" in done.stderr) == (40, True)
        assert list(small.iterdir()) == []
    finally:
        run(["umount", small])


def test_three_people_on_three_machines_sign_a_root_by_files(tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    env = {"SEALIFT_PASSPHRASE_FILE": passphrase}
    home, nowhere = tmp_path / "home", tmp_path / "nowhere"
    bundle(home, "init", **env)
    for name in ("alice", "bob", "carol"):
        bundle(nowhere, "keys", "generate", "--out", tmp_path / f"{name}.pem", **env)
        bundle(home, "keys", "add", "root", tmp_path / f"{name}.pub", "--stage", **env)
    (first,) = [row["keyid"] for row in keys(home) if row["role"] == "root"]
    bundle(home, "keys", "revoke", "root", first[:12], "--stage")
    travelling = tmp_path / "root-2.json"
    waiting = json.loads(
        bundle(home, "keys", "threshold", "root", "2", "--stage", "--out", travelling, "-o", "json").stdout
    )
    assert waiting["state"] == "waiting"
    assert waiting["changes"][0] == "root 1 -> 2"
    for name in ("alice", "carol"):
        done = bundle(
            nowhere,
            *(
                "keys",
                "sign",
                travelling,
                "--key",
                tmp_path / f"{name}.pem",
                "--out",
                tmp_path / f"{name}.json",
                "--yes",
            ),
            **env,
        )
        assert "root: threshold 1 -> 2" in done.stderr
        assert f"- key {first[:12]}" in done.stderr
    done = bundle(home, "keys", "accept", tmp_path / "alice.json", tmp_path / "carol.json")
    assert "Root 2 waits for signatures" in done.stdout
    assert f"1 more of the keys of root 1: {first[:12]}" in done.stdout
    mine = tmp_path / "mine.json"
    bundle(home, "keys", "staged", "--out", mine)
    bundle(home, "keys", "sign", mine, "--yes", **env)
    assert "Root 2 is in force" in bundle(home, "keys", "accept", mine).stdout
    assert len([row for row in keys(home) if row["role"] == "root"]) == 3
    assert {row["uri"] for row in keys(home) if row["role"] == "root"} == {None}
    done = bundle(home, "keys", "rotate", "timestamp", **env)
    assert "Root 3 waits for signatures" in done.stdout


def test_signing_asks_a_person_and_no_is_no(tmp_path):
    publisher = Publisher.found(tmp_path / "dmz")
    file = tmp_path / "root.json"
    publisher.bundle("keys", "rotate", "targets", "--no-passphrase", "--stage", "--out", file)
    before = file.read_bytes()
    (key,) = (publisher.home / "keys").glob("root-*.pem")
    command = [BIN / "bundle", "keys", "sign", file, "--key", key]
    code, text = answer(command, "n")
    assert code != 0
    assert "root 1 -> 2" in text
    assert file.read_bytes() == before
    done = run(command, check=False)
    assert (done.returncode, "[keys.confirm]" in done.stderr) == (2, True)
    code, text = answer(command, "y")
    assert (code, file.read_bytes() == before) == (0, False)


def test_a_site_that_slept_through_five_rotations_imports_the_next_bundle(tmp_path):
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a.rules").write_text("alert one\n")
    relay = [BIN / "relay", "--home", tmp_path / "site"]
    run([*relay, "init", "--root", publisher.root])
    run([*relay, "import", publisher.create()])
    for role in ("root", "timestamp", "snapshot", "targets", "root"):
        publisher.bundle("keys", "rotate", role, "--no-passphrase")
    (publisher.content / "rules" / "a.rules").write_text("alert two\n")
    run([*relay, "import", publisher.create()])
    run([*relay, "import", publisher.create()])
    listed = json.loads(publisher.bundle("keys", "list", "-o", "json").stdout)
    assert {row["role"]: row["days"] for row in listed["roles"]}["rules"] in {179, 180}


def test_export_root_prints_the_newest_root_and_its_digest(tmp_path):
    publisher = Publisher.found(tmp_path / "dmz")
    first = publisher.root.read_bytes()
    done = publisher.bundle("keys", "export-root")
    assert done.stdout.encode() == first
    publisher.bundle("keys", "renew")
    done = publisher.bundle("keys", "export-root")
    assert json.loads(done.stdout)["signed"]["version"] == 2
    digest = run(["sha256sum", publisher.home / "repository" / "metadata" / "2.root.json"]).stdout.split()[0]
    assert done.stderr == (
        f"sha256 {digest}\nThe same as relay init shows it, to compare by telephone:\n{fingerprint_lines(digest)}"
    )


def test_a_root_that_runs_short_is_warned_about(tmp_path):
    home = tmp_path / "home"
    bundle(home, "init", "--no-passphrase", "--expiry", "root=70")
    assert bundle(home, "keys", "list").stderr == ""
    config = home / "bundler.toml"
    text = config.read_text().replace("\nroot = 70\n", "\n").replace("#runway_days = 60", "runway_days = 100")
    config.write_text(text)
    done = bundle(home, "keys", "list")
    assert re.fullmatch(r"WARNING: root is valid for (69|70) more days. Run: bundle keys renew\n", done.stderr)
    assert json.loads(bundle(home, "keys", "list", "-o", "json").stdout)["short"] == ["root"]
    bundle(home, "keys", "renew")
    assert bundle(home, "keys", "list").stderr == ""


def keys(home: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(bundle(home, "keys", "list", "-o", "json").stdout)["keys"]
    return found


@pytest.mark.parametrize(
    "days", ["root=36501", "root=0", "root=99999999999", "targets=3651", "timestamp=" + "9" * 5000]
)
def test_an_expiry_beyond_the_calendar_is_a_mistake_in_typing(tmp_path, days):
    home = tmp_path / "home"
    done = bundle(home, "init", "--no-passphrase", "--expiry", days, check=False)
    assert (done.returncode, "--expiry" in done.stderr, home.exists()) == (2, True, False), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.needs("root", "mksquashfs")
def test_the_root_that_waits_is_shown_and_copied_out_of_a_home_that_cannot_be_written(tmp_path):
    home, disc, copy = tmp_path / "home", tmp_path / "disc", tmp_path / "copy.json"
    bundle(home, "init", "--no-passphrase", "--root-keys", "2", "--threshold", "2")
    bundle(home, "keys", "rotate", "timestamp", "--stage", "--no-passphrase")
    disc.mkdir()
    with squashfs_disc(disc, [home]):
        assert "root 1 -> 2" in bundle(disc, "keys", "staged", "--out", copy).stdout
        assert bundle(disc, "keys", "list").stdout.count("timestamp") > 1
        refused = bundle(disc, "keys", "staged", "--discard", check=False)
        assert (refused.returncode, "[storage.read-only]" in refused.stderr) == (40, True), refused.stderr
    assert copy.read_bytes() == (home / "repository" / "staged-root.json").read_bytes()
