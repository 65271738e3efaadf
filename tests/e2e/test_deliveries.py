"""From a vendor's relay in the DMZ into a vendor's relay inside, by the installed commands and the running service."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.home import Home
from tests.support.commands import BIN, run
from tests.support.dsa_control import DsaControl, vendor_zip
from tests.support.publisher import Publisher
from tests.support.relay_service import Site, serving


def place(directory: Path) -> str:
    return f'\n[[delivery]]\nname = "ds_agent"\ndirectory = "{directory}"\nhold_days = 7\n'


class Inside:
    """A relay that was made by ``relay init``, and the directory of a vendor's program beside it."""

    def __init__(self, base: Path, root: Path) -> None:
        self.home = Home(base / "relay")
        self.agent = base / "inside" / "ds_agent"
        self.agent.mkdir(parents=True)
        self.relay("init", "--root", root)

    def relay(self, *arguments: object) -> str:
        return run([BIN / "relay", "--home", self.home.path, "--quiet", *arguments]).stdout

    def status(self) -> dict[str, Any]:
        return json.loads(self.relay("status", "-o", "json"))

    def delivered(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.agent.iterdir()}


@pytest.fixture
def control(tmp_path: Path) -> DsaControl:
    control = DsaControl(tmp_path / "dmz", "DSRelay-week-1.zip")
    control.install()
    return control


@pytest.fixture
def publisher(tmp_path: Path, control: DsaControl) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a.rules").write_text("alert\n")
    with (publisher.home / "bundler.toml").open("a") as file:
        file.write(f'\n[[source]]\nname = "dsa"\nkind = "dsa"\npath = "{control.program}"\nremove_original = true\n')
    return publisher


def test_the_vendors_zip_goes_from_its_program_into_its_directory_under_its_own_name(
    publisher: Publisher, control: DsaControl, tmp_path: Path
) -> None:
    first = publisher.create()
    assert not control.zip.exists()
    inside = Inside(tmp_path, publisher.root)

    told = inside.relay("import", first).splitlines()
    assert told[1].startswith("Not delivered [delivery.undefined]: The source dsa is meant for the place ds_agent, ")
    assert told[2:] == [
        "[[delivery]]",
        'name = "ds_agent"',
        'directory = "/opt/ds_agent"',
        'include = ["*.zip"]',
        "hold_days = 7",
    ]
    assert inside.status()["delivery_problems"][0]["code"] == "delivery.undefined"

    with inside.home.config_file.open("a") as file:
        file.write(place(inside.agent))
    assert f"{inside.agent}/DSRelay-week-1.zip is delivered" in inside.relay("import", first)
    assert inside.delivered() == {"DSRelay-week-1.zip": vendor_zip()}

    week_two = replace(control, name="DSRelay-week-2.zip")
    week_two.install(content=b"newer patterns")
    inside.relay("import", publisher.create())
    assert inside.delivered() == {"DSRelay-week-2.zip": vendor_zip(b"newer patterns")}
    status = inside.status()
    assert [(row["file"], row["state"], row["generation"]) for row in status["deliveries"]] == [
        (str(inside.agent / "DSRelay-week-2.zip"), "placed", 2)
    ]
    assert status["delivery_problems"] == []
    kinds = [event["kind"] for event in json.loads(inside.relay("events", "-o", "json"))["events"]]
    assert [kind for kind in kinds if kind.startswith("deliver")] == [
        "delivery-failed",
        "delivered",
        "delivery-removed",
        "delivered",
    ]


def test_a_failing_upstream_seals_the_last_good_zip_only_when_that_is_allowed(
    publisher: Publisher, control: DsaControl, tmp_path: Path
) -> None:
    publisher.create()
    control.behave("sys.exit('Relay is not enabled')")
    done = publisher.bundle("create", "--out", publisher.out, check=False)
    assert done.returncode == 10
    assert "Relay is not enabled" in done.stderr
    done = publisher.bundle("create", "--out", publisher.out, "--allow-partial", "-o", "json", check=False)
    assert done.returncode == 11
    (inspected,) = json.loads(publisher.bundle("inspect", "-o", "json", *publisher.out.glob("*000002*.zip")).stdout)
    (dsa,) = (source for source in inspected["sources"] if source["name"] == "dsa")
    assert "[dsa.failed]" in dsa["failure"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.configure()
    site.forge.said = {"rules": {"deliver": "ds_agent"}}
    with site.home.config_file.open("a") as file:
        file.write(place(tmp_path / "ds_agent"))
    return site


def test_the_service_delivers_what_comes_before_it_puts_the_bundle_away(site: Site, tmp_path: Path) -> None:
    agent = tmp_path / "ds_agent"
    agent.mkdir()
    with serving(site) as service:
        for number in (1, 2):
            shutil.copyfile(site.seal(), site.inbox / f"{number}.zip")
            assert f"/{number:03}.rules is delivered" in service.until("delivered")["text"]
            assert service.until("imported")["generation"] == number
            assert sorted(path.name for path in agent.iterdir()) == [f"{n:03}.rules" for n in range(1, number + 1)]
        assert service.stop() == 0


def test_the_service_serves_what_it_cannot_deliver_and_delivers_it_at_its_next_start(
    site: Site, tmp_path: Path
) -> None:
    agent = tmp_path / "ds_agent"
    with serving(site) as service:
        shutil.copyfile(site.seal(), site.inbox / "1.zip")
        assert service.until("delivery-failed")["code"] == "delivery.missing"
        service.until("imported")
        assert service.get("/rules/001.rules")[0] == 200
        assert [problem["code"] for problem in site.status()["delivery_problems"]] == ["delivery.missing"]
        assert service.stop() == 0
    agent.mkdir()
    with serving(site) as service:
        service.until("delivered")
        assert service.stop() == 0
    assert [path.name for path in agent.iterdir()] == ["001.rules"]
    assert site.status()["delivery_problems"] == []
