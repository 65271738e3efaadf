"""The table of pages: a new one is a new file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from relay.server.pages.features import answer_features, answer_features_json
from relay.server.pages.health import answer_health
from relay.server.pages.metrics import answer_metrics
from relay.server.pages.page import Page
from relay.server.pages.status import answer_status, answer_status_json

PAGES: Mapping[str, Page] = {
    "-/": answer_status,
    "-/status": answer_status,
    "-/status.json": answer_status_json,
    "-/features": answer_features,
    "-/features.json": answer_features_json,
    "-/healthz": answer_health,
    "-/metrics": answer_metrics,
}
"""Path below the root of the server to the page."""
