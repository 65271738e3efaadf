"""Content of repositories."""

from __future__ import annotations

from tests.support.tuf_publisher import target

A1 = {"a": [target("a/one", b"1"), target("a/deep/er/two", b"22")]}


AB = A1 | {"b": [target("b/x", b"333")]}
