"""What people take away after an import: the list of features to disable, in every form and language."""

from __future__ import annotations

from manifests import durable
from manifests.features import FeatureList, Language, features_to_disable, load_catalogue, render_features
from relay.config import Config
from relay.home import Home


def write_features(home: Home, config: Config) -> None:
    """Write the feature list into ``out/``; files whose content is right already are left alone.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    durable.make_directory(home.out)
    for name, text in documents(features_to_disable(load_catalogue(), config.connectivity), config.languages).items():
        path, data = home.out / name, text.encode("utf-8")
        with durable.storage_errors(path):
            unchanged = path.is_file() and path.read_bytes() == data
        if not unchanged:
            durable.write_file(path, data)


def documents(features: FeatureList, languages: tuple[Language, ...]) -> dict[str, str]:
    """Return the files of the feature list, by name."""
    result = {
        "features.json": render_features(features, "json"),
        "features.rest.json": render_features(features, "rest"),
    }
    for language in languages:
        result[f"features.{language}.txt"] = render_features(features, "table", language)
        result[f"features.{language}.dsm-c.sh"] = render_features(features, "dsm-c", language)
    return result
