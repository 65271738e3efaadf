"""What comes in place of content."""

from __future__ import annotations

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 12345\n" % (b"4d" * 32)
