"""Kind ``http`` with a directory index: what nginx and Apache list, and what pretends to."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.options import FetchOptions
from bundler.kinds.http.listing import DirectoryIndex, read_listing
from manifests.errors import ConfigurationError, FetchError, SealiftError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.source_simulator import SourceSimulator

NGINX = """<html>\r\n<head><title>Index of /rules/</title></head>\r\n<body>\r\n<h1>Index of /rules/</h1><hr><pre>\
<a href="../">../</a>\r\n{links}</pre><hr></body>\r\n</html>\r\n"""
APACHE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head><title>Index of /rules</title></head><body><h1>Index of /rules</h1><table>
<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td></tr>
{links}</table><address>Apache/2.4.57 (Debian) Server at localhost Port 80</address></body></html>
"""


def page(*links: str, form: str = NGINX) -> bytes:
    return form.format(links="\n".join(f'<a href="{link}">{link}</a>' for link in links)).encode()


def lists(server: SourceSimulator, path: str, *links: str, form: str = NGINX) -> None:
    server.serve(path, page(*links, form=form), content_type="text/html", etag=f'"{len(links)}"')


def refused(bench: Bench, **options: Any) -> SealiftError:
    with pytest.raises(SealiftError) as caught:
        bench.pull(make("http", **options))
    return caught.value


@pytest.mark.parametrize("form", [NGINX, APACHE])
def test_the_files_of_a_listing_are_carried_under_their_names(bench: Bench, server: SourceSimulator, form: str) -> None:
    lists(server, "/rules/", "a.rules", "b%20c.rules", "deep/", "/rules/d.rules", form=form)
    for path in ("a.rules", "b%20c.rules", "d.rules"):
        server.serve(f"/rules/{path}", path.encode())
    pulled = bench.pull(make("http", index=server.url("/rules/")))
    assert bench.contents(pulled) == {"a.rules": b"a.rules", "b c.rules": b"b%20c.rules", "d.rules": b"d.rules"}


@pytest.mark.parametrize(
    ("links", "paths"),
    [
        ((b"r%E8gle.rules", b"r%E9gle.rules"), ["r%E8gle.rules", "r%E9gle.rules"]),
        ((b"r\xe8gle.rules", b"r\xe9gle.rules"), ["r%E8gle.rules", "r%E9gle.rules"]),
        ((b"%83%8B%81%5B%83%8B.rules", b"%82%A0.rules"), ["%82%A0.rules", "%83%8B%81[%83%8B.rules"]),
        ((b"r%C3%A8gle.rules", b"r%E8gle.rules"), ["r%E8gle.rules", "r\xe8gle.rules"]),
        (("r\xe8gle.rules".encode(), b"b.rules"), ["b.rules", "r\xe8gle.rules"]),
        ((b"a%FF", b"a%FE", b"a%FF%FE"), ["a%FE", "a%FF", "a%FF%FE"]),
        ((b"a%2Erules", b"a.rules"), ["a.rules"]),
    ],
)
def test_names_that_are_not_utf_8_keep_their_escapes_and_none_is_lost(
    bench: Bench, server: SourceSimulator, links: tuple[bytes, ...], paths: list[str]
) -> None:
    body = page("LINK").replace(b'<a href="LINK">LINK</a>', b"\n".join(b'<a href="%b">x</a>' % link for link in links))
    server.serve("/r/", body)
    with bench.workbench() as work, Fetcher(FetchOptions(), work, "s") as fetcher:
        assert [file.path for file in DirectoryIndex(server.url("/r/"), 1).find(fetcher).files] == paths


def test_two_files_that_would_get_one_path_are_refused(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "r%E8gle.rules", "r%25E8gle.rules")
    error = refused(bench, index=server.url("/r/"))
    assert (error.code, error.need) == ("http.listing", "a path for each")
    assert "r%E8gle.rules and" in str(error.have)


def test_directories_are_read_as_deep_as_configured(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a", "x/")
    lists(server, "/r/x/", "b", "y/")
    lists(server, "/r/x/y/", "c")
    for path in ("a", "x/b", "x/y/c"):
        server.serve(f"/r/{path}", path.encode())
    assert list(bench.contents(bench.pull(make("http", index=server.url("/r/"), depth=2)))) == ["a", "x/b"]
    assert list(bench.contents(bench.pull(make("http", index=server.url("/r/"), depth=3)))) == ["a", "x/b", "x/y/c"]


def test_only_what_is_included_is_fetched(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a.rules", "b.pdf", "old.rules")
    server.serve("/r/a.rules", b"a")
    source = make("http", index=server.url("/r/"))
    pulled = bench.pull(source, include=["*.rules"], exclude=["old*"])
    assert bench.contents(pulled) == {"a.rules": b"a"}
    assert [seen.path for seen in server.seen] == ["/r/", "/r/a.rules"]
    with pytest.raises(FetchError) as caught:
        bench.pull(source, include=["*.zip"])
    assert caught.value.code == "source.nothing-included"


def test_a_listing_that_did_not_change_is_not_sent_again(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a")
    server.serve("/r/a", b"a", etag='"a"')
    source = make("http", index=server.url("/r/"))
    first = bench.pull(source)
    assert bench.pull(source, first).targets == first.targets
    assert [(seen.path, seen.status) for seen in server.seen] == [
        ("/r/", 200),
        ("/r/a", 200),
        ("/r/", 304),
        ("/r/a", 304),
    ]


def test_links_that_lead_elsewhere_are_passed_over() -> None:
    base = "https://h/r/"
    links = (
        "a", "../b", "/c", "//other/r/d", "https://other/r/e", "http://h/r/f", "?C=N", "g?x=1", "#top", "mailto:x@y",
        "javascript:x()", "", "./", "sub/", "sub/deeper/h", "https://h/r/i", "https://[bad/j", "a", "k#part",
    )  # fmt: skip
    assert tuple(read_listing(base, page(*links))) == tuple(f"https://h/r/{name}" for name in ("a", "sub/", "i", "k"))


def test_links_are_read_however_they_are_written_and_not_where_they_are_hidden() -> None:
    body = (
        b"<!DOCTYPE html><![if x]><![]><TITLE>\n Index of /r/ </TITLE>"
        b"<A title='x' HREF = a&amp;b>a</A><a\nhref='c'>c</a><a class=\"href=no\" href=\"d\">d</a><a name=e>"
        b"<abbr href=f><a data-href=g><!-- <a href=h> --><script>'<a href=i>'</script><a href=''><a href=j"
    )
    assert tuple(read_listing("https://h/r/", body)) == tuple(f"https://h/r/{name}" for name in ("a&b", "c", "d"))


@pytest.mark.parametrize(
    "unit", ["<a ", "<!--", "<a href='", "</", "<!", "<![CDATA[", "<script>", "<h1 ", "<a href =  "]
)
def test_a_broken_page_is_read_in_no_time(unit: str) -> None:
    begin = "<title>Index of /</title><a href=x></a>"
    before = time.process_time()
    assert list(read_listing("https://h/", (begin + unit * (1_000_000 // len(unit))).encode())) == ["https://h/x"]
    assert time.process_time() - before < 10  # quadratic in length, this took days


@pytest.mark.parametrize("link", ["%2e%2e", "..%2fpasswd", "a%2Fb", "a%5Cb", "%2e%2e/"])
def test_a_name_that_leads_elsewhere_once_decoded_is_refused(bench: Bench, server: SourceSimulator, link: str) -> None:
    lists(server, "/r/", link)
    error = refused(bench, index=server.url("/r/"), depth=3)
    assert error.code == "http.listing"
    assert len(server.seen) == 1


def test_a_name_that_cannot_be_carried_is_named(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a%0Ab")
    server.serve("/r/a%0Ab", b"x")
    bench.configure("s", "http", index=server.url("/r/"))
    (failure,) = bench.pull_all().failures
    assert failure.error.code.startswith("path.")


@pytest.mark.parametrize(
    ("body", "have"),
    [
        (b"<html><title>Sign in</title><a href='login'>here</a></html>", "'Sign in'"),
        (b"plain text", "a page without a title"),
        (b"", "a page without a title"),
    ],
)
def test_a_page_that_is_no_listing_is_refused(bench: Bench, server: SourceSimulator, body: bytes, have: str) -> None:
    server.serve("/r/", body, content_type="text/html")
    error = refused(bench, index=server.url("/r/"))
    assert (error.code, error.have) == ("http.listing", have)


def test_a_listing_without_files_is_refused(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "sub/")
    assert refused(bench, index=server.url("/r/")).code == "http.listing"


def test_a_listing_without_end_is_left(bench: Bench, server: SourceSimulator) -> None:
    server.on("/r/", lambda exchange: exchange.answer(200, {}, page(*(f"{n}/" for n in range(600)))))
    error = refused(bench, index=server.url("/r/"), depth=2)
    assert (error.code, error.need) == ("http.listing", "at most 500 directories and 50,000 files")
    server.on("/big/", upstream.endless())
    assert refused(bench, index=server.url("/big/")).code == "http.too-large"


def test_one_file_that_fails_fails_the_whole(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a", "b")
    server.serve("/r/a", b"a")
    assert refused(bench, index=server.url("/r/")).code == "http.status"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"urls": ["https://h/a"], "index": "https://h/"},
        {"urls": ["https://h/a"], "depth": 2},
        {"index": "https://h/", "probe": {"start": 1}},
        {"template": "https://h/{version}", "depth": 2},
    ],
)
def test_where_the_files_are_is_said_in_one_way(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("http", **options)
    assert caught.value.code == "source.http"


@pytest.mark.parametrize(
    "target", ["/mirror/x/pub/", "{base}/mirror/x/pub/", "/mirror/x/pub/index.html", "/mirror/x/pub/?lang=en"]
)
@pytest.mark.parametrize("links", ["/mirror/x/pub/{}", "{}", "./{}", "{base}/mirror/x/pub/{}", "{base}/pub/{}"])
def test_an_index_that_redirects_is_read_where_it_is(
    bench: Bench, server: SourceSimulator, target: str, links: str
) -> None:
    at = target.format(base=server.base)
    server.on("/pub/", upstream.redirect(at))
    names = [links.format(name, base=server.base) for name in ("a.rules", "sub/", "../up.rules")]
    lists(server, "/mirror/x/pub/", *names)
    lists(server, "/mirror/x/pub/index.html", *names)
    lists(server, "/mirror/x/pub/sub/", "b.rules")
    lists(server, "/pub/sub/", "b.rules")
    for base in ("/pub", "/mirror/x/pub"):
        server.serve(f"{base}/a.rules", b"a")
        server.serve(f"{base}/sub/b.rules", b"b")
    pulled = bench.pull(make("http", index=server.url("/pub/"), depth=2))
    assert bench.contents(pulled) == {"a.rules": b"a", "sub/b.rules": b"b"}


@pytest.mark.parametrize(
    ("depth", "globs", "asked"),
    [
        (3, {"exclude": ["x/**"]}, {"/r/", "/r/z/"}),
        (3, {"exclude": ["**/x/**", "*/**"]}, {"/r/"}),
        (2, {"exclude": ["x/*"]}, {"/r/", "/r/z/"}),
        (3, {"exclude": ["x/*"]}, {"/r/", "/r/x/", "/r/x/y/", "/r/z/"}),
        (3, {"exclude": ["x/y/**"]}, {"/r/", "/r/x/", "/r/z/"}),
        (3, {"exclude": ["x/**/*.pdf"]}, {"/r/", "/r/x/", "/r/x/y/", "/r/z/"}),
        (3, {"include": ["a"]}, {"/r/"}),
        (3, {"include": ["a", "z/*"]}, {"/r/", "/r/z/"}),
        (3, {"include": ["a", "x/y/*.rules"]}, {"/r/", "/r/x/", "/r/x/y/"}),
        (3, {"include": ["**/*.rules", "a"]}, {"/r/", "/r/x/", "/r/x/y/", "/r/z/"}),
    ],
)
def test_a_directory_of_which_nothing_would_be_carried_is_not_read(
    bench: Bench, server: SourceSimulator, depth: int, globs: dict[str, list[str]], asked: set[str]
) -> None:
    lists(server, "/r/", "a", "x/", "z/")
    lists(server, "/r/x/", "y/", "b.rules")
    lists(server, "/r/x/y/", "c.rules")
    lists(server, "/r/z/", "d.rules")
    for path in ("a", "x/b.rules", "x/y/c.rules", "z/d.rules"):
        server.serve(f"/r/{path}", path.encode())
    bench.pull(make("http", index=server.url("/r/"), depth=depth), **globs)
    assert {seen.path for seen in server.seen if seen.path.endswith("/")} == asked


def test_excluded_directories_do_not_count_to_the_ceiling(bench: Bench, server: SourceSimulator) -> None:
    lists(server, "/r/", "a", *(f"old-{number}/" for number in range(600)))
    server.serve("/r/a", b"a")
    source = make("http", index=server.url("/r/"), depth=2)
    assert bench.contents(bench.pull(source, exclude=["old-*/**"])) == {"a": b"a"}
    with pytest.raises(FetchError) as caught:
        bench.pull(source)
    assert caught.value.todo is not None
    assert caught.value.todo.startswith("exclude directories")
