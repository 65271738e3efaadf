"""Requests and answers of the manager's SOAP interface."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from manifests.dsm import Change, Reply, SecurityUpdate, coding
from manifests.errors import FetchError
from tests.support.dsm_replies import refusal, response, returned
from tests.support.dsm_simulator import envelope, fault_body

NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'


def updates(*inner: str) -> tuple[SecurityUpdate, ...]:
    tag = "securityUpdateRetrieveAllReturn"
    body = response("securityUpdateRetrieveAll", "".join(f"<{tag}>{each}</{tag}>" for each in inner))
    return coding.security_updates(coding.decode_reply("securityUpdateRetrieveAll", Reply(200, body)))


UPDATE = (
    f"<ID>7</ID><appliedState>APPLIED_CURRENT</appliedState><contentSummary {NIL}/><detectOnly>true</detectOnly>"
    f"<downloaded {NIL}/><name>25-054.dsru</name><released>2025-12-23T01:30:00.000+02:00</released>"
)


LISTED = f"<securityUpdateRetrieveAllReturn>{UPDATE}</securityUpdateRetrieveAllReturn>"


def test_a_request_is_document_literal_in_the_managers_namespace() -> None:
    data, headers = coding.encode_request("securityUpdateStore", securityUpdate=b"\0pack", fileName="a&b.dsru", sID="S")
    (body,) = etree.fromstring(data)
    (element,) = body
    assert element.tag == "{urn:Manager}securityUpdateStore"
    assert [(child.tag, child.text) for child in element] == [
        ("{urn:Manager}securityUpdate", base64.b64encode(b"\0pack").decode()),
        ("{urn:Manager}fileName", "a&b.dsru"),
        ("{urn:Manager}sID", "S"),
    ]
    assert headers["SOAPAction"] == '""'
    assert headers["Content-Type"] == "text/xml; charset=utf-8"


def test_the_wsdl_refers_to_nothing_outside_itself() -> None:
    wsdl = etree.fromstring(files("manifests").joinpath("data", "dsm-manager.wsdl").read_bytes())
    assert not [element for element in wsdl.iter(etree.Element) if element.tag.endswith(("}import", "}include"))]
    etree.XMLSchema(wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema"))


def test_a_rule_pack_of_the_manager_becomes_a_type() -> None:
    (update,) = updates(UPDATE)
    released = datetime(2025, 12, 22, 23, 30, tzinfo=UTC)
    assert update == SecurityUpdate(7, "25-054.dsru", "APPLIED_CURRENT", True, released)
    assert updates() == ()


@pytest.mark.parametrize(
    "day", ["0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.000-14:00", "2025-12-23T01:30:00.000+99:99"]
)
def test_a_day_that_no_calendar_holds_is_none(day: str) -> None:
    (update,) = updates(re.sub("<released>.*</released>", f"<released>{day}</released>", UPDATE))
    assert update.released is None


def test_what_a_newer_manager_adds_is_passed_over() -> None:
    (update,) = updates(f"{UPDATE}<language>en</language>")
    assert update.name == "25-054.dsru"
    (update,) = updates(UPDATE.replace("APPLIED_CURRENT", "STAGED"))
    assert update.state is None


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ((UPDATE.replace(">7<", ">seven<"),), "without a number or a name"),
        ((UPDATE.replace(">25-054.dsru<", "><"),), "without a number or a name"),
        (("<nothing/>",), "without a number or a name"),
        ((UPDATE, UPDATE), "two rule packs have one number"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(inner: tuple[str, ...], why: str) -> None:
    with pytest.raises(FetchError) as caught:
        updates(*inner)
    assert caught.value.code == "dsm.answer"
    assert why in caught.value.what


def test_the_summary_is_what_the_console_shows_in_its_order() -> None:
    names = [name for _, prefix, _ in coding._CHANGES for name in (f"{prefix}Added", f"{prefix}Updated")]
    names += [f"{prefix}Deleted" for _, prefix, deletes in coding._CHANGES if deletes] + ["DPIRulesAddedAndAssigned"]
    inner = "".join(f"<{name}>{number}</{name}>" for number, name in enumerate(sorted(names), 1))
    inner = inner.replace("<integrity", "<detailedSummary>New:\n rules</detailedSummary><integrity", 1)
    value = coding.decode_reply("securityUpdateApply", returned("securityUpdateApply", inner))
    changes = coding.rule_changes(value)
    numbers = {name: number for number, name in enumerate(sorted(names), 1)}
    assert changes.summary == "New: rules"
    assert changes.changes[0] == Change(
        "intrusion prevention rules",
        numbers["DPIRulesAdded"],
        numbers["DPIRulesUpdated"],
        numbers["DPIRulesDeleted"],
        numbers["DPIRulesAddedAndAssigned"],
    )
    assert changes.changes[5] == Change("port lists", numbers["portListsAdded"], numbers["portListsUpdated"], None)
    assert len(changes.changes) == 6


def test_a_summary_with_a_count_missing_is_refused() -> None:
    value = coding.decode_reply(
        "securityUpdateApply", returned("securityUpdateApply", "<DPIRulesAdded>1</DPIRulesAdded>")
    )
    with pytest.raises(FetchError) as caught:
        coding.rule_changes(value)
    assert caught.value.code == "dsm.answer"


@pytest.mark.parametrize(
    ("text", "content"), [("AAEC", b"\0\1\2"), ("\nAA\r\n EC\n", b"\0\1\2"), ("", b"")], ids=["plain", "lines", "empty"]
)
def test_an_exported_file_is_decoded(text: str, content: bytes) -> None:
    assert coding.decode_content("securityUpdateExport", returned("securityUpdateExport", text)) == content


@pytest.mark.parametrize("text", ["AAE", "AA!EC", "AAECA===", "\u00e4"])
def test_base64_is_strict(text: str) -> None:
    with pytest.raises(FetchError) as caught:
        coding.decode_content("securityUpdateExport", returned("securityUpdateExport", text))
    assert (caught.value.code, "base64" in caught.value.what) == ("dsm.answer", True)


def test_a_file_larger_than_a_parsers_usual_limit_for_one_text_is_decoded() -> None:
    content = bytes(range(256)) * 40_000
    reply = returned("securityUpdateExport", base64.b64encode(content).decode())
    assert coding.decode_content("securityUpdateExport", reply) == content


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


EXTERNAL = b'<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">'


@pytest.mark.parametrize(
    ("body", "have"),
    [
        (b"", "0 bytes"),
        (b"\x89PNG\r\n", "6 bytes"),
        (b"<html><body>Sign in</body></html", "a web page"),
        (LAUGHS + response("authenticate"), "a document with a DTD"),
        (EXTERNAL + response("authenticate"), "a document with a DTD"),
        ((b"\xef\xbb\xbf<?xml version='1.0'?>" + LAUGHS + b"<x>&b;</x>"), "a document with a DTD"),
        (response("authenticate").decode().encode("utf-16"), None),
        ((LAUGHS + b"<x>&b;</x>").decode().encode("utf-16-le"), None),
        (b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE x><x/>", None),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><x/>", None),
        (response("authenticate")[:-3], None),
        (b"<a>" * 300_000, None),
        (b"<a " + b" ".join(b"x%d=''" % number for number in range(300_000)) + b"/>", None),
        (b"<a>" * 90_000 + b"</a>" * 90_000, None),
    ],
)
def test_what_is_not_plain_soap_in_utf8_is_refused(body: bytes, have: str | None) -> None:
    error = refusal("authenticate", Reply(200, body))
    assert error.code == "dsm.answer"
    assert have is None or error.have == have


@pytest.mark.parametrize(
    "body",
    [
        b"<x/>",
        envelope(""),
        response("endSession"),
        envelope('<authenticateResponse xmlns="urn:Other"/>'),
        response("authenticate").replace(b"</soapenv:Body>", b"<more/></soapenv:Body>"),
    ],
)
def test_an_answer_to_something_else_is_refused(body: bytes) -> None:
    assert refusal("authenticate", Reply(200, body)).code == "dsm.answer"


PIECES = [
    b"",
    b"<",
    b"/>",
    b"&amp;",
    b"&x;",
    b"<!DOCTYPE x>",
    b"\xff",
    b"\0",
    b"xsi:type='m:x' ",
    b"99",
    b"soapenv:Fault",
]


@given(st.data())
def test_whatever_a_manager_says_is_an_answer_or_an_error_of_ours(data: st.DataObject) -> None:
    operation, honest = data.draw(
        st.sampled_from(
            [
                ("securityUpdateRetrieveAll", response("securityUpdateRetrieveAll", LISTED)),
                ("securityUpdateExport", returned("securityUpdateExport", "AAEC").body),
                ("authenticate", envelope(fault_body("no", '<fault2 xmlns="urn:Manager"/>'))),
            ]
        )
    )
    first = data.draw(st.integers(0, len(honest)))
    behind = data.draw(st.integers(first, min(first + 20, len(honest))))
    piece = data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)))
    reply = Reply(data.draw(st.sampled_from([200, 500, 404])), honest[:first] + piece + honest[behind:])
    with suppress(FetchError):
        if operation == "securityUpdateExport":
            assert isinstance(coding.decode_content(operation, reply), bytes)
        elif operation == "securityUpdateRetrieveAll":
            assert isinstance(coding.security_updates(coding.decode_reply(operation, reply)), tuple)
        else:
            assert coding.decode_reply(operation, reply) is None


def test_what_zeep_cannot_decode_is_no_line_of_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FetchError):
        updates(UPDATE.replace(">7<", ">seven<"))
    assert capfd.readouterr() == ("", "")
