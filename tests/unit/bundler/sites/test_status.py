"""How sites stand: behind, stale, damaged."""

from datetime import timedelta

from bundler.report.sites import site_to_json
from bundler.sites.registry import Sites
from bundler.sites.status import status_of_sites
from manifests.receipt import DamageCount
from tests.support.sites import NOW, advance, ours, take


def test_the_list_tells_how_far_behind_how_old_and_how_damaged_a_site_is(home, forge, north, tmp_path):
    take(home, ours(forge, north, name="north", without=("a" * 64,), damage=(DamageCount("missing", 1),)))
    forge.seal(tmp_path / "4.zip")
    forge.seal(tmp_path / "5.zip")
    advance(home.path, forge)
    now = NOW + timedelta(days=2)
    (status,) = status_of_sites(Sites.load(home), 5, now, need=lambda receipt: 1000 * receipt.newest)
    value = site_to_json(status)
    assert (value["site"], value["generation"], value["behind"], value["without"]) == ("north", 3, 2, 1)
    assert (value["damage"], value["needs_bytes"], value["stale"]) == ({"missing": 1}, 3000, False)
    assert (value["receipt_age_seconds"], value["content_age_seconds"]) == (2 * 86_400, 3 * 86_400)
    (old,) = status_of_sites(Sites.load(home), 5, now + timedelta(days=40))
    assert (old.stale, old.needs_bytes, site_to_json(old)["stale_sources"]) == (True, None, ["rules"])


def test_a_site_is_stale_by_the_days_that_the_configuration_gives_a_source(home, forge, north):
    take(home, ours(forge, north))
    for days, names in ((1, ("rules",)), (60, ())):
        (status,) = status_of_sites(Sites.load(home), 3, NOW + timedelta(days=2), fresh_days={"rules": days})
        assert (status.stale_sources, status.stale) == (names, bool(names))
    (late,) = status_of_sites(Sites.load(home), 3, NOW + timedelta(days=40), fresh_days={"rules": 60})
    assert not late.stale


def test_a_site_that_serves_nothing_is_stale(home, forge, north):
    bare = {"publisher": None, "generations": (), "sources": (), "snapshot_version": 0, "timestamp_version": 0}
    take(home, ours(forge, north, **bare))
    (status,) = status_of_sites(Sites.load(home), 3, NOW)
    assert (status.stale, status.behind, status.content_age) == (True, 3, None)
