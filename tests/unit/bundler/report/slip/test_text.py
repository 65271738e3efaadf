"""The slip as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.report.slip import (
    SourceLine,
    render_html,
    render_text,
)
from manifests.text import fit_text
from tests.support.slips import GROUPED, PLAIN, Page


def test_the_text_says_all_that_two_people_compare_and_sign() -> None:
    text = render_text(PLAIN)
    for words in (
        "Version       42, increment since version 41",
        "Sealed        2026-11-21 23:06 UTC by sealift 0.1.0",
        "Holds         3,146 files from 2 sources, 124.71 MB; 4.29 GB on the stick",
        "[ ] plant-000042-since-000041.zip\n    4,294,967,295 bytes; sha256:\n    " + GROUPED,
        "Signed by key " + "ab" * 32,
        "Runs out      2026-12-21 23:06 UTC (timestamp); import it before then",
        "Roles end     timestamp 2026-12-21, clamav 2027-01-01, root 2027-11-21\n",
        "SOURCES; changes since version 41",
        "    LAST GOOD CONTENT, 9 days old: the newest pull failed",
        "    files: 21 new, 108 updated, 16 removed; Sigma rules: 12 new, 117 updated,\n    7 removed",
        "    files: no change",
        "<b>Read</b> & weep\n(and 3 more lines in notes.md)",
        "sha256sum plant-000042-since-000041.zip",
        "HANDED OVER BY                          TAKEN OVER BY",
    ):
        assert words in text
    assert text.count("Signature ____") == 2


def test_recovery_data_beside_the_volumes_is_said() -> None:
    slip = replace(PLAIN, recovery_percent=5.0)
    one = "Recovery data: plant-000042-since-000041.zip.par2 beside it, for 5 % of its blocks"
    assert one in " ".join(render_text(slip).split())
    assert one in Page(render_html(slip)).text
    several = replace(slip, volumes=(*PLAIN.volumes, *PLAIN.volumes))
    assert "Recovery data: FILE.par2 beside it, for 5 % of its blocks\n" in render_text(several)
    assert "Recovery data" not in render_text(PLAIN) + render_html(PLAIN)


def test_the_licence_of_a_source_is_said_beside_it() -> None:
    clamav, sigma = PLAIN.sources
    long = "Plant's <own> subscription 4711, for " + "its own computers " * 9
    slip = replace(PLAIN, sources=(replace(clamav, licence="GPL-2.0-only"), replace(sigma, licence=long)))
    text, page = render_text(slip), Page(render_html(slip))
    for words in (
        "SOURCES, LICENCES; changes since version 41",
        "clamav                             7 files    120.00 MB  GPL-2.0-only\n    files: no change",
        "4.71 MB\n    licence: Plant's <own> subscription 4711, for its own computers its own...\n    LAST GOOD",
    ):
        assert words in text
    assert "source, licence files size" in page.text
    assert "clamav GPL-2.0-only 7 120.00 MB" in page.text
    assert "sigma Plant's <own> subscription 4711, for its own computers its own... last good" in page.text
    assert max(len(line) for line in text.splitlines()) == 78
    assert "licence" not in (render_text(PLAIN) + Page(render_html(PLAIN)).text).lower()


def test_no_line_of_the_text_is_wider_than_a_page() -> None:
    wide = replace(PLAIN, publisher="p" * 200, tool="t" * 200, notes=("界" * 100, "word " * 60))
    assert [line for line in render_text(wide).splitlines() if fit_text(line, 78) != line] == []


def test_a_first_bundle_says_nothing_of_changes() -> None:
    first = replace(PLAIN, previous=None, since=None, notes=(), sources=(SourceLine("clamav", 7, 120),))
    assert "change" not in render_text(first)
    assert "change" not in Page(render_html(first)).text
    assert "42, full" in render_text(first)
    assert first.file_stem == "plant-000042-full.slip"
    assert PLAIN.file_stem == "plant-000042-since-000041.slip"


@pytest.mark.parametrize("count", [1, 5, 6, 40])
def test_what_was_meant_to_be_there_and_is_not_is_said_on_both_slips(count: int) -> None:
    slip = replace(PLAIN, absent=tuple((f"clam-{number}", "no <route> " * 40) for number in range(count)))
    text, page = render_text(slip), render_html(slip)
    assert text.count("MISSING: nothing of it could be had") == min(count, 5)
    assert page.count("nothing of it could be had: no &lt;route&gt;") == min(count, 5)
    more = f"{count - 5} more MISSING" if count > 5 else None
    assert (more is None) == ("more MISSING" not in text)
    assert more is None or more in text
    assert all(len(line) <= 78 for line in text.splitlines())
    assert Page(page).open == []
