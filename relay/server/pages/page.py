"""What every page is given, and how a reader's wishes are read off a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from manifests.features import Language
from relay.server.messages import Request, Response
from relay.server.view import View

JSON = "application/json"
VARY = (("vary", "accept, accept-language"),)
"""Of an answer that depends on what the reader wishes."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """GET or HEAD for a page.

    Args:
        request: The request.
        view: Its view.
        now: The system's time.
        counters: Metric name with its labels to its value.
    """

    request: Request
    view: View
    now: datetime
    counters: Mapping[str, int]

    @property
    def wants_json(self) -> bool:
        """Whether the reader asks for JSON."""
        return JSON in (self.request.field("accept") or "")

    @property
    def language(self) -> Language:
        """The first of English and Japanese that the reader names; English where neither is."""
        for item in (self.request.field("accept-language") or "").lower().split(","):
            tag = item.partition(";")[0].strip().partition("-")[0]
            if tag == "ja":
                return "ja"
            if tag == "en":
                return "en"
        return "en"


Page = Callable[[PageRequest], Response]
"""Answers a request for one page."""
