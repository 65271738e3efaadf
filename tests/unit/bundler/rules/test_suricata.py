from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.rules import readers
from bundler.rules.suricata import read_suricata_rules
from tests.support.content import DATA

RULE = b'alert tcp any any -> any any (msg:"One"; content:"a(b)"; sid:1; rev:3;)'


def test_sid_revision_and_message_are_read() -> None:
    (rule,) = read_suricata_rules(RULE)
    assert (rule.format, rule.identifier, rule.revision, rule.title, rule.enabled) == (
        "Suricata",
        "1",
        "3",
        "One",
        True,
    )


def test_a_commented_out_rule_is_a_disabled_one_with_the_same_text() -> None:
    (on,), (off,) = read_suricata_rules(RULE), read_suricata_rules(b"#  " + RULE)
    assert not off.enabled
    assert off.digest == on.digest


def test_comments_and_lines_without_a_sid_are_no_rules() -> None:
    assert read_suricata_rules(b'# alert the user (see the manual)\n\nalert tcp any any -> any any (msg:"x";)\n') == ()
    assert read_suricata_rules(b"alert tcp any any -> any any (sid:0x1;)\nsid:7;\n") == ()


def test_a_backslash_at_the_end_continues_the_rule_also_when_every_line_is_commented_out() -> None:
    (split,) = read_suricata_rules(RULE.replace(b"content", b"\\\r\n   content"))
    assert split.identifier == "1"
    (off,) = read_suricata_rules(b"#" + RULE.replace(b"content", b"\\\n# content"))
    assert off.digest == split.digest
    assert not off.enabled


def test_an_escaped_semicolon_ends_no_option() -> None:
    (rule,) = read_suricata_rules(rb'alert http any any -> any any (msg:"a\; sid:9\; \"b\""; sid:2;)')
    assert (rule.identifier, rule.title, rule.revision) == ("2", 'a; sid:9; "b"', "")


def test_another_generator_is_part_of_the_identifier() -> None:
    (rule,) = read_suricata_rules(b"alert pkthdr any any -> any any (sid:2; gid:116;)")
    assert rule.identifier == "116:2"


def test_text_that_would_move_the_cursor_is_not_shown() -> None:
    (rule,) = read_suricata_rules(b'alert tcp any any -> any any (msg:"\x1b[2Jx\xff\xe2\x80\xae"; sid:1;)')
    assert rule.title == "[2Jx\ufffd"


@pytest.mark.needs("shared/data")
def test_the_real_rule_set_has_256_rules_on_and_31_off() -> None:
    """``grep -cE '^[^#].*sid:'`` and ``grep -cE '^#.*sid:'`` say so."""
    reader = readers.reader_of("suricata/hunting.rules.tar.gz")
    assert reader is not None
    found = reader((DATA / "suricata" / "hunting.rules.tar.gz").read_bytes())
    assert [sum(rule.enabled is state for rule in found) for state in (True, False)] == [256, 31]
    assert len({rule.identifier for rule in found}) == 287
    assert len(read_suricata_rules((DATA / "suricata" / "pii.rules").read_bytes())) == 31


@given(st.lists(st.sampled_from([RULE, b"#", b"\\", b"\n", b"\\\n", b";", b"sid:", b"\xff", b"(", b")", b'"', b" "])))
def test_odd_text_is_read_without_an_error(pieces: list[bytes]) -> None:
    for rule in read_suricata_rules(b"".join(pieces)):
        assert rule.title.isprintable()
