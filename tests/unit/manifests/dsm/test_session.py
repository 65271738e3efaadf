from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from manifests.dsm import Account, Change, Reply, SecurityUpdate, coding, collect_answer, signed_in
from manifests.dsm.faults import fault_error, shown_fault, status_error
from manifests.errors import FetchError
from tests.support.dsm_simulator import envelope, fault_body

ACCOUNT = Account("sealift", "correct horse")
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'


def response(operation: str, inner: str = "") -> bytes:
    return envelope(f'<{operation}Response xmlns="urn:Manager">{inner}</{operation}Response>')


def returned(operation: str, inner: str) -> Reply:
    return Reply(200, response(operation, f"<{operation}Return>{inner}</{operation}Return>"))


def refusal(operation: str, reply: Reply) -> FetchError:
    with pytest.raises(FetchError) as caught:
        coding.decode_reply(operation, reply)
    return caught.value


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


@pytest.mark.parametrize(
    ("status", "code"), [(403, "dsm.soap-off"), (404, "dsm.soap-off"), (302, "dsm.status"), (503, "dsm.status")]
)
def test_a_status_without_soap_is_named(status: int, code: str) -> None:
    error = refusal("authenticate", Reply(status, b"<html>nothing</html>"))
    assert error.code == code == status_error(status).code
    assert error.details["status"] == status


def test_soap_that_is_off_comes_with_the_command_that_switches_it_on() -> None:
    todo = status_error(403).todo or ""
    assert "dsm_c -action changesetting -name settings.configuration.webserviceAPIEnabled -value true" in todo


@pytest.mark.parametrize(
    ("message", "details", "code"),
    [
        ("x", [("fault2", "")], "dsm.credentials"),
        ("x", [("fault4", "")], "dsm.credentials"),
        ("x", [("fault1", "")], "dsm.locked-out"),
        ("x", [("fault3", "")], "dsm.sessions"),
        ("x", [("fault6", "")], "dsm.session-expired"),
        ("x", [("fault8", "")], "dsm.rights"),
        ("x", [("fault7", "")], "dsm.refused"),
        ("x", [("fault9", "")], "dsm.refused"),
        ("x", [("fault5", "")], "dsm.fault"),
        ("x", [("fault", "")], "dsm.fault"),
        ("x", [("exceptionName", "com.example.ManagerLockoutException")], "dsm.locked-out"),
        ("com.example.ManagerTimeoutException: gone", [], "dsm.session-expired"),
        ("java.lang.NullPointerException", [("stackTrace", "at x")], "dsm.fault"),
        (None, [], "dsm.fault"),
    ],
)
def test_each_fault_has_its_code(message: str | None, details: list[tuple[str, str]], code: str) -> None:
    assert fault_error(message, details).code == code


def test_a_fault_is_recognised_whatever_the_status() -> None:
    body = envelope(fault_body("no", '<fault2 xmlns="urn:Manager"/>'))
    assert refusal("authenticate", Reply(500, body)).code == "dsm.credentials"
    assert refusal("authenticate", Reply(200, body)).code == "dsm.credentials"
    assert refusal("authenticate", Reply(500, envelope(""))).code == "dsm.status"


def test_a_managers_text_is_one_printable_bounded_line() -> None:
    assert shown_fault("a\x1b[2J\n b\u202e " + "c" * 1000) == ("a [2J b " + "c" * 1000)[:300]


class Scripted:
    """A channel that answers from a script and remembers what it carried."""

    def __init__(self, *answers: Reply | FetchError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, data: bytes, _: Mapping[str, str]) -> Reply:
        element = etree.fromstring(data)[0][0]
        self.asked.append(f"{element.tag.partition('}')[2]} {element[-1].text}")
        answer = self.answers.pop(0)
        if isinstance(answer, FetchError):
            raise answer
        return answer


SIGNED_IN = returned("authenticate", "S1")
SIGNED_OUT = Reply(200, response("endSession"))
EXPIRED = Reply(500, envelope(fault_body("gone", '<fault6 xmlns="urn:Manager"/>')))
NO_PACKS = Reply(200, response("securityUpdateRetrieveAll"))


def test_a_session_is_ended_after_the_work_and_after_a_failure() -> None:
    channel = Scripted(SIGNED_IN, NO_PACKS, SIGNED_OUT)
    with signed_in(channel, ACCOUNT) as manager:
        assert manager.security_updates() == ()
    assert channel.asked == ["authenticate correct horse", "securityUpdateRetrieveAll S1", "endSession S1"]
    failing = Scripted(SIGNED_IN, FetchError("dsm.timeout", "silent"), FetchError("dsm.timeout", "silent"))
    with pytest.raises(FetchError) as caught, signed_in(failing, ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.timeout"
    assert failing.asked[-1] == "endSession S1"


def test_who_is_not_let_in_has_no_session_to_end() -> None:
    channel = Scripted(Reply(500, envelope(fault_body("no", '<fault2 xmlns="urn:Manager"/>'))))
    with pytest.raises(FetchError) as caught, signed_in(channel, ACCOUNT):
        pytest.fail("signed in")
    assert caught.value.code == "dsm.credentials"
    assert len(channel.asked) == 1


@pytest.mark.parametrize("inner", ["", "<authenticateReturn/>"])
def test_a_manager_that_gives_no_session_is_refused(inner: str) -> None:
    with pytest.raises(FetchError) as caught, signed_in(Scripted(Reply(200, response("authenticate", inner))), ACCOUNT):
        pytest.fail("signed in")
    assert caught.value.code == "dsm.answer"


def test_a_session_that_the_manager_ended_is_begun_anew_once() -> None:
    channel = Scripted(SIGNED_IN, EXPIRED, returned("authenticate", "S2"), NO_PACKS, SIGNED_OUT)
    with signed_in(channel, ACCOUNT) as manager:
        manager.security_updates()
    assert channel.asked[3:] == ["securityUpdateRetrieveAll S2", "endSession S2"]
    again = Scripted(SIGNED_IN, EXPIRED, SIGNED_IN, EXPIRED, SIGNED_OUT)
    with pytest.raises(FetchError) as caught, signed_in(again, ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.session-expired"


@pytest.mark.parametrize("secret", ["correct horse", "S1"])
def test_a_secret_that_the_manager_repeats_is_not_shown(secret: str) -> None:
    refused = Reply(500, envelope(fault_body(f"no right for {secret}", '<fault8 xmlns="urn:Manager"/>')))
    with pytest.raises(FetchError) as caught, signed_in(Scripted(SIGNED_IN, refused, SIGNED_OUT), ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.rights"
    assert secret not in f"{caught.value}{caught.value.to_json()}"


def test_the_password_shows_nowhere() -> None:
    assert "correct horse" not in repr(ACCOUNT)


def test_what_zeep_cannot_decode_is_no_line_of_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FetchError):
        updates(UPDATE.replace(">7<", ">seven<"))
    assert capfd.readouterr() == ("", "")


def test_an_answer_is_collected_within_its_bounds() -> None:
    assert collect_answer([b"ab", b"c"], max_bytes=3, seconds=1, monotonic=lambda: 0.0) == b"abc"
    with pytest.raises(FetchError) as caught:
        collect_answer([b"ab", b"cd"], max_bytes=3, seconds=1, monotonic=lambda: 0.0)
    assert caught.value.code == "dsm.too-large"
    ticks = count(step=2)
    with pytest.raises(FetchError) as caught:
        collect_answer([b"ab"], max_bytes=3, seconds=1, monotonic=lambda: float(next(ticks)))
    assert caught.value.code == "dsm.too-slow"
