"""`scripts/demo`: the first thing that anybody sees of this."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.commands import clean_environment, run, wait_for

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "scripts" / "demo"
WORK = re.compile(r"/sealift-demo\.\w+")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("content", [None, REPOSITORY / "docs" / "sample"], ids=["as it comes", "sample"])
def test_the_demo_checks_itself_and_leaves_nothing_behind(content: Path | None, tmp_path: Path) -> None:
    options = [] if content is None else ["--content", content]
    done = run([DEMO, "--once", "--port", free_port(), *options], TMPDIR=tmp_path)
    fetched = re.search(r"^Fetched over TLS: (\d+) of ([\d,]+) files, equal byte for byte", done.stdout, re.MULTILINE)
    assert fetched is not None
    if content is not None:
        count = sum(path.is_file() for path in content.rglob("*"))
        assert (int(fetched[1]), int(fetched[2])) == (count, count)
    for feature in ("Smart Scan", "Web Reputation", "Behaviour monitoring", "Predictive machine learning"):
        assert re.search(rf"^{feature} ", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("All of it works.\n")
    assert WORK.search(done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_said_in_one_sentence_before_anything_happens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run([DEMO, "--once", "--port", port], check=False, TMPDIR=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"demo: port {port} cannot be used (address already in use). Choose another: scripts/demo --port 4123\n"
    )


def test_content_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = run([DEMO, "--once", "--port", free_port(), "--content", tmp_path / "nothing"], check=False, TMPDIR=tmp_path)
    assert done.returncode == 1
    assert "holds no content" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["nothing"]


def test_it_serves_until_somebody_ends_it_and_then_cleans_up(tmp_path: Path) -> None:
    port, screen = free_port(), tmp_path / "screen"
    work = tmp_path / "work"
    work.mkdir()
    with screen.open("w") as file:
        demo = subprocess.Popen(
            [DEMO, "--port", str(port), "--content", REPOSITORY / "docs" / "sample"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean_environment(TMPDIR=work),
            process_group=0,
        )
    try:
        wait_for(lambda: "Ctrl-C ends" in screen.read_text(), seconds=120, what="the end", log=screen.read_text)
        authority = next(work.glob("sealift-demo.*")) / "site" / "tls" / "ca.pem"
        context = ssl.create_default_context(cafile=authority)
        with urlopen(f"https://localhost:{port}/-/features", context=context, timeout=20) as served:
            assert b"Smart Scan" in served.read()
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        status = demo.wait(60)
    assert status == 0
    assert list(work.iterdir()) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
