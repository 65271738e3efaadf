"""How a relay is told to reach its manager."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.errors import ConfigurationError
from relay.dialing.manager.settings import load_manager_settings
from tests.support import dsm_simulator as dsm
from tests.support.rule_pack_sites import Site


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


def test_the_table_is_read_with_its_defaults(site: Site) -> None:
    site.configure(url="https://10.0.0.5:4119", timeout_seconds=None)
    settings = load_manager_settings(site.home)
    assert (settings.host, settings.port, settings.path) == ("10.0.0.5", 4119, "/webservice/Manager")
    assert (settings.shown, settings.timeout_seconds, settings.max_bytes) == ("10.0.0.5:4119", 300, 96 * 2**20)
