"""docs/clamav-suricata-yara.md, typed into one shell: real clients, and local upstreams for those on the Internet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.commands import wait_for
from tests.support.console_pages import steps, type_in
from tests.support.content import DATA
from tests.support.netns import namespace

pytestmark = pytest.mark.needs(
    "root", "shared/data", "freshclam", "clamscan", "suricata", "suricata-update", "curl", "ip", "nsenter"
)

PAGE = Path(__file__).parents[2] / "docs" / "clamav-suricata-yara.md"
PORT = 8080
HUNTING = DATA / "suricata" / "hunting.rules.tar.gz"

CVD = """#!/bin/sh
# What cvdupdate does, without its servers: each update leaves the next version.
case "$1 $2" in
  "config set") echo "$4" > "$HOME/.cvd" ;;
  "update ") next=$(ls -d {releases}/* | head -n 1); cp "$next"/* "$(cat "$HOME/.cvd")"; rm -r "$next" ;;
  *) exit 2 ;;
esac
"""


def release(directory: Path, version: int) -> None:
    """Lay out what cvdupdate has after an update: databases that their vendor signed, under the usual names.

    Without increments: those of the test databases name the files inside, which a rename does not change. What
    increments do for clients is shown by ``tests/e2e/test_clamav_source.py``.
    """
    directory.mkdir(parents=True)
    genuine = DATA / "clamav"
    shutil.copyfile(genuine / f"test-{version}.cvd", directory / "daily.cvd")
    shutil.copyfile(genuine / "test-1.cvd", directory / "main.cvd")
    shutil.copyfile(genuine / "bytecode.cvd", directory / "bytecode.cvd")
    (directory / "dns.txt").write_text(f"1.4.3:1:{version}:1780000000:1:90:49192:19\n")


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody in the DMZ and inside: ``cvd`` on the PATH, nothing else that is not real."""
    for position, version in enumerate((4, 5, 6)):
        release(tmp_path / "releases" / str(position), version)
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    (tools / "cvd").write_text(CVD.format(releases=tmp_path / "releases"))
    (tools / "cvd").chmod(0o755)
    return {
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }


def lay_out_rules(directory: Path) -> None:
    """Lay out an index as OISF's, and one rule set with its MD5."""
    directory.mkdir()
    entry = {
        "summary": "Open rules",
        "vendor": "et",
        "license": "MIT",
        "url": f"http://localhost:{PORT}/emerging.rules.tar.gz",
    }
    index = {"version": 1, "sources": {"et/open": entry}, "versions": {"suricata": {"recommended": "7.0.10"}}}
    (directory / "index.yaml").write_text(yaml.safe_dump(index))
    shutil.copyfile(HUNTING, directory / "emerging.rules.tar.gz")
    listed = HUNTING.with_name(f"{HUNTING.name}.md5").read_text().replace(HUNTING.name, "emerging.rules.tar.gz")
    (directory / "emerging.rules.tar.gz.md5").write_text(listed)


def test_the_page_leads_from_nothing_to_agents_that_are_up_to_date(shell: dict[str, str], tmp_path: Path) -> None:
    lay_out_rules(tmp_path / "upstream")
    (tmp_path / "records").mkdir()
    ours = 'sources = ["et/open"]'
    text = PAGE.read_text("utf-8")
    assert text.count(ours) == 1
    commands = steps(text.replace(ours, f'{ours}\n> index = "http://localhost:{PORT}/index.yaml"'))
    with namespace() as inside:
        serve = [sys.executable, "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "-d", tmp_path / "upstream"]
        server = subprocess.Popen(inside.command(*serve), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        probe = inside.command("curl", "-sf", "-o", "/dev/null", f"http://localhost:{PORT}/index.yaml")
        try:
            wait_for(lambda: subprocess.run(probe, check=False).returncode == 0, seconds=30, what="the upstream")
            done = type_in(
                commands,
                directory=Path(shell["HOME"]),
                records=tmp_path / "records",
                environment=shell,
                before=inside.command(),
            )
        finally:
            server.terminate()
            server.wait(30)
    for outcome in done:
        step = outcome.step
        assert outcome.as_written, f"{step.line}: {step.command}\n{outcome.shown}\n[exit {outcome.exit_code}]"
    assert len(done) == len(commands), f"the shell ended after {len(done)} commands"
