"""The slip of a version: what it is compared with."""

from __future__ import annotations

from pathlib import Path

from bundler.report.slip import files as slips
from tests.support.sealed_versions import home_with_versions, sealed


def test_a_slip_compares_with_the_newest_version_that_can_be_read(tmp_path: Path) -> None:
    """history.damaged says to seal a full bundle, so that has to work."""
    home = home_with_versions(tmp_path)
    order = home.generations / "000004" / "order.json"
    order.write_text("{}")
    found = slips.changes_since_previous(home, sealed(5, "ad").volumes[0].manifest)
    assert found is not None
    assert found.old.snapshot_version == 2
    for version in (1, 2):
        (home.generations / f"{version:06d}" / "order.json").write_text("{}")
    assert slips.changes_since_previous(home, sealed(5, "ad").volumes[0].manifest) is None
