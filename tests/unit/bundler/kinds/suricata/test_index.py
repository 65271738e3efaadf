from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bundler.kinds.suricata.index import (
    IndexEntry,
    RuleIndex,
    choose_entries,
    encode_rule_index,
    fill_url,
    read_rule_index,
)
from manifests.errors import FetchError, MalformedError, SealiftError

INDEX = b"""\
# This is a version 1 formatted index.
version: 1

sources:

  et/open:
    summary: Emerging Threats Open Ruleset
    description: |
      Proofpoint ET Open is a timely and accurate rule set
    vendor: Proofpoint
    license: MIT
    url: https://rules.example/open/suricata-%(__version__)s/emerging.rules.tar.gz

  et/pro:
    summary: Emerging Threats Pro Ruleset
    vendor: Proofpoint
    license: Commercial
    url: https://rules.example/%(secret-code)s/suricata-%(__version__)s/etpro.rules.tar.gz
    subscribe-url: https://rules.example/subscribe
    parameters:
      secret-code:
        prompt: Access code
    replaces:
      - et/open
    checksum: false

  oisf/trafficid:
    summary: Suricata Traffic ID ruleset
    vendor: OISF
    license: MIT
    url: https://rules.example/100%%/trafficid.rules
    min-version: 4.0.0
    checksum: https://rules.example/trafficid.md5

  old/rules:
    summary: Old rules
    vendor: old
    license: MIT
    url: https://rules.example/old.rules
    obsolete: the vendor is gone

versions:
  suricata:
    recommended: 7.0.10
    "7.0": 7.0.10
"""


def refused(data: bytes) -> SealiftError:
    with pytest.raises(MalformedError) as caught:
        read_rule_index(data, name="index.yaml")
    return caught.value


def test_an_index_gives_its_sources_by_name() -> None:
    entries = read_rule_index(INDEX, name="index.yaml").entries
    assert list(entries) == ["et/open", "et/pro", "oisf/trafficid", "old/rules"]
    pro = entries["et/pro"]
    assert pro.checksum is False
    assert pro.lists == (("replaces", ("et/open",)),)
    assert dict(pro.texts)["license"] == "Commercial"
    assert entries["et/open"].checksum is True
    assert entries["oisf/trafficid"].checksum == "https://rules.example/trafficid.md5"
    assert dict(entries["oisf/trafficid"].texts)["min-version"] == "4.0.0"
    assert entries["old/rules"].obsolete == "the vendor is gone"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "suricata.index", "not an index of version 1"),
        (b"<html>busy</html>", "suricata.index", "not an index of version 1"),
        (b"version: 2\nsources: {}\n", "suricata.index", "not an index of version 1"),
        (b"version: 1\nsources: [a]\n", "suricata.index", "no table of sources"),
        (b"version: 1\nsources:\n  a b:\n    url: x\n", "suricata.index", "cannot be named 'a b'"),
        (b"version: 1\nsources:\n  ../a:\n    url: x\n", "suricata.index", "cannot be named '../a'"),
        (b"version: 1\nsources:\n  7:\n    url: x\n", "suricata.index", "cannot be named '7'"),
        (b"version: 1\nsources:\n  a: {}\n", "suricata.index", "the source a has no url"),
        (b"version: 1\nsources:\n  a: {url: [x]}\n", "suricata.index", "the source a has no url"),
        (b"version: 1\nsources:\n  a: {url: x, checksum: 7}\n", "suricata.index", "neither true, false nor a URL"),
        (b"version: 1\nsources:\n  a: {url: x, tags: b}\n", "suricata.index", "not a list of words"),
        (b"version: 1\nsources:\n  a: {url: x, replaces: [1]}\n", "suricata.index", "not a list of words"),
        (b"version: 1\n\tsources:\n", "suricata.index-syntax", "in line 2"),
        (b"version: 1\nsources: {\n", "suricata.index-syntax", "in line 3"),
        (b"version: 1\nsources: \xff\xfe\n", "suricata.index-syntax", "is not YAML"),
        (b"version: 1\nsources: 2026-13-45\n", "suricata.index-syntax", "is not YAML"),
        (b"version: !!python/object:os.system 1\n", "suricata.index", "it has tags"),
        (b"version: !!bool maybe\n", "suricata.index", "it has tags"),
        (b"version: 1\nsources: !!timestamp x\n", "suricata.index", "it has tags"),
        (b"version: 0x" + b"f" * 5000, "suricata.index", "a number without end"),
        (b"version: 1\nsources:\n  a: {url: x, summary: 1" + b":59" * 5000 + b"}\n", "suricata.index", "without end"),
        (b"a: &a [x]\nb: [*a, *a]\n", "suricata.index", "references"),
        (b"[" * 5000, "suricata.index", "nested too deeply"),
    ],
    ids=range(23),
)
def test_what_is_no_index_is_refused_with_its_reason(data: bytes, code: str, words: str) -> None:
    error = refused(data)
    assert error.code == code
    assert words in error.what
    assert "\n" not in str(error)


@given(st.binary(max_size=300))
def test_no_bytes_bring_the_reader_down(data: bytes) -> None:
    for sample in (data, b"version: 1\nsources:\n  a:\n    url: " + data):
        with suppress(MalformedError):
            read_rule_index(sample, name="index.yaml")


def test_sources_are_chosen_by_name() -> None:
    entries = read_rule_index(INDEX, name="index.yaml").entries
    assert [entry.name for entry in choose_entries(entries, ["et/pro", "et/open"], index="i")] == ["et/pro", "et/open"]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("et/opne", "suricata.unknown-source", "et/open, et/pro, oisf/trafficid"),
        ("old/rules", "suricata.obsolete", "the vendor is gone"),
    ],
)
def test_a_source_that_cannot_be_chosen_is_refused(name: str, code: str, words: str) -> None:
    with pytest.raises(FetchError) as caught:
        choose_entries(read_rule_index(INDEX, name="index.yaml").entries, [name], index="i")
    assert caught.value.code == code
    assert words in str(caught.value)


def test_parameters_are_filled_in_and_a_missing_one_is_named() -> None:
    entries = read_rule_index(INDEX, name="index.yaml").entries
    values = {"__version__": "7.0.10", "secret-code": "c0de"}
    assert fill_url(entries["et/pro"], values) == "https://rules.example/c0de/suricata-7.0.10/etpro.rules.tar.gz"
    assert fill_url(entries["oisf/trafficid"], {}) == "https://rules.example/100%/trafficid.rules"
    for missing, todo in (("secret-code", 'parameters = { "et/pro"'), ("__version__", "suricata_version")):
        with pytest.raises(FetchError) as caught:
            fill_url(entries["et/pro"], {key: value for key, value in values.items() if key != missing})
        assert caught.value.code == "suricata.parameter"
        assert todo in str(caught.value.todo)


@pytest.mark.parametrize("url", ["https://a/%20", "https://a/%(n)d", "https://a/%"])
def test_a_url_that_asks_for_anything_but_text_is_refused(url: str) -> None:
    with pytest.raises(MalformedError) as caught:
        fill_url(IndexEntry("a", url), {"n": "1"})
    assert caught.value.code == "suricata.index"


def test_the_index_that_we_write_is_read_by_clients_and_leads_to_the_relay() -> None:
    entries = read_rule_index(INDEX, name="index.yaml").entries
    moved = [
        entries["et/pro"].moved("https://localhost:4122/suricata/et/pro/a%20b.tar.gz"),
        IndexEntry("own/x", "https://localhost:4122/x"),
    ]
    versions = read_rule_index(INDEX, name="index.yaml").versions
    written = encode_rule_index(RuleIndex({entry.name: entry for entry in moved}, versions))
    assert written == encode_rule_index(RuleIndex({entry.name: entry for entry in reversed(moved)}, versions))
    value = yaml.safe_load(written)
    assert value["version"] == 1
    pro = value["sources"]["et/pro"]
    assert pro["url"] % {} == "https://localhost:4122/suricata/et/pro/a%20b.tar.gz"
    assert pro["checksum"] is True
    assert pro["replaces"] == ["et/open"]
    assert "parameters" not in pro
    assert "subscribe-url" not in pro
    assert {"summary", "vendor", "license"} <= set(value["sources"]["own/x"])
    assert value["versions"] == {"suricata": {"recommended": "7.0.10", "7.0": "7.0.10"}}
    assert read_rule_index(written, name="ours").versions == tuple(sorted(versions))
    assert list(read_rule_index(written, name="ours").entries) == ["et/pro", "own/x"]
