"""Custom databases of ClamAV: what they are called."""

from __future__ import annotations

import pytest

from bundler.kinds.clamav.custom import read_custom
from manifests.errors import ConfigurationError


def test_they_come_sorted_by_what_they_are_called_with_their_checksum() -> None:
    given = ["https://a.example/z.ndb", {"url": "https://a.example/get", "path": "a.hdb", "sha256": "AB" * 32}]
    first, second = read_custom("s", given)
    assert (first.path, second.path, second.check) == ("a.hdb", "z.ndb", None)
    assert first.check is not None
    assert (first.check.algorithm, first.check.digest) == ("sha256", "ab" * 32)


def test_two_of_one_name_are_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_custom("s", ["https://a.example/getfile?list=a", "https://a.example/getfile?list=b"])
    assert 'path = "….ndb"' in str(caught.value.todo)
