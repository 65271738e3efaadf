"""Archives of rule files."""

from __future__ import annotations

import pytest

from bundler.rules import readers
from bundler.rules.rule import Rule
from manifests.errors import MalformedError


def read(name: str, data: bytes) -> tuple[Rule, ...]:
    reader = readers.reader_of(name)
    assert reader is not None
    return reader(data)


def refusal(name: str, data: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        read(name, data)
    return caught.value
