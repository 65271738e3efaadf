"""A plain ActiveUpdate client: ``ini_xml.zip``, else ``server.ini``, then each file with its signature.

It reads INI with the standard library and HTTP with ``http.client``, and shares nothing with the product.

    python tests/support/active_update_reader.py URL CA.PEM     # prints what it found, as JSON
"""

from __future__ import annotations

import configparser
import hashlib
import http.client
import io
import json
import ssl
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Reader:
    """One client.

    Args:
        url: What an operator writes as "other update source".
        authority: PEM file of the CA that signed the server's certificate, for https.
    """

    url: str
    authority: Path | None = None
    statuses: dict[str, int] = field(default_factory=dict)

    def update(self) -> dict[str, bytes]:
        """Return everything that the index lists, and the index as ``server.ini``.

        Raises:
            AssertionError: Something is missing, or not of the size that the index says.
        """
        packed = self.get("ini_xml.zip")
        ini = self.get("server.ini") if packed is None else zipfile.ZipFile(io.BytesIO(packed)).read("server.ini")
        assert ini is not None, "neither ini_xml.zip nor server.ini"
        found = {"server.ini": ini}
        for path, size in components(ini).items():
            data, signature = self.get(path), self.get(path.rpartition(".")[0] + ".sig")
            assert data is not None, f"{path} is missing"
            assert signature is not None, f"the signature of {path} is missing"
            assert len(data) == size, f"{path} has {len(data)} bytes, not {size}"
            found[path], found[path.rpartition(".")[0] + ".sig"] = data, signature
        return found

    def get(self, path: str) -> bytes | None:
        """Return a file; ``None`` for a 404."""
        connection = self._connection()
        connection.request("GET", f"{urlsplit(self.url).path.rstrip('/')}/{path}", headers={"User-Agent": "AU/1.0"})
        response = connection.getresponse()
        body = response.read()
        self.statuses[path] = response.status
        if response.status == 404:
            return None
        assert response.status == 200, f"{path}: {response.status}"
        return body

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open.close()

    _open: http.client.HTTPConnection | None = None

    def _connection(self) -> http.client.HTTPConnection:
        if self._open is None:
            parts = urlsplit(self.url)
            assert parts.hostname is not None
            if parts.scheme == "https":
                context = ssl.create_default_context(cafile=self.authority)
                self._open = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=context)
            else:
                self._open = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        return self._open


def components(ini: bytes) -> dict[str, int]:
    """Return path to size of all that a ``server.ini`` lists."""
    parser = configparser.RawConfigParser(strict=True, delimiters=("=",), comment_prefixes=(";",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are written
    parser.read_string(ini.decode("ascii"))
    assert not parser.has_section("Server"), "the index sends its clients elsewhere"
    found = {}
    for section in parser.sections():
        for key, value in parser.items(section):
            fields = value.split(",")
            if section == "PATTERN" and key.startswith(("P.", "Path_")):
                found[fields[0]] = int(fields[2])
            elif section == "ENGINE" and key.startswith("E."):
                found[fields[1]] = int(fields[3])
            elif section.startswith("Info_") and key == "Path":
                found[fields[0]] = int(fields[1])
    return found


def main(url: str, authority: str) -> None:
    """Update from a server and print the digest of every file, and the statuses of those without one."""
    reader = Reader(url, Path(authority))
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in reader.update().items()}
    reader.close()
    others = {path: status for path, status in reader.statuses.items() if path not in digests}
    print(json.dumps({"files": digests, "others": others}))


if __name__ == "__main__":
    main(*sys.argv[1:])
