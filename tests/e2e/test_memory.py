"""Peak memory of create and import stays within 150 MB, whatever the size of the bundle."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.commands import BIN, run
from tests.support.memory import CEILING_BYTES, MIB, peak_memory


def write_mixed(path: Path, length: int) -> None:
    """Fill a file with random bytes, every sixteenth MiB text, so that both ways of storing are met."""
    random, text = os.urandom(16 * MIB), b"alert tcp any any -> any any (msg:rule; sid:1;)\n" * 22_000
    with path.open("wb") as file:
        while file.tell() < length:
            file.write(os.urandom(4096))
            file.write(random[: length - file.tell()])
    path.with_suffix(".rules").write_bytes(text * 8)


@pytest.mark.parametrize(
    "length", [pytest.param(400 * MIB, id="400MiB"), pytest.param(6144 * MIB, id="6GiB", marks=pytest.mark.long)]
)
def test_create_and_import_keep_to_150_megabytes(tmp_path: Path, length: int) -> None:
    content, dmz, site = tmp_path / "content", tmp_path / "dmz", tmp_path / "site"
    content.mkdir()
    write_mixed(content / "pattern.bin", length)
    run([BIN / "bundle", "--home", dmz, "init", "--publisher", "plant", "--no-passphrase"])
    with (dmz / "bundler.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[[source]]\nname = "patterns"\nkind = "directory"\npath = "{content}"\n')
    run([BIN / "bundle", "--home", dmz, "keys", "export-root", "--out", tmp_path / "root.json"])
    creating = peak_memory([BIN / "bundle", "--home", dmz, "--quiet", "create", "--mkdir", "--out", tmp_path / "out"])
    (bundle,) = (tmp_path / "out").glob("*.zip")
    assert bundle.stat().st_size > length
    run([BIN / "relay", "--home", site, "init", "--root", tmp_path / "root.json"])
    importing = peak_memory([BIN / "relay", "--home", site, "--quiet", "import", bundle])
    status = json.loads(run([BIN / "relay", "--home", site, "status", "-o", "json"]).stdout)
    assert status["generation"] == 1
    print(f"peak memory: create {creating / 1e6:.0f} MB, import {importing / 1e6:.0f} MB")
    assert creating <= CEILING_BYTES
    assert importing <= CEILING_BYTES
