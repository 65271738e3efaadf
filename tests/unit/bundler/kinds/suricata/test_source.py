from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bundler.sources.base import Pull
from bundler.sources.emptiness import EmptyError
from manifests.errors import ConfigurationError, SealiftError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.source_simulator import SourceSimulator

RULES = b'alert tcp any any -> any any (msg:"one"; sid:1;)\n# alert tcp any any -> any any (msg:"two"; sid:2;)\n'
CODE = "s3cret/c0de"


@pytest.fixture
def server() -> Iterator[SourceSimulator]:
    with SourceSimulator() as simulator:
        lay_out(simulator)
        yield simulator


def tarball(rules: bytes = RULES) -> bytes:
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        member = tarfile.TarInfo("rules/a.rules")
        member.size = len(rules)
        tar.addfile(member, io.BytesIO(rules))
    return file.getvalue()


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).hexdigest().encode()


def lay_out(server: SourceSimulator, rules: bytes = RULES) -> None:
    """Serve an index and the rule sets that it speaks of."""
    index: dict[str, Any] = {
        "version": 1,
        "sources": {
            "et/open": {
                "summary": "Open rules",
                "vendor": "et",
                "license": "MIT",
                "url": server.url("/open/suricata-%(__version__)s/emerging.rules.tar.gz"),
            },
            "et/pro": {
                "summary": "Paid rules",
                "vendor": "et",
                "license": "Commercial",
                "url": server.url("/%(secret-code)s/etpro.rules.tar.gz"),
                "parameters": {"secret-code": {"prompt": "code"}},
                "checksum": False,
            },
            "odd/sums": {
                "summary": "Rules",
                "vendor": "odd",
                "license": "MIT",
                "url": server.url("/odd.rules"),
                "checksum": server.url("/sums/odd"),
            },
        },
    }
    server.serve("/index.yaml", yaml.safe_dump(index).encode(), etag='"i"')
    server.serve("/open/suricata-7.0.10/emerging.rules.tar.gz", tarball(rules), etag=f'"{md5(rules).decode()}"')
    server.serve("/open/suricata-7.0.10/emerging.rules.tar.gz.md5", md5(tarball(rules)) + b"\n")
    server.serve("/s3cret%2Fc0de/etpro.rules.tar.gz", tarball(rules + b"\n"))
    server.serve("/odd.rules", rules)
    server.serve("/sums/odd", md5(rules) + b"  odd.rules\n")


def configured(server: SourceSimulator, *names: str, **options: Any) -> dict[str, Any]:
    given = {"index": server.url("/index.yaml"), "suricata_version": "7.0.10", **options}
    return {**given, **({"sources": list(names)} if names else {})}


def pulled(
    bench: Bench, server: SourceSimulator, *names: str, previous: Pull | None = None, **options: Any
) -> tuple[Pull, dict[str, bytes]]:
    found = bench.pull(make("suricata", name="suricata", **configured(server, *names, **options)), previous)
    return found, dict(bench.contents(found))


def bound_to(server: SourceSimulator, **where: Any) -> dict[str, Any]:
    """Return the parameters of a subscriber whose secret this plain server gets."""
    return {"et/pro": {"secret-code": {"host": urlsplit(server.base).netloc, "plain_http": True, **where}}}


def pro_index(server: SourceSimulator, url: str) -> None:
    """Let the index, which nobody signs, say that the rule set is elsewhere."""
    pro = {"summary": "s", "vendor": "v", "license": "l", "url": url, "checksum": False}
    server.serve("/index.yaml", yaml.safe_dump({"version": 1, "sources": {"et/pro": pro}}).encode())


def refused(bench: Bench, server: SourceSimulator, *names: str, **options: Any) -> SealiftError:
    with pytest.raises(SealiftError) as caught:
        pulled(bench, server, *names, **options)
    assert not list(bench.home.temporary.iterdir())
    return caught.value


def test_chosen_rule_sets_are_carried_with_their_md5_and_an_index_that_leads_to_the_relay(
    bench: Bench, server: SourceSimulator
) -> None:
    found, contents = pulled(bench, server, "et/open", "odd/sums")
    path = "et/open/emerging.rules.tar.gz"
    assert sorted(contents) == [path, f"{path}.md5", "index.yaml", "odd/sums/odd.rules", "odd/sums/odd.rules.md5"]
    assert contents[path] == tarball()
    assert contents[f"{path}.md5"].strip() == md5(tarball())
    assert contents["odd/sums/odd.rules.md5"].strip() == md5(RULES)
    sources = yaml.safe_load(contents["index.yaml"])["sources"]
    assert sorted(sources) == ["et/open", "odd/sums"]
    assert sources["et/open"]["url"] == f"https://localhost:4122/suricata/{path}"
    assert sources["et/open"]["license"] == "MIT"
    assert found.verification == (
        "2 of 2 match the MD5 that their server publishes; no upstream signature checked; 2 of 2 came over plain http"
    )


def test_the_manifest_counts_the_rules(bench: Bench, server: SourceSimulator) -> None:
    found, _ = pulled(bench, server, "et/open")
    (item,) = found.items
    assert item.path == "et/open/emerging.rules.tar.gz"
    assert item.label == "Suricata rules et/open"
    assert dict(item.facts) == {"rules": 2, "enabled": 1}


def test_an_unchanged_rule_set_is_not_fetched_again_and_a_changed_one_is(bench: Bench, server: SourceSimulator) -> None:
    first, _ = pulled(bench, server, "et/open")
    server.seen.clear()
    second, _ = pulled(bench, server, "et/open", previous=first)
    assert (second.targets, second.items) == (first.targets, first.items)
    assert [seen.path for seen in server.seen] == ["/index.yaml", "/open/suricata-7.0.10/emerging.rules.tar.gz.md5"]
    lay_out(server, RULES * 2)
    third, contents = pulled(bench, server, "et/open", previous=second)
    assert third.targets != second.targets
    assert contents["et/open/emerging.rules.tar.gz"] == tarball(RULES * 2)


def test_urls_of_ones_own_need_no_index(bench: Bench, server: SourceSimulator) -> None:
    urls = [
        server.url("/odd.rules"),
        {"url": server.url("/odd.rules"), "name": "plant/odd", "checksum": False, "license": "GPL-3.0"},
    ]
    found, contents = pulled(bench, server, urls=urls, relay_url="https://relay.plant:8443/")
    assert sorted(contents) == [
        "index.yaml",
        "plant/odd/odd.rules",
        "plant/odd/odd.rules.md5",
        "suricata/odd/odd.rules",
        "suricata/odd/odd.rules.md5",
    ]
    sources = yaml.safe_load(contents["index.yaml"])["sources"]
    assert sources["plant/odd"]["url"] == "https://relay.plant:8443/suricata/plant/odd/odd.rules"
    assert sources["plant/odd"]["license"] == "GPL-3.0"
    assert "/index.yaml" not in [seen.path for seen in server.seen]
    assert found.verification == "carried, not verified; 2 of 2 came over plain http"


def test_a_rule_set_without_a_published_md5_is_carried_and_said_to_be(bench: Bench, server: SourceSimulator) -> None:
    server.on("/open/suricata-7.0.10/emerging.rules.tar.gz.md5", upstream.status(404))
    found, _ = pulled(bench, server, "et/open", "odd/sums")
    assert found.verification.startswith("1 of 2 match the MD5 that their server publishes;")


@pytest.mark.parametrize(
    ("respond", "why"),
    [
        pytest.param(upstream.status(403), "answer 403", id="403"),
        pytest.param(upstream.status(401), "answer 401", id="401"),
        pytest.param(upstream.status(500), "answer 500", id="500"),
        pytest.param(upstream.portal(), "http.captive-portal", id="a page"),
        pytest.param(upstream.file(b"<html>" + b"x" * 5000), "http.too-large", id="a long page"),
        pytest.param(upstream.file(b""), "http.checksum-format", id="empty"),
        pytest.param(upstream.file(b"not found"), "http.checksum-format", id="a text"),
        pytest.param(upstream.file(b'{"error": 404}'), "http.checksum-format", id="JSON"),
        pytest.param(upstream.file(b"0" * 40), "http.checksum-format", id="a SHA-1"),
        pytest.param(upstream.file(b"\x00\xff" * 30), "http.checksum-format", id="bytes"),
        pytest.param(upstream.redirect("/sums/odd"), "http.redirects", id="a circle"),
        pytest.param(upstream.raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"0" * 32), "http.unbounded", id="no length"),
    ],
)
def test_an_md5_that_cannot_be_used_is_said_and_the_rule_set_carried(
    bench: Bench, server: SourceSimulator, respond: upstream.Respond, why: str
) -> None:
    server.on("/sums/odd", respond)
    found, contents = pulled(bench, server, "et/open", "odd/sums")
    assert contents["odd/sums/odd.rules"] == RULES
    assert found.verification.split("; ")[:3] == [
        "1 of 2 match the MD5 that their server publishes",
        "no upstream signature checked",
        f"1 of 2 not verified, the published MD5 cannot be used (odd/sums: {why})",
    ]


def test_a_subscribers_secret_is_not_shown_with_an_md5_that_cannot_be_used(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    server.serve(
        "/index.yaml",
        yaml.safe_dump(
            {"version": 1, "sources": {"et/pro": {"url": server.url("/%(secret-code)s/etpro.rules.tar.gz")}}}
        ).encode(),
    )
    server.on("/s3cret%2Fc0de/etpro.rules.tar.gz.md5", upstream.status(403))
    found, _ = pulled(bench, server, "et/pro", parameters=bound_to(server, env="ET_CODE"))
    assert "the published MD5 cannot be used (et/pro: answer 403)" in found.verification
    assert "s3cret" not in repr(found)


def packed(mode: str, files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("name", ["e.rules.tar.gz", "e.tgz", "e.zip", "e.rules", "e.tar.bz2", "download"])
@pytest.mark.parametrize("form", ["w:", "w:gz", "w:bz2", "w:xz", "zip"])
def test_an_archive_is_read_by_what_it_is_whatever_it_is_called(
    bench: Bench, server: SourceSimulator, name: str, form: str
) -> None:
    files = {"rules/a.rules": RULES, "LICENSE": b"free"}
    server.serve(f"/{name}", zipped(files) if form == "zip" else packed(form, files))
    found, _ = pulled(bench, server, urls=[server.url(f"/{name}")])
    assert dict(found.items[0].facts) == {"rules": 2, "enabled": 1}


EMPTIED = [
    pytest.param(b"", "an empty file", id="nothing"),
    pytest.param(b"# The list has moved.\n", "'# The list has moved.\\n'", id="a comment"),
    pytest.param(b'{"error": "subscription expired"}', '\'{"error": "subscription expired"}\'', id="JSON"),
    pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "'version https", id="a pointer"),
    pytest.param(packed("w:gz", {"a.rules": b"# moved\n"}), "an archive without any", id="an archive of comments"),
]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("data", "have"), EMPTIED)
def test_a_rule_set_without_a_rule_is_refused_unless_that_is_allowed(
    bench: Bench, server: SourceSimulator, data: bytes, have: str, before: bool
) -> None:
    made = make("suricata", name="suricata", urls=[server.url("/odd.rules")])
    first = bench.pull(made) if before else None
    server.serve("/odd.rules", data)
    with pytest.raises(EmptyError) as caught:
        bench.pull(made, first)
    assert (caught.value.code, caught.value.exit_code) == ("source.empty", 10)
    assert str(caught.value.have).startswith(have)
    assert "allow_empty = true for suricata" in str(caught.value.todo)
    allowed = bench.pull(made, first, allow_empty=True)
    assert dict(allowed.items[0].facts) == {"rules": 0, "enabled": 0}


def test_an_archive_of_other_files_is_carried_uncounted_unless_it_had_rules(
    bench: Bench, server: SourceSimulator
) -> None:
    other = packed("w:gz", {"README": RULES})
    made = make("suricata", name="suricata", urls=[server.url("/odd.rules")])
    first = bench.pull(made)
    server.serve("/odd.rules", other)
    assert bench.pull(made).items[0].facts == ()
    with pytest.raises(EmptyError):
        bench.pull(made, first)


def test_a_rule_set_whose_name_says_nothing_is_refused_when_it_had_rules_and_has_none(
    bench: Bench, server: SourceSimulator
) -> None:
    server.serve("/feed", RULES)
    made = make("suricata", name="suricata", urls=[server.url("/feed")])
    first = bench.pull(made)
    server.serve("/feed", b"Access denied\n")
    with pytest.raises(EmptyError):
        bench.pull(made, first)


def test_a_rule_set_that_has_not_its_published_md5_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/sums/odd", b"0" * 32)
    error = refused(bench, server, "odd/sums")
    assert (error.code, error.need) == ("http.checksum", f"md5 {'0' * 32}")


def test_a_rule_set_replaced_between_its_md5_and_itself_is_taken(bench: Bench, server: SourceSimulator) -> None:
    server.on("/sums/odd", upstream.file(b"0" * 32), upstream.file(md5(RULES)))
    _, contents = pulled(bench, server, "odd/sums")
    assert contents["odd/sums/odd.rules"] == RULES


def test_a_damaged_archive_is_refused_because_suricata_update_could_not_read_it(
    bench: Bench, server: SourceSimulator
) -> None:
    data = tarball(b"".join(b"# %d\n" % number for number in range(5000)))[:-200]
    server.serve("/cut.rules.tar.gz", data)
    error = refused(bench, server, urls=[server.url("/cut.rules.tar.gz")])
    assert (error.code, error.exit_code) == ("rules.archive", 21)
    assert error.what.startswith("suricata/cut/cut.rules.tar.gz: ")


def test_what_an_index_says_of_a_rule_set_reaches_clients_but_no_terminal(
    bench: Bench, server: SourceSimulator
) -> None:
    text = '"\\e[2J \\u202e \\ud800"'
    index = f"version: 1\nsources:\n  a/b:\n    url: {server.url('/odd.rules')}\n    summary: {text}\n    obsolete: "
    server.serve("/index.yaml", f"{index}null\n".encode())
    found, contents = pulled(bench, server, "a/b")
    assert yaml.safe_load(contents["index.yaml"])["sources"]["a/b"]["summary"] == "\x1b[2J \u202e \ud800"
    assert contents["index.yaml"].isascii()
    assert found.items[0].label == "Suricata rules a/b"
    server.serve("/index.yaml", f"{index}{text}\n".encode())
    error = refused(bench, server, "a/b")
    assert error.code == "suricata.obsolete"
    assert str(error).isprintable()


def test_a_file_of_an_unknown_form_is_carried_uncounted(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/feed", b"anything")
    found, contents = pulled(bench, server, urls=[server.url("/feed?format=rules")])
    assert [seen.path for seen in server.seen] == ["/feed.md5?format=rules", "/feed?format=rules"]
    assert contents["suricata/feed/feed"] == b"anything"
    assert found.items[0].facts == ()


def test_the_secret_of_a_subscriber_is_used_and_never_shown(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    parameters = bound_to(server, env="ET_CODE")
    bench.configure("suricata", "suricata", **configured(server, "et/pro", parameters=parameters))
    result = bench.pull_all()
    assert [target.path for target in result.targets["suricata"]] == [
        "suricata/et/pro/etpro.rules.tar.gz",
        "suricata/et/pro/etpro.rules.tar.gz.md5",
        "suricata/index.yaml",
    ]
    kept = "".join(path.read_text("utf-8") for path in bench.home.sources.glob("*.json"))
    index = next(target for target in result.targets["suricata"] if target.path.endswith("index.yaml"))
    written = b"".join(bench.store.read(index.sha256)).decode()
    server.on("/s3cret%2Fc0de/etpro.rules.tar.gz", upstream.status(401))
    (failure,) = bench.pull_all().failures
    assert isinstance(failure.error, SealiftError)
    assert failure.error.code == "http.status"
    said = json.dumps(failure.error.to_json())
    assert "/***/etpro.rules.tar.gz" in said
    kept += "".join(path.read_text("utf-8") for path in bench.home.sources.glob("*.json"))
    for text in (kept, written, said):
        assert "s3cret" not in text


def test_a_check_uses_and_hides_the_secret_too(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "code").write_text(CODE)
    (tmp_path / "code").chmod(0o600)
    parameters = bound_to(server, file=str(tmp_path / "code"))
    made = make("suricata", **configured(server, "et/pro", parameters=parameters))
    with bench.workbench() as work:
        assert [target.path for target in made.check(work).targets] == ["et/pro/etpro.rules.tar.gz"]
    server.on("/s3cret%2Fc0de/etpro.rules.tar.gz", upstream.status(404))
    with pytest.raises(SealiftError) as caught, bench.workbench() as work:
        made.check(work)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "{other}/%(secret-code)s/etpro.rules.tar.gz",
        "{other}/etpro.rules.tar.gz?code=%(secret-code)s",
        "{other}/code%(secret-code)sx/etpro.rules.tar.gz",
        "http://%(secret-code)s.example/etpro.rules.tar.gz",
        "http://{bound}%(secret-code)s/etpro.rules.tar.gz",
        "http://{bound}@{away}/%(secret-code)s/etpro.rules.tar.gz",
        "http://{bound}.example/%(secret-code)s/etpro.rules.tar.gz",
        "ftp://{bound}/%(secret-code)s/etpro.rules.tar.gz",
    ],
)
def test_a_secret_goes_to_its_host_alone_whatever_the_index_says(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    monkeypatch.setenv("ET_CODE", "5ecret")
    bound = urlsplit(server.base).netloc
    with SourceSimulator() as other:
        url = elsewhere.format(other=other.base, bound=bound, away=urlsplit(other.base).netloc)
        pro_index(server, url)
        error = refused(bench, server, "et/pro", parameters=bound_to(server, env="ET_CODE"))
        assert (error.code, error.exit_code) == ("suricata.parameter-host", 10)
        assert (error.need, "5ecret" in json.dumps(error.to_json())) == (f"http or https://{bound}", False)
        assert other.seen == []
    assert [seen.path for seen in server.seen] == ["/index.yaml"]


def test_a_secret_is_not_sent_unencrypted_unless_that_is_said(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    given = {"et/pro": {"secret-code": {"host": urlsplit(server.base).netloc, "env": "ET_CODE"}}}
    error = refused(bench, server, "et/pro", parameters=given)
    assert (error.code, error.need) == ("suricata.parameter-host", f"https://{urlsplit(server.base).netloc}")
    assert [seen.path for seen in server.seen] == ["/index.yaml"]


@pytest.mark.parametrize("written", ["s3cret%2Fc0de", "s3cret/c0de", "?code=s3cret%2fc0de", "x%73%33cret%2Fc0dex"])
def test_no_redirect_carries_a_secret_to_another_host(
    bench: Bench, server: SourceSimulator, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("ET_CODE", CODE)
    with SourceSimulator() as other:
        server.on("/s3cret%2Fc0de/etpro.rules.tar.gz", upstream.redirect(other.url(f"/{written}/etpro.rules.tar.gz")))
        error = refused(bench, server, "et/pro", parameters=bound_to(server, env="ET_CODE"))
        assert (error.code, other.seen) == ("http.redirect-secret", [])
        other.serve("/moved/etpro.rules.tar.gz", tarball())
        server.on("/s3cret%2Fc0de/etpro.rules.tar.gz", upstream.redirect(other.url("/moved/etpro.rules.tar.gz")))
        _, contents = pulled(bench, server, "et/pro", parameters=bound_to(server, env="ET_CODE"))
    assert contents["et/pro/etpro.rules.tar.gz"] == tarball()


def test_a_secret_that_is_not_there_is_a_matter_of_our_configuration(bench: Bench, server: SourceSimulator) -> None:
    parameters = bound_to(server, env="NO_SUCH_VARIABLE")
    error = refused(bench, server, "et/pro", parameters=parameters)
    assert (error.code, error.exit_code) == ("source.credentials", 3)


def test_a_parameter_that_nobody_gave_is_named(bench: Bench, server: SourceSimulator) -> None:
    error = refused(bench, server, "et/pro")
    assert error.code == "suricata.parameter"
    assert "secret-code" in error.what


def test_a_rule_set_that_the_index_does_not_know_is_refused(bench: Bench, server: SourceSimulator) -> None:
    error = refused(bench, server, "et/closed")
    assert error.code == "suricata.unknown-source"
    assert error.have == "et/open, et/pro, odd/sums"


def test_an_index_that_is_none_is_refused(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/index.yaml", b"version: 9\n")
    assert refused(bench, server, "et/open").code == "suricata.index"
    server.on("/index.yaml", upstream.portal())
    assert refused(bench, server, "et/open").code == "http.captive-portal"
    server.serve("/index.yaml", b"#" * 300_000)
    assert refused(bench, server, "et/open").code == "http.too-large"


def test_a_rule_set_whose_url_has_no_file_name_is_refused(bench: Bench, server: SourceSimulator) -> None:
    index = {"version": 1, "sources": {"a/b": {"url": server.url("/rules/"), "checksum": False}}}
    server.serve("/index.yaml", yaml.safe_dump(index).encode())
    assert refused(bench, server, "a/b").code == "suricata.name"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "source.url"),
        ({"sources": ["a/b"], "urls": [{"url": "https://a.example/x.rules", "name": "a/b"}]}, "source.url"),
        ({"urls": ["https://a.example/x.rules", "https://b.example/x.rules"]}, "source.url"),
        ({"urls": ["https://a.example/.rules"]}, "source.url"),
        ({"sources": ["a/b"], "parameters": {"a/b": {"c": {"file": "code", "host": "h"}}}}, "source.path"),
        ({"sources": ["a/b"], "parameters": {"a/b": {"c": {"host": "h"}}}}, "source.parameters"),
        (
            {"sources": ["a/b"], "parameters": {"a/b": {"c": {"file": "/c", "env": "C", "host": "h"}}}},
            "source.parameters",
        ),
        ({"sources": ["a/b"], "parameters": {"a/c": {"c": {"env": "CODE", "host": "h"}}}}, "source.parameters"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("suricata", **options)
    assert caught.value.code == code


def test_a_check_says_what_a_pull_would_fetch(bench: Bench, server: SourceSimulator) -> None:
    made = make("suricata", **configured(server, "et/open", "odd/sums"))
    first = bench.pull(made)
    server.serve("/odd.rules", RULES * 3)
    server.serve("/sums/odd", md5(RULES * 3))
    with bench.workbench(first) as work:
        checked = made.check(work)
    assert [(target.path, target.state) for target in checked.targets] == [
        ("et/open/emerging.rules.tar.gz", "unchanged"),
        ("odd/sums/odd.rules", "to fetch"),
    ]
    assert checked.note == f"reached {server.base.removeprefix('http://')}"
