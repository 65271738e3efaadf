"""The pages that are not files: status, health, metrics, and the features to disable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import cast
from urllib.parse import parse_qs

from manifests.features import (
    CONNECTIVITIES,
    FEATURE_FORMATS,
    Connectivity,
    FeatureFormat,
    Language,
    features_to_disable,
    load_catalogue,
    render_features,
)
from relay.server.messages import Request, Response, not_found_response, text_response
from relay.server.pages.metrics import metrics_text
from relay.server.routes import Page
from relay.server.view import View
from relay.status.text import status_to_json, status_to_text

_JSON = "application/json"
_LINKS = (
    ("/<source>/<path>", "what agents fetch"),
    ("/-/features", "the features to disable (?lang=ja; ?format=json, dsm-c, rest)"),
    ("/-/status", "this page (/-/status.json)"),
    ("/-/healthz", "for monitoring (/-/metrics for Prometheus)"),
    ("/-/tuf/metadata/", "the publisher's own signatures, with /-/tuf/targets/"),
)


def answer_page(request: Request, view: View, page: Page, now: datetime, counters: Mapping[str, int]) -> Response:
    """Answer GET or HEAD for a page.

    Args:
        request: The request.
        view: Its view.
        page: Which page.
        now: The system's time.
        counters: Metric name with its labels to its value.
    """
    if page == "healthz":
        return _health(view, now)
    if page == "metrics":
        return text_response(200, metrics_text(view, now, counters), content_type="text/plain; version=0.0.4")
    if page in {"features", "features.json"}:
        return _features(request, view, page)
    if page == "status.json" or _wants_json(request):
        return text_response(200, json.dumps(_page_json(view, now), ensure_ascii=False, indent=1) + "\n", _VARY, _JSON)
    return text_response(200, _page_text(view, now), _VARY)


_VARY = (("vary", "accept, accept-language"),)


def _page_text(view: View, now: datetime) -> str:
    """Return the status for people."""
    width = max(len(path) for path, _ in _LINKS)
    lines = ["Sealift relay", "", status_to_text(view.status, now), ""]
    lines += [f"  /{name}/  {count:,} files" for name, count in _file_counts(view).items()]
    if view.mount_at_root is not None:
        lines.append(f"  /  the files of {view.mount_at_root} as well")
    lines += [f"  the inbox {path} does not answer" for path in view.silent_inboxes]
    lines += ["", *(f"{path.ljust(width)}  {text}" for path, text in _LINKS)]
    return "\n".join(lines) + "\n"


def _page_json(view: View, now: datetime) -> dict[str, object]:
    """Return the status for machines: that of ``relay status -o json``, and what is served."""
    return {
        **status_to_json(view.status, now),
        "files": _file_counts(view),
        "mount_at_root": view.mount_at_root,
        "silent_inboxes": [str(path) for path in view.silent_inboxes],
    }


def _file_counts(view: View) -> dict[str, int]:
    """Return how many files each source has in the default ring, by name."""
    result: dict[str, int] = {}
    publication = view.rings.get(view.default_ring)
    for path in publication.files if publication is not None else ():
        name = path.partition("/")[0]
        result[name] = result.get(name, 0) + 1
    return dict(sorted(result.items()))


def _health(view: View, now: datetime) -> Response:
    """Say whether files are served, and what is wrong all the same.

    That is still 200: a balancer that took the relay away because of it would make it worse.
    """
    if view.default_ring not in view.rings:
        return text_response(503, "empty: no generation has been imported yet\n", [("retry-after", "30")])
    wrong = {
        "stale": view.status.stale_reasons(now),
        "not delivered": [f"{one.place} [{one.code}] {one.what}" for one in view.status.delivery_problems],
        "inbox does not answer": [str(path) for path in view.silent_inboxes],
    }
    lines = [f"{label}: {'; '.join(reasons)}\n" for label, reasons in wrong.items() if reasons]
    return text_response(200, "".join(lines) or "ok\n")


def _features(request: Request, view: View, page: Page) -> Response:
    query = parse_qs(request.query)
    default = "json" if page == "features.json" or _wants_json(request) else "table"
    form = default if page == "features.json" else query.get("format", [default])[0]
    language = query.get("lang", [_language(request)])[0]
    if form not in FEATURE_FORMATS or language not in {"en", "ja"} or view.status.connectivity not in CONNECTIVITIES:
        return not_found_response()
    body = _rendered(view.status.connectivity, form, cast("Language", language))
    return text_response(200, body, _VARY, _JSON if form in {"json", "rest"} else "text/plain")


@cache
def _rendered(connectivity: Connectivity, form: FeatureFormat, language: Language) -> str:
    return render_features(features_to_disable(load_catalogue(), connectivity), form, language)


def _wants_json(request: Request) -> bool:
    return _JSON in (request.field("accept") or "")


def _language(request: Request) -> Language:
    """Return the first of English and Japanese that the reader names."""
    for item in (request.field("accept-language") or "").lower().split(","):
        tag = item.partition(";")[0].strip().partition("-")[0]
        if tag == "ja":
            return "ja"
        if tag == "en":
            return "en"
    return "en"
