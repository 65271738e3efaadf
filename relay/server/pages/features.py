"""The page with the features to disable, in every form and language."""

from __future__ import annotations

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
from relay.server.messages import Response, not_found_response, text_response
from relay.server.pages.page import JSON, VARY, PageRequest


def answer_features(page: PageRequest) -> Response:
    """Answer with the list in the form that the reader asks for: ``?format=``, or by what it accepts."""
    default = "json" if page.wants_json else "table"
    return _answer_list(page, _first_of_query(page, "format") or default)


def answer_features_json(page: PageRequest) -> Response:
    """Answer with the list as JSON, whatever the reader asks for."""
    return _answer_list(page, "json")


def _answer_list(page: PageRequest, form: str) -> Response:
    language, connectivity = _first_of_query(page, "lang") or page.language, page.view.status.connectivity
    if form not in FEATURE_FORMATS or language not in {"en", "ja"} or connectivity not in CONNECTIVITIES:
        return not_found_response()
    body = _render_list(connectivity, form, cast("Language", language))
    return text_response(200, body, VARY, JSON if form in {"json", "rest"} else "text/plain")


def _first_of_query(page: PageRequest, name: str) -> str | None:
    return next(iter(parse_qs(page.request.query).get(name, [])), None)


@cache
def _render_list(connectivity: Connectivity, form: FeatureFormat, language: Language) -> str:
    return render_features(features_to_disable(load_catalogue(), connectivity), form, language)
