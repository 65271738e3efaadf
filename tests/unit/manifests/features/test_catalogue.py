"""The catalogue of features to disable, its rule and its renderings."""

from __future__ import annotations

import json
import unicodedata
from importlib.resources import files
from itertools import chain

import pytest
from jsonschema import Draft202012Validator

from manifests.features import (
    CONNECTIVITIES,
    Bilingual,
    features_to_disable,
    features_to_json,
    load_catalogue,
)
from tests.support.features import item


def data(name: str):
    return json.loads(files("manifests").joinpath("data", name).read_text("utf-8"))


def texts(value) -> list[dict[str, str]]:
    """Every bilingual text below a JSON value."""
    if isinstance(value, dict):
        if value.keys() == {"en", "ja"}:
            return [value]
        return list(chain.from_iterable(texts(child) for child in value.values()))
    return list(chain.from_iterable(texts(child) for child in value)) if isinstance(value, list) else []


@pytest.mark.parametrize("name", ["features.schema.json", "features-list.schema.json"])
def test_the_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(data(name))


def test_the_catalogue_validates() -> None:
    Draft202012Validator(data("features.schema.json")).validate(data("features.json"))


def test_an_item_means_the_same_in_the_catalogue_and_in_the_list() -> None:
    catalogue, emitted = (data(name)["$defs"] for name in ("features.schema.json", "features-list.schema.json"))
    assert {name: catalogue[name] for name in emitted} == emitted


def test_ids_are_unique_and_every_named_service_exists() -> None:
    catalogue = load_catalogue()
    services = [service.id for service in catalogue.services]
    assert len(set(services)) == len(services)
    assert len({item.id for item in catalogue.items}) == len(catalogue.items)
    assert {service for item in catalogue.items for service in item.services} == set(services)
    assert all(reach.reachable <= set(services) for reach in catalogue.reaches)
    assert tuple(reach.id for reach in catalogue.reaches) == CONNECTIVITIES


def test_features_stand_before_settings() -> None:
    kinds = [item.kind for item in load_catalogue().items]
    assert kinds == sorted(kinds)


def test_every_text_is_one_line_and_the_japanese_is_japanese() -> None:
    for text in texts(data("features.json")):
        assert text["en"].isascii(), text
        assert "\n" not in text["en"] + text["ja"]
        assert text["en"] == text["en"].strip()
        assert text["ja"] == text["ja"].strip()
    for entry in data("features.json")["items"]:
        for field in ("reason", "protection_lost", "basis"):
            assert any("HIRAGANA" in unicodedata.name(char, "") for char in entry[field]["ja"])
            assert entry[field]["ja"].endswith("。")
            assert entry[field]["en"].endswith(".")


def test_types_and_data_say_the_same() -> None:
    emitted = features_to_json(features_to_disable(load_catalogue(), "isolated"))
    assert emitted["items"] == data("features.json")["items"]


def test_the_rule_lists_what_needs_a_service_out_of_reach() -> None:
    catalogue = load_catalogue()
    for reach in catalogue.reaches:
        expected = [item.id for item in catalogue.items if set(item.services) - reach.reachable]
        assert [item.id for item in features_to_disable(catalogue, reach.id).items] == expected


def test_without_ransomware_protection_the_list_says_so() -> None:
    assert item("behaviour-monitoring").protection_lost.en.startswith("Ransomware is not detected at all")
    assert item("behaviour-monitoring").protection_lost.ja.startswith("ランサムウェアは一切検出されません")


def test_the_off_value_of_smart_scan_is_marked_as_inferred() -> None:
    smart_scan = item("smart-scan")
    assert smart_scan.confidence == "inferred"
    assert smart_scan.switches.rest is not None
    assert json.loads(smart_scan.switches.rest.body) == {"value": "Off"}
    assert json.loads(smart_scan.switches.rest.revert_body) == {"value": "Automatic"}


@pytest.mark.parametrize(
    ("item_id", "line"),
    [
        ("census-queries", "dsm_c -action changesetting -name settings.configuration.enableCensusQuery -value false"),
        ("grid-queries", "dsm_c -action changesetting -name settings.configuration.enableGridQuery -value false"),
    ],
)
def test_queries_have_a_command_line_and_no_rest_field(item_id: str, line: str) -> None:
    switches = item(item_id).switches
    assert switches.rest is None
    assert isinstance(switches.no_rest, Bilingual)
    assert switches.dsm_c is not None
    assert switches.dsm_c.line == line
    assert switches.dsm_c.revert_line == line.replace("false", "true")


def test_only_the_queries_have_a_command_line() -> None:
    assert [item.id for item in load_catalogue().items if item.switches.dsm_c] == ["census-queries", "grid-queries"]


def test_every_request_carries_setting_values_as_strings() -> None:
    for entry in load_catalogue().items:
        rest = entry.switches.rest
        if rest is None:
            continue
        for body in (json.loads(rest.body), json.loads(rest.revert_body)):
            assert body.keys() == json.loads(rest.body).keys()
            values = [v["value"] for v in body.values() if isinstance(v, dict) and "value" in v]
            values += [body["value"]] if "value" in body else []
            assert all(isinstance(value, str) for value in values)
