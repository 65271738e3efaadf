"""The metrics page: how the relay stands and what it answered, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from relay.server.messages import Response, text_response
from relay.server.pages.page import PageRequest
from relay.server.view import View
from relay.status.facts import Status


def answer_metrics(page: PageRequest) -> Response:
    """Answer with the metrics."""
    text = metrics_text(page.view, page.now, page.counters)
    return text_response(200, text, content_type="text/plain; version=0.0.4")


def metrics_text(view: View, now: datetime, counters: Mapping[str, int]) -> str:
    """Return the metrics in Prometheus' text format, version 0.0.4."""
    status, age = view.status, view.status.age_of_served(now)
    lines = _metric(
        "sealift_generation", "gauge", "Number of the generation that is served, 0 for none.", status.generation
    )
    lines += _metric(
        "sealift_stale",
        "gauge",
        "1 when what is served is too old or its signatures have expired.",
        int(status.is_stale(now)),
    )
    lines += _metric(
        "sealift_clock_wrong",
        "gauge",
        "1 when the system clock contradicts signed time.",
        int(status.clock_state(now) != "ok"),
    )
    lines += _metric("sealift_targets", "gauge", "Files served.", status.targets)
    lines += _metric("sealift_target_bytes", "gauge", "Bytes of the files served.", status.target_bytes)
    if age is not None:
        lines += _metric("sealift_age_seconds", "gauge", "Age of what is served.", int(age.total_seconds()))
    if status.imported_at is not None:
        at = int(status.imported_at.timestamp())
        lines += _metric("sealift_imported_timestamp_seconds", "gauge", "When it was imported.", at)
    lines += _labelled(
        "sealift_source_age_seconds",
        "Time since a source was pulled.",
        {f'source="{s.name}"': int(status.source_age(s, now).total_seconds()) for s in status.sources},
    )
    lines += _labelled(
        "sealift_source_stale",
        "1 when a source is older than its limit.",
        {f'source="{s.name}"': int(status.source_stale(s, now)) for s in status.sources},
    )
    lines += _labelled(
        "sealift_source_absent",
        "1 for a source that the publisher meant to carry and could not get.",
        {f'source="{s.name}"': 0 for s in status.sources} | {f'source="{s.name}"': 1 for s in status.absent_sources},
    )
    lines += _labelled(
        "sealift_delivery_problems",
        "What is not where a source is meant to be delivered, by place and source.",
        _delivery_problems(status),
    )
    lines += _labelled(
        "sealift_role_expires_timestamp_seconds",
        "When a role's signature expires.",
        {f'role="{role.role}"': int(role.expires_at.timestamp()) for role in status.roles},
    )
    lines += ["# HELP sealift_responses_total Responses by status.", "# TYPE sealift_responses_total counter"]
    lines += [f"{name} {value}" for name, value in sorted(counters.items())]
    return "\n".join(lines) + "\n"


def _delivery_problems(status: Status) -> dict[str, int]:
    """Count problems, with a 0 for every source that is meant for a place: an alert then ends rather than vanishes."""
    counts = Counter({(source.deliver, source.name): 0 for source in status.sources if source.deliver is not None})
    counts.update((problem.place, problem.source) for problem in status.delivery_problems)
    return {f'place="{place}",source="{source}"': count for (place, source), count in sorted(counts.items())}


def _metric(name: str, kind: str, text: str, value: int) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value}"]


def _labelled(name: str, text: str, values: Mapping[str, int]) -> list[str]:
    rows = [f"{name}{{{label}}} {value}" for label, value in values.items()]
    return [f"# HELP {name} {text}", f"# TYPE {name} gauge", *rows]
