"""``relay features`` against the design's table, row by row."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

# The design's table: what has to be disabled for each way of reaching the vendor's services.
DESIGN_ROWS = {
    "proxy": (),
    "local-sps": (
        "behaviour monitoring",
        "predictive machine learning",
        "process memory scan",
        "Smart Feedback",
        "Census queries",
        "GRID queries",
    ),
    "isolated": (
        "Smart Scan",
        "Web Reputation",
        "Smart Feedback",
        "process memory scan",
        "predictive machine learning",
        "behaviour monitoring",
        "Census queries",
        "GRID (Good File Reputation) queries",
    ),
}

# The settings that make an isolated site phone home or defeat staging.
SETTINGS = {
    "proxy": set(),
    "local-sps": {
        "platformSettingUpdateSecurityPrimarySourceUrl",
        "platformSettingUpdateAgentSecurityContactPrimarySourceOnMissingRelayEnabled",
        "platformSettingUpdateAgentSecurityOnMissingDeepSecurityManagerEnabled",
        "platformSettingUpdateRulesPolicyAutoApplyEnabled",
        "platformSettingRetainSecurityUpdatesMax",
        "antiMalwareSettingSmartProtectionGlobalServerEnabled",
        "platformSettingDdanSubmissionEnabled",
        "platformSettingDdanAutoSubmissionEnabled",
    },
}
SETTINGS["isolated"] = SETTINGS["local-sps"] | {
    "antiMalwareSettingSmartProtectionServerConnectionLostWarningEnabled",
    "webReputationSettingSmartProtectionServerConnectionLostWarningEnabled",
}

# The switches of the eight features, as the vendor names them.
SWITCHES = {
    "Smart Scan": "antiMalwareSettingSmartScanState",
    "Web Reputation": "webReputation",
    "Smart Feedback": "platformSettingSmartProtectionFeedbackEnabled",
    "process memory scan": "memoryScanEnabled",
    "predictive machine learning": "machineLearningEnabled",
    "behaviour monitoring": "behaviorMonitoringEnabled",
    "Census queries": "enableCensusQuery",
    "GRID (Good File Reputation) queries": "enableGridQuery",
}


def relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-c", "from relay.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def features(connectivity: str) -> dict:
    result = relay("features", "--connectivity", connectivity, "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def folded(name: str) -> str:
    return name.casefold().replace("grid (good file reputation)", "grid")


@pytest.mark.parametrize("connectivity", DESIGN_ROWS)
def test_the_list_validates_and_is_the_row_of_the_design(connectivity: str) -> None:
    document = features(connectivity)
    schema = json.loads(files("manifests").joinpath("data", "features-list.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(document)
    assert document["connectivity"] == connectivity
    names = [folded(item["name"]["en"]) for item in document["items"] if item["kind"] == "feature"]
    assert sorted(names) == sorted(folded(name) for name in DESIGN_ROWS[connectivity])


@pytest.mark.parametrize("connectivity", SETTINGS)
def test_the_settings_that_phone_home_or_defeat_staging_are_listed_beside_the_features(connectivity: str) -> None:
    named = set()
    for item in features(connectivity)["items"]:
        if item["kind"] == "setting":
            rest = item["switches"]["rest"]
            prefix, _, last = rest["endpoint"].rpartition("/")
            named |= {last} if "value" in rest["body"] else set(rest["body"])
            assert prefix in {"/systemsettings", "/policies/{policyID}/settings", ""}
    assert named == SETTINGS[connectivity]


def test_every_feature_carries_its_exact_switch() -> None:
    items = {folded(item["name"]["en"]): item for item in features("isolated")["items"]}
    for name, switch in SWITCHES.items():
        assert switch in json.dumps(items[folded(name)]["switches"])


@pytest.mark.parametrize("form", ["table", "json", "dsm-c", "rest"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_form_is_printed_in_every_language_without_heavy_imports(form: str, language: str) -> None:
    result = relay("features", "--connectivity", "isolated", "--format", form, "--lang", language)
    assert result.returncode == 0
    assert result.stdout.endswith("\n")
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "manifests.features.catalogue" in loaded
    assert not loaded & {"jsonschema", "tuf", "cryptography", "securesystemslib", "granian", "requests"}


def test_an_unknown_connectivity_is_a_usage_error() -> None:
    assert relay("features", "--connectivity", "satellite").returncode == 2


def test_without_a_home_the_connectivity_must_be_given(tmp_path) -> None:
    result = relay("--home", str(tmp_path / "none"), "features")
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
