"""The list of features in each of its forms."""

from __future__ import annotations

import json
import subprocess
import unicodedata

import pytest

from manifests.features import (
    CONNECTIVITIES,
    features_to_disable,
    features_to_json,
    load_catalogue,
    render_features,
)


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_table_fits_eighty_columns(connectivity, language) -> None:
    features = features_to_disable(load_catalogue(), connectivity)
    lines = render_features(features, "table", language).splitlines()
    assert max(width(line) for line in lines) <= 80
    assert ("Sealift" in lines[-1]) is True


def test_the_table_is_in_the_readers_language() -> None:
    features = features_to_disable(load_catalogue(), "isolated")
    assert "Behaviour" in render_features(features, "table", "en")
    assert "挙動監視" in render_features(features, "table", "ja")
    assert "Behaviour" not in render_features(features, "table", "ja")


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
def test_machine_forms_do_not_depend_on_the_language(connectivity) -> None:
    features = features_to_disable(load_catalogue(), connectivity)
    for form in ("json", "rest"):
        assert render_features(features, form, "en") == render_features(features, form, "ja")


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_script_is_sound_and_runs_only_lines_of_the_catalogue(connectivity, language, tmp_path) -> None:
    features = features_to_disable(load_catalogue(), connectivity)
    text = render_features(features, "dsm-c", language)
    script = tmp_path / "disable.sh"
    script.write_text(text, "utf-8")
    subprocess.run(["sh", "-n", script], check=True)
    assert text.startswith("#!/bin/sh\n# ")
    commands = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert commands[:2] == ["set -eu", 'PATH="$PATH:/opt/dsm"']
    assert commands[2:] == [entry.switches.dsm_c.line for entry in features.items if entry.switches.dsm_c]


def test_the_script_calls_the_manager_with_these_arguments(tmp_path) -> None:
    script, calls = tmp_path / "disable.sh", tmp_path / "calls"
    script.write_text(render_features(features_to_disable(load_catalogue(), "isolated"), "dsm-c"), "utf-8")
    manager = tmp_path / "dsm_c"
    manager.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    manager.chmod(0o755)
    subprocess.run(["/bin/sh", script], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert calls.read_text().splitlines() == [
        "-action changesetting -name settings.configuration.enableCensusQuery -value false",
        "-action changesetting -name settings.configuration.enableGridQuery -value false",
    ]


def test_rest_requests_and_their_gaps_cover_every_item() -> None:
    features = features_to_disable(load_catalogue(), "isolated")
    document = json.loads(render_features(features, "rest"))
    assert document["format"] == "sealift-rest-advice/1"
    covered = [row["item"] for row in document["requests"]] + [row["item"] for row in document["without_rest"]]
    assert sorted(covered) == sorted(entry.id for entry in features.items)
    assert [row["item"] for row in document["without_rest"]] == ["census-queries", "grid-queries"]
    assert {row["method"] for row in document["requests"]} == {"POST"}
    assert document["headers"]["api-version"] == "v1"


def test_only_services_out_of_reach_are_named() -> None:
    def named(connectivity) -> list[str]:
        return [
            row["id"]
            for row in features_to_json(features_to_disable(load_catalogue(), connectivity))["unreachable_services"]
        ]

    assert named("proxy") == []
    assert "smart-scan" not in named("local-sps")
    assert "smart-scan" in named("isolated")
