"""Through a real proxy that wants a user and password, to http and https upstreams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.publisher import Publisher
from tests.support.source_simulator import SourceSimulator
from tests.support.squid import Squid

pytestmark = pytest.mark.needs("squid")

BODY = b"alert tcp any any\n" * 50_000
HTTP_FORM = '\n[[source]]\nname = "{name}"\nkind = "http"\nurls = ["{url}"]\n{more}'


@pytest.fixture(scope="module")
def proxy() -> Iterator[Squid]:
    with Squid() as squid:
        yield squid


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher.found(tmp_path / "dmz", "local")


@pytest.fixture
def plain() -> Iterator[SourceSimulator]:
    with SourceSimulator() as simulator:
        simulator.serve("/a.rules", BODY, etag='"1"')
        yield simulator


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[SourceSimulator]:
    with SourceSimulator(ca_directory=tmp_path) as simulator:
        simulator.serve("/a.rules", BODY, etag='"1"')
        yield simulator


def configure(publisher: Publisher, name: str, url: str, *more: str) -> None:
    with (publisher.home / "bundler.toml").open("a") as file:
        file.write(HTTP_FORM.format(name=name, url=url, more="\n".join(more) + "\n"))


def through(proxy: Squid, *more: str) -> tuple[str, ...]:
    return (f'proxy = "{proxy.url}"', *more)


def known(proxy: Squid) -> str:
    return f'proxy_credentials = {{ user = "{proxy.user}", password_env = "PROXY_PASSWORD" }}'


def pulled(publisher: Publisher, name: str, **variables: str) -> list[str]:
    return publisher.bundle("pull", name, **variables).stdout.splitlines()[1].split()[:4]


def test_a_plain_upstream_is_reached_with_user_and_password(
    publisher: Publisher, proxy: Squid, plain: SourceSimulator
) -> None:
    configure(publisher, "web", plain.url("/a.rules"), *through(proxy, known(proxy)))
    assert pulled(publisher, "web", PROXY_PASSWORD=proxy.password) == ["web", "pulled", "1", f"{len(BODY):,}"]
    proxy.wait_for_request("GET", plain.url("/a.rules"))
    assert "proxy-authorization" not in plain.seen[0].headers
    assert pulled(publisher, "web", PROXY_PASSWORD=proxy.password)[1] == "unchanged"


def test_an_https_upstream_is_reached_through_a_tunnel(
    publisher: Publisher, proxy: Squid, secure: SourceSimulator, tmp_path: Path
) -> None:
    configure(publisher, "web", secure.url("/a.rules"), *through(proxy, known(proxy)), f'ca = "{tmp_path}/ca.pem"')
    assert pulled(publisher, "web", PROXY_PASSWORD=proxy.password) == ["web", "pulled", "1", f"{len(BODY):,}"]
    proxy.wait_for_request("CONNECT", secure.base.removeprefix("https://"))
    assert "proxy-authorization" not in secure.seen[0].headers


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("password", [None, "wrong-one"])
def test_without_the_right_password_the_proxy_is_named_and_nothing_is_reached(
    publisher: Publisher,
    proxy: Squid,
    plain: SourceSimulator,
    secure: SourceSimulator,
    tmp_path: Path,
    password: str | None,
    secured: bool,
) -> None:
    server = secure if secured else plain
    more = through(proxy, *([known(proxy)] if password else []), f'ca = "{tmp_path}/ca.pem"')
    configure(publisher, "web", server.url("/a.rules"), *more)
    done = publisher.bundle("pull", "web", check=False, PROXY_PASSWORD=password or "")
    assert done.returncode == 10
    assert "the proxy wants a user and password, or refuses the ones it got" in done.stdout
    assert "407 Proxy Authentication Required" in done.stdout
    assert "[http.proxy]" in done.stdout
    assert ("correct the user and password of proxy_credentials" in done.stdout) == (password is not None)
    assert "wrong-one" not in done.stdout + done.stderr
    assert server.seen == []


def test_a_proxy_of_the_environment_works_with_the_password_in_its_url(
    publisher: Publisher, proxy: Squid, plain: SourceSimulator, secure: SourceSimulator, tmp_path: Path
) -> None:
    address = f"http://{proxy.user}:s3cret%3A%20%C3%BC@127.0.0.1:{proxy.port}"
    configure(publisher, "plain", plain.url("/a.rules"))
    configure(publisher, "secure", secure.url("/a.rules"), f'ca = "{tmp_path}/ca.pem"')
    given = {"http_proxy": address, "https_proxy": address}
    assert [pulled(publisher, name, **given)[1] for name in ("plain", "secure")] == ["pulled", "pulled"]
    assert "s3cret" not in (publisher.home / "sources" / "plain.json").read_text()
    direct = pulled(publisher, "plain", **given, no_proxy="localhost")
    assert direct[1] == "unchanged"
    proxy.wait_for_request("CONNECT", secure.base.removeprefix("https://"))
    assert [method for method, target in proxy.requests() if target == plain.url("/a.rules")] == ["GET"]


def test_a_proxy_that_is_not_there_is_told_apart_from_an_upstream_that_is_not(
    publisher: Publisher, proxy: Squid, plain: SourceSimulator
) -> None:
    with SourceSimulator() as gone:
        address = gone.base
    configure(publisher, "web", plain.url("/a.rules"), f'proxy = "{address}"')
    assert "[http.proxy]" in publisher.bundle("pull", "web", check=False).stdout
    configure(publisher, "other", f"{address}/a.rules", *through(proxy, known(proxy)))
    done = publisher.bundle("pull", "other", check=False, PROXY_PASSWORD=proxy.password)
    assert "answered 503" in done.stdout
