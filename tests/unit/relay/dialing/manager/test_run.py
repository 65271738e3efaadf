"""When a delivery to the manager begins at all."""

from __future__ import annotations

from manifests.disk.lock import exclusive_lock
from manifests.errors import (
    ConfigurationError,
    LockedError,
)
from tests.support.rule_pack_sites import Site


def test_two_runs_at_once_are_not_possible(site: Site) -> None:
    with exclusive_lock(site.home.path / "deliver-rules.lock"):
        assert isinstance(site.refused(), LockedError)


def test_without_a_table_nothing_is_dialled(site: Site) -> None:
    site.home.config_file.write_text('connectivity = "isolated"\n')
    error = site.refused()
    assert isinstance(error, ConfigurationError)
    assert error.code == "manager.off"
    assert site.manager.asked == []
