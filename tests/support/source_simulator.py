"""A real HTTP(S) upstream that may misbehave on purpose: stall, truncate, lie, redirect, be busy, be a portal.

By itself it serves as a good server does: validators, conditional requests, single ranges with ``If-Range``.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

Respond = Callable[["Exchange"], None]
SLICE_BYTES = 64 * 1024
"""Bodies are handed to the connection in pieces of this size."""


@dataclass
class Seen:
    """One request as it came in; header names in lower case. ``status`` and ``body_bytes`` tell how it was answered.

    ``body_bytes`` counts what was handed to the connection, whether or not the client was still there to read it;
    ``start`` is where in the file that began.
    """

    path: str
    headers: Mapping[str, str]
    status: int = 0
    body_bytes: int = 0
    start: int = 0


class Exchange(BaseHTTPRequestHandler):
    """One request and everything that an answer can be made of."""

    protocol_version = "HTTP/1.1"
    server: _Server
    seen: Seen
    budget: int | None = None
    """So many bytes of this answer's body are sent at most."""

    def do_GET(self) -> None:
        simulator = self.server.simulator
        self.seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()})
        simulator.seen.append(self.seen)
        self.close_connection = False
        self.budget = None
        simulator.responder(self.path.partition("?")[0])(self)

    def do_CONNECT(self) -> None:
        """Be a proxy: the path is ``host:port``."""
        self.do_GET()

    def answer(self, status: int, headers: Mapping[str, object] = {}, body: bytes = b"") -> None:
        """Send a whole answer; ``headers`` may lie."""
        self.send_response(status)
        given = {name.lower() for name in headers}
        if "content-length" not in given and "transfer-encoding" not in given and status != 304:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.seen.status = status
        self.end_headers()
        self.send(body)

    def send(self, data: bytes) -> None:
        """Send more of a body, up to the budget."""
        if self.budget is not None:
            data = data[: self.budget]
            self.budget -= len(data)
        for start in range(0, len(data), SLICE_BYTES):
            piece = data[start : start + SLICE_BYTES]
            self.seen.body_bytes += len(piece)
            self.wfile.write(piece)
            self.wfile.flush()
            self.server.simulator.on_sent(len(piece))

    def hang_up(self) -> None:
        """Close the connection after this answer."""
        self.close_connection = True

    def stall(self) -> None:
        """Say nothing more until the simulator is stopped."""
        self.server.simulator.stopped.wait(30)
        self.hang_up()

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output to the tests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    simulator: SourceSimulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


@dataclass
class SourceSimulator:
    """Serves on a free port for the ``with`` block.

    Args:
        ca_directory: Serve TLS under a throw-away CA whose certificate is written to ``ca_directory/ca.pem``.
        on_sent: Told of every piece of a body after it was handed to the connection.
        buffer_bytes: How much of an answer may wait in the connection; the system decides when None.
    """

    ca_directory: Path | None = None
    on_sent: Callable[[int], object] = int
    buffer_bytes: int | None = None
    seen: list[Seen] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _routes: dict[str, Respond] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.simulator = self
        if self.buffer_bytes is not None:
            self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffer_bytes)
        if self.ca_directory is not None:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(self.ca_directory / "ca.pem"))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base(self) -> str:
        """The upstream's address without a final slash."""
        return f"{'http' if self.ca_directory is None else 'https'}://localhost:{self._server.server_port}"

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return self.base + path

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(seen.path.partition("?")[0] == path for seen in self.seen)

    def responder(self, path: str) -> Respond:
        """Return what answers a path; 404 for one that was never set."""
        return self._routes.get(path, lambda exchange: exchange.answer(404, {}, b"no such file"))

    def on(self, path: str, *responds: Respond) -> None:
        """Answer a path with each of ``responds`` in turn, the last one for ever."""
        left = list(responds)

        def respond(exchange: Exchange) -> None:
            (left.pop(0) if len(left) > 1 else left[0])(exchange)

        self._routes[path] = respond

    def serve(self, path: str, body: bytes, **headers: str) -> None:
        """Serve a file well: conditional requests are answered by whatever validators are given.

        Header names are written with underscores: ``etag='"1"'``, ``last_modified="…"``.
        """
        self.on(path, file(body, **headers))


def file(body: bytes, **headers: str) -> Respond:
    """Return a responder that serves a file well."""
    sent = {name.replace("_", "-").title(): value for name, value in headers.items()}

    def respond(exchange: Exchange) -> None:
        etag, modified = sent.get("Etag"), sent.get("Last-Modified")
        same = etag is not None and exchange.headers.get("If-None-Match") == etag
        same = same or (modified is not None and exchange.headers.get("If-Modified-Since") == modified)
        span = _range(exchange, len(body), etag, modified)
        if same:
            exchange.answer(304, sent)
        elif span is None:
            exchange.answer(200, sent, body)
        elif span[0] >= len(body):
            exchange.answer(416, {"Content-Range": f"bytes */{len(body)}"})
        else:
            start, end = span
            exchange.seen.start = start
            given = {**sent, "Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}
            exchange.answer(206, given, body[start:end])

    return respond


def _range(exchange: Exchange, length: int, etag: str | None, modified: str | None) -> tuple[int, int] | None:
    """Return the range that is asked for, end exclusive; ``None`` for the whole file (RFC 9110 section 13.1.5)."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", exchange.headers.get("Range", ""))
    if match is None or exchange.headers.get("If-Range") not in {None, etag, modified}:
        return None
    return int(match[1]), min(int(match[2]) + 1, length) if match[2] else length


def cut_after(count: int, respond: Respond) -> Respond:
    """Return a responder that answers well and hangs up after so many bytes of the body."""

    def cut(exchange: Exchange) -> None:
        exchange.budget = count
        respond(exchange)
        exchange.hang_up()

    return cut


def status(code: int, **headers: object) -> Respond:
    """Return a responder with a status and nothing to read."""
    sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda exchange: exchange.answer(code, sent, b"sorry")


def redirect(target: str, code: int = 302) -> Respond:
    """Return a responder that sends the client elsewhere."""
    return status(code, location=target)


def truncated(body: bytes, missing: int) -> Respond:
    """Return a responder that announces more than it sends, then hangs up."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Content-Length": len(body)}, body[: len(body) - missing])
        exchange.hang_up()

    return respond


def chunked_broken(body: bytes) -> Respond:
    """Return a responder whose chunked body has no end."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n" % (len(body), body))
        exchange.hang_up()

    return respond


def chunked(body: bytes) -> Respond:
    """Return a responder that sends a sound chunked body."""
    return lambda e: e.answer(200, {"Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


def raw(answer: bytes) -> Respond:
    """Return a responder that sends exactly these bytes, then hangs up."""

    def respond(exchange: Exchange) -> None:
        exchange.wfile.write(answer)
        exchange.wfile.flush()
        exchange.hang_up()

    return respond


def endless() -> Respond:
    """Return a responder whose body, of unknown length, does not end until the client hangs up."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Transfer-Encoding": "chunked"})
        while not exchange.server.simulator.stopped.is_set():
            exchange.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    return respond


def stalled(body: bytes = b"", length: int = 1000) -> Respond:
    """Return a responder that sends the beginning of a body and then nothing more; with no body not even a header."""

    def respond(exchange: Exchange) -> None:
        if body:
            exchange.answer(200, {"Content-Length": length}, body)
        exchange.stall()

    return respond


def dripping(interval_seconds: float = 0.02) -> Respond:
    """Return a responder that sends a byte now and then: never silent, never done."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Content-Length": 1_000_000})
        while not exchange.server.simulator.stopped.wait(interval_seconds):
            exchange.send(b"x")

    return respond


def dripping_headers(interval_seconds: float = 0.02) -> Respond:
    """Return a responder whose header has no end: a byte now and then."""

    def respond(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not exchange.server.simulator.stopped.wait(interval_seconds):
            exchange.wfile.write(b"x")
            exchange.wfile.flush()

    return respond


def dripping_chunks(begin: bytes, again: bytes, interval_seconds: float = 0.02) -> Respond:
    """Return a responder that drips where no content is: in a chunk's extension, or in trailers."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Transfer-Encoding": "chunked"}, begin)
        while not exchange.server.simulator.stopped.wait(interval_seconds):
            exchange.wfile.write(again)
            exchange.wfile.flush()

    return respond


def portal(content_type: str = "text/html; charset=utf-8") -> Respond:
    """Return a responder with the web page that captive portals answer everything with."""
    page = b"\n<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"
    return lambda exchange: exchange.answer(200, {"Content-Type": content_type}, page)


def changing(bodies: Sequence[bytes], cut: int) -> Respond:
    """Return a responder that changes the file between two ranges, though its validator stays and ranges are given.

    Each answer breaks off after ``cut`` bytes, so that the next one is asked for the rest.
    """
    left = list(bodies)

    def respond(exchange: Exchange) -> None:
        body = left.pop(0) if len(left) > 1 else left[0]
        exchange.budget = cut if left[0] is not body else None
        file(body, etag='"same"')(exchange)
        exchange.hang_up()

    return respond


def lying(body: bytes, length: int) -> Respond:
    """Return a responder that announces another length than it sends."""

    def respond(exchange: Exchange) -> None:
        exchange.answer(200, {"Content-Length": length}, body)
        exchange.hang_up()

    return respond
