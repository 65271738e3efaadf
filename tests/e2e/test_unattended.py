"""``bundle create --every``: no second one in the same home, one JSON line per run, a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import BIN, clean_environment, run
from tests.support.publisher import Publisher


@contextmanager
def going_on(publisher: Publisher) -> Iterator[subprocess.Popen[str]]:
    command = [BIN / "bundle", "--quiet", "--home", publisher.home, "create", "--out", publisher.out, "--every", "1d"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_makes_a_bundle_says_so_in_one_line_and_ends_when_told(tmp_path: Path) -> None:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a.rules").write_text("# a\n")
    with going_on(publisher) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        assert (report["outcome"], report["exit_code"], report["version"]) == ("created", 0, 1)
        assert report["sources"] == {"rules": {"state": "new", "exit_code": 0}}
        assert Path(report["files"][0]["file"]).is_file()
        other = publisher.bundle("create", "--out", publisher.out, "--every", "6h", check=False)
        assert other.returncode == 41
        assert publisher.create().name == "plant-000002-full.zip", "a run by hand in between is welcome"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == ""


def test_an_interval_that_is_none_is_refused_before_anything_is_pulled(tmp_path: Path) -> None:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    done = publisher.bundle("create", "--every", "often", check=False)
    assert done.returncode == 2
    assert "[create.interval]" in done.stderr


def test_it_asks_for_no_passphrase_even_on_a_terminal(tmp_path: Path) -> None:
    secret, home = tmp_path / "passphrase", tmp_path / "home"
    secret.write_text("correct horse battery staple\n")
    run([BIN / "bundle", "--home", home, "init", "--publisher", "plant", "--passphrase-file", secret])
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.rules").write_text("# a\n")
    with (home / "bundler.toml").open("a") as config:
        config.write(f'[[source]]\nname = "rules"\nkind = "directory"\npath = "{tmp_path}/rules"\n')
    person, terminal = os.openpty()
    command = [
        BIN / "bundle",
        "--quiet",
        "--home",
        home,
        "create",
        "--mkdir",
        "--out",
        tmp_path / "out",
        "--every",
        "1d",
    ]
    with os.fdopen(person), os.fdopen(terminal, "r+b", 0) as stdin:
        assert stdin.isatty()
        done = subprocess.run(
            command, stdin=stdin, capture_output=True, text=True, env=clean_environment(), timeout=120, check=False
        )
    assert done.returncode == 3
    assert "[passphrase.missing]" in done.stderr
    assert done.stdout == ""
