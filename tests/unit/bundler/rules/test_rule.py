"""What is known of one rule is fit to be shown, and how many a file may have."""

from __future__ import annotations

import pytest

from bundler.rules.rule import MAX_FILE_RULES, MAX_SHOWN, Rule, bounded_rules, make_rule
from manifests.errors import MalformedError


def test_the_digest_stands_for_the_text_of_the_rule_alone() -> None:
    one = make_rule("suricata", "1", b"body", revision="1", title="t")
    assert make_rule("suricata", "2", b"body", revision="9", title="u", enabled=False).digest == one.digest
    assert make_rule("suricata", "1", b"bodY", revision="1", title="t").digest != one.digest
    assert len(one.digest) == 16


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  plain  ", "plain"),
        ("a\x1b[2Jb\nc", "a [2Jb c"),
        ("x" * MAX_SHOWN, "x" * MAX_SHOWN),
        ("x" * (MAX_SHOWN + 1), "x" * (MAX_SHOWN - 3) + "..."),
        ("x" * 10**6, "x" * (MAX_SHOWN - 3) + "..."),
        ("", ""),
    ],
)
def test_what_is_shown_is_one_bounded_line_that_steers_no_terminal(text: str, shown: str) -> None:
    made = make_rule("yara", text, b"", revision=text, title=text)
    assert (made.identifier, made.revision, made.title) == (shown, shown, shown)


def test_a_file_of_too_many_rules_is_refused() -> None:
    one = Rule("sigma", "1", "", b"", "")
    assert bounded_rules([one] * MAX_FILE_RULES) == (one,) * MAX_FILE_RULES
    with pytest.raises(MalformedError) as caught:
        bounded_rules([one] * (MAX_FILE_RULES + 1))
    assert (caught.value.code, caught.value.need) == ("rules.too-many", "at most 200,000")
