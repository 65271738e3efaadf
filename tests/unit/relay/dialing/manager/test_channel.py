"""How the manager is reached and known, and when it is left."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support import dsm_simulator as dsm
from tests.support.dsm_simulator import MAGIC, DsmSimulator
from tests.support.rule_pack_sites import Site


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
