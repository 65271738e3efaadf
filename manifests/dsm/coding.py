"""SOAP messages to and from bytes: zeep over our own WSDL, no transport.

An answer is a stranger's XML: UTF-8 alone, no DTD and so no entities, and its length was bounded before. Faults become
errors; what the WSDL does not promise becomes ``dsm.answer``. Elements that a newer manager adds are passed over.
"""

from __future__ import annotations

import binascii
import logging
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault
from zeep.loader import parse_xml
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.utils import etree_to_string

from manifests.dsm.faults import answer_error, fault_error, shown_fault, status_error
from manifests.dsm.types import APPLIED_STATES, AppliedState, Change, Reply, RuleChanges, SecurityUpdate
from manifests.text import cause_text, count_text

NAMESPACE = "urn:Manager"

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml", "SOAPAction": '""'}
_HEAD_BYTES = 512
_DECLARATION = re.compile(
    rb"<\?xml\s+version=[\"']1\.[0-9]+[\"'](?:\s+encoding=[\"']([A-Za-z0-9._-]+)[\"'])?"
    rb"(?:\s+standalone=[\"'](?:yes|no)[\"'])?\s*\?>"
)
_STRICT = Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=True)
"""For parsing. ``xml_huge_tree`` lifts libxml2's limit of 10 MB per text, which a rule pack may pass."""
_LENIENT = Settings(strict=False, forbid_dtd=True, forbid_entities=True, forbid_external=True)
"""For decoding: unknown elements are passed over, missing ones are ``None``, and both are judged here."""

_MOST_MARKUP = 200_000
"""Of ``<`` and of ``=``, so of elements and of attributes: a tree takes a hundred times the memory of its markup.
A thousand rule packs make sixteen thousand; base64 has none of the one and two of the other."""
_WHITESPACE = b" \t\r\n"
_NO_TRANSPORT: Any = None
"""zeep wants one for what a document refers to; ours refer to nothing, and an answer may not."""
_to_bytes: Any = etree_to_string

_CHANGES = (
    ("intrusion prevention rules", "DPIRules", True),
    ("application types", "applicationTypes", True),
    ("integrity monitoring rules", "integrityMonitoringRules", True),
    ("log inspection rules", "logInspectionRules", True),
    ("log inspection decoders", "logInspectionDecoders", True),
    ("port lists", "portLists", False),
)
"""Name for people, the WSDL's prefix, whether deletions are counted."""

# zeep logs what it cannot decode, with the value; errors say that already, and values may be secrets.
logging.getLogger("zeep").addHandler(logging.NullHandler())
logging.getLogger("zeep").propagate = False


def encode_request(operation: str, **arguments: object) -> tuple[bytes, dict[str, str]]:
    """Return the envelope and the HTTP headers of a request.

    Args:
        operation: One of the WSDL's.
        arguments: By the WSDL's names.
    """
    message = _binding().get(operation).create(**arguments)
    envelope: bytes = _to_bytes(message.content)
    return envelope, dict(_HEADERS)


def decode_reply(operation: str, reply: Reply) -> Any:
    """Return what a manager answered: text, decoded objects, or ``None`` where the WSDL promises nothing.

    Raises:
        FetchError: ``dsm.soap-off``, ``dsm.status``, ``dsm.answer``, or as the fault says.
    """
    envelope, _ = _answer(operation, reply)
    try:
        return _binding().get(operation).process_reply(envelope)
    except (ZeepError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise answer_error(f"its form is wrong ({cause_text(error)[:200]})") from error


def decode_content(operation: str, reply: Reply) -> bytes:
    """Return the file in an answer, decoded strictly: zeep's decoding drops what is not base64.

    Raises:
        FetchError: As :func:`decode_reply`.
    """
    text = _text_of(operation, reply)
    try:
        return binascii.a2b_base64(text.translate(None, _WHITESPACE), strict_mode=True)
    except binascii.Error as error:
        raise answer_error("the file in it is not base64") from error


def _text_of(operation: str, reply: Reply) -> bytes:
    """Return the text that an operation returned; the tree, as large as the text, goes at once."""
    _, answer = _answer(operation, reply)
    text = answer.findtext(f"{{{NAMESPACE}}}{operation}Return") or ""
    del answer
    return str(text).encode("ascii", "replace")


def security_update(value: Any) -> SecurityUpdate:
    """Return one ``SecurityUpdateTransport`` as a type.

    Raises:
        FetchError: ``dsm.answer``.
    """
    number, name = getattr(value, "ID", None), getattr(value, "name", None)
    if not isinstance(number, int) or not isinstance(name, str) or not name:
        raise answer_error("a rule pack without a number or a name")
    return SecurityUpdate(number, name, _state(value.appliedState), value.detectOnly is True, _instant(value.released))


def security_updates(value: Any) -> tuple[SecurityUpdate, ...]:
    """Return a list of them, in the manager's order.

    Raises:
        FetchError: ``dsm.answer``, also when two have one number.
    """
    updates = tuple(security_update(item) for item in value or ())
    if len({update.id for update in updates}) != len(updates):
        raise answer_error("two rule packs have one number")
    return updates


def rule_changes(value: Any) -> RuleChanges:
    """Return an ``ApplierInformationTransport`` as a type.

    Raises:
        FetchError: ``dsm.answer``.
    """
    changes = tuple(
        Change(
            what,
            _count(value, f"{prefix}Added"),
            _count(value, f"{prefix}Updated"),
            _count(value, f"{prefix}Deleted") if deletes else None,
            _count(value, f"{prefix}AddedAndAssigned") if prefix == "DPIRules" else None,
        )
        for what, prefix, deletes in _CHANGES
    )
    summary = value.detailedSummary
    return RuleChanges(changes, shown_fault(summary) if isinstance(summary, str) else "")


@cache
def _binding() -> Any:
    with files("manifests").joinpath("data", "dsm-manager.wsdl").open("rb") as file:
        document = Document(file, _NO_TRANSPORT, settings=_LENIENT)
    return document.bindings[f"{{{NAMESPACE}}}ManagerSoapBinding"]


def _answer(operation: str, reply: Reply) -> tuple[Any, Any]:
    """Return the envelope of an answer, and the element in it that answers the operation.

    Raises:
        FetchError: It is a fault, or answers something else.
    """
    envelope = _envelope(reply)
    if envelope.find(f"{{{_ENVELOPE}}}Body/{{{_ENVELOPE}}}Fault") is not None:
        raise _fault(operation, envelope)
    if reply.status != 200:
        raise status_error(reply.status)
    body = envelope.find(f"{{{_ENVELOPE}}}Body")
    answers = [] if body is None else list(body)
    if [answer.tag for answer in answers] != [f"{{{NAMESPACE}}}{operation}Response"]:
        raise answer_error(f"it does not answer {operation}")
    return envelope, answers[0]


def _envelope(reply: Reply) -> Any:
    try:
        envelope = parse_xml(_sound(reply.body), _NO_TRANSPORT, settings=_STRICT)
    except (ZeepError, ValueError) as error:
        if reply.status != 200:
            raise status_error(reply.status) from error
        raise answer_error("it is not SOAP", have=_kind(reply.body)) from error
    if envelope.tag != f"{{{_ENVELOPE}}}Envelope":
        raise status_error(reply.status) if reply.status != 200 else answer_error("it is not SOAP")
    return envelope


def _sound(body: bytes) -> Any:
    """Return a document that has one meaning to every parser: it is UTF-8, says nothing else, and has no DTD.

    Raises:
        ValueError: It is something else, or has more markup than any honest answer.
    """
    document = body.removeprefix(BOM_UTF8)
    document.decode("utf-8")
    head = document[:_HEAD_BYTES].lstrip()
    declaration = _DECLARATION.match(head)
    if head.startswith(b"<?xml") and declaration is None:
        raise ValueError("an odd XML declaration")
    if declaration is not None and (declaration[1] or b"utf-8").lower() not in {b"utf-8", b"us-ascii"}:
        raise ValueError("not UTF-8")
    if not head.startswith(b"<") or b"\0" in document:  # some parsers take "<", NUL for UTF-16
        raise ValueError("no document")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise ValueError("a DTD")
    if max(document.count(b"<"), document.count(b"=")) > _MOST_MARKUP:
        raise ValueError("too much markup")
    return document


def _kind(body: bytes) -> str:
    head = body[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a document with a DTD" if b"<!doctype" in body.lower() else count_text(len(body), "byte")


def _fault(operation: str, envelope: Any) -> Exception:
    try:
        _binding().process_error(envelope, _binding().get(operation))
    except Fault as fault:
        return fault_error(fault.message, _details(fault.detail))
    return answer_error("an empty fault")


def _details(detail: Any) -> Iterator[tuple[str, str]]:
    for element in () if detail is None else detail:
        if isinstance(element.tag, str):
            yield element.tag.rpartition("}")[2], element.text or ""


def _state(value: object) -> AppliedState | None:
    return next((state for state in APPLIED_STATES if state == value), None)


def _instant(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):  # in the first or last hours that there are, or an odd time zone
        return None


def _count(value: Any, name: str) -> int:
    count = getattr(value, name, None)
    if not isinstance(count, int) or count < 0:
        raise answer_error(f"{name} is not a number")
    return count
