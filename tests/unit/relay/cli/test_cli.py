"""The relay's commands as people type them."""

import json
from datetime import timedelta

import pytest

from manifests.clock import system_clock
from tests.support.commands import BIN, run
from tests.support.relay_bundles import BundleForge


@pytest.fixture
def forge(monkeypatch):
    monkeypatch.setattr("tests.support.relay_bundles.CREATED", system_clock() - timedelta(days=1))
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    return forge


@pytest.fixture
def relay(tmp_path, forge):
    (tmp_path / "root.json").write_bytes(forge.root)

    def command(*arguments, code=0):
        done = run([BIN / "relay", *arguments], check=False, SEALIFT_HOME=tmp_path / "home")
        assert done.returncode == code, done.stdout + done.stderr
        return done

    command.init = command("init", "--root", tmp_path / "root.json")
    return command


def test_init_prints_the_fingerprint_and_three_steps_and_refuses_a_second_time(relay, tmp_path):
    assert "Fingerprint of the publisher's root (SHA-256):" in relay.init.stdout
    assert relay.init.stdout.count("\n  ") == 5
    assert "  3. Put a bundle into" in relay.init.stdout
    again = relay("init", "--root", tmp_path / "root.json", code=3)
    assert "[home.exists]" in again.stderr


def test_import_says_what_it_did_and_leaves_with_the_documented_code(relay, forge, tmp_path):
    first, second = forge.seal(tmp_path / "1.zip"), forge.seal(tmp_path / "2.zip", created=system_clock())
    assert "Generation 2 of forge" in relay("import", second).stdout
    assert "Generation 2 is here already; nothing to do" in relay("import", second).stdout
    refused = relay("import", "-o", "json", first, code=22)
    assert json.loads(refused.stdout)["files"][0]["error"]["code"] == "tuf.rollback.timestamp"
    assert json.loads(refused.stderr.splitlines()[-1])["error"]["exit_code"] == 22
    assert "skipped" in relay("import", tmp_path).stdout
    relay("import", tmp_path / "absent.zip", code=2)


def test_a_directory_without_any_bundle_is_said_since_a_stick_may_not_be_mounted_there(relay, tmp_path):
    (tmp_path / "a stick").mkdir()
    refused = relay("import", tmp_path / "a stick", code=2)
    assert "[import.nothing]" in refused.stderr
    assert f"ls '{tmp_path}/a stick'" in refused.stderr


def test_status_events_and_generations_tell_the_story(relay, forge, tmp_path):
    assert "none yet" in relay("status").stdout
    assert "No generation yet" in relay("generations").stdout
    relay("import", forge.seal(tmp_path / "1.zip"))
    (tmp_path / "bad.zip").write_bytes(b"bad")
    relay("import", tmp_path / "bad.zip", code=21)
    status = json.loads(relay("status", "-o", "json").stdout)
    assert (status["generation"], status["stale"], status["last_refusal"]["subject"]) == (1, False, "zip.not-a-zip")
    kinds = [event["kind"] for event in json.loads(relay("events", "-o", "json").stdout)["events"]]
    assert kinds == ["init", "import", "activate", "receipt", "refused"]
    rows = json.loads(relay("generations", "-o", "json").stdout)["generations"]
    assert [(row["number"], row["rings"], row["file"]) for row in rows] == [(1, ["default"], "1.zip")]


def test_check_leaves_with_40_when_something_is_damaged(relay, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    relay("import", path)
    assert "1 file, 1 byte: 0 damaged" in relay("check").stdout
    blob = next((tmp_path / "home" / "blobs").glob("*/*"))
    blob.chmod(0o644)
    blob.write_bytes(b"b")
    found = json.loads(relay("check", "-o", "json", code=40).stdout)
    assert [(entry["kind"], entry["paths"]) for entry in found["damage"]] == [("blob", ["rules/a"])]
    assert "[storage.damaged]" in relay("check", "--discard", code=40).stderr
    assert "is back" in relay("import", path).stdout
    relay("check")


def test_quarantine_is_listed_shown_exported_restored_and_deleted(relay, forge, tmp_path):
    from relay.home import Home
    from relay.quarantine.registry import quarantine_bundle
    from tests.support.relay_homes import make_config

    home = Home(tmp_path / "home")
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).write_bytes(name.encode())
        error = forge_error()
        quarantine_bundle(home, make_config(home), tmp_path / name, error, system_clock())
    found = json.loads(relay("quarantine", "list", "-o", "json").stdout)["quarantine"]
    one, two = (next(row["id"] for row in found if row["name"] == name) for name in ("one.zip", "two.zip"))
    assert "zip.gap" in relay("quarantine", "show", one[:8]).stdout
    relay("quarantine", "export", one, "--out", tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_bytes() == b"one.zip"
    assert relay("quarantine", "restore", one).stdout.strip() == str(home.inbox / "one.zip")
    relay("quarantine", "delete", two)
    assert "The quarantine is empty." in relay("quarantine", "list").stdout
    relay("quarantine", "show", one, code=2)
    assert relay("events", "--kind", "quarantine").stdout.count("\n") == 3


def forge_error():
    from manifests.errors import MalformedError

    return MalformedError("zip.gap", "There is a gap")


def test_a_command_without_a_home_says_what_to_run(tmp_path):
    for command in (["status"], ["events"], ["generations"], ["check"], ["quarantine", "list"], ["import", tmp_path]):
        done = run([BIN / "relay", "--home", tmp_path / "none", *command], check=False)
        assert done.returncode == 3
        assert "relay init --root root.json" in done.stderr


def test_status_starts_fast_because_it_imports_nothing_slow(relay, tmp_path):
    """A budget of time is a bench's business; what would break it is named here."""
    code = """
import sys
from relay.cli import group
group.main(["status"], standalone_mode=False)
slow = {"tuf", "securesystemslib", "cryptography", "jsonschema", "rich", "granian", "watchdog", "requests"}
print("SLOW", sorted(slow & sys.modules.keys()))
"""
    done = run([BIN / "python", "-c", code], SEALIFT_HOME=tmp_path / "home")
    assert done.stdout.splitlines()[-1] == "SLOW []"
