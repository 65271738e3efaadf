from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manifests.disk.lock import exclusive_lock
from manifests.errors import (
    ConfigurationError,
    FetchError,
    IncompleteError,
    LockedError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
    UsageError,
)
from relay.context import Context
from relay.dialing.manager.delivery import RulePackOrder, RulePackReport
from relay.dialing.manager.run import deliver_rule_packs
from relay.dialing.manager.settings import load_manager_settings
from relay.events.log import read_events
from relay.home import Home
from relay.state import State
from tests.support import dsm_simulator as dsm
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_config, make_home

REPOSITORY = Path(__file__).parents[5]
OLD, NEW = "26-030.dsru", "26-031.dsru"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DsmSimulator]:
    with DsmSimulator(tmp_path) as simulator:
        yield simulator


class Site:
    """A relay with two rule packs, configured for a manager."""

    def __init__(self, base: Path, manager: DsmSimulator) -> None:
        self.base, self.manager = base, manager
        self.forge = BundleForge()
        self.home: Home = make_home(base / "home", self.forge.root)
        self.now = self.forge.created(1) + timedelta(hours=2)
        self.forge.files = {f"dsm/{name}": MAGIC + name.encode() for name in (OLD, NEW)}
        self.bundle()
        self.configure()

    def bundle(self) -> None:
        path = self.forge.seal(self.base / f"{self.forge.version + 1}.zip")
        import_bundle(self.home, path, self.forge.clock())

    def configure(self, password: str = dsm.PASSWORD, **more: Any) -> None:
        (self.home.path / "password").write_text(f"{password}\n")
        (self.home.path / "password").chmod(0o600)
        given = {
            "url": self.manager.url,
            "sources": ["dsm"],
            "credentials": {"user": dsm.USER, "password_file": "password"},
            "ca": str(self.manager.directory / "ca.pem"),
            "timeout_seconds": 5,
        }
        table = {key: value for key, value in (given | more).items() if value is not None}
        self.home.config_file.write_text(f'connectivity = "isolated"\n[manager]\n{toml(table)}')

    def clock(self) -> datetime:
        return self.now

    def deliver(self, **order: Any) -> RulePackReport:
        return deliver_rule_packs(Context(self.home, make_config(self.home), self.clock), RulePackOrder(**order))

    def refused(self, **order: Any) -> SealiftError:
        with pytest.raises(SealiftError) as caught:
            self.deliver(**order)
        assert dsm.PASSWORD not in f"{caught.value}{caught.value.to_json()}"
        return caught.value

    def events(self) -> list[tuple[str, str]]:
        with State(self.home.database) as state:
            found = read_events(self.home, state)
        assert dsm.PASSWORD not in str(found)
        return [(event.kind, event.text) for event in found if event.kind.startswith("manager-")]


def toml(table: dict[str, Any]) -> str:
    def value(item: Any) -> str:
        if isinstance(item, dict):
            return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items()) + " }"
        return str(item).replace("'", '"') if isinstance(item, (list, int, float)) else f'"{item}"'

    return "".join(f"{key} = {value(item)}\n" for key, item in table.items())


@pytest.fixture
def site(tmp_path: Path, manager: DsmSimulator) -> Site:
    return Site(tmp_path, manager)


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


@pytest.mark.parametrize(
    ("behaviour", "settings", "code"),
    [
        (dsm.stalls(), {"timeout_seconds": 0.3}, "dsm.timeout"),
        (dsm.stalls(b"<soapenv"), {"timeout_seconds": 0.3}, "dsm.timeout"),
        (dsm.drips(), {"total_seconds": 0.3}, "dsm.too-slow"),
        (dsm.breaks_off(b"x" * 1000, 10), {}, "dsm.broken"),
        (dsm.says(b"x" * 3_000_000), {"max_mib": 1}, "dsm.too-large"),
        (dsm.says(b"moved", 302, location="http://192.0.2.1/"), {}, "dsm.status"),
        (dsm.says(b"<html>Sign in</html>"), {}, "dsm.answer"),
        (dsm.says(b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), {}, "dsm.answer"),
    ],
    ids=["silent", "falls-silent", "drips", "breaks-off", "too-large", "redirect", "web-page", "dtd"],
)
def test_a_manager_that_misbehaves_is_left(site: Site, behaviour: Any, settings: dict[str, Any], code: str) -> None:
    site.configure(**settings)
    site.manager.on("securityUpdateRetrieveAll", behaviour)
    site.manager.on("endSession", dsm.says(b""))
    assert site.refused().code == code


def test_a_pack_that_is_too_large_is_not_read(site: Site) -> None:
    site.configure(max_mib=1)
    site.forge.files["dsm/26-032.dsru"] = MAGIC + bytes(2**20)
    site.bundle()
    assert site.refused().code == "dsm.too-large"
    assert site.manager.count("securityUpdateStore") == 2


def test_the_manager_must_be_the_one_it_claims_to_be(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with DsmSimulator(tmp_path / "other") as other:
        site.configure(ca=str(other.directory / "ca.pem"))
        assert site.refused().code == "dsm.tls"
    site.configure(ca=None, fingerprint="00" * 32)
    assert site.refused().code == "dsm.tls"
    site.configure(ca="password")
    assert site.refused().code == "dsm.tls"
    site.configure(url=site.manager.url.replace("localhost", "127.0.0.1"))
    assert site.refused().code == "dsm.tls"
    assert site.manager.asked == []


def test_the_manager_can_be_known_by_its_fingerprint_alone(site: Site) -> None:
    url = site.manager.url.replace("localhost", "127.0.0.1")
    site.configure(url=url, ca=None, fingerprint=hashlib.sha256(site.manager.certificate).hexdigest().upper())
    assert len(site.deliver().packs) == 2


def test_nobody_there_is_named(site: Site) -> None:
    site.configure(url="https://localhost:1")
    assert site.refused().code == "dsm.connect"


def test_no_setting_of_the_environment_leads_elsewhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert len(site.deliver().packs) == 2


def test_two_runs_at_once_are_not_possible(site: Site) -> None:
    with exclusive_lock(site.home.path / "deliver-rules.lock"):
        assert isinstance(site.refused(), LockedError)


def test_without_a_table_nothing_is_dialled(site: Site) -> None:
    site.home.config_file.write_text('connectivity = "isolated"\n')
    error = site.refused()
    assert isinstance(error, ConfigurationError)
    assert error.code == "manager.off"
    assert site.manager.asked == []


def test_before_the_first_import_there_is_nothing_to_deliver(tmp_path: Path, manager: DsmSimulator) -> None:
    site = Site(tmp_path, manager)
    site.home = make_home(tmp_path / "empty", site.forge.root)
    site.configure()
    error = site.refused()
    assert isinstance(error, IncompleteError)
    assert error.code == "manager.nothing"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sources": ["other"]}, "manager.source"),
        ({"sources": ["ds"]}, "manager.source"),
        ({"ca": None}, "manager.trust"),
        ({"fingerprint": "00" * 32}, "manager.trust"),
        ({"ca": "nowhere.pem"}, "manager.ca"),
        ({"credentials": {"user": "x"}}, "manager.credentials"),
        ({"credentials": {"user": "x", "password_env": "A", "password_file": "b"}}, "manager.credentials"),
        ({"credentials": {"user": "x", "password_env": "SEALIFT_NO_SUCH_VARIABLE"}}, "manager.credentials"),
        ({"credentials": {"user": "x", "password_file": "nowhere"}}, "manager.credentials"),
        ({"url": "https://localhost:99999"}, "manager.url"),
        ({"url": "http://localhost:4119"}, "config.value"),
        ({"url": "https://user:secret@localhost:4119"}, "config.value"),
        ({"urls": "x"}, "config.unknown-key"),
        ({"url": "https://192.0.2.1:4119"}, "manager.address"),
        ({"url": "https://8.8.8.8:4119"}, "manager.address"),
        ({"url": "https://[2001:db8::1]:4119"}, "manager.address"),
        ({"url": "https://169.254.169.254"}, "manager.address"),
        ({"url": "https://0.0.0.0:4119"}, "manager.address"),
        ({"url": "https://[::ffff:8.8.8.8]:4119"}, "manager.address"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_refused(site: Site, changed: dict[str, Any], code: str) -> None:
    site.configure(**changed)
    error = site.refused()
    assert isinstance(error, ConfigurationError)
    assert error.code == code
    assert site.manager.asked == []


def test_a_password_that_others_may_read_is_refused(site: Site) -> None:
    (site.home.path / "password").chmod(0o640)
    assert site.refused().code == "manager.credentials-mode"


def test_the_password_can_come_from_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure(credentials={"user": dsm.USER, "password_env": "MANAGER_PASSWORD"})
    monkeypatch.setenv("MANAGER_PASSWORD", dsm.PASSWORD)
    assert len(site.deliver().packs) == 2


def test_two_sources_with_a_pack_of_one_name_are_refused(site: Site) -> None:
    site.forge.files[f"own/{NEW}"] = MAGIC + b"own"
    site.bundle()
    site.configure(sources=["dsm", "own"])
    assert site.refused().code == "manager.duplicate"


def test_the_table_is_read_with_its_defaults(site: Site) -> None:
    site.configure(url="https://10.0.0.5:4119", timeout_seconds=None)
    settings = load_manager_settings(site.home)
    assert (settings.host, settings.port, settings.path) == ("10.0.0.5", 4119, "/webservice/Manager")
    assert (settings.shown, settings.timeout_seconds, settings.max_bytes) == ("10.0.0.5:4119", 300, 96 * 2**20)
