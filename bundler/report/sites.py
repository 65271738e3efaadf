"""Say in words and in JSON how sites stand, and what became of a receipt. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bundler.sites.registry import ImportedReceipt
from bundler.sites.status import SiteStatus
from manifests.clock import instant_text
from manifests.text import age_text, count_text, table_text

_HEADER = ("site", "generation", "behind", "content", "receipt", "damage", "needs")


def site_to_json(status: SiteStatus) -> dict[str, Any]:
    """Return how a site stands as one JSON object."""
    site, receipt = status.site, status.site.receipt
    return {
        "site": site.name,
        "keyid": site.keyid,
        "registered_at": instant_text(site.registered_at),
        "serial": receipt.serial,
        "created": instant_text(receipt.created),
        "receipt_age_seconds": int(status.receipt_age.total_seconds()),
        "generation": receipt.newest,
        "rings": dict(receipt.rings),
        "behind": status.behind,
        "content_age_seconds": None if status.content_age is None else int(status.content_age.total_seconds()),
        "stale": status.stale,
        "stale_sources": list(status.stale_sources),
        "pending_generation": receipt.pending_generation,
        "without": len(receipt.without),
        "damage": {damage.kind: damage.count for damage in receipt.damage},
        "free_bytes": receipt.free_bytes,
        "connectivity": receipt.connectivity,
        "features": {"count": receipt.features.count, "sha256": receipt.features.sha256},
        "note": receipt.note,
        "needs_bytes": status.needs_bytes,
    }


def sites_to_text(statuses: Sequence[SiteStatus]) -> str:
    """Return how the sites stand, for a terminal of 80 columns."""
    if not statuses:
        return "No site yet: bundle sites import RECEIPT (relay receipt makes one)."
    return table_text([_row(status) for status in statuses], _HEADER)


def imported_to_json(imported: ImportedReceipt) -> dict[str, str | int | None]:
    """Return what became of a receipt as one JSON object."""
    site = imported.site
    return {
        "site": site.name,
        "keyid": site.keyid,
        "outcome": imported.outcome,
        "serial": site.receipt.serial,
        "generation": site.receipt.newest,
        "text": imported.text,
    }


def _row(status: SiteStatus) -> tuple[str, ...]:
    receipt = status.site.receipt
    behind = count_text(status.behind, "version") if status.behind else "no"
    age = "" if status.content_age is None else age_text(status.content_age)
    pending = f" (+ part of {receipt.pending_generation})" if receipt.pending_generation is not None else ""
    return (
        status.site.name,
        f"{receipt.newest or 'none'}{pending}",
        behind,
        f"STALE {age}".strip() if status.stale else age,
        f"{age_text(status.receipt_age)} ago",
        ", ".join(f"{damage.count:,} {damage.kind}" for damage in receipt.damage) or "none",
        "?" if status.needs_bytes is None else f"{status.needs_bytes:,}",
    )
