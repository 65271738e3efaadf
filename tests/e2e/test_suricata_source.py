"""Kind ``suricata`` with suricata-update and Suricata themselves: inside, the relay is their only source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.content import DATA
from tests.support.far_side import URL, FarSide, NearSide, far_side
from tests.support.source_simulator import SourceSimulator

pytestmark = pytest.mark.needs("root", "shared/data", "suricata", "suricata-update", "ip", "nsenter")

HUNTING = DATA / "suricata" / "hunting.rules.tar.gz"
ENGINE = ("--suricata-conf", "/etc/suricata/suricata.yaml", "--no-reload", "--no-test", "--fail")


def own_rules(*identifiers: int) -> bytes:
    return b"".join(
        f'alert tcp any any -> any 80{number % 10} (msg:"PLANT {number}"; sid:{number}; rev:1;)\n'.encode()
        for number in identifiers
    )


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceSimulator]:
    with SourceSimulator(ca_directory=tmp_path_factory.mktemp("upstream")) as server:
        index = {
            "version": 1,
            "sources": {
                "et/open": {
                    "summary": "Open rules",
                    "vendor": "et",
                    "license": "GPL-3.0",
                    "url": server.url("/open/suricata-%(__version__)s/emerging.rules.tar.gz"),
                },
                "plant/paid": {
                    "summary": "Paid rules",
                    "vendor": "plant",
                    "license": "Commercial",
                    "url": server.url("/%(secret-code)s/paid.rules"),
                    "subscribe-url": "https://plant.example/subscribe",
                    "parameters": {"secret-code": {"prompt": "code"}},
                    "checksum": False,
                },
            },
            "versions": {"suricata": {"recommended": "7.0.10", "7.0": "7.0.10"}},
        }
        server.serve("/rules/index.yaml", yaml.safe_dump(index).encode())
        server.serve("/open/suricata-7.0.10/emerging.rules.tar.gz", HUNTING.read_bytes())
        server.serve(
            "/open/suricata-7.0.10/emerging.rules.tar.gz.md5",
            HUNTING.with_name(f"{HUNTING.name}.md5")
            .read_bytes()
            .replace(HUNTING.name.encode(), b"emerging.rules.tar.gz"),
        )
        server.serve("/c0de/paid.rules", own_rules(9000001))
        server.serve("/own/plant.rules", own_rules(9000011), etag='"1"')
        yield server


@pytest.fixture(scope="module")
def near(upstream: SourceSimulator, tmp_path_factory: pytest.TempPathFactory) -> NearSide:
    base = tmp_path_factory.mktemp("near")
    side = NearSide.make(base)
    (base / "code").write_text("c0de\n")
    (base / "code").chmod(0o600)
    host = urlsplit(upstream.base).netloc
    side.configure(
        '[[source]]\nname = "suricata"\nkind = "suricata"\nsuricata_version = "7.0.10"\n'
        'sources = ["et/open", "plant/paid"]\n'
        f'index = "{upstream.url("/rules/index.yaml")}"\nca = "{upstream.ca_directory}/ca.pem"\n'
        f'urls = [{{ name = "plant/own", url = "{upstream.url("/own/plant.rules")}" }}]\n'
        f'parameters = {{ "plant/paid" = {{ secret-code = {{ file = "{base / "code"}", host = "{host}" }} }} }}\n'
    )
    return side


@pytest.fixture(scope="module")
def far(near: NearSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    with far_side(tmp_path_factory.mktemp("far"), near) as side:
        side.carry_in(near.seal())
        yield side


def suricata_update(far: FarSide, *arguments: object, check: bool = True) -> str:
    data = far.work / "suricata"
    data.mkdir(exist_ok=True)
    done = far.run(
        "suricata-update",
        *arguments,
        "-D",
        data,
        check=check,
        SSL_CERT_FILE=far.ca,
        SOURCE_INDEX_URL=f"{URL}/suricata/index.yaml",
    )
    return done.stdout + done.stderr


def rules(far: FarSide) -> str:
    return (far.work / "suricata" / "rules" / "suricata.rules").read_text("utf-8")


def test_suricata_update_finds_what_was_carried_in_the_relays_index(far: FarSide) -> None:
    assert "Saved" in suricata_update(far, "update-sources")
    listed = suricata_update(far, "list-sources", "--free")
    for name in ("et/open", "plant/paid", "plant/own"):
        assert name in listed
    assert "subscription" not in listed.lower()
    assert "7.0.10" in suricata_update(far, "check-versions")


def test_it_fetches_all_of_it_from_the_relay_alone_and_suricata_accepts_it(far: FarSide) -> None:
    for name in ("et/open", "plant/paid", "plant/own"):
        assert f"Source {name} enabled" in suricata_update(far, "enable-source", name)
    said = suricata_update(far, "update", *ENGINE, "-o", far.work / "suricata" / "rules", "--now")
    assert f"Fetching {URL}/suricata/et/open/emerging.rules.tar.gz" in said
    assert "PLANT 9000001" in rules(far)
    assert "PLANT 9000011" in rules(far)
    assert sum(line.startswith("alert") for line in rules(far).splitlines()) > 100
    test = far.run(
        "suricata",
        "-T",
        "-c",
        "/etc/suricata/suricata.yaml",
        "-S",
        far.work / "suricata" / "rules" / "suricata.rules",
        "-l",
        far.work,
    )
    assert "Configuration provided was successfully loaded" in test.stdout + test.stderr


def test_the_next_time_it_fetches_only_what_changed(upstream: SourceSimulator, near: NearSide, far: FarSide) -> None:
    upstream.serve("/own/plant.rules", own_rules(9000011, 9000012), etag='"2"')
    upstream.seen.clear()
    far.carry_in(near.seal())
    assert "/open/suricata-7.0.10/emerging.rules.tar.gz" not in [seen.path for seen in upstream.seen]
    said = suricata_update(far, "update", *ENGINE, "-o", far.work / "suricata" / "rules", "--now")
    fetched = [line for line in said.splitlines() if "Fetching" in line]
    assert len(fetched) == 1
    assert f"{URL}/suricata/plant/own/plant.rules" in fetched[0]
    assert said.count("Remote checksum has not changed") == 2
    assert "PLANT 9000012" in rules(far)


def test_a_url_works_without_any_index(far: FarSide) -> None:
    alone = far.work / "alone"
    done = far.run(
        "suricata-update", "update", *ENGINE, "-D", alone, "-o", alone / "rules",
        "--url", f"{URL}/suricata/plant/own/plant.rules", SSL_CERT_FILE=far.ca,
    )  # fmt: skip
    assert done.returncode == 0
    assert "PLANT 9000012" in (alone / "rules" / "suricata.rules").read_text("utf-8")


def test_the_manifest_counts_rules_and_says_what_was_checked_and_no_secret_crosses(near: NearSide) -> None:
    bundle = near.seal()
    (source,) = near.manifest(bundle)["sources"]
    assert source["verification"] == ("1 of 3 match the MD5 that their server publishes; no upstream signature checked")
    facts = {item["path"]: item["facts"] for item in source["items"]}
    assert facts["suricata/plant/own/plant.rules"] == {"rules": 2, "enabled": 2}
    assert facts["suricata/et/open/emerging.rules.tar.gz"]["rules"] > 100
    assert b"c0de" not in bundle.read_bytes()
    assert "c0de" not in json.dumps(near.manifest(bundle))
