"""The metrics page."""

from __future__ import annotations

from datetime import timedelta

from manifests.disk.blobs import Blob
from relay.server.app import Application
from relay.state.records import RoleTrust, SourceState
from tests.support.relay_server import NOW, GivenViews, store_in, view_of
from tests.support.requests_by_hand import field, get

FILES = {f"{path}": (Blob("a" * 64, 5), NOW) for path in ("clamav/a", "clamav/b/c", "rules/x")}
EXPIRED = {"roles": (RoleTrust("timestamp", 7, NOW - timedelta(days=2)),)}


def test_the_metrics_have_help_type_and_values(tmp_path):
    old = SourceState("clamav", "clamav", NOW - timedelta(days=3), fresh_days=2)
    sources = (old, SourceState("rules", "http", NOW))
    view = view_of(FILES, **EXPIRED, sources=sources)
    application = Application(GivenViews(view), store_in(tmp_path), lambda: NOW, print)
    application.respond(get("/none"))
    response = application.respond(get("/-/metrics"))
    lines = response.body.decode().splitlines()
    assert field(response, "content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert "sealift_generation 7" in lines
    assert "sealift_stale 1" in lines
    assert "sealift_age_seconds 86400" in lines
    assert 'sealift_source_age_seconds{source="clamav"} 259200' in lines
    assert [line for line in lines if line.startswith("sealift_source_stale")] == [
        'sealift_source_stale{source="clamav"} 1',
        'sealift_source_stale{source="rules"} 0',
    ]
    expires = int((NOW - timedelta(days=2)).timestamp())
    assert f'sealift_role_expires_timestamp_seconds{{role="timestamp"}} {expires}' in lines
    assert 'sealift_responses_total{code="404"} 1' in lines
    for line in lines:
        if not line.startswith("#"):
            name = line.partition(" ")[0].partition("{")[0]
            assert [text.split(" ")[1] for text in lines if text.startswith("# ") and f" {name} " in text] == [
                "HELP",
                "TYPE",
            ]
