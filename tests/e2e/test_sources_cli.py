"""``bundle sources``, ``bundle pull`` and ``bundle rulepack`` as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import source_simulator as upstream
from tests.support.commands import BIN, run
from tests.support.publisher import Publisher
from tests.support.rule_packs import members, pack_7z, pack_zip
from tests.support.source_simulator import SourceSimulator


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a.rules").write_text("alert\n")
    return publisher


def configure(publisher: Publisher, text: str) -> None:
    with (publisher.home / "bundler.toml").open("a") as file:
        file.write(text)


def test_sources_lists_what_is_configured_before_and_after_a_pull(publisher: Publisher) -> None:
    (before,) = json.loads(publisher.bundle("sources", "-o", "json").stdout)
    assert (before["name"], before["kind"], before["pulled_at"]) == ("rules", "directory", None)
    assert "[pull.never]" in before["failure"]
    publisher.bundle("pull")
    (after,) = json.loads(publisher.bundle("sources", "-o", "json").stdout)
    assert (after["targets"], after["content_bytes"], after["failure"]) == (1, 6, None)
    assert 0 <= after["age_seconds"] < 60
    assert "carried, not verified" in publisher.bundle("sources").stdout


def test_a_second_pull_says_that_nothing_changed(publisher: Publisher) -> None:
    assert publisher.bundle("pull").stdout.splitlines()[1].split()[:4] == ["rules", "pulled", "1", "6"]
    assert publisher.bundle("pull").stdout.splitlines()[1].split()[:4] == ["rules", "unchanged", "1", "6"]


def test_pull_leaves_with_10_when_all_failed_and_11_when_some_did(publisher: Publisher) -> None:
    with SourceSimulator() as server:
        server.on("/x.rules", upstream.portal())
        configure(publisher, f'\n[[source]]\nname = "web"\nkind = "http"\nurls = ["{server.url("/x.rules")}"]\n')
        some = publisher.bundle("pull", check=False)
        all_of_them = publisher.bundle("pull", "web", check=False)
    assert (some.returncode, all_of_them.returncode) == (11, 10)
    assert "[http.captive-portal]" in some.stdout
    assert "[pull.some-failed]" in some.stderr
    assert "[pull.all-failed]" in all_of_them.stderr
    assert "FAILED" in publisher.bundle("sources").stdout


def test_check_says_what_a_pull_would_yield_and_stores_nothing(publisher: Publisher) -> None:
    with SourceSimulator() as server:
        server.serve("/x.rules", b"alert\n" * 100)
        configure(publisher, f'\n[[source]]\nname = "web"\nkind = "http"\nurls = ["{server.url("/x.rules")}"]\n')
        checked = json.loads(publisher.bundle("sources", "check", "-o", "json").stdout)
    assert [(source["name"], source["targets"]) for source in checked] == [
        ("rules", [{"path": "a.rules", "length": 6, "state": "to read"}]),
        ("web", [{"path": "x.rules", "length": 600, "state": "to fetch"}]),
    ]
    assert not (publisher.home / "sources").exists() or not list((publisher.home / "sources").iterdir())
    gone = publisher.bundle("sources", "check", "web", check=False)
    assert gone.returncode == 10
    assert "[http.connect]" in gone.stdout


def test_sources_and_check_say_version_age_and_licence(publisher: Publisher) -> None:
    table = f'\n[[source]]\nname = "old"\nkind = "directory"\npath = "{publisher.content / "rules"}"\n'
    configure(publisher, f'{table}fresh_days = 3\nlicence = "for us alone"\nexclude = ["*.tmp"]\n')
    publisher.bundle("pull", "old")
    record = publisher.home / "sources" / "old.json"
    pulled = json.loads(record.read_text("utf-8"))
    pulled["good"] |= {"pulled_at": "2026-01-01T00:00:00Z", "version": "7.1"}
    record.write_text(json.dumps(pulled), "utf-8")
    (new, old) = json.loads(publisher.bundle("sources", "check", "-o", "json").stdout)
    assert (new["reachable"], new["version_here"], new["stale"], new["licence"]) == (True, None, False, None)
    assert (old["reachable"], old["version_here"], old["version_there"], old["stale"]) == (True, "7.1", None, True)
    assert (old["licence"], old["fresh_days"], old["pulled_at"]) == ("for us alone", 3, "2026-01-01T00:00:00Z")
    for command in (("sources",), ("sources", "check")):
        line = publisher.bundle(*command).stdout.splitlines()[-1]
        assert "days STALE, more than 3 days" in line or "hours STALE, more than 3 days" in line
        assert "7.1" in line
        assert line.endswith("; licence: for us alone")
    told = json.loads(publisher.bundle("sources", "-o", "json").stdout)[1]
    assert (told["version"], told["stale"], told["licence"]) == ("7.1", True, "for us alone")


def test_a_mistyped_option_of_a_source_is_named_with_the_nearest(publisher: Publisher) -> None:
    configure(publisher, '\n[[source]]\nname = "web"\nkind = "http"\nurl = ["https://h/a"]\n')
    done = publisher.bundle("pull", check=False)
    assert done.returncode == 3
    assert "did you mean 'urls'?" in done.stderr


def test_a_built_rule_pack_is_sealed_with_its_summary_and_a_hostile_one_is_not(
    publisher: Publisher, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "25-054.dsru").write_bytes(pack_7z(members()))
    (packs / "25-053.dsru").write_bytes(b"a vendor's pack")
    configure(publisher, f'\n[[source]]\nname = "dsru"\nkind = "rulepack"\npath = "{packs}/*.dsru"\n')
    (told,) = json.loads(publisher.bundle("inspect", "-o", "json", publisher.create()).stdout)
    items = next(source["items"] for source in told["sources"] if source["name"] == "dsru")
    assert [(item["path"], item["label"], item["facts"].get("rules")) for item in items] == [
        ("dsru/25-054.dsru", "open rule pack", 4),
        ("dsru/25-053.dsru", "carried, inside not verified", None),
    ]
    (packs / "25-055.dsru").write_bytes(pack_zip({"../../../WebUI/WebApp/east.aspx": b"<%"}))
    done = publisher.bundle("create", "--out", publisher.out, check=False)
    assert done.returncode == 10
    assert "25-055.dsru: '../../../WebUI/WebApp/east.aspx' in the archive points out of it" in done.stderr


def test_rulepack_build_and_show(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    (rules / "intrusion-prevention").mkdir(parents=True)
    (rules / "intrusion-prevention" / "1012483.xml").write_text("<rule/>")
    entry = {"kind": "intrusion-prevention", "identifier": "1012483", "name": "Tomcat", "change": "added"}
    entry["file"] = "intrusion-prevention/1012483.xml"
    (rules / "rulepack.json").write_text(json.dumps({"released": "2025-12-23", "rules": [entry]}))
    built = run([BIN / "bundle", "rulepack", "build", rules, "--release", "25-054"], cwd=tmp_path)
    assert built.stdout.startswith("25-054.dsru  ")
    run([BIN / "bundle", "rulepack", "build", rules, "--release", "99-052"], cwd=tmp_path)
    (tmp_path / "vendor.dsru").write_bytes(b"bytes of a vendor")
    shown = run([BIN / "bundle", "rulepack", "show", "99-052.dsru", "vendor.dsru", "25-054.dsru"], cwd=tmp_path).stdout
    assert shown.splitlines() == [
        "25-054.dsru: release 25-054 of 2025-12-23: 1 intrusion-prevention (1 added, 0 updated, 0 deleted)",
        "99-052.dsru: release 99-052 of 2025-12-23: 1 intrusion-prevention (1 added, 0 updated, 0 deleted)",
        "vendor.dsru: no open rule pack; it would be carried, inside not verified",
    ]
    told = json.loads(
        run([BIN / "bundle", "rulepack", "show", "--rules", "-o", "json", tmp_path / "25-054.dsru"]).stdout
    )
    assert told[0]["pack"]["rule_list"][0]["name"] == "Tomcat"
