"""What people take away after an import: the list of features to disable, in every form and language."""

from __future__ import annotations

from manifests.disk import durable
from manifests.features import FeatureList, Language, features_to_disable, load_catalogue, render_features
from relay.config import Config
from relay.home import Home


def write_feature_files(home: Home, config: Config) -> None:
    """Write the feature list in every form into ``out/``; files whose content is right already are left alone.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    durable.make_directory(home.out)
    for name, text in feature_files(
        features_to_disable(load_catalogue(), config.connectivity), config.languages
    ).items():
        path, data = home.out / name, text.encode("utf-8")
        with durable.storage_errors(path):
            unchanged = path.is_file() and path.read_bytes() == data
        if not unchanged:
            durable.write_file(path, data)


def feature_files(features: FeatureList, languages: tuple[Language, ...]) -> dict[str, str]:
    """Return the feature list as files: their text, by name."""
    result = {
        "features.json": render_features(features, "json"),
        "features.rest.json": render_features(features, "rest"),
    }
    for language in languages:
        result[f"features.{language}.txt"] = render_features(features, "table", language)
        result[f"features.{language}.dsm-c.sh"] = render_features(features, "dsm-c", language)
    return result
