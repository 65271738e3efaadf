"""A Deep Security Manager's SOAP interface over real HTTPS, faithful to the WSDL, that may misbehave on purpose.

Requests and its own honest answers are validated by the schema of the WSDL. Faults look as Apache Axis writes them.
"""

from __future__ import annotations

import base64
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from xml.sax.saxutils import escape

import trustme
from lxml import etree

PATH = "/webservice/Manager"
USER, PASSWORD = "sealift", "correct horse & battery <staple>"
MAGIC = b"simulated rule pack\n"
"""What this manager takes for a rule pack begins so."""

_NS = "urn:Manager"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_XSD = "http://www.w3.org/2001/XMLSchema"
_FAULTS = {
    "ManagerException": "fault",
    "ManagerLockoutException": "fault1",
    "ManagerAuthenticationException": "fault2",
    "ManagerMaxSessionsException": "fault3",
    "ManagerSecurityException": "fault4",
    "ManagerCommunicationException": "fault5",
    "ManagerTimeoutException": "fault6",
    "ManagerValidationException": "fault7",
    "ManagerAuthorizationException": "fault8",
    "ManagerIntegrityConstraintException": "fault9",
}
Misbehave = Callable[["Exchange"], None]


class FaultError(Exception):
    """Answer with this fault instead."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(name)
        self.name, self.text = name, text


@dataclass
class Pack:
    """One rule pack of the manager."""

    id: int
    name: str
    data: bytes
    released: datetime | None
    state: str = "NOT_APPLIED"
    detect_only: bool = False


class Exchange(BaseHTTPRequestHandler):
    """One request. A misbehaviour gets it instead of an honest answer."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.simulator.asked.append("GET")
        if self.path.lower() == f"{PATH}?wsdl".lower():
            self.answer(200, files("manifests").joinpath("data", "dsm-manager.wsdl").read_bytes())
        else:
            self.answer(404, b"nothing here")

    def do_POST(self) -> None:
        simulator = self.server.simulator
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if simulator.soap_off is not None:
            self.answer(simulator.soap_off, b"<html>not here</html>", "text/html")
            return
        if self.path != PATH:
            self.answer(404, b"nothing here")
            return
        operation, arguments = simulator.read(body)
        simulator.asked.append(operation)
        simulator.bodies.append(body)
        planned = simulator.plans.get(operation)
        if planned:
            (planned.pop(0) if len(planned) > 1 else planned[0])(self)
            return
        try:
            answer = simulator.respond(operation, arguments)
        except FaultError as error:
            self.fault(error.name, error.text)
        else:
            self.soap(operation, answer)

    def soap(self, operation: str, inner: str) -> None:
        """Send an honest answer, valid by the WSDL."""
        element = f'<{operation}Response xmlns="{_NS}" xmlns:xsi="{_XSD}-instance">{inner}</{operation}Response>'
        self.server.simulator.schema.assertValid(parsed(element))
        self.answer(200, envelope(element))

    def fault(self, name: str, text: str = "") -> None:
        """Send a fault as Axis does."""
        detail = (
            f'<{_FAULTS[name]} xmlns="{_NS}"/>'
            f'<ns1:exceptionName xmlns:ns1="http://xml.apache.org/axis/">example.manager.{name}</ns1:exceptionName>'
            '<ns2:hostname xmlns:ns2="http://xml.apache.org/axis/">dsm</ns2:hostname>'
        )
        self.answer(500, envelope(fault_body(f"example.manager.{name}: {escape(text)}", detail)))

    def answer(self, status: int, body: bytes, content_type: str = "text/xml; charset=utf-8", **headers: str) -> None:
        """Send a whole answer; ``headers`` may lie."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        given = {name.replace("_", "-").title(): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output to the tests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    simulator: DsmSimulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


@dataclass
class DsmSimulator:
    """A manager on a free port for the ``with`` block; its CA's certificate is ``directory/ca.pem``.

    Args:
        directory: Where the certificate goes.
        host: The name or address in the server's certificate.
        soap_off: Answer everything with this HTTP status.
    """

    directory: Path
    host: str = "localhost"
    soap_off: int | None = None
    packs: list[Pack] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    plans: dict[str, list[Misbehave]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.schema = etree.XMLSchema(_wsdl().find(f".//{{{_XSD}}}schema"))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.directory / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = authority.issue_cert(self.host)
        issued.configure_cert(context)
        self.certificate = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode("ascii"))
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.simulator = self
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
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """The manager's address, as a person writes it."""
        return f"https://{self.host}:{self.port}"

    def add(self, name: str, data: bytes | None = None, *, days: int | None = None, number: int | None = None) -> Pack:
        """Let the manager have a rule pack; ``days`` after the first of 2026 it was released."""
        released = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=len(self.packs) if days is None else days)
        pack = Pack(number or 100 + len(self.packs), name, MAGIC + name.encode() if data is None else data, released)
        self.packs.append(pack)
        return pack

    def on(self, operation: str, *behaviours: Misbehave) -> None:
        """Answer an operation with each of ``behaviours`` in turn, the last one for ever."""
        self.plans[operation] = list(behaviours)

    def count(self, operation: str) -> int:
        """Return how often an operation was asked for."""
        return self.asked.count(operation)

    def read(self, body: bytes) -> tuple[str, dict[str, str]]:
        """Return the operation and the arguments of a request that is valid by the WSDL."""
        (element,) = parsed(body).find(f"{{{_ENVELOPE}}}Body")
        self.schema.assertValid(element)
        return element.tag.rpartition("}")[2], {child.tag.rpartition("}")[2]: child.text or "" for child in element}

    def respond(self, operation: str, given: dict[str, str]) -> str:
        """Return the inside of the honest answer."""
        if operation == "authenticate":
            return self._authenticate(given)
        if given["sID"] not in self.sessions:
            raise FaultError("ManagerTimeoutException", "session expired")
        if operation == "endSession":
            self.sessions.discard(given["sID"])
            return ""
        tag = f"{operation}Return"
        if operation == "securityUpdateRetrieveAll":
            return "".join(f"<{tag}>{described(pack)}</{tag}>" for pack in self.packs)
        if operation == "securityUpdateStore":
            return f"<{tag}>{described(self._store(given))}</{tag}>"
        pack = self._pack(int(given.get("id") or given["ID"]))
        if operation == "securityUpdateExport":
            return f"<{tag}>{base64.encodebytes(pack.data).decode()}</{tag}>"
        if operation == "securityUpdateApply":
            self._apply(pack, detect_only=given["detectOnly"] in {"true", "1"})
        return f"<{tag}>{counted(pack)}</{tag}>"

    def _authenticate(self, given: dict[str, str]) -> str:
        if (given["username"], given["password"]) != (USER, PASSWORD):
            raise FaultError("ManagerAuthenticationException", f"cannot sign in with {given['password']}")
        session = secrets.token_hex(16)
        self.sessions.add(session)
        return f"<authenticateReturn>{session}</authenticateReturn>"

    def _pack(self, number: int) -> Pack:
        for pack in self.packs:
            if pack.id == number:
                return pack
        raise FaultError("ManagerValidationException", f"no security update {number}")

    def _store(self, given: dict[str, str]) -> Pack:
        data = base64.b64decode(given["securityUpdate"], validate=True)
        if not data.startswith(MAGIC):
            raise FaultError("ManagerValidationException", "not a security update")
        return self.add(given["fileName"], data)

    def _apply(self, pack: Pack, *, detect_only: bool) -> None:
        for other in self.packs:
            other.state = "APPLIED" if other.state == "APPLIED_CURRENT" else other.state
        pack.state, pack.detect_only = "APPLIED_CURRENT", detect_only


def envelope(inner: str) -> bytes:
    """Return a SOAP envelope around an element."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}">'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def fault_body(text: str, detail: str = "") -> str:
    """Return a fault with a text and, already XML, its detail."""
    return (
        f"<soapenv:Fault><faultcode>soapenv:Server.userException</faultcode><faultstring>{text}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>"
    )


def described(pack: Pack) -> str:
    """Return the inside of a ``SecurityUpdateTransport``."""
    released = (
        '<released xsi:nil="true"/>'
        if pack.released is None
        else f"<released>{pack.released:%Y-%m-%dT%H:%M:%S.000Z}</released>"
    )
    return (
        f'<ID>{pack.id}</ID><appliedState>{pack.state}</appliedState><contentSummary xsi:nil="true"/>'
        f"<detectOnly>{str(pack.detect_only).lower()}</detectOnly><downloaded>2026-02-01T00:00:00.000Z</downloaded>"
        f"<name>{escape(pack.name)}</name>{released}"
    )


def counted(pack: Pack) -> str:
    """Return the inside of an ``ApplierInformationTransport``: every count is another one."""
    kind = f".//{{{_XSD}}}complexType[@name='ApplierInformationTransport']//{{{_XSD}}}element"
    names = [element.get("name") for element in _wsdl().findall(kind)]
    return "".join(
        f"<{name}>{pack.name}: new rules</{name}>" if name == "detailedSummary" else f"<{name}>{number}</{name}>"
        for number, name in enumerate(names, 1)
    )


def parsed(document: str | bytes) -> Any:
    """Return a document's root, however long its texts are."""
    return etree.fromstring(document, etree.XMLParser(huge_tree=True))


def _wsdl() -> Any:
    return etree.fromstring(files("manifests").joinpath("data", "dsm-manager.wsdl").read_bytes())


def faults(name: str, text: str = "") -> Misbehave:
    """Return a behaviour that answers with a fault."""
    return lambda exchange: exchange.fault(name, text)


def says(body: bytes, status: int = 200, content_type: str = "text/xml", **headers: str) -> Misbehave:
    """Return a behaviour that answers with these bytes."""
    return lambda exchange: exchange.answer(status, body, content_type, **headers)


def stalls(body: bytes = b"", length: int = 1000) -> Misbehave:
    """Return a behaviour that says the beginning of an answer and then nothing more."""

    def behave(exchange: Exchange) -> None:
        if body:
            exchange.answer(200, body, content_length=str(length))
        exchange.server.simulator.stopped.wait(30)
        exchange.close_connection = True

    return behave


def drips(interval_seconds: float = 0.02) -> Misbehave:
    """Return a behaviour that sends a byte now and then: never silent, never done."""

    def behave(exchange: Exchange) -> None:
        exchange.answer(200, b"", content_length="1000000")
        while not exchange.server.simulator.stopped.wait(interval_seconds):
            exchange.wfile.write(b" ")
            exchange.wfile.flush()

    return behave


def drips_before(begin: bytes, interval_seconds: float = 0.02) -> Misbehave:
    """Return a behaviour that sends the beginning of an answer and then a byte now and then, none of it content."""

    def behave(exchange: Exchange) -> None:
        exchange.wfile.write(begin)
        while not exchange.server.simulator.stopped.wait(interval_seconds):
            exchange.wfile.write(b"x")
            exchange.wfile.flush()

    return behave


def breaks_off(body: bytes, missing: int) -> Misbehave:
    """Return a behaviour that announces more than it sends, then hangs up."""

    def behave(exchange: Exchange) -> None:
        exchange.answer(200, body[: len(body) - missing], content_length=str(len(body)))
        exchange.close_connection = True

    return behave


def forgets_the_session() -> Misbehave:
    """Return a behaviour of a manager whose sessions have all ended."""

    def behave(exchange: Exchange) -> None:
        exchange.server.simulator.sessions.clear()
        exchange.server.simulator.plans.clear()
        exchange.fault("ManagerTimeoutException", "session expired")

    return behave
