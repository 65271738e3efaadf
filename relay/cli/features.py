"""``relay features``: the cloud-dependent features to disable at this site."""

from __future__ import annotations

import click

from manifests.console.commands import Settings
from manifests.features import (
    CONNECTIVITIES,
    FEATURE_FORMATS,
    Connectivity,
    FeatureFormat,
    Language,
    features_to_disable,
    load_catalogue,
    render_features,
)


@click.command(name="features")
@click.option(
    "--connectivity",
    type=click.Choice(CONNECTIVITIES),
    help="How the site reaches the vendor's services  [default: what relay.toml says]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FEATURE_FORMATS),
    default="table",
    show_default=True,
    help="table for people; json, rest for machines; dsm-c is a script to read and run yourself.",
)
@click.option("--lang", "language", type=click.Choice(["en", "ja"]), default="en", show_default=True)
@click.pass_obj
def command(settings: Settings, connectivity: Connectivity | None, form: FeatureFormat, language: Language) -> None:
    """Print the cloud-dependent features to disable here. It is advice: nothing is applied."""
    if connectivity is None:
        from relay.config import load_config

        connectivity = load_config(settings.home).connectivity
    click.echo(render_features(features_to_disable(load_catalogue(), connectivity), form, language), nl=False)
