"""Configuration files with errors: every error is named, and nothing believes half of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import BIN, run
from tests.support.publisher import Publisher

BROKEN = """
[[source]]
name = "mirror"
kind = "clamv"

[[source]]
name = "web"
kind = "http"
urls = ["ftp://x/y"]
pth = 1
"""


def test_bundle_names_every_error_at_once_and_asks_the_sound_sources(tmp_path: Path) -> None:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a").write_text("a")
    assert publisher.bundle("check-config").stdout.endswith("bundler.toml: no errors\n")
    with (publisher.home / "bundler.toml").open("a", encoding="utf-8") as config:
        config.write(BROKEN)
    done = publisher.bundle("check-config", check=False)
    assert (done.returncode, len(done.stdout.splitlines()), "has 3 errors" in done.stderr) == (3, 3, True)
    asked = publisher.bundle("sources", "check", "-o", "json", check=False)
    assert asked.returncode == 3
    assert [(row["name"], row["reachable"]) for row in json.loads(asked.stdout)] == [
        ("rules", True),
        ("mirror", False),
        ("web", False),
        ("web", False),
    ]
    assert publisher.bundle("sources", "check", "rules").returncode == 0
    assert publisher.bundle("create", "--out", publisher.out, check=False).returncode == 3


@pytest.mark.parametrize(
    "line",
    ["stale_after_dys = 3", "languages = []", 'serve = {listen = "nowhere"}', "connectivity = 3", "= 3", "inbox = [1]"],
)
def test_relay_status_refuses_what_run_refuses(tmp_path: Path, line: str) -> None:
    publisher = Publisher.found(tmp_path / "dmz")
    relay = [BIN / "relay", "--home", tmp_path / "relay"]
    run([*relay, "init", "--root", publisher.root])
    assert run([*relay, "check-config"]).stdout.endswith("relay.toml: no errors\n")
    (tmp_path / "relay" / "relay.toml").write_text(f'{line}\nconnectivity = "proxy"\n')
    for command in ("status", "run", "check-config"):
        assert run([*relay, command], check=False).returncode == 3, command
