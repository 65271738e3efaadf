"""The keys of every source, and kind ``activeupdate``, as docs/sources.md shows them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bundler import config
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from bundler.sources.common import COMMON_KEYS
from tests.docs.test_sources_page import PAGE, SECTIONS, blocks_of
from tests.support.active_update_reader import components
from tests.support.active_update_tree import Tree
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

COMMON = "Keys of every source"
KINDS = Path(__file__).parents[2] / "bundler" / "kinds"


def pulled(bench: Bench, section: str, **places: object) -> PullResult:
    """Pull what the page's block configures, its places mapped to ours."""
    text = 'publisher = "plant"\n' + "\n".join(blocks_of(section))
    for place, ours in places.items():
        given = {"updates": "https://updates.example", "ca": "/etc/sealift/proxy-ca.pem", "srv": "/srv/"}[place]
        assert given in text
        text = text.replace(given, str(ours))
    bench.home.config.write_text(text)
    loaded = config.load_config(bench.home.config)
    return pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)


def test_the_common_keys_do_what_the_page_says(tmp_path: Path) -> None:
    for path in ("server.ini", "pattern/a.zip", "pattern/a.sig", "pattern/a.txt", "beta/b.zip"):
        (tmp_path / "feeds" / "patterns" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "feeds" / "patterns" / path).write_bytes(b"x")
    result = pulled(Bench(tmp_path / "home"), COMMON, srv=f"{tmp_path}/")
    assert [target.path for target in result.targets["patterns"]] == [
        "patterns/pattern/a.sig",
        "patterns/pattern/a.zip",
        "patterns/server.ini",
    ]
    (record,) = result.records
    assert (record.fresh_days, record.mount, record.deliver) == (3, "/", None)
    assert record.licence == "Plant's subscription 4711, for its own computers alone"


def test_the_page_tells_of_every_common_key() -> None:
    assert [key for key in COMMON_KEYS if f"| `{key}` |" not in SECTIONS[COMMON]] == []


def test_an_activeupdate_tree_is_pulled_as_configured(tmp_path: Path) -> None:
    tree, bench = Tree(80), Bench(tmp_path / "home")
    with SourceSimulator(ca_directory=tmp_path) as server:
        for path, data in tree.everything.items():
            server.serve(f"/activeupdate/{path}", data)
        result = pulled(bench, "activeupdate", updates=server.base, ca=tmp_path / "ca.pem")
    assert result.failures == ()
    (record,) = result.records
    assert (record.mount, record.fresh_days, record.version) == ("/", 3, "VSAPI 17.363.00")
    assert record.verification == (
        "46 of 80 components of server.ini in ini_xml.zip; each with its signature, carried, not verified"
    )
    digests = {target.path: target.sha256 for target in result.targets["activeupdate"]}
    listed = components(b"".join(bench.store.read(digests["activeupdate/server.ini"])))
    assert len(digests) == 2 * len(listed) + 1
    assert {path.partition("/")[0] for path in listed} == {"pattern", "engine"}


def test_the_page_tells_of_every_reason_of_activeupdate() -> None:
    raised = set()
    for path in (KINDS / "activeupdate").glob("*.py"):
        raised |= set(re.findall(r'"((?:activeupdate|ini)\.[a-z-]+)"', path.read_text("utf-8"))) - {"server.ini"}
    told = set()
    for line in PAGE.splitlines():
        if match := re.match(r"\| `(activeupdate|ini)\.", line):
            told |= {f"{match[1]}.{reason}" for reason in re.findall(r"`(?:activeupdate|ini)?\.([a-z-]+)`", line)}
    assert raised == told
