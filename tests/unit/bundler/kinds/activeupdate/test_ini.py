"""The INI reader: bytes survive, what could be read in two ways does not."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.kinds.activeupdate.ini import MAX_BYTES, MAX_LINE_CHARACTERS, MAX_LINES, parse_ini
from manifests.errors import MalformedError

WORD = st.text("abcXYZ019_.", min_size=1, max_size=8)
VALUE = st.text("abcXYZ019_./, äあ-", max_size=20).map(str.strip)
DOCUMENTS = st.dictionaries(
    WORD.map(str.casefold), st.dictionaries(WORD.map(str.casefold), VALUE, max_size=5), max_size=5
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])


def refusal(data: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        parse_ini(data, "server.ini")
    return caught.value


def read_and_written(data: bytes) -> bytes | None:
    """The same bytes again, or ``None`` for what is refused as it should."""
    try:
        return parse_ini(data, "server.ini").without(lambda _: False)
    except MalformedError as error:
        return None if error.code.startswith("ini.") else b"another code"


def values(data: bytes) -> dict[str, dict[str | None, str]]:
    sections = parse_ini(data, "server.ini").sections
    return {name: {line.key: line.value for line in lines} for name, lines in sections.items()}


def encoded(text: str, encoding: str) -> bytes:
    return ("\ufeff" if encoding == "utf-16-le" else "").encode("utf-16-le") + text.encode(encoding)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_to_the_same_bytes_or_refused_by_a_code_of_ours(data):
    assert read_and_written(data) in {data, None}


@given(st.text("[]=;#ab \t\r\n", max_size=60))
def test_text_made_of_punctuation_is_read_to_the_same_bytes_or_refused(text):
    assert read_and_written(text.encode()) in {text.encode(), None}


@given(DOCUMENTS, ENCODINGS, st.sampled_from(["\n", "\r\n"]))
def test_it_reads_what_another_reader_reads(document, encoding, end):
    text = "".join(
        f"[{name}]{end}" + "".join(f"{key} = {value}{end}" for key, value in keys.items())
        for name, keys in document.items()
    )
    other = configparser.RawConfigParser(comment_prefixes=(";", "#"), delimiters=("=",), default_section="\0")
    other.read_string(text)
    found = values(encoded(text, encoding))
    assert found == {name: dict(other.items(name)) for name in other.sections()} == document


@given(DOCUMENTS, ENCODINGS, st.sampled_from(["\n", "\r\n"]), st.data())
def test_what_is_left_out_is_gone_for_other_readers_and_the_rest_is_untouched(document, encoding, end, data):
    text = "".join(
        f"[{name}]{end}" + "".join(f"{key}={value}{end}" for key, value in keys.items())
        for name, keys in document.items()
    )
    gone = data.draw(st.sets(st.sampled_from(sorted(document)))) if document else set()
    left = parse_ini(encoded(text, encoding), "server.ini").without(lambda line: line.section in gone)
    assert values(left) == {name: keys for name, keys in document.items() if name not in gone}
    assert left.decode(encoding).replace(";[", "[").replace(f"{end};", end).lstrip("\ufeff") == text


def test_a_whole_file_is_read_with_its_line_ends_blanks_and_comments():
    data = b"; made today\r\nloose=1\r\n\r\n[PATTERN]\r\n P.4 = pattern/v.zip,1,2 \r\nno key at all\r\n# end\r\n[EMPTY]"
    assert values(data) == {"": {"loose": "1"}, "PATTERN": {"P.4": "pattern/v.zip,1,2"}, "EMPTY": {}}
    assert parse_ini(data, "server.ini").without(lambda line: line.section == "PATTERN") == data.replace(
        b"[PATTERN]", b";[PATTERN]"
    ).replace(b" P.4", b"; P.4")


def test_a_single_byte_code_passes_through_unread():
    data = "[All_Product]\r\nName=Überwachung\r\n".encode("latin-1")
    assert parse_ini(data, "server.ini").without(lambda _: False) == data


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"[A]\nx=1\nX=2\n", "ini.duplicate-key", 3),
        (b"[A]\n[B]\n[a]\n", "ini.duplicate-section", 3),
        (b"[A\nx=1\n", "ini.section", 1),
        (b"[A] x=1\n", "ini.section", 1),
        (b"[]\n", "ini.section", 1),
        (b"[A]\nx=1\rP.4=2\n", "ini.character", 2),
        (b"[A]\nx=\x1b[2J\n", "ini.character", 2),
        ("[A]\nx=1\u2028P.4=2\n".encode(), "ini.character", 2),
        ("[A]\n".encode("utf-16-le"), "ini.character", 1),
        (b"x" * (MAX_LINE_CHARACTERS + 1), "ini.too-large", 1),
        (b"\xff\xfe[\x00A\x00]", "ini.encoding", None),
        (b"\n" * (MAX_LINES + 1), "ini.too-large", None),
        (b"\n" * (MAX_BYTES + 1), "ini.too-large", None),
    ],
)
def test_what_readers_could_take_in_two_ways_is_refused(data, code, line):
    error = refusal(data)
    assert (error.code, error.details.get("line")) == (code, line)
    assert "server.ini" in error.what
