"""What ``bundle keys list`` shows."""

from __future__ import annotations

from datetime import timedelta

from bundler.ceremony.status import key_rows, role_rows
from tests.support.ceremony import OPEN, Site
from tests.support.tuf_publisher import NOW


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
    roles = {row.role: row for row in role_rows(site.repository, ["a", "b"], NOW + timedelta(days=1))}
    assert (roles["root"].threshold, roles["root"].keys, roles["root"].days) == (2, 2, 364)
    assert (roles["a"].expires_at, roles["a"].days) == (NOW + timedelta(days=180), 179)
    assert (roles["b"].expires_at, roles["b"].days) == (None, None)
