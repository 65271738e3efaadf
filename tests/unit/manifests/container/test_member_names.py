"""Names of members that are one name somewhere are refused."""

from __future__ import annotations

import io

import pytest

from manifests.container import (
    ContainerWriter,
)
from manifests.errors import DamagedContainerError


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "zip.name-empty"),
        ("../x", "zip.name-part"),
        ("é", "zip.name-characters"),
        ("con.txt", "zip.name-device"),
        ("a", "zip.duplicate-name"),
        ("A", "zip.case-collision"),
        ("a/b", "zip.file-and-directory"),
    ],
)
def test_a_name_that_no_reader_takes_is_not_written(name: str, code: str):
    writer = ContainerWriter(io.BytesIO())
    writer.add("a", [b""], length=0)
    with pytest.raises(DamagedContainerError) as refusal:
        writer.add(name, [b""], length=0)
    assert refusal.value.code == code
