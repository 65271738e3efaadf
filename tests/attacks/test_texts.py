"""Words of upstreams, bundles and sites that would steer a terminal, a page or a reader: shown, and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import click
import pytest

from bundler.diff.rules import FormatChanges, RuleChange, RuleVersion, SourceRules
from bundler.diff.targets import compare_targets
from bundler.report.difference import difference_to_text
from bundler.report.manifest import manifest_to_text
from bundler.report.slip import ChangeCounts, RoleEnd, SlipVolume, SourceLine
from bundler.report.slip.html import render_html
from bundler.report.slip.text import render_text
from manifests.console.commands import json_text
from manifests.console.program import run_program
from manifests.errors import FetchError
from manifests.manifest import AbsentSource, TargetFacts
from manifests.text import fit_text, printable, printable_lines, table_text, wrap_text
from tests.support.rule_sets import manifest
from tests.support.slips import PLAIN, Page

HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "names the window": "\x1b]0;owned\x07",
    "eight-bit control": "\x9b31m",
    "turns the text round": "\u202egnp.exe",
    "isolates": "\u2066a\u2069",
    "marks a direction": "\u200f\u061c",
    "joins nothing": "a\u200b\u2060b\ufeff",
    "a line of its own": "x\nbundle: everything is verified",
    "over the line": "x\rverified",
    "paragraphs": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "nul and delete": "\x00\x7f",
    "no text at all": "\udcff",
    "tags": "\U000e0041",
}


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> str:
    return HOSTILE[request.param]


def is_harmless(text: str, lines: int | None = None) -> bool:
    shown = text.split("\n")
    return all(line.isprintable() for line in shown) and lines in {None, len(shown)}


def test_the_one_function_writes_it_out(hostile: str) -> None:
    assert printable(hostile).isprintable()
    assert printable(f"a{hostile}b") != f"a{hostile}b"
    assert printable_lines(hostile).split("\n")[1:] == [f"  {printable(line)}" for line in hostile.split("\n")[1:]]


def test_what_people_read_is_left() -> None:
    for text in ("", "plain", "Größe", "ルール　更新", "a\u00a0b", "50 % \\x1b"):
        assert printable(text) == text


def test_tables_and_wrapped_lines_are_harmless(hostile: str) -> None:
    assert is_harmless(table_text([("a", hostile), (hostile, "b")], ("one", hostile)), 3)
    assert is_harmless(fit_text(hostile, 60), 1)
    assert all(is_harmless(line, 1) for line in wrap_text(hostile, hostile))


def test_no_field_of_a_manifest_steers_the_terminal(hostile: str) -> None:
    plain = manifest(3, {"a/one": b"1"})
    item = TargetFacts("a/one", "label", (("rules", "many"),))
    source = replace(plain.sources[0], failure="f", version="v", licence="l", mount="/", deliver="d", items=(item,))
    plain = replace(plain, sources=(source,), absent=(AbsentSource("b", "http", "failed"),))
    lines = len(manifest_to_text(plain, targets=True).split("\n"))
    for field in ("kind", "verification", "failure", "version", "licence", "mount", "deliver"):
        bad = replace(plain, sources=(replace(source, **{field: hostile}),))
        assert is_harmless(manifest_to_text(bad, targets=True), lines), field
    for other in (
        replace(item, label=hostile),
        replace(item, path=hostile),
        replace(item, facts=((hostile, "many"),)),
        replace(item, facts=(("rules", hostile),)),
    ):
        assert is_harmless(
            manifest_to_text(replace(plain, sources=(replace(source, items=(other,)),)), targets=True), lines
        )
    for changed in (
        replace(plain, tool=hostile),
        replace(plain, absent=(AbsentSource(hostile, hostile, hostile),)),
        replace(plain, targets=(replace(plain.targets[0], path=f"a/{hostile}"),)),
    ):
        assert is_harmless(manifest_to_text(changed, targets=True), lines)


def test_no_field_of_a_slip_steers_a_terminal_or_a_browser(hostile: str) -> None:
    source = SourceLine(hostile, 1, 1, 2, ChangeCounts(1, 0, 0), ((hostile, ChangeCounts(1, 0, 0)),), hostile)
    slip = replace(
        PLAIN,
        publisher=hostile,
        tool=hostile,
        notes=(hostile,),
        keyids=(hostile,),
        volumes=(SlipVolume(hostile, 1, "0" * 64),),
        roles=(RoleEnd(hostile, PLAIN.created + timedelta(days=1)),),
        sources=(source,),
    )
    assert is_harmless(render_text(slip))
    assert "\nbundle: everything" not in render_text(slip)
    assert is_harmless(Page(render_html(slip)).text)
    assert is_harmless(render_html(slip))


def test_no_rule_and_no_path_of_a_difference_steers_the_terminal(hostile: str) -> None:
    old, new = manifest(1, {"a/one": b"1"}), manifest(2, {"a/one": b"2", "a/two": b"2"})
    bad = replace(new, targets=(new.targets[0], replace(new.targets[1], path=f"a/{hostile}")))
    change = RuleChange(hostile, hostile, RuleVersion(hostile, enabled=True), RuleVersion("2", enabled=False))
    rules = (SourceRules("a", (FormatChanges("Sigma", (), (change,), ()),), ()),)
    assert is_harmless(difference_to_text(compare_targets(old, bad), rules, targets=True, rules=True))


def test_no_error_steers_the_terminal_and_its_json_says_the_same(
    hostile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def fails() -> None:
        raise FetchError("http.status", f"It said {hostile}", have=hostile, need=hostile, todo=hostile)

    group = click.Group("bundle", {"fails": fails})
    with pytest.raises(SystemExit):
        run_program(group, "bundle", ["fails"])
    said = capsys.readouterr().err
    assert is_harmless(said)
    assert "\nbundle: everything" not in said


def test_json_on_a_terminal_is_harmless_and_the_same_json(hostile: str) -> None:
    value = {"said": [hostile], hostile: "key", "日本": "語"}
    for text in (json_text(value), json_text(value, indent=1, sort_keys=True)):
        assert is_harmless(text)
        assert json.loads(text) == value
    assert "日本" in json_text(value)
