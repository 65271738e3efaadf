"""The shipped schemas, and their compiled form against the reference implementation."""

from __future__ import annotations

import copy

import pytest
from jsonschema import Draft202012Validator

from manifests.errors import MalformedError
from manifests.schemas import documents as schemas
from tests.support.schemas import DOCUMENTS, MANIFEST, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_schema_is_a_schema_and_names_itself(name: str) -> None:
    schema = schemas.load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:sealift:schema:")
    assert schema["title"]


def test_no_two_schemas_share_an_id() -> None:
    identifiers = [schemas.load_schema(name)["$id"] for name in NAMES]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_good_document_passes(name: str) -> None:
    schemas.check_document(DOCUMENTS[name], name, name="it")
    Draft202012Validator(schemas.load_schema(name)).validate(DOCUMENTS[name])


def test_a_refusal_names_the_place_and_the_rule() -> None:
    document = copy.deepcopy(MANIFEST)
    document["targets"][0]["length"] = "1"
    with pytest.raises(MalformedError) as caught:
        schemas.check_document(document, "manifest", name="manifest.json")
    assert caught.value.code == "manifest.schema"
    assert caught.value.details == {"path": "$.targets[0].length"}
    assert '"1", instead of a whole number' in caught.value.what
