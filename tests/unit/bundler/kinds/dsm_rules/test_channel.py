"""How a manager is reached and known, and when it is left."""

from __future__ import annotations

import hashlib

import pytest

from tests.support import dsm_simulator as dsm
from tests.support.benches import Bench
from tests.support.dsm_simulator import DsmSimulator
from tests.support.dsm_sources import pull, refused


def test_a_silent_manager_is_left(bench: Bench, manager: DsmSimulator) -> None:
    manager.on("securityUpdateExport", dsm.stalls())
    manager.on("endSession", dsm.stalls())
    assert refused(bench, manager, timeout_seconds=0.3).code == "dsm.timeout"


def test_a_manager_that_falls_silent_in_an_answer_is_left(bench: Bench, manager: DsmSimulator) -> None:
    manager.on("securityUpdateRetrieveAll", dsm.stalls(b"<soapenv"))
    assert refused(bench, manager, timeout_seconds=0.3).code == "dsm.timeout"


def test_a_manager_that_is_never_silent_and_never_done_is_left(bench: Bench, manager: DsmSimulator) -> None:
    for behave in (
        dsm.drips(),
        dsm.drips_before(b"HTTP/1.1 200 OK\r\nX-Drip: "),
        dsm.drips_before(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;drip="),
    ):
        manager.on("securityUpdateRetrieveAll", behave)
        assert refused(bench, manager, total_seconds=0.5).code == "dsm.too-slow"


def test_an_answer_that_breaks_off_is_refused(bench: Bench, manager: DsmSimulator) -> None:
    manager.on("securityUpdateRetrieveAll", dsm.breaks_off(b"x" * 1000, 10))
    assert refused(bench, manager).code == "dsm.broken"


def test_an_answer_that_is_too_large_is_refused(bench: Bench, manager: DsmSimulator) -> None:
    manager.add("26-032.dsru", bytes(200_000))
    assert refused(bench, manager, max_bytes=100_000).code == "dsm.too-large"


def test_a_compressed_answer_is_not_unpacked(bench: Bench, manager: DsmSimulator) -> None:
    manager.on("securityUpdateRetrieveAll", dsm.says(b"\x1f\x8b\x08\0\0\0", content_encoding="gzip"))
    assert refused(bench, manager).code == "dsm.answer"


def test_a_manager_under_an_unknown_authority_is_not_trusted(bench: Bench, manager: DsmSimulator) -> None:
    error = refused(bench, manager, ca=None)
    assert error.code == "dsm.tls"
    assert "fingerprint" in (error.todo or "")
    assert manager.asked == []


def test_a_ca_file_without_a_certificate_is_no_reason_to_trust(bench: Bench, manager: DsmSimulator) -> None:
    empty = manager.directory / "empty.pem"
    empty.write_text("nothing")
    assert refused(bench, manager, ca=str(empty)).code == "dsm.tls"


def test_a_manager_can_be_known_by_its_fingerprint_alone(bench: Bench, manager: DsmSimulator) -> None:
    digest = hashlib.sha256(manager.certificate).hexdigest().upper()
    colons = ":".join(digest[i : i + 2] for i in range(0, 64, 2))
    assert len(pull(bench, manager, ca=None, fingerprint=colons).targets) == 1
    manager.asked.clear()
    assert refused(bench, manager, ca=None, fingerprint="00" * 32).code == "dsm.tls"
    assert manager.asked == []


def test_nobody_there_is_named(bench: Bench, manager: DsmSimulator) -> None:
    assert refused(bench, manager, url="https://localhost:1").code == "dsm.connect"


def test_the_settings_of_the_environment_send_no_password_elsewhere(
    bench: Bench, manager: DsmSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert len(pull(bench, manager).targets) == 1
