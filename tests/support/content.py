"""Real content at three dates, laid out as the directories that a DMZ operator would point sources at.

Comes from ``shared/data`` beside the repository: rule sets as their authors published them, and test
databases that the ClamAV vendor signed.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data"
DATES = (1, 2, 3)
_SIGNATURE_BASE = dict(zip(DATES, ("2026-02-05", "2026-04-01", "2026-04-09"), strict=True))
_SIGMA = dict(zip(DATES, ("2026-05-22", "2026-07-28", "2026-08-05"), strict=True))
_CLAMAV = {1: 1, 2: 4, 3: 6}
"""Version of the ClamAV test database at each date."""

SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python knows the filter from 3.11.4 on; Debian 12 has 3.11.2."""

EICAR_TAIL = "-ANTIVIRUS-TEST-FILE!$H+H*"


def eicar() -> bytes:
    """Return the EICAR test file, put together at run time so that no scanner deletes this one."""
    return ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD" + EICAR_TAIL).encode("ascii")


def lay_out(directory: Path, date: int) -> dict[str, Path]:
    """Put the content of a date under ``directory``, replacing what an earlier date left.

    Returns:
        One directory per source: ``clamav``, ``custom``, ``suricata``, ``signature-base``, ``sigma``.
    """
    shutil.rmtree(directory, ignore_errors=True)
    sources = {name: directory / name for name in ("clamav", "custom", "suricata", "signature-base", "sigma")}
    for path in sources.values():
        path.mkdir(parents=True)
    _unpack(DATA / f"signature-base-{_SIGNATURE_BASE[date]}.tar.xz", sources["signature-base"])
    _unpack(DATA / f"sigma-rules-{_SIGMA[date]}.tar.xz", sources["sigma"])
    _clamav(sources["clamav"], _CLAMAV[date])
    _custom(sources["custom"], date)
    _suricata(sources["suricata"])
    return sources


def _unpack(archive: Path, directory: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(directory, **SAFELY)


def _clamav(directory: Path, version: int) -> None:
    """A mirror as freshclam expects it: the newest database and the whole chain of increments to it."""
    shutil.copyfile(DATA / "clamav" / f"test-{version}.cvd", directory / "test.cvd")
    for number in range(2, version + 1):
        shutil.copyfile(DATA / "clamav" / f"test-{number}.cdiff", directory / f"test-{number}.cdiff")


def _custom(directory: Path, date: int) -> None:
    """A database of the operator's own that knows EICAR, under a name that tells its date."""
    (directory / "airgap.ndb").write_text(f"Airgap.Eicar.{date}:0:*:{eicar().hex()}\n", "ascii")


def _suricata(directory: Path) -> None:
    """A rule set with the index that makes it suricata-update's only source; MD5 bare, as that client reads it."""
    rules = DATA / "suricata" / "hunting.rules.tar.gz"
    shutil.copyfile(rules, directory / "hunting.rules.tar.gz")
    digest = hashlib.md5(rules.read_bytes(), usedforsecurity=False).hexdigest()
    (directory / "hunting.rules.tar.gz.md5").write_text(digest, "ascii")
    (directory / "index.yaml").write_text(
        "version: 1\n"
        "sources:\n"
        "  airgap/hunting:\n"
        "    summary: Hunting rules carried over the air gap\n"
        "    vendor: airgap\n"
        "    license: GPL-3.0\n"
        "    url: https://localhost:4122/suricata/hunting.rules.tar.gz\n",
        "ascii",
    )
