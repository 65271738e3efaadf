from __future__ import annotations

import base64

import pytest

from manifests.errors import ConfigurationError, FetchError, MalformedError, RollbackError
from tests.support import dsm_simulator as dsm
from tests.support.benches import Bench, make
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.dsm_sources import options, pull, refused
from tests.support.rule_packs import members, pack_7z, pack_zip


def test_the_newest_pack_is_carried_untouched_under_the_managers_name(bench: Bench, manager: DsmSimulator) -> None:
    pulled = pull(bench, manager)
    assert bench.contents(pulled) == {"26-031.dsru": MAGIC + b"26-031.dsru"}
    (item,) = pulled.items
    assert (item.path, item.label) == ("26-031.dsru", "carried, inside not verified")
    assert dict(item.facts) == {"name": "26-031.dsru", "released": "2026-01-02T00:00:00Z", "version": "26-031"}
    assert pulled.version == "26-031"
    assert pulled.verification == (
        "1 of 1 vendor pack carried, inside not verified; exported by the manager over TLS; "
        "no upstream signature checked"
    )
    assert manager.asked == ["authenticate", "securityUpdateRetrieveAll", "securityUpdateExport", "endSession"]
    assert manager.sessions == set()


def test_packs_are_chosen_by_number_and_by_name(bench: Bench, manager: DsmSimulator) -> None:
    manager.add("25-054.dsru")
    assert set(bench.contents(pull(bench, manager, newest=2))) == {"26-031.dsru", "26-030.dsru"}
    chosen = pull(bench, manager, newest=9, include=["26-*"], exclude=["*-030*"])
    assert [target.path for target in chosen.targets] == ["26-029.dsru", "26-031.dsru"]
    assert manager.count("securityUpdateExport") == 4


def test_packs_that_are_named_by_no_release_are_ordered_by_their_day(bench: Bench, manager: DsmSimulator) -> None:
    manager.packs.clear()
    manager.add("Spring.dsru", days=90)
    manager.add("Winter.dsru", days=10)
    manager.add("Undated.dsru").released = None
    pulled = pull(bench, manager)
    assert [target.path for target in pulled.targets] == ["Spring.dsru"]
    assert pulled.version == "2026-04-01T00:00:00Z"


def test_nothing_is_exported_twice(bench: Bench, manager: DsmSimulator) -> None:
    first = pull(bench, manager, newest=2)
    again = pull(bench, manager, first, newest=2)
    assert again == first
    assert manager.count("securityUpdateExport") == 2
    manager.add("26-032.dsru")
    third = pull(bench, manager, again, newest=2)
    assert [target.path for target in third.targets] == ["26-031.dsru", "26-032.dsru"]
    assert manager.count("securityUpdateExport") == 3
    manager.packs[1].id = 999
    pull(bench, manager, third, newest=2)
    assert manager.count("securityUpdateExport") == 4


def test_check_signs_in_and_exports_nothing(bench: Bench, manager: DsmSimulator) -> None:
    first = pull(bench, manager)
    source = make("dsm-rules", **options(manager, newest=2))
    with bench.workbench(first) as workbench:
        check = source.check(workbench)
    assert [(target.path, target.length, target.state) for target in check.targets] == [
        ("26-030.dsru", None, "to export"),
        ("26-031.dsru", len(MAGIC) + 11, "unchanged"),
    ]
    assert check.note == f"signed in to localhost:{manager.port}; 3 rule packs there, the newest is 26-031.dsru"
    assert check.version == "26-031"
    assert manager.count("securityUpdateExport") == 1
    assert manager.sessions == set()


def test_an_open_pack_is_read_and_counted(bench: Bench, manager: DsmSimulator) -> None:
    manager.add("26-032.dsru", pack_7z(members(release="26-032")))
    pulled = pull(bench, manager, newest=2)
    assert dict(pulled.items[1].facts)["release"] == "26-032"
    assert pulled.verification.startswith("1 of 2 open rule packs, checked inside; 1 of 2 vendor packs carried")


def test_a_pack_that_is_a_hostile_archive_is_refused(bench: Bench, manager: DsmSimulator) -> None:
    manager.add("26-032.dsru", pack_zip({**members(), "../../WebUI/WebApp/east.aspx": b"x"}))
    error = refused(bench, manager)
    assert isinstance(error, MalformedError)
    assert error.code == "archive.traversal"


def test_a_manager_that_went_back_is_refused_unless_that_is_allowed(bench: Bench, manager: DsmSimulator) -> None:
    first = pull(bench, manager)
    del manager.packs[1]
    error = refused(bench, manager, first)
    assert isinstance(error, RollbackError)
    assert error.code == "source.older"
    assert error.have == "2026.31 pulled before, 2026.30 upstream"
    with bench.workbench(first) as workbench, pytest.raises(RollbackError):
        make("dsm-rules", **options(manager)).check(workbench)
    assert set(bench.contents(pull(bench, manager, first, allow_older=True))) == {"26-030.dsru"}


def test_a_manager_whose_named_packs_went_back_in_time_is_refused(bench: Bench, manager: DsmSimulator) -> None:
    manager.packs.clear()
    manager.add("Spring.dsru", days=90)
    first = pull(bench, manager)
    manager.packs[0].name = "Winter.dsru"
    manager.packs[0].released = manager.packs[0].released.replace(month=1)
    assert refused(bench, manager, first).code == "source.older"


@pytest.mark.parametrize("status", [403, 404])
def test_soap_that_is_switched_off_is_named_with_what_to_type(bench: Bench, manager: DsmSimulator, status: int) -> None:
    manager.soap_off = status
    error = refused(bench, manager)
    assert error.code == "dsm.soap-off"
    assert "settings.configuration.webserviceAPIEnabled -value true" in str(error)


def test_a_wrong_password_is_named_and_not_shown(bench: Bench, manager: DsmSimulator) -> None:
    error = refused(bench, manager, password="hunter2 hunter2")
    assert error.code == "dsm.credentials"
    assert "hunter2" not in f"{error}{error.to_json()}"
    assert manager.asked == ["authenticate"]


@pytest.mark.parametrize(
    ("operation", "fault", "code"),
    [
        ("authenticate", "ManagerLockoutException", "dsm.locked-out"),
        ("authenticate", "ManagerMaxSessionsException", "dsm.sessions"),
        ("authenticate", "ManagerCommunicationException", "dsm.fault"),
        ("securityUpdateRetrieveAll", "ManagerAuthorizationException", "dsm.rights"),
        ("securityUpdateRetrieveAll", "ManagerTimeoutException", "dsm.session-expired"),
        ("securityUpdateExport", "ManagerValidationException", "dsm.refused"),
        ("securityUpdateExport", "ManagerException", "dsm.fault"),
    ],
)
def test_each_fault_is_named_and_the_session_is_ended(
    bench: Bench, manager: DsmSimulator, operation: str, fault: str, code: str
) -> None:
    manager.on(operation, dsm.faults(fault, "no"))
    error = refused(bench, manager)
    assert isinstance(error, FetchError)
    assert error.code == code
    assert manager.count("endSession") == (0 if operation == "authenticate" else 1)


def test_a_session_that_ended_meanwhile_is_begun_anew(bench: Bench, manager: DsmSimulator) -> None:
    manager.on("securityUpdateExport", dsm.forgets_the_session())
    assert len(pull(bench, manager).targets) == 1
    assert manager.count("authenticate") == 2
    assert manager.sessions == set()


def test_a_pack_that_went_between_listing_and_export_is_the_managers_refusal(
    bench: Bench, manager: DsmSimulator
) -> None:
    manager.on("securityUpdateExport", dsm.faults("ManagerValidationException", "no security update 101"))
    assert refused(bench, manager).have == "example.manager.ManagerValidationException: no security update 101"


def test_a_manager_without_packs_is_named(bench: Bench, manager: DsmSimulator) -> None:
    assert refused(bench, manager, include=["25-*"]).code == "dsm.no-packs"
    manager.packs.clear()
    assert refused(bench, manager).have == "none at all"


def test_two_packs_of_one_name_are_refused(bench: Bench, manager: DsmSimulator) -> None:
    manager.add("26-031.dsru", days=1)
    assert refused(bench, manager, newest=2).code == "dsm.duplicate-name"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/26-032.dsru", "a\\b.dsru", "a\u202eb.dsru", ".."])
def test_a_name_that_cannot_be_carried_is_refused(bench: Bench, manager: DsmSimulator, name: str) -> None:
    manager.packs.clear()
    manager.add(name)
    assert refused(bench, manager, include=["**"]).code == "dsm.name"


@pytest.mark.parametrize("data", [b"", b"  <!DOCTYPE html><html>Sign in</html>", b"<html>"])
def test_what_is_no_pack_is_refused(bench: Bench, manager: DsmSimulator, data: bytes) -> None:
    manager.add("26-032.dsru", data)
    assert refused(bench, manager).code == "dsm.content"


LIE = dsm.envelope(
    '<securityUpdateExportResponse xmlns="urn:Manager"><securityUpdateExportReturn>!!!!</securityUpdateExportReturn>'
    "</securityUpdateExportResponse>"
)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (LIE, 200, "dsm.answer"),
        (b"<html>Sign in</html>", 200, "dsm.answer"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', 200, "dsm.answer"),
        (b"", 200, "dsm.answer"),
        (b"moved", 302, "dsm.status"),
        (b"busy", 503, "dsm.status"),
    ],
)
def test_an_answer_that_is_no_soap_is_refused(
    bench: Bench, manager: DsmSimulator, body: bytes, status: int, code: str
) -> None:
    manager.on("securityUpdateExport", dsm.says(body, status, location="http://192.0.2.1/"))
    assert refused(bench, manager).code == code


def test_the_password_can_come_from_the_environment(
    bench: Bench, manager: DsmSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSM_PASSWORD", dsm.PASSWORD)
    pulled = pull(bench, manager, credentials={"user": dsm.USER, "password_env": "DSM_PASSWORD"})
    assert len(pulled.targets) == 1
    monkeypatch.delenv("DSM_PASSWORD")
    error = refused(bench, manager, credentials={"user": dsm.USER, "password_env": "DSM_PASSWORD"})
    assert isinstance(error, ConfigurationError)
    assert error.code == "source.credentials"


def test_the_password_goes_to_the_manager_and_nowhere_else(bench: Bench, manager: DsmSimulator) -> None:
    pulled = pull(bench, manager)
    assert dsm.PASSWORD not in str(vars(pulled))
    kept = [path.read_bytes() for path in bench.home.path.rglob("*") if path.is_file()]
    for form in (dsm.PASSWORD.encode(), base64.b64encode(dsm.PASSWORD.encode())):
        assert not any(form in data for data in kept)
    assert manager.bodies[0].count(b"correct horse") == 1


def test_ca_and_fingerprint_together_are_refused(manager: DsmSimulator) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("dsm-rules", **options(manager, fingerprint="00" * 32))
    assert caught.value.code == "source.ca"


@pytest.mark.parametrize("ca", ["ca.pem", "/nowhere/ca.pem"])
def test_a_ca_that_is_relative_or_missing_is_refused(manager: DsmSimulator, ca: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("dsm-rules", **options(manager, ca=ca))
    assert caught.value.code == "source.path"


def test_a_managers_address_may_name_its_endpoint(manager: DsmSimulator) -> None:
    assert make("dsm-rules", **options(manager)).endpoint.url == f"{manager.url}/webservice/Manager"
    given = f"{manager.url}/dsm/webservice/Manager"
    assert make("dsm-rules", **options(manager, url=given)).endpoint.url == given
