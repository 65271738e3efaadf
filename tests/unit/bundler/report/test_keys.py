"""What keys there are, and what became of a change of keys, as text and as JSON."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bundler import config
from bundler.ceremony.status import RoleRow, key_rows, role_rows
from bundler.report.keys import (
    keys_to_json,
    keys_to_text,
    outcome_to_json,
    outcome_to_text,
    proposal_to_text,
    short_roles_to_lines,
)
from tests.support.ceremony import OPEN, Site
from tests.support.tuf_publisher import NOW


def test_keys_and_roles_are_a_table_each_and_one_json_object(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish()
    site.away("snapshot")
    later = NOW + timedelta(days=20)
    keys, roles = (
        key_rows(site.home, site.repository, ["a"]),
        role_rows(site.home, site.repository, config.Config("acme", runway_days=30), later),
    )
    above, below = keys_to_text(keys, roles).split("\n\n")
    assert above.splitlines()[0].split() == ["ROLE", "KEY", "SCHEME", "PRIVATE", "KEY"]
    assert [line.split()[0] for line in above.splitlines()[1:]] == ["root", "targets", "snapshot", "timestamp", "a"]
    assert [line for line in above.splitlines() if line.endswith("not here")] == [above.splitlines()[3]]
    assert below.splitlines()[1].split()[:4] == ["root", "1", "of", "1"]
    said = keys_to_json(keys, roles, 30)
    assert [row["keyid"] for row in said["keys"]] == [row.keyid for row in keys]
    assert said["roles"][0]["expires_at"] == "2027-11-21T12:00:00Z"
    assert said["short"] == []
    assert short_roles_to_lines(roles, None) == ()


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


def row(role: str, days: int, *, signable: bool = True) -> RoleRow:
    return RoleRow(role, 1, 1, NOW, days, short_below=30, signable=signable)


@pytest.mark.parametrize(
    ("short", "waiting", "line"),
    [
        (row("snapshot", 29), None, "snapshot is valid for 29 more days. Run: bundle create"),
        (row("timestamp", 1), None, "timestamp is valid for 1 more day. Run: bundle create"),
        (row("timestamp", -3), None, "timestamp has ended. Run: bundle create"),
        (row("targets", 9, signable=False), None, "9 more days. Bring its keys into keys/, then run: bundle create"),
        (row("root", 9), None, "root is valid for 9 more days. Run: bundle keys renew"),
        (row("root", 9, signable=False), None, "Gather the holders of its keys, then run: bundle keys renew"),
        (row("root", 9), 2, "root is valid for 9 more days. Root 2 waits for signatures. Run: bundle keys staged"),
    ],
)
def test_a_role_that_ends_soon_is_named_with_what_helps(short: RoleRow, waiting: int | None, line: str) -> None:
    (said,) = short_roles_to_lines([row("a", 30), short], waiting)
    assert said.endswith(line)
