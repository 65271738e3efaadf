"""The features to disable where their cloud services cannot be reached: the catalogue, the rule, the renderings.

It is advice. Nothing here, and nothing that calls it, changes a setting anywhere.
"""

from __future__ import annotations

from manifests.features.catalogue import (
    CONNECTIVITIES,
    Catalogue,
    Confidence,
    Connectivity,
    Console,
    DsmC,
    FeatureList,
    Item,
    Kind,
    Language,
    Reach,
    Rest,
    Service,
    Switches,
    Text,
    load_catalogue,
    to_disable,
)
from manifests.features.render import FORMATS, Format, render, to_json

__all__ = [
    "CONNECTIVITIES",
    "FORMATS",
    "Catalogue",
    "Confidence",
    "Connectivity",
    "Console",
    "DsmC",
    "FeatureList",
    "Format",
    "Item",
    "Kind",
    "Language",
    "Reach",
    "Rest",
    "Service",
    "Switches",
    "Text",
    "load_catalogue",
    "render",
    "to_disable",
    "to_json",
]
