"""Let ClamAV's own ``sigtool`` verify the digital signature of a database, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from manifests.disk.durable import storage_errors
from manifests.errors import FetchError, NotAuthenticError
from manifests.text import count_text, printable

TIMEOUT_SECONDS = 300
"""For one database; the largest take a few seconds."""

_PASSED_ON = ("PATH", "TMPDIR", "CVD_CERTS_DIR")
_SAID_CHARACTERS = 300


def find_sigtool() -> Path | None:
    """Return where ``sigtool`` is installed, if it is."""
    found = shutil.which("sigtool")
    return Path(found) if found else None


def verify_database(
    sigtool: Path, name: str, files: Sequence[tuple[str, BinaryIO]], *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Verify one database.

    ``sigtool`` is shown the files under their own names in a directory of its own, because it looks for the
    ``.sign`` file beside the database.

    Args:
        sigtool: The program.
        name: Which of ``files`` is the database.
        files: Name and content of each, from real files.
        timeout_seconds: Longest time.

    Raises:
        NotAuthenticError: ``clamav.signature`` when it does not verify.
        FetchError: ``clamav.sigtool`` when the program cannot be run or does not come to an end.
        StorageError: There is no room for the directory.
    """
    with storage_errors(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="sealift-") as directory:
        for given, file in files:
            Path(directory, given).symlink_to(f"/dev/fd/{file.fileno()}")
        try:
            done = subprocess.run(
                [sigtool, f"--info={name}"],
                cwd=directory,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                pass_fds=[file.fileno() for _, file in files],
                timeout=timeout_seconds,
                env={key: os.environ[key] for key in _PASSED_ON if key in os.environ} | {"LC_ALL": "C"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FetchError(
                "clamav.sigtool", f"{sigtool} did not verify {name} in time", have=count_text(timeout_seconds, "second")
            ) from None
        except OSError as error:
            raise FetchError("clamav.sigtool", f"{sigtool} cannot be run: {error.strerror}") from error
    if done.returncode != 0 or b"Verification OK" not in done.stdout:
        raise NotAuthenticError(
            "clamav.signature",
            f"The digital signature of {name} does not verify",
            have=_said(done),
            todo="pull again; if it stays, the mirror gives something else than ClamAV published",
        )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    said = " ".join(line.strip() for line in lines if line.strip()) or "nothing said"
    return f"sigtool left with {done.returncode}: {printable(said)[:_SAID_CHARACTERS]}"
