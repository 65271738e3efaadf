"""Items of the shipped list of features."""

from __future__ import annotations

from manifests.features import (
    FeatureItem,
    load_catalogue,
)


def item(item_id: str) -> FeatureItem:
    return next(item for item in load_catalogue().items if item.id == item_id)
