"""The features to disable where their cloud services cannot be reached: the catalogue, the rule, the renderings.

It is advice. Nothing here, and nothing that calls it, changes a setting anywhere.
"""

from __future__ import annotations

from manifests.features.catalogue import (
    CONNECTIVITIES,
    Bilingual,
    Catalogue,
    CloudService,
    CommandSwitch,
    Confidence,
    Connectivity,
    ConsoleSwitch,
    FeatureItem,
    FeatureList,
    ItemKind,
    Language,
    Reachability,
    RestSwitch,
    Switches,
    features_to_disable,
    load_catalogue,
)
from manifests.features.render import FEATURE_FORMATS, FeatureFormat, features_to_json, render_features

__all__ = [
    "CONNECTIVITIES",
    "FEATURE_FORMATS",
    "Bilingual",
    "Catalogue",
    "CloudService",
    "CommandSwitch",
    "Confidence",
    "Connectivity",
    "ConsoleSwitch",
    "FeatureFormat",
    "FeatureItem",
    "FeatureList",
    "ItemKind",
    "Language",
    "Reachability",
    "RestSwitch",
    "Switches",
    "features_to_disable",
    "features_to_json",
    "load_catalogue",
    "render_features",
]
