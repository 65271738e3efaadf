"""What ``relay receipt --qr`` prints, read by somebody else's reader off a picture of the screen."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from manifests.receipt import receipt_to_texts
from relay.receipt import qr
from tests.support.commands import BIN, clean_environment, run
from tests.support.publisher import Publisher

pytestmark = pytest.mark.needs("zbarimg")

LIGHT = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
"""Half blocks as the terminal shows them: upper and lower half light or not, on black."""
PIXELS = 4
"""Width of one module in the picture."""


def picture(rows: Sequence[str]) -> bytes:
    """Return a PNG, in shades of grey, of what a terminal shows: blocks in white on black.

    Source: Portable Network Graphics, third edition, 5.3 and 11.2.
    """
    lines = []
    for row in rows:
        for half in (0, 1):
            pixels = b"".join((b"\xff" if LIGHT[block][half] else b"\x00") * PIXELS for block in row)
            lines += [b"\x00" + pixels] * PIXELS
    header = struct.pack(">2I5B", len(lines[0]) - 1, len(lines), 8, 0, 0, 0, 0)
    data = zlib.compress(b"".join(lines))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def scan(rows: Sequence[str], path: Path) -> str:
    """Return the text that the reader finds in a picture of these rows."""
    path.write_bytes(picture(rows))
    return run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path]).stdout.rstrip("\n")


def codes(printed: str) -> list[list[str]]:
    """Return the rows of each code of what was printed."""
    found: list[list[str]] = []
    for line in printed.splitlines():
        if line.startswith("Code "):
            found.append([])
        elif line:
            found[-1].append(line)
    return found


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher.found(tmp_path / "dmz", "rules")
    (publisher.content / "rules" / "a.rules").write_text("# a\n")
    return publisher


@pytest.fixture
def home(tmp_path: Path, publisher: Publisher) -> Path:
    """A site that has a generation."""
    home = tmp_path / "relay"
    relay = [BIN / "relay", "--home", home, "--quiet"]
    run([*relay, "init", "--root", publisher.root])
    run([*relay, "import", publisher.create()])
    return home


def take(publisher: Publisher, texts: Sequence[str], keyid: str) -> str:
    """Import scanned texts as somebody pastes them."""
    done = subprocess.run(
        [BIN / "bundle", "--home", publisher.home, "sites", "import", "--fingerprint", keyid, "-"],
        input="\n".join(texts).encode(),
        env=clean_environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode()


def test_a_code_that_a_real_reader_reads_registers_the_site(publisher: Publisher, home: Path, tmp_path: Path) -> None:
    printed = run([BIN / "relay", "--home", home, "--quiet", "receipt", "--qr", "--name", "north"]).stdout
    data = (home / "out" / "receipt.json").read_bytes()
    (rows,) = codes(printed)
    text = scan(rows, tmp_path / "screen.png")
    assert (text,) == receipt_to_texts(data)
    keyid = json.loads(data)["signatures"][0]["keyid"]
    assert take(publisher, [text], keyid).startswith("north: registered; receipt ")
    assert publisher.create("--since", "north", "--no-pull").name == "plant-000002-since-000001.zip"


def test_the_codes_of_a_console_of_80_by_25_are_read_one_by_one(
    publisher: Publisher, home: Path, tmp_path: Path
) -> None:
    run([BIN / "relay", "--home", home, "--quiet", "receipt", "--name", "console"])
    data = (home / "out" / "receipt.json").read_bytes()
    texts = qr.split_for_screen(data, 80, 25)
    assert len(texts) > 1
    screens = [qr.draw_code(text, colours=False).splitlines() for text in texts]
    assert all(len(rows) < 24 and len(rows[0]) <= 80 for rows in screens)
    scanned = [scan(rows, tmp_path / f"{number}.png") for number, rows in enumerate(screens)]
    assert tuple(scanned) == texts
    keyid = json.loads(data)["signatures"][0]["keyid"]
    assert take(publisher, scanned[::-1], keyid).startswith("console: registered; receipt ")
