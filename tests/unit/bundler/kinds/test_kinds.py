"""The table of kinds."""

from __future__ import annotations

import pytest

from bundler.kinds import KINDS, kind_class
from manifests.errors import ConfigurationError


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_registered_kind_has_a_schema_and_knows_its_transport_options(kind: str) -> None:
    cls = kind_class(kind)
    assert cls.OPTIONS_SCHEMA["additionalProperties"] is False
    assert cls.TRANSPORT_OPTIONS.issubset(cls.OPTIONS_SCHEMA["properties"])


def test_a_kind_that_is_not_registered_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind_class("ftp")
    assert caught.value.code == "source.kind"
