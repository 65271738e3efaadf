"""Wished delegations on disk."""

from __future__ import annotations

import pytest

from bundler.repository import delegations
from bundler.repository.repository import wishes_path
from manifests.errors import ConfigurationError, MalformedError
from tests.support.ceremony import Site


def test_a_damaged_list_of_delegations_is_named(tmp_path):
    site = Site(tmp_path)
    path = wishes_path(site.home.metadata)
    for data, code in ((b"[]", "repository.damaged"), (b'{"a":{}}', "repository.damaged"), (b"x", "json.syntax")):
        path.write_bytes(data)
        with pytest.raises((ConfigurationError, MalformedError)) as caught:
            delegations.read_delegations(path)
        assert caught.value.code == code
