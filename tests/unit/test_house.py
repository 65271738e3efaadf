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


COMMANDS = "thin wires: run as real commands in tests/e2e, tests/docs and tests/unit/relay/cli/test_cli.py"
DATA = "plain data, or a form that others fulfil: held by the tests of those that make and read it, and by mypy"
SERVED = "granian under real TLS and real clients: tests/e2e/test_serving.py"

WITHOUT_A_TEST_OF_ITS_OWN: dict[str, str] = {
    "bundler/cli/": COMMANDS,
    "relay/cli/": COMMANDS,
    "bundler/context.py": DATA,
    "relay/context.py": DATA,
    "relay/importing/result.py": DATA,
    "relay/state/records.py": DATA,
    "relay/server/limits.py": DATA,
    "manifests/archives/base.py": DATA,
    "manifests/dsm/types.py": DATA,
    "bundler/kinds/http/errors.py": "raised in tests/unit/bundler/kinds/http/test_signatures.py, and acted on there",
    "relay/server/pages/table.py": "each path to its page: tests/unit/relay/server/test_routes.py",
    "relay/state/table_group.py": "what the groups of tables share: every test in tests/unit/relay/state",
    "relay/server/server.py": SERVED,
    "relay/server/embedded.py": SERVED,
    "relay/dialing/tuf/http.py": "over real TLS with a server that misbehaves: tests/e2e/test_tuf_client.py",
}
"""Module, or folder with a slash at its end, to the reason: what holds it instead."""


def has_test_of_its_own(module: Path) -> bool:
    """Tell whether ``tests/unit`` has a test for a module, by name."""
    return (ROOT / "tests/unit" / module.with_name(f"test_{module.name}")).is_file()


def test_each_module_has_its_test_by_name_or_a_reason() -> None:
    packages = [ROOT / name for name in ("bundler", "manifests", "relay")]
    files = [path.relative_to(ROOT) for package in packages for path in package.rglob("*.py")]
    modules = [module for module in files if module.name != "__init__.py"]
    lacking = {str(module) for module in modules if not has_test_of_its_own(module)}
    reasons = {
        key: {module for module in lacking if module == key or (key.endswith("/") and module.startswith(key))}
        for key in WITHOUT_A_TEST_OF_ITS_OWN
    }
    assert lacking - set().union(*reasons.values()) == set()
    assert [key for key, excused in reasons.items() if not excused] == []


def test_what_is_named_instead_of_a_test_exists() -> None:
    for reason in WITHOUT_A_TEST_OF_ITS_OWN.values():
        for name in re.findall(r"tests/[a-z0-9_/.]*[a-z0-9_]", reason):
            assert (ROOT / name).exists(), name
