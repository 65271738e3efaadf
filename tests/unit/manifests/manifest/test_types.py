"""What a bundle is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.manifests import GOOD


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "dmz-000007-full.zip"),
        ({"since": 3}, "dmz-000007-since-000003.zip"),
        ({"volume_index": 2, "volume_count": 3}, "dmz-000007-full-v2-of-3.zip"),
        ({"snapshot_version": 1_234_567}, "dmz-1234567-full.zip"),
    ],
)
def test_a_bundle_is_named_for_what_it_is(change: dict, name: str) -> None:
    assert replace(GOOD, **change).file_name == name
