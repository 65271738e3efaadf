from __future__ import annotations

import hashlib

import pytest

from manifests.errors import (
    FetchError,
    NotAuthenticError,
    RollbackError,
    UsageError,
)
from relay.dialing.manager.delivery import RulePackReport
from tests.support import dsm_simulator as dsm
from tests.support.dsm_simulator import MAGIC
from tests.support.rule_pack_sites import NEW, OLD, Site


def states(report: RulePackReport) -> list[tuple[str, bool, str | None, bool]]:
    return [(e.pack.name, e.new, e.update.state, e.update.detect_only) for e in report.packs]


def test_a_dry_run_stores_every_pack_and_says_what_the_newest_would_change(site: Site) -> None:
    report = site.deliver()
    assert states(report) == [(OLD, True, "NOT_APPLIED", False), (NEW, True, "NOT_APPLIED", False)]
    assert {pack.name: pack.data for pack in site.manager.packs} == {name: MAGIC + name.encode() for name in (OLD, NEW)}
    assert (report.chosen.pack.name, report.application, report.generation) == (NEW, "dry-run", 1)
    assert report.changes.changes[0].added == 1
    assert report.changes.summary == f"{NEW}: new rules"
    assert "securityUpdateApply" not in site.manager.asked
    assert site.manager.sessions == set()
    port = site.manager.port
    assert site.events() == [
        ("manager-stored", f"{OLD} was stored in the manager localhost:{port}"),
        ("manager-stored", f"{NEW} was stored in the manager localhost:{port}"),
    ]


def test_a_second_run_stores_and_exports_nothing(site: Site) -> None:
    site.deliver()
    report = site.deliver()
    assert [entry.new for entry in report.packs] == [False, False]
    assert site.manager.count("securityUpdateStore") == 2
    assert site.manager.count("securityUpdateExport") == 0
    assert len(site.events()) == 2


def test_a_newer_generation_brings_only_what_is_new(site: Site) -> None:
    site.deliver()
    site.forge.files["dsm/26-032.dsru"] = MAGIC + b"new"
    site.bundle()
    report = site.deliver()
    assert [(entry.pack.name, entry.new) for entry in report.packs][-1] == ("26-032.dsru", True)
    assert report.chosen.pack.name == "26-032.dsru"
    assert site.manager.count("securityUpdateStore") == 3


def test_applying_detect_only_and_then_for_good(site: Site) -> None:
    first = site.deliver(apply=True, detect_only=True)
    assert states(first)[1] == (NEW, True, "APPLIED_CURRENT", True)
    assert first.application == "applied"
    assert site.deliver(apply=True, detect_only=True).application == "already-applied"
    assert site.manager.count("securityUpdateApply") == 1
    second = site.deliver(apply=True)
    assert states(second)[1] == (NEW, False, "APPLIED_CURRENT", False)
    where = f"in the manager localhost:{site.manager.port}"
    assert site.events()[2:] == [
        ("manager-applied", f"{NEW} was applied {where} with new rules only detecting"),
        ("manager-applied", f"{NEW} was applied {where}"),
    ]


def test_going_back_happens_by_name_alone(site: Site) -> None:
    site.deliver(apply=True)
    report = site.deliver(apply=True, pack=OLD)
    assert states(report)[0] == (OLD, False, "APPLIED_CURRENT", False)
    error = site.refused(apply=True, pack="25-001.dsru")
    assert isinstance(error, UsageError)
    assert error.code == "manager.unknown-pack"


def test_a_manager_that_is_newer_is_not_taken_back_by_accident(site: Site) -> None:
    site.manager.add("26-040.dsru").state = "APPLIED_CURRENT"
    error = site.refused(apply=True)
    assert isinstance(error, RollbackError)
    assert (error.code, error.have) == ("manager.older", "26-040 there, 26-031 here")
    assert "securityUpdateStore" not in site.manager.asked
    assert site.deliver(apply=True, pack=NEW).application == "applied"


def test_a_pack_that_somebody_else_stored_is_compared_and_not_stored_again(site: Site) -> None:
    site.manager.add(NEW, MAGIC + NEW.encode())
    report = site.deliver()
    assert [entry.new for entry in report.packs] == [True, False]
    assert site.manager.count("securityUpdateExport") == 1
    site.deliver()
    assert site.manager.count("securityUpdateExport") == 1


def test_another_pack_of_the_same_name_is_refused(site: Site) -> None:
    site.manager.add(NEW, MAGIC + b"something else")
    error = site.refused(apply=True)
    assert error.code == "dsm.name-taken"
    assert "securityUpdateApply" not in site.manager.asked


def test_a_pack_of_ours_that_was_replaced_in_the_manager_is_noticed(site: Site) -> None:
    site.deliver()
    site.manager.packs[1].data, site.manager.packs[1].id = MAGIC + b"replaced", 900
    assert site.refused().code == "dsm.name-taken"


def test_a_manager_that_was_made_anew_gets_everything_again(site: Site) -> None:
    site.deliver()
    site.manager.packs.clear()
    assert [entry.new for entry in site.deliver().packs] == [True, True]


def test_damaged_content_is_not_sent(site: Site) -> None:
    blob = site.home.store.path(hashlib.sha256(MAGIC + NEW.encode()).hexdigest())
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    error = site.refused()
    assert isinstance(error, NotAuthenticError)
    assert error.code == "blob.digest"
    assert [pack.name for pack in site.manager.packs] == [OLD]


def test_what_is_no_rule_pack_is_the_managers_refusal_and_stands_in_the_events(site: Site) -> None:
    site.forge.files["dsm/26-032.dsru"] = b"not a pack"
    site.bundle()
    error = site.refused()
    assert error.code == "dsm.refused"
    assert error.have == "example.manager.ManagerValidationException: not a security update"
    assert site.events()[-1][0] == "manager-failed"
    assert site.manager.sessions == set()


@pytest.mark.parametrize(
    ("operation", "fault", "code"),
    [
        ("authenticate", "ManagerLockoutException", "dsm.locked-out"),
        ("authenticate", "ManagerMaxSessionsException", "dsm.sessions"),
        ("securityUpdateRetrieveAll", "ManagerAuthorizationException", "dsm.rights"),
        ("securityUpdateStore", "ManagerTimeoutException", "dsm.session-expired"),
        ("securityUpdateStore", "ManagerIntegrityConstraintException", "dsm.refused"),
        ("securityUpdateGetApplierInformation", "ManagerException", "dsm.fault"),
        ("securityUpdateApply", "ManagerValidationException", "dsm.refused"),
    ],
)
def test_each_fault_is_named_audited_and_ends_the_session(site: Site, operation: str, fault: str, code: str) -> None:
    site.manager.on(operation, dsm.faults(fault))
    error = site.refused(apply=True)
    assert isinstance(error, FetchError)
    assert error.code == code
    assert site.events()[-1][0] == "manager-failed"
    assert site.manager.count("endSession") == (0 if operation == "authenticate" else 1)


def test_a_session_that_ended_meanwhile_is_begun_anew(site: Site) -> None:
    site.manager.on("securityUpdateStore", dsm.forgets_the_session())
    assert [entry.new for entry in site.deliver().packs] == [True, True]
    assert site.manager.sessions == set()


def test_a_wrong_password_is_named_and_not_shown(site: Site) -> None:
    site.configure(password="hunter2 hunter2")
    error = site.refused()
    assert error.code == "dsm.credentials"
    assert "hunter2" not in f"{error}{site.events()}"


@pytest.mark.parametrize("status", [403, 404])
def test_soap_that_is_switched_off_is_named_with_what_to_type(site: Site, status: int) -> None:
    site.manager.soap_off = status
    error = site.refused()
    assert error.code == "dsm.soap-off"
    assert "settings.configuration.webserviceAPIEnabled -value true" in str(error)


def applied_to(name: str) -> bytes:
    return dsm.envelope(
        f'<securityUpdateStoreResponse xmlns="urn:Manager"><securityUpdateStoreReturn><ID>5</ID>'
        f"<detectOnly>false</detectOnly><name>{name}</name></securityUpdateStoreReturn></securityUpdateStoreResponse>"
    )


@pytest.mark.parametrize("name", ["other.dsru", OLD])
def test_a_manager_that_lies_about_storing_is_caught(site: Site, name: str) -> None:
    site.manager.on("securityUpdateStore", dsm.says(applied_to(name)))
    assert site.refused().code == "dsm.not-stored"


def test_a_manager_that_lies_about_applying_is_caught(site: Site) -> None:
    pack = site.manager.add(NEW, MAGIC + NEW.encode())
    honest = dsm.envelope(
        f'<securityUpdateApplyResponse xmlns="urn:Manager"><securityUpdateApplyReturn>{dsm.counted(pack)}'
        "</securityUpdateApplyReturn></securityUpdateApplyResponse>"
    )
    site.manager.on("securityUpdateApply", dsm.says(honest))
    assert site.refused(apply=True).code == "dsm.not-applied"
    assert [kind for kind, _ in site.events()].count("manager-applied") == 0


def test_two_packs_of_one_name_in_the_manager_are_refused(site: Site) -> None:
    site.manager.add(NEW)
    site.manager.add(NEW)
    assert site.refused().code == "dsm.duplicate-name"
