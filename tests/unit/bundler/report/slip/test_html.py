"""The slip as a page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.report.slip import (
    ChangeCounts,
    RoleEnd,
    SlipVolume,
    SourceLine,
    render_html,
    render_text,
)
from tests.support.slips import GROUPED, PLAIN, SHA256, Page


def test_the_page_says_the_same_and_needs_nothing_but_itself() -> None:
    html = render_html(PLAIN)
    page = Page(html)
    assert page.open == []
    for words in (
        "plant Version 42",
        "increment since version 41",
        "plant-000042-since-000041.zip 4,294,967,295 bytes sha256 " + GROUPED,
        "Signed by key " + "ab" * 32,
        "2026-12-21 23:06 UTC (timestamp). Import it before then.",
        "sigma last good content, 9 days old 3,139 4.71 MB files: 21 new, 108 updated, 16 removed",
        "Sigma rules: 12 new, 117 updated, 7 removed",
        "<b>Read</b> & weep and 3 more lines in notes.md",
        "Handed over by Name Date Signature Taken over by Name Date Signature",
    ):
        assert words in page.text
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "form", "a"})
    assert [attrs for _, attrs in page.elements if attrs.keys() & {"src", "href", "style", "onload"}] == []
    assert "url(" not in html
    assert "@import" not in html


def test_licences_take_at_most_a_line_each_of_the_page() -> None:
    sources = tuple(SourceLine(f"s{n:02}", 1, n, None, ChangeCounts(0, n, 0)) for n in range(40))
    licensed = tuple(replace(source, licence="word " * 400) for source in sources)
    lines, before = (len(render_text(replace(PLAIN, sources=some)).splitlines()) for some in (licensed, sources))
    assert lines == before + 11


@pytest.mark.parametrize(
    ("count", "licence", "type_size"),
    [(6, None, "roomy"), (6, "MIT", "roomy"), (8, None, "dense"), (5, "w" * 40, "dense")],
)
def test_what_would_not_fit_on_a_page_in_the_large_type_is_set_in_the_small(count, licence, type_size) -> None:
    source = replace(PLAIN.sources[1], age_days=None, licence=licence)
    slip = replace(PLAIN, sources=tuple(replace(source, name=f"s{n}") for n in range(count)))
    assert f'<body class="{type_size}">' in render_html(slip)


def test_a_digest_can_be_copied_whole_off_the_page() -> None:
    assert (
        "".join(render_html(PLAIN).split("<code>")[1].split("</code>")[0].replace("</span>", "").split("<span>"))
        == SHA256
    )


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_bundle_says_is_only_ever_text_on_the_page(one: str, other: str) -> None:
    slip = replace(
        PLAIN,
        publisher=one,
        tool=other,
        notes=(one,),
        keyids=(other,),
        volumes=(SlipVolume(one, 1, other),),
        roles=(RoleEnd(one, PLAIN.created),),
        sources=(SourceLine(other, 1, 1, None, ChangeCounts(1, 0, 0), ((one, ChangeCounts(1, 0, 0)),)),),
    )
    tags = [tag for tag, _ in Page(render_html(slip)).elements]
    plain = replace(slip, publisher="p", tool="t", notes=("n",), keyids=("k",), volumes=(SlipVolume("v", 1, other),))
    plain = replace(plain, sources=(replace(slip.sources[0], name="s", rules=(("r", ChangeCounts(1, 0, 0)),)),))
    assert tags == [tag for tag, _ in Page(render_html(replace(plain, roles=(RoleEnd("r", PLAIN.created),)))).elements]


def test_many_sources_keep_to_the_page_and_stale_ones_are_never_among_the_rest() -> None:
    sources = tuple(SourceLine(f"s{n:02}", 1, n, 5 if n == 0 else None, ChangeCounts(0, n % 2, 0)) for n in range(40))
    text = render_text(replace(PLAIN, sources=sources))
    assert "s00 " in text
    assert "LAST GOOD CONTENT, 5 days old" in text
    assert "29 more sources                   29 files" in text
    assert len(text.splitlines()) < 75
    assert "29 more sources" in Page(render_html(replace(PLAIN, sources=sources))).text
