from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.rules.rule import Rule
from bundler.rules.yara import read_yara_rules
from manifests.errors import MalformedError
from tests.support.content import lay_out

RULE = rb"""
import "pe"
private rule One : tag1 tag2 {
    meta:
        description = "says \"}\" and // no comment"
    strings:
        $rule = { AB [2-4] ( CD | EF ) /* } */ }
        $re = /rule Two \{ [^}] \/ " /is  // }
    condition:
        $rule and #re > 2 and pe.is_pe
}
"""


def one(data: bytes) -> Rule:
    (rule,) = read_yara_rules(data)
    return rule


def refusal(data: bytes) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        read_yara_rules(data)
    return caught.value


def outcome(data: bytes) -> str | None:
    """Return the code of the refusal, if it is one."""
    try:
        assert all(rule.title.isprintable() for rule in read_yara_rules(data))
    except MalformedError as error:
        return error.code
    return None


def test_braces_in_strings_comments_and_regular_expressions_end_no_rule() -> None:
    rule = one(RULE)
    assert (rule.format, rule.identifier, rule.title) == ("YARA", "One", 'says "}" and // no comment')


def test_rules_in_comments_are_none() -> None:
    assert [
        r.identifier for r in read_yara_rules(b"/* rule A { condition: true } */\n// rule B {\nrule C{condition:true}")
    ] == ["C"]


def test_comments_and_white_space_are_no_change_and_everything_else_is_one() -> None:
    digest = one(RULE).digest
    assert one(RULE.replace(b"  // }", b"").replace(b"    ", b"\t")).digest == digest
    assert one(RULE.replace(b"> 2", b"> 3")).digest != digest
    assert one(RULE.replace(b"tag2", b"tag3")).digest != digest
    assert one(RULE.replace(b"/is ", b"/s ")).digest != digest


def test_a_file_that_ends_within_a_rule_is_refused_by_its_name() -> None:
    error = refusal(RULE + b"rule Cut { condition: ")
    assert error.code == "rules.yara"
    assert error.what == "It ends within the YARA rule Cut"
    assert refusal(b"rule").code == "rules.yara"
    assert refusal(b"rule 1x { condition: true }").code == "rules.yara"


@pytest.mark.needs("shared/data")
def test_the_real_rule_sets_are_read_as_the_yara_engine_reads_them(tmp_path) -> None:
    """5844, 5848 and 5849 rules by ``yara.compile`` of libyara 4; grep finds 50 more, in comments."""
    names = []
    for date in (1, 2, 3):
        directory = lay_out(tmp_path / "content", date)["signature-base"]
        found = [rule for path in sorted(directory.rglob("*.yar")) for rule in read_yara_rules(path.read_bytes())]
        names.append({rule.identifier for rule in found})
    assert [len(set_of_names) for set_of_names in names] == [5844, 5848, 5849]
    assert names[0] - names[1] == {"WEBSHELL_PHP_Generic", "HKTL_NET_NAME_AmsiBypass"}
    assert names[2] - names[1] == {"HKTL_BlueHammer_Apr26"}


@pytest.mark.parametrize("piece", [b'"\\', b"/\\", b'"', b"/", b"/*", b"{", b"rule A{", b"$", b'"\\"'])
def test_hostile_repetition_takes_time_in_proportion(piece: bytes) -> None:
    begun = time.process_time()
    assert outcome(piece * (600_000 // len(piece))) in (None, "rules.yara")
    assert time.process_time() - begun < 10


@given(
    st.lists(
        st.sampled_from(
            [
                b"rule ",
                b"A",
                b"{",
                b"}",
                b'"',
                b"/",
                b"*",
                b"\\",
                b"\n",
                b"//",
                b"/*",
                b"*/",
                b"description",
                b"=",
                b"\xff",
                RULE,
            ]
        )
    )
)
def test_odd_text_is_read_or_refused(pieces: list[bytes]) -> None:
    assert outcome(b"".join(pieces)) in (None, "rules.yara")
