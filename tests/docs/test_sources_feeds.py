"""Sections ``clamav`` and ``suricata`` of docs/sources.md: their blocks are pulled, their reasons complete."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from bundler import config
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from tests.support import clamav_forge as forge
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "sources.md").read_text("utf-8")
RULES = b'alert tcp any any -> any any (msg:"one"; sid:1;)\n'


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    forge.program(tmp_path / "bin", "echo 'Verification OK.'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def section(kind: str) -> str:
    return PAGE.split(f"\n## {kind}\n")[1].split("\n## ")[0]


def pull(tmp_path: Path, server: SourceSimulator, kind: str, secret: str = "") -> PullResult:
    """Pull the section's last configuration with its places mapped to ours."""
    text = re.findall(r"^```toml\n(.*?)^```$", section(kind), re.MULTILINE | re.DOTALL)[-1]
    (tmp_path / "code").write_text(secret)
    (tmp_path / "code").chmod(0o600)
    text = text.replace("https://updates.example", server.base)
    text = text.replace('host = "updates.example"', f'host = "{urlsplit(server.base).netloc}"')
    text = text.replace("/etc/sealift/proxy-ca.pem", str(tmp_path / "ca.pem"))
    text = text.replace("/etc/sealift/et-pro", str(tmp_path / "code"))
    bench = Bench(tmp_path / "home")
    bench.home.config.write_text(f'publisher = "plant"\n{text}')
    loaded = config.load_config(bench.home.config)
    return pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)


def test_the_clamav_block_can_be_pulled(tmp_path: Path) -> None:
    with SourceSimulator(ca_directory=tmp_path) as server:
        for name, version in (("main", 62), ("daily", 27500), ("bytecode", 336)):
            server.serve(f"/clamav/{name}.cvd", forge.cvd(version))
            server.serve(f"/clamav/{name}-{version}.cdiff", forge.cdiff(version))
        server.serve("/own/airgap.ndb", b"A:0:*:41\n")
        server.serve("/own/airgap.yar", b"rule a { condition: false }\n")
        result = pull(tmp_path, server, "clamav")
    assert result.failures == ()
    assert [target.path for target in result.targets["clamav"]] == [
        "clamav/airgap.ndb",
        "clamav/airgap.yar",
        "clamav/bytecode-336.cdiff",
        "clamav/bytecode.cvd",
        "clamav/daily-27500.cdiff",
        "clamav/daily.cvd",
        "clamav/main-62.cdiff",
        "clamav/main.cvd",
    ]
    assert result.records[0].version == "bytecode 336, daily 27500, main 62"
    assert "3 of 3 signatures verified by sigtool" in result.records[0].verification


def test_the_clamav_block_of_a_directory_can_be_pulled(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("main", "daily", "bytecode"):
        (kept / f"{name}.cvd").write_bytes(forge.cvd(1))
    text = re.findall(r"^```toml\n(.*?)^```$", section("clamav"), re.MULTILINE | re.DOTALL)[0]
    bench = Bench(tmp_path / "home")
    bench.home.config.write_text(f'publisher = "plant"\n{text.replace("/var/lib/cvdupdate/database", str(kept))}')
    loaded = config.load_config(bench.home.config)
    result = pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)
    assert result.failures == ()
    assert result.records[0].version == "bytecode 1, daily 1, main 1"


def test_the_suricata_block_can_be_pulled(tmp_path: Path) -> None:
    with SourceSimulator(ca_directory=tmp_path) as server:
        urls = {"et/open": "/%(__version__)s/open.rules", "et/pro": "/%(secret-code)s/pro.rules"}
        index = {"version": 1, "sources": {name: {"url": server.url(url)} for name, url in urls.items()}}
        server.serve("/rules/index.yaml", yaml.safe_dump(index).encode())
        for path in ("/7.0.10/open.rules", "/c0de/pro.rules", "/suricata/pii.rules"):
            server.serve(path, RULES)
            server.serve(f"{path}.md5", hashlib.md5(RULES).hexdigest().encode())
        server.serve("/suricata/hunting.rules.tar.gz", forge.body(1))
        result = pull(tmp_path, server, "suricata", "c0de")
    assert result.failures == ()
    assert [target.path for target in result.targets["suricata"] if not target.path.endswith(".md5")] == [
        "suricata/et/open/open.rules",
        "suricata/et/pro/pro.rules",
        "suricata/index.yaml",
        "suricata/plant/hunting/hunting.rules.tar.gz",
        "suricata/suricata/pii/pii.rules",
    ]


@pytest.mark.parametrize("kind", ["clamav", "suricata"])
def test_the_section_tells_of_every_reason(kind: str) -> None:
    raised = set()
    for path in (REPOSITORY / "bundler" / "kinds" / kind).glob("*.py"):
        raised |= set(
            re.findall(
                rf'^\s+"{kind}\.([a-z0-9-]+)",|(?:Error\(|code=)"{kind}\.([a-z0-9-]+)"', path.read_text(), re.MULTILINE
            )
        )
    reasons = {reason for pair in raised for reason in pair if reason}
    told = set(re.findall(rf"`(?:{kind})?\.([a-z0-9-]+)`", section(kind)))
    assert reasons
    assert reasons - told == set()
