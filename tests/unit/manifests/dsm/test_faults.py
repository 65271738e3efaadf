"""The manager's refusals as errors of ours."""

from __future__ import annotations

import pytest

from manifests.dsm import Reply
from manifests.dsm.faults import fault_error, shown_fault, status_error
from tests.support.dsm_replies import refusal
from tests.support.dsm_simulator import envelope, fault_body


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
