"""What keys there are, and what became of a change of keys, as text and as JSON."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bundler.ceremony.status import key_rows, role_rows
from bundler.report.keys import (
    keys_to_json,
    keys_to_text,
    outcome_to_json,
    outcome_to_text,
    proposal_to_text,
    short_roles,
)
from tests.support.ceremony import OPEN, Site
from tests.support.tuf_publisher import NOW


def test_keys_and_roles_are_a_table_each_and_one_json_object(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish()
    site.away("snapshot")
    later = NOW + timedelta(days=20)
    keys, roles = key_rows(site.home, site.repository, ["a"]), role_rows(site.repository, ["a"], later)
    above, below = keys_to_text(keys, roles).split("\n\n")
    assert above.splitlines()[0].split() == ["ROLE", "KEY", "SCHEME", "PRIVATE", "KEY"]
    assert [line.split()[0] for line in above.splitlines()[1:]] == ["root", "targets", "snapshot", "timestamp", "a"]
    assert [line for line in above.splitlines() if line.endswith("not here")] == [above.splitlines()[3]]
    assert below.splitlines()[1].split()[:4] == ["root", "1", "of", "1"]
    said = keys_to_json(keys, roles, 30)
    assert [row["keyid"] for row in said["keys"]] == [row.keyid for row in keys]
    assert said["roles"][0]["expires_at"] == "2027-11-21T12:00:00Z"
    assert said["short"] == [row.role for row in short_roles(roles, 30)]
    assert "root" not in said["short"]


def test_a_change_is_in_force_waits_with_what_to_do_or_comes_with_the_next_bundle(tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = tmp_path / "root.json"
    waiting = site.key_changes(sign=False).rotate_keys("timestamp", None, None, OPEN)
    assert waiting is not None
    text = outcome_to_text(waiting, file)
    assert text.startswith("Root 2 waits for signatures:\n  1 more of the keys of root 1: ")
    assert f"Next: carry {file} to them" in text
    assert outcome_to_json(waiting)["state"] == "waiting"
    assert outcome_to_json(waiting)["missing"] == list(waiting.proposal.missing)
    assert proposal_to_text(waiting.proposal).splitlines()[-1] == f"needs {waiting.proposal.missing[-1]}"
    done = site.ceremony.renew_root()
    assert outcome_to_text(done, file) == "Root 2 is in force; the next bundle carries it."
    assert outcome_to_json(done)["signed_by"] == [signature.keyid for signature in done.proposal.signatures]
    assert outcome_to_text(None, file) == "Done; the next bundle carries it."
    assert outcome_to_json(None) == {"state": "with-next-bundle"}
