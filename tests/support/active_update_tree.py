"""A classic ActiveUpdate tree, built to the documented format: index, components, signatures.

Everything is made up but the form. Nothing here comes from the product.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

INCREMENTS = 14
"""A full pattern is published with so many increments to it."""
PLATFORMS = ("NT_I386", "NT_AMD64", "LINUX_X64")


@dataclass
class Tree:
    """Files by path; ``lines`` are those of ``server.ini``, without their ends.

    Args:
        components: How many files beside signatures and the index; at least 80.
        day: Later days have newer patterns.
    """

    components: int = 400
    day: int = 1
    files: dict[str, bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server()
        self._patterns()
        self._engines()
        self._products()

    @property
    def ini(self) -> bytes:
        """``server.ini``."""
        return "".join(f"{line}\r\n" for line in self.lines).encode("ascii")

    @property
    def ini_xml_zip(self) -> bytes:
        """``ini_xml.zip``."""
        return zipped({"server.ini": self.ini, "server.xml": b"<?xml version='1.0'?><ActiveUpdate/>\n"})

    @property
    def everything(self) -> dict[str, bytes]:
        """The whole tree, as a server has it."""
        return {**self.files, "server.ini": self.ini, "ini_xml.zip": self.ini_xml_zip}

    def write(self, directory: Path) -> None:
        """Write the tree below a directory."""
        for path, data in self.everything.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(data)

    def line(self, key: str) -> int:
        """Return where the line with a key stands."""
        return next(number for number, line in enumerate(self.lines) if line.startswith(f"{key}="))

    def _server(self) -> None:
        self.lines += [
            "; ActiveUpdate",
            "[Common]",
            "Version=1.2",
            f"Time={self.day}",
            "",
            "[Server]",
            "AvailableServer=1",
            "Server.1=http://updates.invalid/activeupdate",
            "Https=https://updates.invalid/activeupdate",
            "",
        ]

    def _patterns(self) -> None:
        virus, icrc = 1_736_100 + 200 * self.day, 1_674_300 + 200 * self.day
        self.lines.append("[PATTERN]")
        row = self._file(f"pattern/vsapi{349 + self.day}.zip", virus)
        self.lines += [f"Path_VSAPI={row}", f"P.4={row}"]
        for number, start in enumerate(range(1, INCREMENTS + 1), 1):
            base = virus - 200 * start
            row = self._file(f"pattern/v_{base // 100}.{virus // 100}", base)
            self.lines.append(f"P.4.Merge.{number}={row}")
        self.lines.append(f"P.48020000={self._file(f'pattern/icrc/ioth{icrc}.zip', icrc)}")
        for number in range(1, INCREMENTS + 1):
            base = icrc - 200 * number
            self.lines.append(f"P.48020000.Merge.{number}={self._file(f'pattern/icrc/ioth_{base}.{icrc}', base)}")
        families = ("tsc", "tmwhite", "ssaptn", "sspda6_", "tmfwptn", "trendxlm", "tmtbd64_en_")
        for number in range(self.components - 2 - 2 * INCREMENTS - 30 - 10):
            version = 257_364 + number
            path = f"pattern/{families[number % len(families)]}{version}.zip"
            self.lines.append(f"P.{48_040_000 + number}={self._file(path, version)}")
        self.lines.append("")

    def _engines(self) -> None:
        self.lines.append("[ENGINE]")
        for number in range(30):
            name = ("VSAPI32", "TSC", "SSAPI32")[number % 3] + f"_{PLATFORMS[number // 3 % 3]}"
            path = f"engine/eng{name.lower()}_v12500-{1004 + number}.zip"
            version = f"12.500.{1004 + number}"
            self.lines.append(f"E.{number + 1}={name},{self._file(path, version)},6.510.1002")
        self.lines.append("")

    def _products(self) -> None:
        self.lines += ["[All_Product]", "MaxProductID=745"]
        self.lines += [f"Product.{736 + number}=PLM{number}_Addon_Service_CompList,1.0,3.0" for number in range(10)]
        for number in range(10):
            path, size = self._file(f"product/osce14/enu/PLM{number}_COMP_LIST.zip", "").split(",,")
            self.lines += ["", f"[Info_{736 + number}_10000_1_1]", "Version=2.5", "Build=1045", f"Path={path},{size}"]

    def _file(self, path: str, version: object) -> str:
        """Add a component with its signature and return ``path,version,bytes``."""
        seed = f"{path} {version}".encode()
        data = b"".join(_noise(seed, 200 + sum(seed) % 3_000))
        self.files[path] = data
        self.files[path.rpartition(".")[0] + ".sig"] = b"signature of " + hashlib.sha256(data).digest()
        self.listed.append(path)
        return f"{path},{version},{len(data)}"


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip with these members, whatever their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _noise(seed: bytes, length: int) -> Iterator[bytes]:
    while length > 0:
        seed = hashlib.sha256(seed).digest()
        yield seed[:length]
        length -= len(seed)
