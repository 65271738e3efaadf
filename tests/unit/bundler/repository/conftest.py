"""A publisher with a repository."""

from __future__ import annotations

import pytest

from tests.support.tuf_publisher import Publisher


@pytest.fixture
def publisher(tmp_path):
    return Publisher(tmp_path / "repository" / "metadata")
