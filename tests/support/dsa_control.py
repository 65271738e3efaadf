"""A stand-in for the vendor's ``dsa_control``: makes a zip as ``-b`` does, in any of the ways that it may or may not.

    control = DsaControl(tmp_path)
    control.install("phrase:full")         # writes tmp_path/ds_agent/dsa_control
    control.directory                      # where it puts its zip

What the real one prints is not documented beyond "shows the name and location of the generated .zip".
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "DSRelay_20-0-1.bundle_2026-11-22.zip"

PHRASES = {
    "sentence": "Update bundle has been created: {path}.",
    "equals": "Bundle file={path}",
    "quoted": 'The bundle was written to "{path}"',
    "name and location": "Name: {name}\nLocation: {directory}",
    "location first": "Location: {directory}/\nFile name : '{name}'",
    "bare name": "{name}",
    "japanese": "アップデートバンドルを作成しました: {path}",
    "angle brackets": "created <{path}> (12345 bytes)",
    "twice": "Writing {path} ...\nDone. {name} is 12345 bytes.",
    "capitals": "CREATED {path}",
    "chatter": "Packing old.zip.tmp, http://localhost:4122/x.zip\n100%\n{path}\nHTTP Status: 200 - OK",
}
"""Ways to say it."""

_PROGRAM = """#!{python}
import os, sys, time
if sys.argv[1:] != ["-b"]:
    sys.exit("usage: dsa_control -b")
{body}
"""


def vendor_zip(content: bytes = b"patterns") -> bytes:
    """Return a small zip as ordinary tools make it, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("iau/pattern/vsapi.zip"), content)
    return buffer.getvalue()


@dataclass
class DsaControl:
    """An agent's directory below ``base``, with a program in it."""

    base: Path
    name: str = NAME

    @property
    def directory(self) -> Path:
        """The agent's install directory."""
        return self.base / "ds_agent"

    @property
    def program(self) -> Path:
        """The program."""
        return self.directory / "dsa_control"

    @property
    def zip(self) -> Path:
        """The zip that it makes."""
        return self.directory / self.name

    def install(self, phrase: str = PHRASES["sentence"], *, content: bytes = b"patterns", stderr: bool = False) -> None:
        """Make one that writes a good zip and says so in these words."""
        said = phrase.format(path=self.zip, name=self.name, directory=self.directory)
        stream = "sys.stderr" if stderr else "sys.stdout"
        self.behave(f"open({str(self.zip)!r}, 'wb').write({vendor_zip(content)!r})", f"print({said!r}, file={stream})")

    def behave(self, *lines: str) -> None:
        """Make one that runs these lines of Python."""
        self.directory.mkdir(parents=True, exist_ok=True)
        body = "\n".join(("sys.stdout.reconfigure(encoding='utf-8')", *lines))
        self.program.write_text(_PROGRAM.format(python=sys.executable, body=body), "utf-8")
        self.program.chmod(0o755)

    def says(self, *paths: Path | str, before: Sequence[str] = ()) -> None:
        """Make one that does these lines and names these files."""
        self.behave(*before, *(f"print('created: ' + {str(path)!r})" for path in paths))
