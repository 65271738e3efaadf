"""A slip, and how a browser reads its page."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from html.parser import HTMLParser

from bundler.report.slip import (
    ChangeCounts,
    RoleEnd,
    Slip,
    SlipVolume,
    SourceLine,
)

SHA256 = hashlib.sha256(b"volume").hexdigest()


GROUPED = " ".join(SHA256[start : start + 8] for start in range(0, 64, 8))


PLAIN = Slip(
    publisher="plant",
    version=42,
    since=41,
    created=datetime(2026, 11, 21, 23, 6, tzinfo=UTC),
    tool="sealift 0.1.0",
    volumes=(SlipVolume("plant-000042-since-000041.zip", 4_294_967_295, SHA256),),
    keyids=("ab" * 32,),
    roles=(
        RoleEnd("timestamp", datetime(2026, 12, 21, 23, 6, tzinfo=UTC)),
        RoleEnd("clamav", datetime(2027, 1, 1, tzinfo=UTC)),
        RoleEnd("sigma", datetime(2027, 1, 2, tzinfo=UTC)),
        RoleEnd("root", datetime(2027, 11, 21, tzinfo=UTC)),
    ),
    sources=(
        SourceLine("clamav", 7, 120_000_000, changes=ChangeCounts(0, 0, 0)),
        SourceLine("sigma", 3139, 4_710_000, 9, ChangeCounts(21, 108, 16), (("Sigma", ChangeCounts(12, 117, 7)),)),
    ),
    previous=41,
    notes=("Week 47", "<b>Read</b> & weep"),
    more_notes=3,
)


class Page(HTMLParser):
    """Reads a page: its words, its elements, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
