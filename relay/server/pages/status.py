"""The status page: how the relay stands and what it serves, for people and for machines."""

from __future__ import annotations

import json
from datetime import datetime

from manifests.text import count_text
from relay.server.messages import Response, text_response
from relay.server.pages.page import JSON, VARY, PageRequest
from relay.server.view import View
from relay.status.text import status_to_json, status_to_text

_LINKS = (
    ("/<source>/<path>", "what agents fetch"),
    ("/-/features", "the features to disable (?lang=ja; ?format=json, dsm-c, rest)"),
    ("/-/status", "this page (/-/status.json)"),
    ("/-/healthz", "for monitoring (/-/metrics for Prometheus)"),
    ("/-/tuf/metadata/", "the publisher's own signatures, with /-/tuf/targets/"),
)


def answer_status(page: PageRequest) -> Response:
    """Answer with the status: text, or JSON for who accepts that."""
    return answer_status_json(page) if page.wants_json else text_response(200, _page_text(page.view, page.now), VARY)


def answer_status_json(page: PageRequest) -> Response:
    """Answer with the status as JSON, whatever the reader accepts."""
    body = json.dumps(_page_json(page.view, page.now), ensure_ascii=False, indent=1) + "\n"
    return text_response(200, body, VARY, JSON)


def _page_text(view: View, now: datetime) -> str:
    """Return the status for people."""
    width = max(len(path) for path, _ in _LINKS)
    lines = ["Sealift relay", "", status_to_text(view.status, now), ""]
    lines += [f"  /{name}/  {count_text(count, 'file')}" for name, count in _file_counts(view).items()]
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
