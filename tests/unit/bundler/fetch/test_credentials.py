"""Users, passwords and tokens: read from where they are, sent to whom they are for, shown to nobody."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.options import fetch_options
from bundler.fetch.session import user_agent
from manifests.errors import ConfigurationError, FetchError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

SECRET = "pa:ss w\u00f6rd"
BASIC = "Basic " + base64.b64encode(f"site-7:{SECRET}".encode()).decode()


class MemoryKeyring(KeyringBackend):
    """A keyring that lives as long as the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SourceSimulator]:
    with SourceSimulator(ca_directory=tmp_path) as simulator:
        simulator.serve("/a", b"content")
        yield simulator


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    mine = MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def host(server: SourceSimulator) -> str:
    return server.base.partition("//")[2]


def fetch(bench: Bench, tmp_path: Path, url: str, **options: Any) -> None:
    with (
        bench.workbench() as work,
        Fetcher(fetch_options("s", {"ca": str(tmp_path / "ca.pem"), **options}), work, "s") as fetcher,
    ):
        fetcher.get(WantedFile(url, "a"))


def test_a_password_comes_from_the_environment(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_PASSWORD", SECRET)
    given = {"host": host(server), "user": "site-7", "password_env": "FEED_PASSWORD"}
    fetch(bench, tmp_path, server.url("/a"), credentials=given)
    assert server.seen[0].headers["authorization"] == BASIC


def test_a_password_comes_from_a_file_that_only_its_owner_reads(
    bench: Bench, server: SourceSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o640)
    given = {"host": host(server), "user": "site-7", "password_file": str(path)}
    with pytest.raises(ConfigurationError) as caught:
        fetch(bench, tmp_path, server.url("/a"), credentials=given)
    assert (caught.value.code, caught.value.todo) == ("source.credentials-mode", f"chmod 600 {path}")
    assert server.seen == []
    path.chmod(0o600)
    fetch(bench, tmp_path, server.url("/a"), credentials=given)
    assert server.seen[0].headers["authorization"] == BASIC


def test_a_password_comes_from_the_keyring(
    bench: Bench, server: SourceSimulator, tmp_path: Path, ring: MemoryKeyring
) -> None:
    keyring.set_password("sealift-feed", "site-7", SECRET)
    given = {"host": host(server), "user": "site-7", "password_keyring": "sealift-feed"}
    fetch(bench, tmp_path, server.url("/a"), credentials=given)
    assert server.seen[0].headers["authorization"] == BASIC
    ring.locked = True
    with pytest.raises(ConfigurationError) as caught:
        fetch(bench, tmp_path, server.url("/a"), credentials=given)
    assert (caught.value.code, "cannot be read: keyring locked" in caught.value.what) == ("source.credentials", True)


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [({}, "authorization", "Bearer t0ken"), ({"header": "X-Api-Key"}, "x-api-key", "t0ken")],
)
def test_a_token_is_sent_as_bearer_or_in_a_header_of_its_own(
    bench: Bench,
    server: SourceSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: Any,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv("FEED_TOKEN", "t0ken")
    fetch(bench, tmp_path, server.url("/a"), credentials={"host": host(server), "token_env": "FEED_TOKEN", **more})
    assert server.seen[0].headers[name] == value


def test_credentials_go_to_their_host_alone_also_over_a_redirect(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_TOKEN", "t0ken")
    given = {"host": host(server), "token_env": "FEED_TOKEN"}
    (tmp_path / "other").mkdir()
    with SourceSimulator(ca_directory=tmp_path / "other") as other:
        both = tmp_path / "both.pem"
        both.write_bytes((tmp_path / "ca.pem").read_bytes() + (tmp_path / "other" / "ca.pem").read_bytes())
        other.serve("/b", b"elsewhere")
        server.on("/a", upstream.redirect(other.url("/b")))
        fetch(bench, tmp_path, server.url("/a"), credentials=given, ca=str(both))
        assert server.seen[0].headers["authorization"] == "Bearer t0ken"
        assert "authorization" not in other.seen[0].headers
        other.on("/c", upstream.redirect(server.url("/d")))
        server.serve("/d", b"and back")
        fetch(bench, tmp_path, other.url("/c"), credentials=given, ca=str(both))
        assert server.seen[1].headers["authorization"] == "Bearer t0ken"


def test_credentials_are_not_sent_unencrypted_unless_that_is_said(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_TOKEN", "t0ken")
    with SourceSimulator() as plain:
        plain.serve("/a", b"content")
        given = {"host": host(plain), "token_env": "FEED_TOKEN"}
        with SourceSimulator(ca_directory=tmp_path), pytest.raises(FetchError) as caught:
            fetch(bench, tmp_path, plain.url("/a"), credentials=given)
        assert (caught.value.code, plain.seen) == ("http.credentials", [])
        fetch(bench, tmp_path, plain.url("/a"), credentials={**given, "plain_http": True})
        assert plain.seen[0].headers["authorization"] == "Bearer t0ken"


def test_a_secret_is_in_no_error_no_record_and_no_bundle_record(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_PASSWORD", "hunter2secret")
    bench.configure(
        "s",
        "http",
        urls=[server.url("/a?key=alsosecret"), server.url("/b")],
        ca=str(tmp_path / "ca.pem"),
        credentials={"host": host(server), "user": "site-7", "password_env": "FEED_PASSWORD"},
    )
    server.on("/b", upstream.status(401), upstream.status(302, location="ftp://h/"), upstream.file(b"b", etag='"1"'))
    results = [bench.pull_all() for _ in range(3)]
    assert [[failure.error.code for failure in result.failures] for result in results] == [
        ["http.status"],
        ["http.redirect-target"],
        [],
    ]
    written = b"".join(path.read_bytes() for path in bench.path.rglob("*") if path.is_file())
    said = written.decode("utf-8", "replace") + repr(results) + json.dumps([repr(bench.config), *map(str, results)])
    encoded = base64.b64encode(b"site-7:hunter2secret").decode()
    assert "401" in said
    assert [
        word for word in ("hunter2secret", "alsosecret", encoded) if word in said.replace("?key=alsosecret", "")
    ] == []
    assert b"alsosecret" not in written


@pytest.mark.parametrize(
    ("secret", "code"), [(None, "source.credentials"), ("", "source.credentials"), ("a\r\nX: y", "source.credentials")]
)
def test_a_secret_that_is_missing_or_cannot_be_sent_is_named_and_not_shown(
    bench: Bench,
    server: SourceSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    secret: str | None,
    code: str,
) -> None:
    monkeypatch.delenv("FEED_TOKEN", raising=False)
    if secret is not None:
        monkeypatch.setenv("FEED_TOKEN", secret)
    with pytest.raises(ConfigurationError) as caught:
        fetch(bench, tmp_path, server.url("/a"), credentials={"host": host(server), "token_env": "FEED_TOKEN"})
    assert caught.value.code == code
    assert "FEED_TOKEN" in caught.value.what
    assert "X: y" not in str(caught.value)


def test_a_file_of_authorities_without_a_certificate_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError) as caught:
        fetch(bench, tmp_path, "https://localhost:1/a")
    assert caught.value.code == "source.ca"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authorities_of_the_environment_are_trusted_and_a_sources_own_beside_them(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    (tmp_path / "other").mkdir()
    with SourceSimulator(ca_directory=tmp_path / "other") as other:
        other.serve("/a", b"content")
        for url in (server.url("/a"), other.url("/a")):
            fetch(bench, tmp_path, url, ca=str(tmp_path / "other" / "ca.pem"))
    assert (len(server.seen), len(other.seen)) == (1, 1)


def test_we_add_to_our_name_what_the_operator_wants_to_be_known_by(
    bench: Bench, server: SourceSimulator, tmp_path: Path
) -> None:
    fetch(bench, tmp_path, server.url("/a"), user_agent_suffix="(updates@plant.example)")
    assert server.seen[0].headers["user-agent"] == f"{user_agent()} (updates@plant.example)"


def test_nothing_of_the_users_own_settings_is_sent(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", os.fspath(netrc))
    server.on("/a", lambda exchange: exchange.answer(200, {"Set-Cookie": "id=7"}, b"content"))
    with (
        bench.workbench() as work,
        Fetcher(fetch_options("s", {"ca": str(tmp_path / "ca.pem")}), work, "s") as fetcher,
    ):
        for path in ("a", "b"):
            fetcher.get(WantedFile(server.url("/a"), path))
    assert not {"authorization", "cookie"} & {name for seen in server.seen for name in seen.headers}


@pytest.mark.parametrize(
    "proxy",
    [
        "http://site-7:hunter2@localhost:notaport",
        "http://site-7:hunter2@[::1",
        "http://site-7:hunter2/x@localhost:3128",
        "http://hunter2:123/4@localhost:3128",
        "http://site-7:hunter2#x@localhost:3128",
        "site-7:hunter2?x@localhost:3128",
        "socks5://site-7:hunter2@localhost:3128",
    ],
)
def test_a_proxy_of_the_environment_that_is_nonsense_does_not_show_its_password(
    bench: Bench, server: SourceSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(FetchError) as caught:
        fetch(bench, tmp_path, server.url("/a"))
    assert caught.value.code == "http.proxy"
    assert "hunter2" not in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@host/a?b", "https://user:hun/ter2@host/a", "https://[@hunter2@h"]
)
def test_what_is_no_url_is_shown_without_its_password(
    bench: Bench, server: SourceSimulator, tmp_path: Path, url: str
) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(bench, tmp_path, url)
    assert caught.value.code == "http.protocol"
    assert "ter2" not in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize("url", ["https://h:99999/a", "https://[h/a", "ftp://h/a", "https://u:p@h/a", "https:///a"])
def test_what_is_no_url_is_refused(bench: Bench, tmp_path: Path, url: str) -> None:
    with SourceSimulator(ca_directory=tmp_path), pytest.raises(FetchError) as caught:
        fetch(bench, tmp_path, url)
    assert caught.value.code == "http.protocol"
