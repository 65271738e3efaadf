"""The bundle's container: a zip with exactly one byte layout.

Written by :class:`ContainerWriter`, read by :func:`read_directory` and :class:`MemberReader`.
Ordinary unzip tools open it; what they tolerate beyond it (gaps, overlaps, comments, data
descriptors, foreign fields) is refused here, because every tolerance of a zip reader has been an
attack on one.

Source: PKWARE APPNOTE.TXT 6.3.10, which the modules here cite clause by clause.
"""

from __future__ import annotations

from manifests.container.deflating import (
    DEFLATE_SEGMENT_BYTES,
    MIN_GAIN_BYTES,
    Deflated,
    deflate_content,
    deflating_pays,
)
from manifests.container.directory import read_directory
from manifests.container.front import member_placed_at, read_front
from manifests.container.layout import Member, Method
from manifests.container.reader import MemberReader
from manifests.container.writer import ContainerWriter

__all__ = [
    "DEFLATE_SEGMENT_BYTES",
    "MIN_GAIN_BYTES",
    "ContainerWriter",
    "Deflated",
    "Member",
    "MemberReader",
    "Method",
    "deflate_content",
    "deflating_pays",
    "member_placed_at",
    "read_directory",
    "read_front",
]
