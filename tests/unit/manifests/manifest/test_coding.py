"""The manifest: what is written reads back, and every contradiction has its own refusal."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests import manifest as m
from manifests.errors import MalformedError
from manifests.limits import Limits
from manifests.schemas import strictjson
from tests.support.manifests import CREATED, GOOD, A, B, C, document, sha256

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in {"root", "timestamp", "snapshot", "targets"}
)


SEGMENTS = st.from_regex(r"[a-z0-9_.-]{1,12}", fullmatch=True).filter(lambda text: text not in {".", ".."})


INSTANTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


LENGTHS = st.integers(0, 2**53 - 1)


@st.composite
def manifests(draw: st.DrawFn) -> m.Manifest:
    """A consistent manifest."""
    since = draw(st.none() | st.integers(1, 5))
    sources, targets = [], []
    for name in sorted(draw(st.sets(NAMES, min_size=1, max_size=3))):
        paths = [f"{name}/{rest}" for rest in sorted(draw(st.sets(SEGMENTS, max_size=4)))]
        for path in paths:
            content = draw(st.integers(0, 5))
            ways = ["blob"] + ["parts"] * (content > 1) + ["held", "patch"] * (since is not None)
            arrives = draw(st.sampled_from(ways))
            targets.append(m.Target(path, content, sha256(str(content)), arrives))
        facts = st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), LENGTHS | st.just("text"), max_size=3
        )
        items = tuple(m.TargetFacts(path, "label", tuple(sorted(draw(facts).items()))) for path in paths[:1])
        failure = draw(st.none() | st.just("unreachable"))
        sources.append(
            m.SourceRecord(
                name,
                "http",
                draw(INSTANTS),
                "nothing",
                failure,
                items,
                version=draw(st.none() | st.just("17.361.00")),
                licence=draw(st.none() | st.just("as agreed")),
                fresh_days=draw(st.none() | st.integers(1, 3650)),
                mount=draw(st.none() | st.just("/")),
                deliver=draw(st.none() | st.just("ds_agent")),
            )
        )
    targets.sort(key=lambda target: target.path)
    ways = {}  # one content arrives in one way
    targets = [replace(target, arrives=ways.setdefault(target.sha256, target.arrives)) for target in targets]
    needed = {target.sha256: target.length for target in targets if target.arrives == "blob"}
    patched = {target.sha256: target.length for target in targets if target.arrives == "patch"}
    in_parts = {target.sha256: target.length for target in targets if target.arrives == "parts"}
    parted = tuple(
        m.Parted(digest, length, tuple(m.Part(sha256(f"{digest}{number}"), 1) for number in range(length)))
        for digest, length in sorted(in_parts.items())
    )
    needed |= {part.sha256: part.length for one in parted for part in one.parts}
    patches = tuple(
        m.PatchMember(digest, length, sha256(f"base{number}"), 7, "zstd", sha256(f"patch{digest}"), 3)
        for number, (digest, length) in enumerate(sorted(patched.items()))
    )
    blobs = tuple(
        draw(
            st.sampled_from(
                [
                    m.BlobMember(digest, length, "stored", digest, length),
                    m.BlobMember(digest, length, "deflate", sha256(digest), 9),
                ]
            )
        )
        for digest, length in draw(st.permutations(sorted(needed.items())))
    )
    return m.Manifest(
        publisher=draw(NAMES),
        snapshot_version=draw(st.integers(6, 2**31 - 1)),
        root_version=draw(st.integers(1, 2**31 - 1)),
        created=draw(INSTANTS),
        tool="sealift 0.1.0",
        sources=tuple(sources),
        targets=tuple(targets),
        documents=(m.DocumentMember("tuf/1.root.json", 4, sha256("root")), m.DocumentMember("notes.md", 0, sha256(""))),
        blobs=blobs,
        patches=patches,
        parted=parted,
        since=since,
    )


@given(manifests())
@settings(max_examples=200)
def test_a_manifest_survives_its_bytes(manifest: m.Manifest) -> None:
    data = m.encode_manifest(manifest)
    assert m.decode_manifest(data) == manifest
    assert m.encode_manifest(m.decode_manifest(data)) == data


def test_the_bytes_are_those_of_strict_json() -> None:
    assert strictjson.encode_json(document()) == m.encode_manifest(GOOD)


def test_each_target_and_each_blob_stands_on_one_line() -> None:
    lines = m.encode_manifest(GOOD).decode().splitlines()
    assert f'  {{"arrives": "blob", "length": 20, "path": "rules/y", "sha256": "{B}"}}' in lines
    assert f'  {{"length": 10, "method": "stored", "sha256": "{A}"}}' in lines


def test_an_auditor_can_read_it_line_by_line() -> None:
    lines = m.encode_manifest(GOOD).decode().splitlines()
    assert max(map(len, lines)) < 240


def test_a_duplicate_key_is_refused() -> None:
    data = m.encode_manifest(GOOD).replace(b'"publisher": "dmz"', b'"publisher": "dmz", "publisher": "dmz"')
    with pytest.raises(MalformedError) as caught:
        m.decode_manifest(data)
    assert caught.value.code == "json.duplicate-key"


def test_a_manifest_above_the_ceiling_is_not_read() -> None:
    with pytest.raises(MalformedError) as caught:
        m.decode_manifest(m.encode_manifest(GOOD), Limits(manifest_bytes=100))
    assert caught.value.code == "json.too-large"


def test_what_a_reader_would_refuse_is_not_written() -> None:
    with pytest.raises(MalformedError) as caught:
        m.encode_manifest(replace(GOOD, blobs=()))
    assert caught.value.code == "manifest.blobs"


@given(st.text(max_size=3000) | st.text(st.characters(), max_size=50))
def test_any_text_can_be_told_on_one_line(text: str) -> None:
    line = m.one_line(text)
    assert len(line.splitlines()) <= 1
    assert len(line) <= m.MAX_FREE_TEXT
    assert unicodedata.is_normalized("NFC", line)
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in line)
    assert m.one_line(line) == line


def test_a_failure_is_told_whatever_the_upstream_said() -> None:
    failure = "HTTP 500:\r\n\x1b[31m" + "x" * 5000 + "\udcff"
    source = replace(GOOD.sources[1], failure=failure)
    told = m.decode_manifest(m.encode_manifest(replace(GOOD, sources=(GOOD.sources[0], source)))).sources[1].failure
    assert told is not None
    assert told.startswith("HTTP 500:   [31mxxx")
    assert len(told) == m.MAX_FREE_TEXT


def test_ten_thousand_targets_decode_within_seconds() -> None:
    digests = [sha256(str(number)) for number in range(10_000)]
    paths = [f"rules/{number:06d}.yar" for number in range(10_000)]
    big = replace(
        GOOD,
        sources=(
            m.SourceRecord("rules", "directory", CREATED, "", None, tuple(m.TargetFacts(p, "YARA") for p in paths)),
        ),
        targets=tuple(m.Target(path, 1, digest) for path, digest in zip(paths, digests, strict=True)),
        blobs=tuple(m.BlobMember(digest, 1, "deflate", C, 2) for digest in digests),
    )
    data = m.encode_manifest(big)
    begun = time.process_time()
    assert m.decode_manifest(data) == big
    assert time.process_time() - begun < 2  # measured: 0.2 s; with a schema library alone: 5 s


def test_absent_sources_read_back_and_cost_nothing_where_there_are_none() -> None:
    absent = (m.AbsentSource("clam", "clamav", "no\nroute"), m.AbsentSource("yara", "http", "refused"))
    read = m.decode_manifest(m.encode_manifest(replace(GOOD, absent=absent)))
    assert read.absent == (m.AbsentSource("clam", "clamav", "no route"), absent[1])
    assert read == replace(GOOD, absent=read.absent)
    assert b"absent" not in m.encode_manifest(GOOD)
