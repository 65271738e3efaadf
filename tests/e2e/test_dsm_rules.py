"""Rule packs from the manager in the DMZ to the one inside, by the commands that people type; and who dials whom."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import dsm_simulator as dsm
from tests.support.commands import BIN, run, wait_for
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.netns import namespace
from tests.support.publisher import Publisher
from tests.support.relay_service import DEADLINE, Site, serving

NAMES = ("26-030.dsru", "26-031.dsru")


@dataclass
class Crossing:
    """A manager outside, a publisher, a relay and a manager inside."""

    outside: DsmSimulator
    publisher: Publisher
    relay_home: Path
    inside: DsmSimulator

    def relay(self, *arguments: object, check: bool = True, **variables: object) -> subprocess.CompletedProcess[str]:
        return run([BIN / "relay", "--home", self.relay_home, "--quiet", *arguments], check=check, **variables)

    def deliver(self, *arguments: object) -> dict[str, Any]:
        return json.loads(self.relay("deliver-rules", "-o", "json", *arguments).stdout)

    def refused(self, *arguments: object) -> tuple[int, str]:
        """Return the exit code and the reason code of a delivery that fails."""
        done = self.relay("deliver-rules", *arguments, check=False)
        assert done.stdout == ""
        assert dsm.PASSWORD not in done.stderr
        return done.returncode, re.findall(r"\[([a-z.-]+)\]", done.stderr)[-1]


def secret(path: Path) -> Path:
    path.write_text(f"{dsm.PASSWORD}\n")
    path.chmod(0o600)
    return path


def manager_table(manager: DsmSimulator, password: Path) -> str:
    return (
        f'\n[manager]\nurl = "{manager.url}"\nsources = ["dsm"]\nca = "{manager.directory}/ca.pem"\n'
        f'credentials = {{ user = "{dsm.USER}", password_file = "{password}" }}\ntimeout_seconds = 20\n'
    )


@pytest.fixture
def crossing(tmp_path: Path) -> Iterator[Crossing]:
    for directory in ("outside", "inside"):
        (tmp_path / directory).mkdir()
    password = secret(tmp_path / "password")
    with (
        DsmSimulator(tmp_path / "outside") as outside,
        DsmSimulator(tmp_path / "inside", host="127.0.0.1") as inside,
    ):
        for name in ("26-029.dsru", *NAMES):
            outside.add(name)
        publisher = Publisher.found(tmp_path / "dmz")
        with (publisher.home / "bundler.toml").open("a") as config:
            config.write(
                f'\n[[source]]\nname = "dsm"\nkind = "dsm-rules"\nurl = "{outside.url}"\nnewest = 2\n'
                f'ca = "{outside.directory}/ca.pem"\n'
                f'credentials = {{ user = "{dsm.USER}", password_file = "{password}" }}\n'
            )
        home = tmp_path / "relay"
        run([BIN / "relay", "--home", home, "init", "--root", publisher.root])
        with (home / "relay.toml").open("a") as config:
            config.write(manager_table(inside, password))
        yield Crossing(outside, publisher, home, inside)


def test_rule_packs_go_from_one_manager_to_the_other_untouched(crossing: Crossing) -> None:
    outside, inside = crossing.outside, crossing.inside
    checked = crossing.publisher.bundle("sources", "check").stdout
    assert "3 rule packs there, the newest is 26-031.dsru" in " ".join(checked.split())
    assert outside.count("securityUpdateExport") == 0
    bundle = crossing.publisher.create()
    (record,) = json.loads(crossing.publisher.bundle("inspect", "-o", "json", bundle).stdout)[0]["sources"]
    assert record["kind"] == "dsm-rules"
    crossing.relay("import", bundle)

    dry = crossing.deliver()
    assert dry["result"] == "dry-run"
    assert [(pack["name"], pack["new"], pack["state"]) for pack in dry["packs"]] == [
        (name, True, "NOT_APPLIED") for name in NAMES
    ]
    assert {pack.name: pack.data for pack in inside.packs} == {name: MAGIC + name.encode() for name in NAMES}
    applied = crossing.deliver("--apply", "--detect-only")
    assert (applied["result"], applied["chosen"]) == ("applied", NAMES[1])
    assert [(pack.name, pack.state, pack.detect_only) for pack in inside.packs] == [
        (NAMES[0], "NOT_APPLIED", False),
        (NAMES[1], "APPLIED_CURRENT", True),
    ]
    again = crossing.deliver("--apply", "--detect-only")
    assert again["result"] == "already-applied"
    assert not any(pack["new"] for pack in again["packs"])
    assert inside.count("securityUpdateStore") == 2
    assert inside.count("securityUpdateApply") == 1
    kinds = [event["kind"] for event in json.loads(crossing.relay("events", "-o", "json").stdout)["events"]]
    assert [kind for kind in kinds if kind.startswith("manager")] == ["manager-stored"] * 2 + ["manager-applied"]

    outside.add("26-032.dsru")
    crossing.relay("import", crossing.publisher.create())
    assert outside.count("securityUpdateExport") == 3
    assert crossing.deliver()["chosen"] == "26-032.dsru"
    assert inside.count("securityUpdateStore") == 3
    assert outside.sessions == inside.sessions == set()


def test_the_summary_is_a_table_for_people(crossing: Crossing) -> None:
    crossing.relay("import", crossing.publisher.create())
    shown = crossing.relay("deliver-rules").stdout
    assert f"manager 127.0.0.1:{crossing.inside.port}, generation 1\n" in shown
    assert re.search(r"^26-030\.dsru +stored now +not applied +100$", shown, re.MULTILINE)
    assert "Dry run: nothing was applied. Applying 26-031.dsru would change:\n" in shown
    assert re.search(r"^intrusion prevention rules +1 +4 +3$", shown, re.MULTILINE)
    assert re.search(r"^port lists +18 +19$", shown, re.MULTILINE)
    assert "added and assigned at once: 2\n" in shown
    assert "already there" in crossing.relay("deliver-rules").stdout
    assert "26-031.dsru was applied. It changed:" in crossing.relay("deliver-rules", "--apply").stdout


def test_each_failure_leaves_with_its_exit_code(crossing: Crossing) -> None:
    inside = crossing.inside
    assert crossing.refused() == (24, "manager.nothing")
    crossing.relay("import", crossing.publisher.create())
    assert crossing.refused("--detect-only") == (2, "usage.option")
    assert crossing.refused("--pack", "nothing.dsru") == (2, "manager.unknown-pack")
    inside.soap_off = 404
    assert crossing.refused() == (10, "dsm.soap-off")
    inside.soap_off = None
    inside.on("authenticate", dsm.faults("ManagerAuthenticationException"))
    assert crossing.refused() == (10, "dsm.credentials")
    inside.plans.clear()
    newer = inside.add("26-099.dsru")
    newer.state = "APPLIED_CURRENT"
    assert crossing.refused("--apply") == (22, "manager.older")
    inside.packs.clear()
    for blob in (crossing.relay_home / "blobs").glob("??/*"):
        if blob.read_bytes().startswith(MAGIC):
            blob.chmod(0o644)
            blob.write_bytes(b"x" * blob.stat().st_size)
    assert crossing.refused() == (20, "blob.digest")
    config = crossing.relay_home / "relay.toml"
    config.write_text(config.read_text().replace(inside.url, "https://198.51.100.1:4119"))
    assert crossing.refused() == (3, "manager.address")
    config.write_text(config.read_text().partition("[manager]")[0])
    assert crossing.refused() == (3, "manager.off")


def test_a_bad_manager_outside_leaves_yesterdays_packs_to_be_sealed_with_their_age(crossing: Crossing) -> None:
    crossing.publisher.create()
    crossing.outside.soap_off = 403
    done = crossing.publisher.bundle("create", "--out", crossing.publisher.out, check=False)
    assert done.returncode == 10
    assert "SOAP interface is switched off" in " ".join(done.stderr.split())
    assert "settings.configuration.webserviceAPIEnabled -value true" in " ".join(done.stderr.split())
    partial = crossing.publisher.bundle(
        "create", "--out", crossing.publisher.out, "--allow-partial", "-o", "json", check=False
    )
    assert partial.returncode == 11
    (source,) = json.loads(partial.stdout)["sources"]
    assert source["targets"] == 2
    assert "dsm.soap-off" in source["failure"]
    assert source["age_seconds"] >= 0


def dialled(trace: Path) -> list[str]:
    """Return the addresses that a traced process connected or sent to, as ``address:port``."""
    found = []
    for line in trace.read_text("utf-8", "replace").splitlines():
        if re.search(r"sa_family=AF_INET6?", line):
            port = re.search(r"sin6?_port=htons\((\d+)\)", line)
            address = re.search(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"', line)
            found.append(f"{address and address[1]}:{port and port[1]}")
    return found


def traced(trace: Path) -> list[object]:
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ["strace", "-D", "-f", "-qq", "-s", "64", "-o", trace, "-e", calls]


@pytest.mark.needs("root", "strace")
def test_the_delivery_dials_the_managers_address_and_nothing_else(crossing: Crossing, tmp_path: Path) -> None:
    crossing.relay("import", crossing.publisher.create())
    trace = tmp_path / "trace"
    run([*traced(trace), BIN / "relay", "--home", crossing.relay_home, "deliver-rules", "--apply"])
    wait_for(trace.exists, seconds=DEADLINE, what="the trace")
    assert set(dialled(trace)) == {f"127.0.0.1:{crossing.inside.port}"}


@pytest.mark.needs("root", "strace", "ip", "nsenter")
def test_importing_and_serving_dial_nobody_where_a_manager_is_configured(tmp_path: Path) -> None:
    (tmp_path / "manager").mkdir()
    with DsmSimulator(tmp_path / "manager", host="127.0.0.1") as manager:
        site = Site(tmp_path)
        site.configure(more=manager_table(manager, secret(tmp_path / "password")))
        trace, by_hand, control = tmp_path / "trace", tmp_path / "trace-import", tmp_path / "trace-control"
        with namespace() as inside:
            with serving(site, wrap=inside.command(*traced(trace))) as service:
                shutil.copyfile(site.seal(extra={"dsm/26-031.dsru": MAGIC}), site.inbox / "a.zip")
                service.until("imported")
                assert service.stop() == 0
            relay = [BIN / "relay", "--home", site.home.path, "--quiet"]
            run(inside.command(*traced(by_hand), *relay, "import", site.seal(extra={"dsm/26-032.dsru": MAGIC})))
            done = run(inside.command(*traced(control), *relay, "deliver-rules"), check=False)
        assert dialled(trace) == []
        assert dialled(by_hand) == []
        assert manager.asked == []
        assert done.returncode == 10
        assert "[dsm.connect]" in done.stderr
        assert dialled(control) == [f"127.0.0.1:{manager.port}"]


def test_what_serves_and_imports_has_no_soap_in_it() -> None:
    code = (
        "import sys, relay.cli, relay.cli.run, relay.cli.import_, relay.service.service, relay.importing.importer\n"
        "import relay.server.app\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'zeep', 'requests', 'urllib3'} "
        "or m.startswith(('relay.dialing.manager', 'relay.cli.deliver_rules', 'manifests.dsm'))))"
    )
    assert run([BIN / "python", "-c", code]).stdout.strip() == "[]"
