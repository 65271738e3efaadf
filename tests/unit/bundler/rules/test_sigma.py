from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.rules.sigma import read_sigma_rules
from tests.support.content import lay_out

RULE = """\
title: 'It''s a rule' # really
id: 4ad97bf5-a514-41a4-abd3-4f3455ad4865
related:
    - id: 611eab06-a145-4dfa-a295-3ccc5c20f59a
      type: similar
date: 2024-01-02
modified: 2025-03-04
detection:
    title: not this one
    condition: x
"""


def facts(text: str) -> list[tuple[str, str, str]]:
    return [(rule.identifier, rule.revision, rule.title) for rule in read_sigma_rules(text.encode())]


def test_id_title_and_date_are_those_at_the_top() -> None:
    assert facts(RULE) == [("4ad97bf5-a514-41a4-abd3-4f3455ad4865", "2025-03-04", "It's a rule")]


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("plain: with colon # comment", "plain: with colon"),
        ("C# in the middle", "C# in the middle"),
        ('"a \\"b\\" \\u00e9\\n\\x41" # c', 'a "b" é A'),
        ("'it''s'", "it's"),
        (">-\n  folded\n  lines", "folded lines"),
        ("plain\n  over lines", "plain over lines"),
        ("| # why\n  literal", "literal"),
        ('"never closed', '"never closed'),
    ],
)
def test_scalars_are_read_as_yaml_reads_them(written: str, title: str) -> None:
    assert facts(f"title: {written}\nid: a\ndetection:\n  x: y\n") == [("a", "", title)]


def test_every_document_of_a_file_counts_and_what_is_no_rule_does_not() -> None:
    both = f"\ufeff# head\n---\n{RULE}---\r\ntitle: B\nid: b\r\ncorrelation:\n  type: event_count\n...\ntitle: config\n"
    assert [identifier for identifier, _, _ in facts(both)] == ["4ad97bf5-a514-41a4-abd3-4f3455ad4865", "b"]
    assert facts("version: 1\nsources:\n  a: b\n") == []
    assert facts('{"title": "x", "detection": {}}') == []


def test_a_rule_without_id_is_known_by_its_title() -> None:
    assert facts("title: A\ndetection: {}\n") == [("without id: A", "", "A")]


def test_line_ends_and_blank_lines_around_it_are_no_change() -> None:
    (unix,), (dos,) = (
        read_sigma_rules(RULE.encode()),
        read_sigma_rules(b"\r\n" + RULE.replace("\n", "\r\n").encode() + b"\r\n"),
    )
    assert unix == dos
    (changed,) = read_sigma_rules(RULE.replace("condition: x", "condition: y").encode())
    assert changed.digest != unix.digest


@pytest.mark.needs("shared/data")
def test_the_real_rule_sets_have_every_id_that_a_yaml_parser_finds(tmp_path) -> None:
    """3132, 3137, 3141 rules; 12 and 4 new, 7 and 0 gone: by PyYAML over the same files."""
    sets = []
    for date in (1, 2, 3):
        directory = lay_out(tmp_path / "content", date)["sigma"]
        found = [rule for path in sorted(directory.rglob("*.yml")) for rule in read_sigma_rules(path.read_bytes())]
        sets.append({rule.identifier: rule.title for rule in found})
        assert len(sets[-1]) == len(found)
    assert [len(rules) for rules in sets] == [3132, 3137, 3141]
    assert [len(new.keys() - old.keys()) for old, new in pairwise(sets)] == [12, 4]
    assert [len(old.keys() - new.keys()) for old, new in pairwise(sets)] == [7, 0]
    gone = sets[0].keys() - sets[1].keys()
    assert sets[0][min(gone)] == "Failed Authentications From Countries You Do Not Operate Out Of"


@given(
    st.lists(
        st.sampled_from(
            [
                "title:",
                "id: ",
                "detection:",
                "\n",
                "\r",
                "---",
                "...",
                "'",
                '"',
                "\\",
                "|",
                ">-",
                " ",
                "#",
                "\ud800",
                "\u202e",
                "x",
                "é",
            ]
        )
    )
)
def test_odd_text_is_read_without_an_error(pieces: list[str]) -> None:
    for rule in read_sigma_rules("".join(pieces).encode("utf-8", "surrogatepass")):
        assert "\u202e" not in rule.title
        assert rule.title == rule.title.encode("utf-8").decode("utf-8")
