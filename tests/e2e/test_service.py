"""``relay run`` as a process: it dials nobody, stops when told, tells when it is ready, and is alone on its home."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.commands import BIN, clean_environment, run, wait_for
from tests.support.netns import Namespace, namespace
from tests.support.relay_service import DEADLINE, Service, Site, serving

pytestmark = pytest.mark.needs("root", "strace", "curl", "ip", "nsenter")

STOP_SECONDS = 5.0
"""What `relay run` promises."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.configure()
    return site


def traced(trace: Path) -> list[object]:
    """Return a command line that writes down every connection and datagram of a process and its threads."""
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ["strace", "-D", "-f", "-qq", "-s", "64", "-o", trace, "-e", calls]


def dialled(trace: Path) -> list[str]:
    """Return the traced calls that reach for the network; a service manager's socket is none.

    What the server sends on a connection that a client opened names no address.
    """
    return [
        line for line in trace.read_text("utf-8", "replace").splitlines() if re.search(r"sa_family=AF_INET6?", line)
    ]


def fetch(site: Site, service: Service, inside: Namespace, path: str) -> str:
    url = f"https://localhost:{service.port}{path}"
    return run(inside.command("curl", "--silent", "--fail", "--cacert", site.home.tls / "ca.pem", url)).stdout


def import_and_serve(site: Site, inside: Namespace, trace: Path, **variables: object) -> None:
    """Run the service through all that it does: start, import, no-op, refusal, serving, stop."""
    with serving(site, wrap=inside.command(*traced(trace)), **variables) as service:
        bundle = site.seal()
        shutil.copyfile(bundle, site.inbox / "a.zip")
        service.until("imported")
        shutil.copyfile(bundle, site.inbox / "b.zip")
        service.until("already-imported")
        damaged = bytearray(bundle.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (site.inbox / "c.zip").write_bytes(damaged)
        service.until("refused")
        assert fetch(site, service, inside, "/rules/001.rules") == "alert 1\n" * 500
        assert '"isolated"' in fetch(site, service, inside, "/-/features.json")
        assert service.stop() == 0
    wait_for(trace.exists, seconds=DEADLINE, what="the trace")


def test_the_service_imports_and_serves_where_there_is_no_network_and_dials_nobody(site: Site, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with namespace() as inside:
        import_and_serve(site, inside, trace)
        import_by_hand = [BIN / "relay", "--home", site.home.path, "--quiet", "import", site.seal()]
        run(inside.command(*traced(tmp_path / "trace-import"), *import_by_hand))
    assert dialled(trace) == []
    assert dialled(tmp_path / "trace-import") == []
    assert site.status()["generation"] == 2


@pytest.mark.parametrize(
    ("dial", "family"),
    [
        ("s = socket.socket()\ns.connect_ex(('192.0.2.1', 80))", "AF_INET,"),
        ("s = socket.socket(socket.AF_INET6)\ns.connect_ex(('2001:db8::1', 80))", "AF_INET6,"),
        (
            "s = socket.socket(type=socket.SOCK_DGRAM)\nwith suppress(OSError): s.sendto(b'?', ('192.0.2.1', 53))",
            "AF_INET,",
        ),
    ],
    ids=["tcp", "tcp6", "udp"],
)
def test_a_service_that_would_dial_out_is_caught(site: Site, tmp_path: Path, dial: str, family: str) -> None:
    """The control experiment: the same run, with a few lines smuggled into the service's process."""
    smuggled = tmp_path / "smuggled"
    smuggled.mkdir()
    code = f"import socket\nfrom contextlib import suppress\n{dial}\ns.close()\n"
    (smuggled / "sitecustomize.py").write_text(code, "ascii")
    trace = tmp_path / "trace"
    with namespace() as inside:
        import_and_serve(site, inside, trace, PYTHONPATH=smuggled)
    (line,) = dialled(trace)
    assert family in line
    assert "ENETUNREACH" in line


def test_the_namespace_reaches_nothing_but_itself() -> None:
    with namespace() as inside:
        script = "import socket, sys; s = socket.socket(); s.settimeout(5); sys.exit(s.connect_ex(('192.0.2.1', 80)))"
        assert run(inside.command(BIN / "python", "-c", script), check=False).returncode == 101  # ENETUNREACH
        links = run(inside.command("ip", "-brief", "link")).stdout.splitlines()
    assert [line.split()[0] for line in links] == ["lo"]


def test_a_second_service_on_the_same_home_is_refused_and_the_first_goes_on(site: Site) -> None:
    with serving(site) as service:
        second = site.relay("run", check=False)
        assert second.returncode == 41
        assert "[lock.held]" in second.stderr
        assert f"process {service.process.pid} holds service.lock" in second.stderr
        assert service.get("/-/status")[0] == 200
        site.relay("import", site.seal())


def test_without_a_home_it_refuses_to_start_and_says_what_to_do(tmp_path: Path) -> None:
    done = run([BIN / "relay", "--home", tmp_path / "none", "run"], check=False)
    assert done.returncode == 3
    assert "[home.missing]" in done.stderr
    assert "relay init" in done.stderr


def test_a_port_that_is_taken_is_a_configuration_error(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = site.relay("run", "--listen", listen, check=False)
    assert done.returncode == 3
    assert "[server." in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_stops_at_once_with_0(site: Site, number: signal.Signals) -> None:
    with serving(site) as service:
        assert service.stop(number, seconds=STOP_SECONDS) == 0
        assert service.events[-1]["event"] == "stopped"


def test_it_stops_in_time_while_a_client_takes_a_download_slowly(site: Site) -> None:
    with serving(site) as service:
        shutil.copyfile(site.seal(extra={"rules/large.bin": bytes(32_000_000)}), site.inbox / "a.zip")
        service.until("imported")
        context = ssl.create_default_context(cafile=site.home.tls / "ca.pem")
        with (
            socket.create_connection(("127.0.0.1", service.port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            client.sendall(b"GET /rules/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            began = time.monotonic()
            assert service.stop(seconds=10.0) == 0
            assert time.monotonic() - began < STOP_SECONDS


def test_a_service_manager_is_told_when_it_is_ready_and_when_it_stops(site: Site, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(DEADLINE)
        with serving(site, NOTIFY_SOCKET=address) as service:
            assert manager.recv(100) == b"READY=1"
            assert service.get("/-/status")[0] == 200
            service.stop()
            assert manager.recv(100) == b"STOPPING=1"


def test_a_service_manager_that_is_gone_does_not_matter(site: Site, tmp_path: Path) -> None:
    with serving(site, NOTIFY_SOCKET=tmp_path / "none") as service:
        assert service.get("/-/status")[0] == 200


def test_a_certificate_that_cannot_be_used_is_renewed_at_the_start(site: Site) -> None:
    (site.home.tls / "server.pem").write_bytes(b"torn")
    with serving(site) as service:
        assert service.events[0]["text"] == "the server certificate was renewed"
        assert service.get("/-/status")[0] == 200


def test_lost_content_is_told_recorded_and_repaired_by_the_same_bundle(site: Site) -> None:
    bundle = site.seal()
    with serving(site) as service:
        shutil.copyfile(bundle, site.inbox / "a.zip")
        service.until("imported")
        for blob in site.home.store.root.rglob("*"):
            if blob.is_file():
                blob.unlink()
        assert service.get("/rules/001.rules")[0] == 503
        assert service.until("damaged")["text"].endswith("do: relay check")
        shutil.copyfile(bundle, site.inbox / "a.zip")
        service.until("repaired")
        assert service.get("/rules/001.rules") == (200, b"alert 1\n" * 500)
    assert "damage" in {event["kind"] for event in _events(site)}


def _events(site: Site) -> list[dict[str, object]]:
    return json.loads(site.relay("events", "-o", "json").stdout)["events"]


def test_names_of_files_cannot_forge_lines_of_the_log(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "log"
    name = b"\x1b[2J\n2026-01-01T00:00:00Z imported nothing at all \xff.zip"
    with log.open("w") as file:
        service = subprocess.Popen(
            [str(BIN / "relay"), "--home", str(site.home.path), "run"], stderr=file, env=clean_environment()
        )
        try:
            wait_for(
                lambda: "listening on https://localhost:" in log.read_text("utf-8"), seconds=30, what="the service"
            )
            shutil.copyfile(site.seal(), os.fsencode(site.inbox) + b"/" + name)
            wait_for(lambda: "Generation 1" in log.read_text("utf-8"), seconds=30, what="the import")
        finally:
            service.terminate()
            service.wait(30)
    lines = log.read_text("utf-8").splitlines()
    assert all(re.match(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ (listening on|/|stopped)", line) for line in lines), lines
    assert "\x1b" not in log.read_text("utf-8")
    for command in ("events", "generations", "status"):
        assert "\x1b" not in site.relay(command).stdout
