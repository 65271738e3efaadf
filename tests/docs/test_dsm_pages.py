"""What docs/sources.md and docs/operators.md say of rule packs and managers is pulled, stored and applied."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import config
from bundler.pull.pull import pull_all
from relay.config import config_schema
from tests.support import dsm_simulator as dsm
from tests.support.benches import Bench
from tests.support.commands import BIN, run
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home

REPOSITORY = Path(__file__).parents[2]
SOURCES = (REPOSITORY / "docs" / "sources.md").read_text("utf-8").split("\n## dsm-rules\n")[1].split("\n## ")[0]
OPERATORS = (REPOSITORY / "docs" / "operators.md").read_text("utf-8").split("\n## Into the manager inside\n")[1]
OPERATORS = OPERATORS.split("\n## ")[0]


def block(page: str, language: str) -> str:
    """The one block in this language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return text


def replaced(text: str, **places: object) -> str:
    for place, ours in places.items():
        assert place in text
        text = text.replace(place, str(ours))
    return text


def test_the_configuration_block_can_be_pulled(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home")
    password = tmp_path / "password"
    password.write_text(dsm.PASSWORD)
    password.chmod(0o600)
    with DsmSimulator(tmp_path) as manager:
        for name in ("25-054.dsru", "26-001.dsru", "26-002.dsru", "26-003.dsru"):
            manager.add(name)
        places = {
            "https://dsm.dmz.example:4119": manager.url,
            "/etc/sealift/dsm-ca.pem": tmp_path / "ca.pem",
            "/etc/sealift/dsm.password": password,
        }
        bench.home.config.write_text('publisher = "plant"\n' + replaced(block(SOURCES, "toml"), **places))
        loaded = config.load_config(bench.home.config)
        result = pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)
    assert result.failures == ()
    assert [target.path for target in result.targets["dsm"]] == ["dsm/26-002.dsru", "dsm/26-003.dsru"]


def test_the_commands_for_the_manager_inside_do_what_the_page_says(tmp_path: Path) -> None:
    forge = BundleForge()
    home = make_home(tmp_path / "relay", forge.root)
    forge.files = {f"dsm/{name}": MAGIC + name.encode() for name in ("26-030.dsru", "26-031.dsru")}
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    (home.path / "manager.password").write_text(dsm.PASSWORD)
    (home.path / "manager.password").chmod(0o600)
    with DsmSimulator(home.path, host="127.0.0.1") as manager:
        (home.path / "ca.pem").rename(home.path / "manager-ca.pem")
        with home.config_file.open("a") as file:
            file.write(replaced(block(OPERATORS, "toml"), **{"https://10.0.0.5:4119": manager.url}))
        commands = re.findall(r"^relay (deliver-rules[^#\n]*)", block(OPERATORS, "sh"), re.MULTILINE)
        assert len(commands) == 4
        shown = [run([BIN / "relay", "--home", home.path, "-q", *line.split()]).stdout for line in commands]
        states = [(pack.name, pack.state, pack.detect_only) for pack in manager.packs]
    expected = block(OPERATORS, "text").replace("10.0.0.5:4119", f"127.0.0.1:{manager.port}")
    assert shown[0] == expected.replace("generation 12", "generation 1")
    assert states == [("26-030.dsru", "APPLIED_CURRENT", False), ("26-031.dsru", "APPLIED", False)]


def reasons(page: str) -> set[str]:
    """Return the codes in a page's tables; ``.x`` belongs to the family before it."""
    found = set()
    for line in page.splitlines():
        family = ""
        for code in re.findall(r"`((?:dsm|manager|blob)?\.[a-z-]+)`", line) if line.startswith("|") else ():
            family = code.partition(".")[0] or family
            found.add(f"{family}.{code.partition('.')[2]}")
    return found


@pytest.mark.parametrize(
    ("page", "files"),
    [
        (SOURCES, ["manifests/dsm/*.py", "bundler/kinds/dsm_rules/*.py"]),
        (SOURCES + OPERATORS, ["manifests/dsm/*.py", "relay/dialing/manager/*.py", "relay/cli/deliver_rules.py"]),
    ],
    ids=["sources", "operators"],
)
def test_the_pages_tell_of_every_reason(page: str, files: list[str]) -> None:
    code = "".join(path.read_text("utf-8") for pattern in files for path in REPOSITORY.glob(pattern))
    raised = set(re.findall(r'"((?:dsm|manager)\.[a-z-]+)"', code))
    assert len(raised) > 15
    assert raised - reasons(page) == set()


def test_the_page_tells_of_every_key_of_the_manager() -> None:
    table = config_schema()["properties"]["manager"]["properties"]
    assert [key for key in table if f"`{key}`" not in OPERATORS] == []
    assert set(tomllib.loads(block(OPERATORS, "toml"))["manager"]) <= set(table)
