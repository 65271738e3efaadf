"""What targets roles say of sources: read back as written; whatever is odd is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Targets

from manifests.errors import MalformedError
from manifests.trust import SourcePolicy, policies_extension, pulled_extension, read_policies, read_pulled_at

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def role(fields: dict[str, Any]) -> Targets:
    """A role as it comes back from its JSON."""
    made = Targets(1, expires=AT, targets={}, unrecognized_fields=fields)
    return Metadata[Targets].from_bytes(Metadata(made).to_bytes()).signed


def test_what_is_written_is_read() -> None:
    policies = {"a": SourcePolicy(), "b": SourcePolicy(9, "/", "scada"), "c": SourcePolicy(deliver="x")}
    assert read_policies(role(policies_extension(policies))) == policies
    assert read_pulled_at("a", role(pulled_extension(AT))) == AT


ODD: tuple[Any, ...] = (None, True, 1, "", [], {}, {"pulled_at": "2026-11-21T12:00:00Z", "sources": {}}, {"x": 1})


@pytest.mark.parametrize(
    "value",
    [
        *ODD,
        *({"sources": value} for value in (None, [], "a", 1)),
        *({"sources": {"a": value}} for value in (None, [], "x", 1, {"run": "x"}, {"fresh_days": True})),
        *({"sources": {"a": {key: value}}} for key in ("mount", "deliver") for value in (None, 1, ["/"])),
        *({"sources": {"a": {"fresh_days": value}}} for value in (None, "9", [9])),
    ],
)
def test_odd_policies_are_refused(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        read_policies(role({"x-sealift": value}))
    assert caught.value.code == "tuf.extension"


@pytest.mark.parametrize(
    "value", [*ODD, *({"pulled_at": odd} for odd in (None, 1, "", "yesterday", "2026-11-21T12:00:00+00:00"))]
)
def test_an_odd_date_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        read_pulled_at("a", role({"x-sealift": value}))
    assert caught.value.code == "tuf.extension"


def test_a_role_of_an_earlier_program_is_refused_with_what_to_do() -> None:
    for read in (read_policies, lambda targets: read_pulled_at("a", targets)):
        with pytest.raises(MalformedError) as caught:
            read(role({}))
        assert (caught.value.code, caught.value.exit_code) == ("tuf.extension", 21)
        assert caught.value.todo == "bundle create, with the program of today"
