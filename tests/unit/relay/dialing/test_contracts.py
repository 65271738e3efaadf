"""The import contracts that keep what dials out behind commands of its own."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.support.commands import BIN, run

REPOSITORY = Path(__file__).parents[4]


def test_an_import_contract_lets_nobody_in_but_the_commands() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    guarded = {contract["name"]: contract for contract in contracts if contract["type"] == "protected"}
    dialing = guarded["the service never dials out: relay.dialing is behind commands of its own"]
    assert dialing["protected_modules"] == ["relay.dialing"]
    assert dialing["allowed_importers"] == ["relay.cli.deliver_rules", "relay.cli.tuf_client"]
    commands = guarded["nothing imports the commands that dial"]
    assert commands["protected_modules"] == ["relay.cli.deliver_rules", "relay.cli.tuf_client"]
    assert commands["allowed_importers"] == []
    (transport,) = [contract for contract in contracts if contract.get("source_modules") == ["relay"]]
    assert {"requests", "urllib3", "http", "socket", "ssl", "zeep"} <= set(transport["forbidden_modules"])
    listening = {"relay.server.** -> socket", "relay.server.** -> ssl", "relay.service.notify -> socket"}
    dialing_lines = [line for line in transport["ignore_imports"] if line not in listening]
    assert all(line.startswith("relay.dialing.** -> ") for line in dialing_lines)


def test_nothing_in_the_relay_names_the_delivery_but_its_own_command() -> None:
    """The command table names the command as text; nobody may import what is behind it in another way."""
    naming = set()
    for path in (REPOSITORY / "relay").rglob("*.py"):
        strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        if any(isinstance(text, str) and text.startswith("relay.cli.deliver_rules") for text in strings):
            naming.add(str(path.relative_to(REPOSITORY)))
    assert naming == {"relay/cli/__init__.py"}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("relay/service/service.py", "from relay.dialing.manager import run as _run"),
        ("relay/importing/importer.py", "from relay.cli import deliver_rules as _rules"),
        ("relay/feature_files.py", "from manifests import dsm as _dsm"),
        ("relay/server/routes.py", "import http.client as _client"),
        ("relay/status/read.py", "import socket as _socket"),
        ("relay/cli/status.py", "from relay.dialing.tuf import client as _client"),
    ],
)
def test_an_import_of_the_delivery_by_anything_else_breaks_a_contract(tmp_path: Path, module: str, line: str) -> None:
    for package in ("bundler", "manifests", "relay"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = run([BIN / "lint-imports", "--no-cache"], check=False, cwd=tmp_path, PYTHONPATH=tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert module.replace("/", ".").removesuffix(".py") in done.stdout
