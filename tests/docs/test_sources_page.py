"""The configuration blocks of docs/sources.md are real: each is pulled, with its places mapped to ours."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import config
from bundler.kinds import KINDS, kind_class
from bundler.pull.pull import pull_all
from tests.support.benches import Bench
from tests.support.rule_packs import members, pack_7z

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}


def blocks_of(*kinds: str) -> list[str]:
    """Return the configuration blocks in the sections of some kinds."""
    text = "\n".join(SECTIONS[kind] for kind in kinds)
    return re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def lay_out(srv: Path) -> None:
    """Put what the page's blocks expect in its place."""
    files = {
        "feeds/suricata/index.yaml": b"version: 1\n",
        "feeds/suricata/new/a.rules": b"alert\n",
        "feeds/suricata/drafts/b.rules": b"no\n",
        "feeds/suricata/notes.txt": b"no\n",
        "feeds/dsru/25-053.dsru": b"a vendor's pack",
        "feeds/dsru/25-054.dsru": pack_7z(members()),
        "feeds/dsru/24-001.dsru": b"too old",
        "own/26-031.dsru": pack_7z(members(release="26-031")),
    }
    for name, data in files.items():
        (srv / name).parent.mkdir(parents=True, exist_ok=True)
        (srv / name).write_bytes(data)


def test_files_and_rule_packs_can_be_pulled(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home")
    lay_out(tmp_path / "srv")
    text = 'publisher = "plant"\n' + "\n".join(blocks_of("directory", "rulepack"))
    assert "/srv/" in text
    bench.home.config.write_text(text.replace("/srv/", f"{tmp_path}/srv/"))
    loaded = config.load_config(bench.home.config)
    result = pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)
    assert result.failures == ()
    assert {target.path for targets in result.targets.values() for target in targets} == {
        "suricata/index.yaml",
        "suricata/new/a.rules",
        "dsru/26-031.dsru",
        "dsru/25-054.dsru",
        "dsru/25-053.dsru",
    }
    assert {record.name: record.verification for record in result.records} == {
        "suricata": "carried, not verified",
        "dsru": "2 of 3 open rule packs, checked inside; 1 of 3 vendor packs carried, inside not verified; "
        "no upstream signature checked",
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_page_tells_of_every_key_of_a_kind(kind: str) -> None:
    told = SECTIONS[kind] + (SECTIONS["http"] if "(#http)" in SECTIONS[kind] else "")
    assert [key for key in kind_class(kind).OPTIONS_SCHEMA["properties"] if f"`{key}`" not in told] == []


def test_the_page_tells_of_every_reason() -> None:
    raised = set()
    bundler = Path(__file__).parents[2] / "bundler"
    for path in (
        *(bundler / "sources").glob("*.py"),
        *(bundler / "kinds").rglob("*.py"),
        *(bundler / "fetch").glob("*.py"),
    ):
        raised |= set(re.findall(r'"((?:directory|http|rulepack)\.[a-z-]+)"', path.read_text("utf-8")))
    told = set(re.findall(r"`((?:directory|http|rulepack|archive)\.[a-z-]+)`", PAGE))
    for line in PAGE.splitlines():
        if match := re.match(r"\| `([a-z]+)\.", line):
            told |= {f"{match[1]}.{reason}" for reason in re.findall(r"`\.([a-z-]+)`", line)}
    assert raised - told == set()
