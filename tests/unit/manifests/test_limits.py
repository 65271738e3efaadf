"""The ceilings are sane beside each other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from manifests.limits import DEFAULT_LIMITS, GIB, KIB, MIB, Limits


def test_units() -> None:
    assert (KIB, MIB, GIB) == (2**10, 2**20, 2**30)


def test_every_ceiling_is_a_positive_whole_number() -> None:
    assert all(type(getattr(DEFAULT_LIMITS, field.name)) is int for field in fields(Limits))
    assert all(getattr(DEFAULT_LIMITS, field.name) > 0 for field in fields(Limits))


def test_a_manifest_of_as_many_targets_as_members_fits() -> None:
    assert DEFAULT_LIMITS.manifest_bytes >= 137 * DEFAULT_LIMITS.members
    assert DEFAULT_LIMITS.targets_bytes <= DEFAULT_LIMITS.manifest_bytes


def test_limits_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULT_LIMITS.members = 1  # type: ignore[misc]
