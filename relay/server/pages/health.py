"""The page for monitoring: are files served, and what is wrong all the same."""

from __future__ import annotations

from relay.server.messages import Response, text_response
from relay.server.pages.page import PageRequest


def answer_health(page: PageRequest) -> Response:
    """Say whether files are served, and what is wrong all the same.

    That is still 200: a balancer that took the relay away because of it would make it worse.
    """
    view = page.view
    if view.default_ring not in view.rings:
        return text_response(503, "empty: no generation has been imported yet\n", [("retry-after", "30")])
    wrong = {
        "stale": view.status.stale_reasons(page.now),
        "not delivered": [f"{one.place} [{one.code}] {one.what}" for one in view.status.delivery_problems],
        "not carried": [source.name for source in view.status.absent_sources],
        "inbox does not answer": [str(path) for path in view.silent_inboxes],
    }
    lines = [f"{label}: {'; '.join(reasons)}\n" for label, reasons in wrong.items() if reasons]
    return text_response(200, "".join(lines) or "ok\n")
