"""Sections ``dsa``, ``tuf`` and ``command`` of docs/sources.md: their blocks are pulled, their reasons complete."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from bundler import config
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from relay.config import DeliveryConfig, load_config
from tests.support.benches import Bench
from tests.support.dsa_control import NAME, DsaControl, vendor_zip
from tests.support.tuf_simulator import TufSimulator, at, served

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "sources.md").read_text("utf-8")
OPERATORS = (REPOSITORY / "docs" / "operators.md").read_text("utf-8")


def section(kind: str) -> str:
    return PAGE.split(f"\n## {kind}\n")[1].split("\n## ")[0]


def pulled(bench: Bench, kind: str, **places: str) -> PullResult:
    """Pull the block of a section, with its places mapped to ours."""
    text = re.findall(r"^```toml\n(.*?)^```$", section(kind), re.MULTILINE | re.DOTALL)[0]
    for place, ours in places.items():
        assert place in text
        text = text.replace(place, ours)
    bench.home.config.write_text(f'publisher = "plant"\n{text}')
    loaded = config.load_config(bench.home.config)
    return pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)


def test_the_block_of_dsa_carries_the_vendors_zip_and_removes_the_original(tmp_path: Path) -> None:
    control = DsaControl(tmp_path)
    control.install("created {name}")
    result = pulled(Bench(tmp_path / "home"), "dsa", **{'"/opt/ds_agent': f'"{control.directory}'})
    assert result.failures == ()
    assert [(target.path, target.length) for target in result.targets["dsa"]] == [(f"dsa/{NAME}", len(vendor_zip()))]
    assert [(record.deliver, record.fresh_days) for record in result.records] == [("ds_agent", 8)]
    assert not control.zip.exists()


def test_the_block_of_tuf_carries_what_is_included(tmp_path: Path) -> None:
    sim = TufSimulator(at())
    for path in ("clamav/x/daily.cvd", "rules/a.yar", "rules/a.rules"):
        sim.add_target(path, path.encode())
    sim.publish()
    (tmp_path / "other-plant.root.json").write_bytes(sim.files["1.root.json"])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "proxy-ca.pem")
    bench = Bench(tmp_path / "home", now=at(1))
    with served(sim, tls_of(authority)) as server:
        result = pulled(
            bench,
            "tuf",
            **{"/etc/sealift": str(tmp_path), "https://relay.other.example:4122/-/tuf": server.base},
        )
    assert result.failures == ()
    assert [target.path for target in result.targets["other-plant"]] == [
        "other-plant/clamav/x/daily.cvd",
        "other-plant/rules/a.yar",
    ]


def tls_of(authority: trustme.CA) -> object:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_the_block_of_command_carries_what_the_command_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_TOKEN", "s3cret")
    program = tmp_path / "fetch-feed"
    program.write_text(
        '#!/bin/sh -e\ntest "$1 $3 $FEED_TOKEN" = "--to --quiet s3cret"\ncd "$2"\n'
        'echo "alert" > "$FEED.rules"; echo no > notes.txt; echo version: 7.1\n'
    )
    program.chmod(0o755)
    result = pulled(Bench(tmp_path / "home"), "command", **{"/usr/local/bin/fetch-feed": str(program)})
    assert result.failures == ()
    assert [target.path for target in result.targets["feed"]] == ["feed/daily.rules"]
    assert [(record.verification, record.version) for record in result.records] == [("carried, not verified", "7.1")]


@pytest.mark.parametrize("kind", ["dsa", "tuf", "command"])
def test_the_section_tells_of_every_reason_of_its_kind(kind: str) -> None:
    modules = {
        "dsa": ("kinds/dsa/source", "kinds/dsa/output", "fetch/programs"),
        "tuf": ("kinds/tuf",),
        "command": ("kinds/command", "fetch/programs"),
    }[kind]
    text = "".join((REPOSITORY / "bundler" / f"{name}.py").read_text("utf-8") for name in modules)
    raised = set(re.findall(r'error\(\s*"([a-z-]+)"', text)) | set(re.findall(rf'"{kind}\.([a-z-]+)"', text))
    rows = "\n".join(line.split("|")[1] for line in section(kind).splitlines() if line.startswith(f"| `{kind}."))
    assert raised - set(re.findall(r"[`.]([a-z-]+)`", rows)) == set()
    assert raised


def test_the_table_of_a_place_is_a_configuration(tmp_path: Path) -> None:
    block = OPERATORS.split("\n## Into another program's directory\n")[1].split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(block)["delivery"][0]["name"] == "ds_agent"
    (tmp_path / "relay.toml").write_text(f'connectivity = "isolated"\n{block}')
    assert load_config(tmp_path).deliveries == (
        DeliveryConfig("ds_agent", Path("/opt/ds_agent"), 7, include=("*.zip",)),
    )


def test_the_page_tells_of_every_reason_that_a_delivery_fails_for() -> None:
    text = "".join(path.read_text("utf-8") for path in (REPOSITORY / "relay" / "deliveries").glob("*.py"))
    raised = set(re.findall(r'"(delivery\.[a-z-]+)"', text))
    assert raised
    assert raised - set(re.findall(r"`(delivery\.[a-z-]+)`", OPERATORS)) == set()
