"""Talking HTTP byte by byte, to say what no well-behaved client would."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 20.0
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str | None:
        """The one value of a field; a field that stands twice is a failure."""
        values = [value for key, value in self.fields if key == name.lower()]
        if len(values) > 1:
            raise ValueError(f"{name} stands {len(values)} times")
        return values[0] if values else None


class ClosedError(Exception):
    """The server closed the connection before an answer was whole."""


class Connection:
    """One connection; ``authority`` None speaks without TLS."""

    def __init__(
        self,
        port: int,
        authority: Path | None,
        *,
        host: str = "127.0.0.1",
        name: str = "localhost",
        receive_bytes: int | None = None,
        maximum_version: ssl.TLSVersion | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self._buffer = b""
        try:
            self.socket.connect((host, port))
            if authority is not None:
                context = ssl.create_default_context(cafile=str(authority))
                if maximum_version is not None:
                    context.maximum_version = maximum_version
                self.socket = context.wrap_socket(self.socket, server_hostname=name)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, method: str, target: str | bytes, fields: Sequence[tuple[str, str]] = ()) -> Answer:
        """Send a request with its target exactly as given and read the answer."""
        raw = target if isinstance(target, bytes) else target.encode("ascii")
        lines = [method.encode() + b" " + raw + b" HTTP/1.1", b"Host: localhost"]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in fields]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n")
        return self.answer(head=method == "HEAD")

    def answer(self, *, head: bool = False) -> Answer:
        """Read one answer, which must say its length."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._receive()
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        _, status, reason = [*first.split(" ", 2), ""][:3]
        fields = tuple((key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines))
        answer = Answer(int(status), reason, fields, b"")
        if answer.field("transfer-encoding") is not None:
            raise ValueError("the answer is chunked")
        bodiless = head or answer.status in {204, 304}
        length = 0 if bodiless else int(answer.field("content-length") or "")
        return Answer(answer.status, reason, fields, self.read(length))

    def read(self, length: int) -> bytes:
        """Read exactly so many bytes."""
        parts, missing = [self._buffer[:length]], length - len(self._buffer[:length])
        self._buffer = self._buffer[length:]
        while missing:
            data = self._receive(missing)
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def read_to_end(self) -> bytes:
        """Read what is left until the server closes; a reset ends it too."""
        parts = [self._buffer]
        with suppress(ConnectionResetError):
            while data := self.socket.recv(CHUNK_BYTES):
                parts.append(data)
        return b"".join(parts)

    def _receive(self, most: int = CHUNK_BYTES) -> bytes:
        data = self.socket.recv(min(most, CHUNK_BYTES))
        if not data:
            raise ClosedError
        return data
