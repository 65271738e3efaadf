"""The house rules that no type checker sees: imports point one way, and each module has its test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]

SEEDS = {
    "bundler and relay stand on manifests and never meet": ("bundler/home.py", "import relay.home"),
    "manifests stands alone": ("manifests/names.py", "import relay.home"),
    "manifests has no network": ("manifests/names.py", "import socket"),
    "nothing of a relay but relay.dialing has a transport": ("relay/home.py", "import requests"),
    "the service never dials out: relay.dialing is behind commands of its own": (
        "relay/service/service.py",
        "import relay.dialing.tuf.client",
    ),
    "nothing imports the commands that dial": ("relay/cli/run.py", "import relay.cli.deliver_rules"),
    "SOAP is for rule updates alone": ("bundler/home.py", "import manifests.dsm.session"),
    "bundler: the weekly job from top to bottom": ("bundler/sources/base.py", "import bundler.jobs.create"),
    "relay: the way of a file to an agent": ("relay/importing/importer.py", "import relay.afterwards"),
    "manifests: what both must agree on": ("manifests/errors.py", "import manifests.bundle.verify"),
    "no circle between modules or folders": (
        "manifests/trust/paths.py",
        "def late() -> None:\n    import manifests.trust.workflow",
    ),
}
"""Contract to a file and what is added to it, which must break that contract."""


def test_each_contract_has_a_violation_here() -> None:
    assert {contract["name"] for contract in CONTRACTS} == set(SEEDS)


@pytest.mark.parametrize("name", SEEDS)
def test_a_violation_of_a_contract_is_caught(name: str, tmp_path: Path) -> None:
    for package in ("bundler", "manifests", "relay"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = SEEDS[name]
    with (tmp_path / file).open("a", encoding="utf-8") as module:
        module.write(f"\n\n{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert f"{name} BROKEN" in done.stdout


def test_what_a_script_installs_is_pinned_by_its_hash() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix != ".lock"]
    installing = [
        (path.name, line.strip())
        for path in scripts
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\bpip install\b|^install ", line) and "$@" not in line and not line.lstrip().startswith("#")
    ]
    assert installing
    own = "--no-deps --no-build-isolation --editable ."  # this repository itself
    assert [row for row in installing if "--require-hashes" not in row[1] and own not in row[1]] == []
    for path in (ROOT / "scripts").glob("*.lock"):
        assert re.findall(r"^[a-z0-9].*==[^\\]*$", path.read_text("utf-8"), re.MULTILINE) == [], path.name
