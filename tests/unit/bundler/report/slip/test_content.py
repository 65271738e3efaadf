from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.diff.content import ClaimedBundle, ClaimedContent
from bundler.diff.rules import compare_rules
from bundler.diff.targets import compare_targets
from bundler.report.slip import (
    ChangeCounts,
    RoleEnd,
    Slip,
    SlipVolume,
    SourceLine,
    prepare_slip,
    render_html,
    render_text,
)
from manifests.bundle.claimed import claimed_documents
from manifests.errors import MalformedError
from manifests.text import fit, size_text
from tests.support.relay_bundles import BundleForge

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


def test_the_text_says_all_that_two_people_compare_and_sign() -> None:
    text = render_text(PLAIN)
    for words in (
        "Version       42, increment since version 41",
        "Sealed        2026-11-21 23:06 UTC by sealift 0.1.0",
        "Holds         3,146 files of 2 sources, 124.71 MB; 4.29 GB on the stick",
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


def test_no_line_of_the_text_is_wider_than_a_page() -> None:
    wide = replace(PLAIN, publisher="p" * 200, tool="t" * 200, notes=("界" * 100, "word " * 60))
    assert [line for line in render_text(wide).splitlines() if fit(line, 78) != line] == []


def test_a_first_bundle_says_nothing_of_changes() -> None:
    first = replace(PLAIN, previous=None, since=None, notes=(), sources=(SourceLine("clamav", 7, 120),))
    assert "change" not in render_text(first)
    assert "change" not in Page(render_html(first)).text
    assert "42, full" in render_text(first)
    assert first.file_stem == "plant-000042-full.slip"
    assert PLAIN.file_stem == "plant-000042-since-000041.slip"


def test_sizes_are_decimal() -> None:
    assert [size_text(length) for length in (999, 1000, 1_500_000, 4_294_967_296)] == [
        "999 bytes",
        "1.00 kB",
        "1.50 MB",
        "4.29 GB",
    ]


def sealed(tmp_path: Path, forge: BundleForge, name: str, **options: object) -> tuple[ClaimedBundle, dict[str, bytes]]:
    data = forge.seal(tmp_path / name, **options).read_bytes()  # type: ignore[arg-type]
    bundle = ClaimedBundle(io.BytesIO(data))
    return bundle, claimed_documents(io.BytesIO(data))


def test_a_slip_is_prepared_from_what_was_sealed(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"s/a.yml": b"title: A\nid: a\ndetection: {}\n", "t/x": b"x"}
    forge.said = {"s": {"licence": "DRL 1.1"}}
    one, _ = sealed(tmp_path, forge, "1.zip")
    forge.rotate()
    forge.files["s/a.yml"] += b"level: high\n"
    notes = b"# Head\n\n" + b"".join(b"line %d\x1b\n" % n for n in range(20)) + b"z" * 500
    two, documents = sealed(tmp_path, forge, "2.zip", notes=notes)
    found = compare_targets(one.manifest, two.manifest)
    signature = documents.pop("manifest.sig.json")
    slip = prepare_slip(
        two.manifest,
        signature,
        documents.items(),
        [SlipVolume("2.zip", 1, SHA256)],
        difference=found,
        rules=compare_rules(found, ClaimedContent(one, two)),
    )
    assert (slip.publisher, slip.version, slip.previous, slip.tool) == (forge.publisher, 2, 1, "forge")
    assert slip.keyids == (forge.signers["timestamp"][0].public_key.keyid,)
    ends = {end.role: end.expires_at for end in slip.roles}
    assert ends.keys() == {"root", "timestamp", "snapshot", "targets", "s", "t"}
    assert ends["timestamp"] == forge.created() + forge.lifetime
    assert slip.roles[-1].role == "root"
    assert slip.notes == ("Head", *(f"line {n}" for n in range(7)))
    assert slip.more_notes == 14
    assert slip.sources[0] == SourceLine(
        "s", 1, 41, None, ChangeCounts(0, 1, 0), (("Sigma", ChangeCounts(0, 1, 0)),), "DRL 1.1"
    )
    assert slip.sources[1] == SourceLine("t", 1, 1, None, ChangeCounts(0, 0, 0))


def test_the_newest_root_counts_and_damaged_metadata_is_refused(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"t/x": b"x"}
    bundle, documents = sealed(tmp_path, forge, "1.zip")
    signature = documents.pop("manifest.sig.json")
    with pytest.raises(MalformedError) as caught:
        prepare_slip(bundle.manifest, signature, [*documents.items(), ("tuf/9.root.json", b"{}")], [])
    assert caught.value.code == "slip.metadata"
