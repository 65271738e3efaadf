"""Receipts by the real commands: from a site's console, by file or by phone, into the publisher's registry."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from dataclasses import dataclass
from pathlib import Path

import pytest

from manifests.receipt import receipt_to_texts, receipts_from_texts
from relay.receipt import qr
from tests.support.commands import BIN, clean_environment, run
from tests.support.publisher import Publisher


@dataclass(frozen=True)
class Site:
    home: Path

    def relay(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run([BIN / "relay", "--home", self.home, *arguments], check=check)

    @property
    def newest(self) -> bytes:
        return (self.home / "out" / "receipt.json").read_bytes()


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    publisher = Publisher.found(tmp_path_factory.mktemp("dmz"), "rules")
    (publisher.content / "rules" / "a.rules").write_text("# a\n")
    publisher.create()
    return publisher


@pytest.fixture
def site(tmp_path: Path, publisher: Publisher) -> Site:
    site = Site(tmp_path / "relay")
    site.relay("init", "--root", publisher.root)
    site.relay("import", publisher.out / "plant-000001-full.zip")
    return site


def in_terminal(command: list[object], typed: str, *, rows: int = 25, columns: int = 80) -> tuple[int, str]:
    """Run a command in a terminal of that size in which ``typed`` was typed; return its exit code and the screen."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.write(outer, typed.encode())
    arguments = [str(part) for part in command]
    with subprocess.Popen(arguments, stdin=inner, stdout=inner, stderr=inner, env=clean_environment()) as process:
        os.close(inner)
        shown = bytearray()
        while True:
            try:
                chunk = os.read(outer, 65536)
            except OSError:  # the terminal's last user has left
                break
            if not chunk:
                break
            shown += chunk
    os.close(outer)
    return process.returncode, shown.decode("utf-8", "replace").replace("\r\n", "\n")


def fingerprint_of(site: Site) -> str:
    return json.loads(site.newest)["signatures"][0]["keyid"]


def test_a_receipt_registers_a_site_that_is_then_listed(publisher: Publisher, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "north.receipt.json"
    done = site.relay("receipt", "--out", file, "--name", "north", "-o", "json")
    said = json.loads(done.stdout)
    assert (said["file"], said["generation"], said["without"]) == (str(file), 1, 0)
    assert file.read_bytes() == site.newest
    unasked = publisher.bundle("sites", "import", file, check=False)
    assert unasked.returncode == 3
    assert "[sites.unconfirmed]" in unasked.stderr
    wrong = publisher.bundle("sites", "import", "--fingerprint", "00" * 32, file, check=False)
    assert wrong.returncode == 20
    assert "[sites.fingerprint]" in wrong.stderr
    assert json.loads(publisher.bundle("sites", "-o", "json").stdout) == []
    done = publisher.bundle("sites", "import", "--fingerprint", said["site"], file)
    assert done.stdout.startswith("north: registered; receipt ")
    (listed,) = json.loads(publisher.bundle("sites", "-o", "json").stdout)
    assert (listed["site"], listed["keyid"], listed["generation"]) == ("north", said["site"], 1)
    assert (listed["behind"], listed["stale"], listed["damage"]) == (publisher.version() - 1, False, {})
    assert "nothing to do" in publisher.bundle("sites", "import", file).stdout
    assert publisher.bundle("sites", "remove", "north").stdout.startswith("north: forgotten")


def test_a_person_at_the_terminal_compares_the_fingerprint(publisher: Publisher, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "east.json"
    site.relay("receipt", "--out", file, "--name", "east")
    command = [BIN / "bundle", "--home", publisher.home, "sites", "import", file]
    code, screen = in_terminal(command, "n\n")
    assert code == 3
    assert "[sites.unconfirmed]" in screen
    code, screen = in_terminal(command, "y\n")
    assert code == 0
    keyid = fingerprint_of(site)
    assert f"{keyid[:4]} {keyid[4:8]}" in screen
    assert "east: registered" in screen


def test_the_receipt_itself_is_stdout_and_the_fingerprint_is_not(site: Site) -> None:
    done = site.relay("receipt")
    assert done.stdout.encode() == site.newest
    keyid = fingerprint_of(site)
    assert f"{keyid[:4]} {keyid[4:8]}" in done.stderr
    assert site.relay("--quiet", "receipt").stderr == ""


def test_a_script_registers_a_site_with_what_the_receipts_json_says(
    publisher: Publisher, site: Site, tmp_path: Path
) -> None:
    said = json.loads(site.relay("receipt", "--name", "cape", "-o", "json").stdout)
    assert Path(said["file"]).read_bytes() == site.newest
    assert said["fingerprint"].replace(" ", "") == said["site"] == fingerprint_of(site)
    assert said["fingerprint"] in " ".join(site.relay("receipt", "--name", "cape").stderr.split())
    told = json.loads(
        site.relay("receipt", "--name", "cape", "--qr", "--out", tmp_path / "cape.json", "-o", "json").stdout
    )
    assert receipts_from_texts(told["texts"]) == ((tmp_path / "cape.json").read_bytes(),)
    done = publisher.bundle("sites", "import", "--fingerprint", told["fingerprint"], told["file"], "-o", "json")
    (imported,) = json.loads(done.stdout)
    assert (imported["site"], imported["outcome"], imported["keyid"]) == ("cape", "registered", said["site"])
    publisher.bundle("sites", "remove", "cape")


def test_texts_scanned_in_any_order_from_several_files_make_the_receipt(
    publisher: Publisher, site: Site, tmp_path: Path
) -> None:
    texts = json.loads(site.relay("receipt", "--qr", "--name", "west", "-o", "json").stdout)["texts"]
    assert receipts_from_texts(texts) == (site.newest,)
    pieces = receipt_to_texts(site.newest, 200)
    (tmp_path / "one.txt").write_text("Scanned 10:31\n" + "\n".join(pieces[2:][::-1]) + "\n")
    (tmp_path / "two.txt").write_text("\r\n".join(pieces[:1]))
    known = ("--fingerprint", fingerprint_of(site))
    some = publisher.bundle("sites", "import", *known, tmp_path / "one.txt", tmp_path / "two.txt", check=False)
    assert some.returncode == 24
    assert "Need: 2." in some.stderr
    (tmp_path / "two.txt").write_text("\r\n".join(pieces[:2]))
    done = publisher.bundle("sites", "import", *known, tmp_path / "one.txt", tmp_path / "two.txt", "-o", "json")
    (imported,) = json.loads(done.stdout)
    assert (imported["site"], imported["outcome"], imported["keyid"]) == ("west", "registered", fingerprint_of(site))
    again = subprocess.run(
        [BIN / "bundle", "--home", publisher.home, "sites", "import", "-"],
        input="\n".join(pieces).encode(),
        env=clean_environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert b"nothing to do" in again.stdout


def test_a_file_without_any_receipt_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("nothing here\n")
    done = publisher.bundle("sites", "import", tmp_path / "empty.txt", check=False)
    assert done.returncode == 21
    assert "[receipt.form]" in done.stderr


def test_one_bad_receipt_does_not_keep_the_others_out(publisher: Publisher, site: Site, tmp_path: Path) -> None:
    site.relay("receipt", "--name", "south")
    (tmp_path / "good.json").write_bytes(site.newest)
    (tmp_path / "bad.json").write_bytes(site.newest.replace(b"A", b"B", 1))
    (tmp_path / "scanned.txt").write_text("SEALIFT1:1/3:ABC\n")
    known = ("--fingerprint", fingerprint_of(site))
    files = [tmp_path / name for name in ("scanned.txt", "bad.json", "good.json")]
    done = publisher.bundle("sites", "import", *known, *files, check=False)
    assert done.returncode in {20, 21}
    assert "[receipt.text]" in done.stderr
    assert "south: registered" in done.stdout


def test_codes_in_a_file_are_those_of_the_receipt(site: Site) -> None:
    done = site.relay("receipt", "--qr")
    (text,) = receipt_to_texts(site.newest)
    assert done.stdout == "Code 1 of 1\n" + qr.draw_code(text, colours=False)


def test_codes_on_a_console_come_one_screen_at_a_time(site: Site) -> None:
    code, screen = in_terminal([BIN / "relay", "--home", site.home, "receipt", "--qr"], "\n" * 20)
    assert code == 0
    texts = qr.split_for_screen(site.newest, 80, 25)
    assert len(texts) > 1
    for number, text in enumerate(texts, 1):
        assert f"Code {number} of {len(texts)}\n{qr.draw_code(text, colours=True)}" in screen


def test_damage_is_said_and_a_replay_does_not_hide_it(publisher: Publisher, site: Site, tmp_path: Path) -> None:
    site.relay("receipt", "--out", tmp_path / "whole.json", "--name", "harbour")
    blob = next(path for path in (site.home / "blobs").rglob("*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(b"#-a\n")
    site.relay("receipt", "--check", "--out", tmp_path / "damaged.json")
    known = ("--fingerprint", fingerprint_of(site))
    publisher.bundle("sites", "import", *known, tmp_path / "whole.json")
    assert "1 file missing or damaged" in publisher.bundle("sites", "import", tmp_path / "damaged.json").stdout
    replayed = publisher.bundle("sites", "import", tmp_path / "whole.json")
    assert "older than" in replayed.stdout
    listed = {row["site"]: row for row in json.loads(publisher.bundle("sites", "-o", "json").stdout)}
    assert (listed["harbour"]["without"], listed["harbour"]["damage"]) == (1, {"altered": 1})
    assert "1 altered" in publisher.bundle("sites").stdout
