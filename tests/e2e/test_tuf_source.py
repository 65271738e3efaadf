"""One publisher carries what another one's relay serves again: TUF from end to end, through two air gaps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.home import Home
from tests.support.commands import BIN, run
from tests.support.publisher import Publisher
from tests.support.relay_service import Service, serving


@dataclass
class Relay:
    """A relay that was made by ``relay init``, to be run by :func:`serving`."""

    base: Path
    home: Home

    def relay(self, *arguments: object) -> str:
        return run([BIN / "relay", "--home", self.home.path, "--quiet", *arguments]).stdout


@pytest.fixture
def first(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "first", "clamav", "rules")
    (publisher.content / "clamav" / "daily.cvd").write_bytes(b"daily " * 100_000)
    (publisher.content / "rules" / "a.rules").write_text("alert\n")
    return publisher


@pytest.fixture
def relay(tmp_path: Path, first: Publisher) -> Relay:
    relay = Relay(tmp_path, Home(tmp_path / "relay"))
    relay.relay("init", "--root", first.root, "--listen", "127.0.0.1:0")
    relay.relay("import", first.create())
    return relay


@pytest.fixture
def second(tmp_path: Path) -> Publisher:
    return Publisher.found(tmp_path / "second")


def configure(second: Publisher, first: Publisher, relay: Relay, service: Service) -> None:
    base = f"https://localhost:{service.port}/-/tuf"
    with (second.home / "bundler.toml").open("a") as file:
        file.write(
            f'\n[[source]]\nname = "first"\nkind = "tuf"\nroot = "{first.root}"\nmetadata_url = "{base}/metadata/"\n'
            f'targets_url = "{base}/targets/"\nca = "{relay.home.tls / "ca.pem"}"\n'
        )


def test_what_a_relay_serves_again_is_carried_on_verified_under_its_own_publishers_root(
    first: Publisher, relay: Relay, second: Publisher
) -> None:
    with serving(relay) as service:
        configure(second, first, relay, service)
        (checked,) = json.loads(second.bundle("sources", "check", "-o", "json").stdout)
        assert [target["state"] for target in checked["targets"]] == ["to fetch", "to fetch"]
        (inspected,) = json.loads(second.bundle("inspect", "-o", "json", second.create()).stdout)
        (told,) = inspected["sources"]
        assert told["verification"] == (
            "signed by the repository's own keys, under root 1 of the one that is pinned; "
            "2 of 2 match their signed lengths and digests"
        )
        assert second.bundle("pull").stdout.splitlines()[1].split()[:3] == ["first", "unchanged", "2"]

        (first.content / "rules" / "a.rules").write_text("drop\n")
        relay.relay("import", first.create())
        assert second.bundle("pull").stdout.splitlines()[1].split()[:3] == ["first", "pulled", "2"]
        assert service.stop() == 0

    (inspected,) = json.loads(second.bundle("inspect", "-o", "json", second.create("--no-pull")).stdout)
    assert inspected["snapshot_version"] == 2


def test_a_relay_of_somebody_else_is_refused(first: Publisher, relay: Relay, second: Publisher, tmp_path: Path) -> None:
    stranger = Publisher.found(tmp_path / "stranger", "rules")
    first.root.write_bytes(stranger.root.read_bytes())
    with serving(relay) as service:
        configure(second, first, relay, service)
        done = second.bundle("pull", check=False)
        assert service.stop() == 0
    assert done.returncode == 10
    assert "[tuf.signature." in done.stdout
