"""What ``bundle keys list`` shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bundler.ceremony.status import key_rows, role_rows
from bundler.config import Config, Expiries, SourceConfig
from tests.support.ceremony import OPEN, Site
from tests.support.tuf_publisher import NOW

CONFIG = Config("acme", (SourceConfig("a", "directory", {}), SourceConfig("b", "directory", {})))


def test_the_overview_names_every_key_where_it_is_and_until_when_its_role_is_good(tmp_path):
    site = Site(tmp_path, 2, 2)
    site.publish()
    (old,) = site.keyids("timestamp")
    site.key_changes().rotate_keys("timestamp", None, None, OPEN)
    (gone,) = [path.stem for path in site.away("snapshot")]
    rows = key_rows(site.home, site.repository, ["a", "b"])
    assert [row.role for row in rows] == ["root", "root", "targets", "snapshot", "timestamp", "a", "b", None]
    assert rows[-1].keyid == old
    assert rows[3].uri is None
    assert gone.endswith(rows[3].keyid[:12])
    assert rows[2].uri == f"file:{site.home.keys}/targets-{rows[2].keyid[:12]}.pem"
    roles = {row.role: row for row in role_rows(site.home, site.repository, CONFIG, NOW + timedelta(days=1))}
    assert (roles["root"].threshold, roles["root"].keys, roles["root"].days) == (2, 2, 364)
    assert (roles["a"].expires_at, roles["a"].days) == (NOW + timedelta(days=180), 179)
    assert (roles["b"].expires_at, roles["b"].days) == (None, None)


@pytest.mark.parametrize(
    ("expiries", "runway"),
    [
        (Expiries(), 60),
        (Expiries(), 30),
        (Expiries(60, 60, 60, 60, 60), 60),
        (Expiries(30, 30, 30, 30, 30), 30),
        (Expiries(1, 1, 1, 1, 1), 1),
        (Expiries(36500, 3650, 3650, 3650, 3650), 3650),
    ],
)
def test_what_was_signed_a_moment_ago_is_never_short(tmp_path, expiries, runway):
    site = Site(tmp_path)
    site.expiries = expiries
    site.now = NOW + timedelta(days=1) if expiries.root < 365 else NOW
    site.key_changes().rotate_keys("snapshot", None, None, OPEN)  # which makes a root of these days
    site.publish()
    told = replace(CONFIG, expiries=expiries, runway_days=runway)
    rows = role_rows(site.home, site.repository, told, site.now + timedelta(minutes=1))
    assert [row.role for row in rows if row.is_short] == []


def test_short_is_what_has_less_than_the_runway_or_half_of_its_life_left(tmp_path):
    site = Site(tmp_path)
    site.publish()
    site.away("targets")

    def short(days):
        rows = role_rows(site.home, site.repository, CONFIG, NOW + timedelta(days=days))
        return {row.role: row.signable for row in rows if row.is_short}

    assert short(30) == {}
    assert short(31) == {"snapshot": True, "timestamp": True}
    assert short(121) == {"snapshot": True, "timestamp": True, "a": False, "targets": False}
    assert short(306) == short(121) | {"root": True}
