"""The blocks about ``http`` in docs/sources.md are real: each is pulled, with its places mapped to ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import config
from bundler.kinds.http.signatures import PROGRAMS, SUFFIXES
from bundler.pull.pull import pull_all
from bundler.pull.result import PullResult
from tests.support.benches import Bench
from tests.support.commands import run
from tests.support.source_simulator import SourceSimulator
from tests.support.squid import Squid

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
SECTION = PAGE.split("\n## http\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
LISTING = '<html><title>Index of {path}</title><body><a href="../">../</a>{links}</body></html>'
IOCS = b"198.51.100.7\n"
SUMS = f"{hashlib.sha256(IOCS).hexdigest()}  iocs.csv\n".encode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SourceSimulator]:
    with SourceSimulator(ca_directory=tmp_path) as simulator:
        lay_out(simulator)
        yield simulator


def lay_out(server: SourceSimulator) -> None:
    """Serve what the page's blocks expect."""
    archive = b"\x1f\x8b tar"
    files = {
        "/suricata/pii.rules": b"alert\n",
        "/suricata/hunting.rules.tar.gz": archive,
        "/suricata/hunting.rules.tar.gz.md5": hashlib.md5(archive).hexdigest().encode(),
        "/download": b"1",
        "/rules/a.rules": b"a",
        "/rules/deep/b.rules": b"b",
        "/releases/LATEST": b"ruleset-1.9.tar.gz ruleset-1.10.tar.gz",
        "/releases/ruleset-1.10.tar.gz": archive,
        "/daily/4710.zip": b"old",
        "/daily/4711.zip": b"new",
        "/feed/iocs.csv": IOCS,
        "/feed/iocs.csv.sha256": hashlib.sha256(IOCS).hexdigest().encode(),
        "/feed/SHA256SUMS": SUMS,
        "/members/iocs.csv": IOCS,
    }
    for path, body in files.items():
        server.serve(path, body, etag=f'"{path}"')
    listed = {
        "/rules/": ("a.rules", "notes.txt", "deep/"),
        "/rules/deep/": ("b.rules", "deeper/"),
        "/feed/": ("iocs.csv", "SHA256SUMS", "SHA256SUMS.minisig"),
    }
    for path, names in listed.items():
        links = "".join(f'<a href="{name}">{name}</a>' for name in names)
        server.serve(path, LISTING.format(path=path, links=links).encode(), content_type="text/html")


def sign(directory: Path, server: SourceSimulator) -> Path:
    """Sign the feed and its list of checksums with minisign and return the public key."""
    key, secret = directory / "feed.pub", directory / "feed.key"
    run(["minisign", "-G", "-W", "-p", key, "-s", secret])
    for name, content in (("iocs.csv", IOCS), ("SHA256SUMS", SUMS)):
        (directory / name).write_bytes(content)
        run(["minisign", "-S", "-s", secret, "-m", directory / name])
        server.serve(f"/feed/{name}.minisig", (directory / f"{name}.minisig").read_bytes())
    return key


def pulled(bench: Bench, blocks: list[str], *places: tuple[str, str]) -> PullResult:
    text = 'publisher = "plant"\n' + "\n".join(blocks)
    for place, ours in places:
        assert place in text
        text = text.replace(place, ours)
    bench.home.config.write_text(text)
    loaded = config.load_config(bench.home.config)
    return pull_all(replace(bench.context, config=loaded), pause=bench.pauses.append)


@pytest.mark.needs("minisign")
def test_every_block_without_a_proxy_can_be_pulled(tmp_path: Path, server: SourceSimulator) -> None:
    result = pulled(
        Bench(tmp_path / "home"),
        [block for block in BLOCKS if "proxy.example" not in block],
        ("https://updates.example", server.base),
        ("/etc/sealift/proxy-ca.pem", str(tmp_path / "ca.pem")),
        ("/etc/sealift/feed.pub", str(sign(tmp_path, server))),
    )
    assert result.failures == ()
    assert {target.path for targets in result.targets.values() for target in targets} == {
        "hunting/pii.rules",
        "hunting/hunting.rules.tar.gz",
        "hunting/vendor/seven.bin",
        "mirror/a.rules",
        "mirror/deep/b.rules",
        "ruleset/ruleset.tar.gz",
        "numbered/4711.zip",
        "signed/iocs.csv",
        "signed/iocs.csv.sha256",
        "signed/iocs.csv.minisig",
        "release/iocs.csv",
    }
    said = {record.name: re.sub(r"key [0-9A-F]+", "key …", record.verification) for record in result.records}
    assert said == {
        "hunting": "1 of 3 match the checksum in our configuration; 1 of 3 match the checksum that their server "
        "publishes; no upstream signature checked",
        "mirror": "carried, not verified",
        "ruleset": "carried, not verified",
        "numbered": "carried, not verified",
        "release": "1 of 1 match a checksum list signed by minisign key …",
        "signed": "1 of 1 signed by minisign key …; 1 of 1 match the checksum that their server publishes",
    }
    assert {record.name: record.version for record in result.records if record.version} == {
        "ruleset": "1.10",
        "numbered": "4711",
    }


@pytest.mark.needs("squid")
def test_the_block_with_a_proxy_and_credentials_can_be_pulled(
    tmp_path: Path, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "feed.password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    with Squid("dmz-17") as proxy:
        monkeypatch.setenv("PROXY_PASSWORD", proxy.password)
        result = pulled(
            Bench(tmp_path / "home"),
            [block for block in BLOCKS if "proxy.example" in block],
            ("https://updates.example", server.base),
            ('host = "updates.example"', f'host = "{server.base.removeprefix("https://")}"'),
            ("http://proxy.example:3128", proxy.url),
            ("/etc/sealift/proxy-ca.pem", str(tmp_path / "ca.pem")),
            ("/etc/sealift/feed.password", str(password)),
        )
        assert [method for method, _ in proxy.requests()] == ["CONNECT"]
    assert result.failures == ()
    assert list(result.targets) == ["subscribed"]
    assert server.seen[0].headers["authorization"].startswith("Basic ")


def test_every_block_is_pulled_by_one_of_these() -> None:
    assert len(BLOCKS) == 6
    assert sum("proxy.example" in block for block in BLOCKS) == 1
    assert not [block for block in BLOCKS if "updates.example" not in block]


def test_the_programs_that_the_section_names_are_those_that_are_known() -> None:

    assert "`gpg`, `minisign` or `signify`" in SECTION
    assert PROGRAMS == ("gpg", "minisign", "signify")
    assert ", ".join(f"`{suffix}`" for suffix in SUFFIXES.values()) in SECTION
