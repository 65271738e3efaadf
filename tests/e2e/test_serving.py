"""Serving over real TLS: what real clients and hostile ones see."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.server.tls import create_authority, server_files
from tests.support.http_client import ClosedError, Connection
from tests.support.relay_server import LIMITS, NOW, RunningServer, add, serving, sha256, store_in, view_of

pytestmark = pytest.mark.needs("openssl", "curl", "wget")

SMALL = b"alert tcp any any -> any any (sid:1;)\n"
LARGE = os.urandom(3 * 1024 * 1024 + 17)
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
JAPANESE = "rules/日本語 ルール%41+&.rules"
CLEAN = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    directory = tmp_path_factory.mktemp("serving")
    store = store_in(directory)
    small, large, empty = add(store, SMALL, LARGE, b"")
    files = {"rules/small.rules": small, "rules/large.bin": large, "rules/empty": empty, JAPANESE: small}
    view = view_of({path: (blob, NOW) for path, blob in files.items()})
    with serving(directory, view, store) as running:
        yield running


@pytest.fixture
def connection(relay):
    with Connection(relay.port, relay.authority) as connection:
        yield connection


def curl(relay: RunningServer, *arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-q", "-sS", "--max-time", "60", "--cacert", str(relay.authority), *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=CLEAN, cwd=directory)


def url(relay: RunningServer, path: str) -> str:
    return f"https://localhost:{relay.port}/{path}"


# RFC 9110 on the wire

TAG, OTHER = f'"{sha256(LARGE)}"', '"other"'
CASES = [
    ("whole", "GET", [], 200, LARGE),
    ("head", "HEAD", [], 200, b""),
    ("first bytes", "GET", [("Range", "bytes=0-511")], 206, LARGE[:512]),
    ("one byte", "GET", [("Range", "bytes=0-0")], 206, LARGE[:1]),
    ("middle", "GET", [("Range", "bytes=131072-262143")], 206, LARGE[131072:262144]),
    ("open end", "GET", [("Range", "bytes=3145000-")], 206, LARGE[3145000:]),
    ("suffix", "GET", [("Range", "bytes=-100")], 206, LARGE[-100:]),
    ("last byte", "GET", [("Range", f"bytes={len(LARGE) - 1}-")], 206, LARGE[-1:]),
    ("all as a range", "GET", [("Range", "bytes=0-")], 206, LARGE),
    ("several ranges", "GET", [("Range", "bytes=0-1,5-6")], 200, LARGE),
    ("broken range", "GET", [("Range", "bytes=9-5")], 200, LARGE),
    ("past the end", "GET", [("Range", f"bytes={len(LARGE)}-")], 416, None),
    ("head with a range", "HEAD", [("Range", "bytes=0-1")], 200, b""),
    ("If-Range tag", "GET", [("Range", "bytes=0-1"), ("If-Range", TAG)], 206, LARGE[:2]),
    ("If-Range date", "GET", [("Range", "bytes=0-1"), ("If-Range", DATE)], 206, LARGE[:2]),
    ("If-Range other tag", "GET", [("Range", "bytes=0-1"), ("If-Range", OTHER)], 200, LARGE),
    ("If-Range other date", "GET", [("Range", "bytes=0-1"), ("If-Range", "Sun, 22 Nov 2026 12:00:00 GMT")], 200, LARGE),
    ("If-None-Match", "GET", [("If-None-Match", TAG)], 304, b""),
    ("If-None-Match empty", "GET", [("If-None-Match", '""')], 200, LARGE),
    ("If-Modified-Since equal", "GET", [("If-Modified-Since", DATE)], 304, b""),
    ("If-Modified-Since later", "GET", [("If-Modified-Since", "Sun, 22 Nov 2026 12:00:00 GMT")], 200, LARGE),
    ("tag beats date", "GET", [("If-None-Match", OTHER), ("If-Modified-Since", DATE)], 200, LARGE),
    ("304 beats range", "GET", [("If-None-Match", TAG), ("Range", "bytes=0-1")], 304, b""),
    ("304 for HEAD", "HEAD", [("If-None-Match", TAG)], 304, b""),
    ("If-Match other", "GET", [("If-Match", OTHER)], 412, None),
    ("POST", "POST", [("Content-Length", "0")], 405, None),
]


@pytest.mark.parametrize(
    ("method", "fields", "status", "body"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_rfc_9110_on_the_wire(connection, method, fields, status, body):
    answer = connection.request(method, "/rules/large.bin", fields)
    assert answer.status == status
    if body is not None:
        assert sha256(answer.body) == sha256(body)
    if status in {200, 206, 304}:
        assert (answer.field("etag"), answer.field("last-modified")) == (TAG, DATE)
        assert answer.field("cache-control") == "no-cache"
    if status in {200, 206}:
        expected = len(LARGE) if method == "HEAD" else len(body)
        assert (answer.field("content-length"), answer.field("accept-ranges")) == (str(expected), "bytes")
    assert answer.field("content-range") == (
        f"bytes */{len(LARGE)}" if status == 416 else answer.field("content-range") if status == 206 else None
    )
    assert answer.field("x-content-type-options") == "nosniff"
    assert answer.field("date") is not None


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("/rules/small.rules", SMALL),
        ("/rules/small.rules?version=5&x=%00", SMALL),
        ("/rules/small%2Erules", SMALL),
        ("/rules%2fsmall.rules", SMALL),
        ("/rules/%E6%97%A5%E6%9C%AC%E8%AA%9E%20%E3%83%AB%E3%83%BC%E3%83%AB%2541+&.rules", SMALL),
        ("/rules/日本語%20ルール%2541+&.rules".encode(), SMALL),
        ("/rules/empty", b""),
        (f"/-/tuf/targets/rules/{sha256(SMALL)}.small.rules", SMALL),
        ("https://localhost/rules/small.rules", SMALL),
    ],
)
def test_a_name_is_decoded_exactly_once_and_the_query_is_ignored(connection, target, content):
    answer = connection.request("GET", target)
    assert (answer.status, answer.body) == (200, content)
    head = connection.request("HEAD", target)
    assert {field for field in head.fields if field[0] != "date"} == {f for f in answer.fields if f[0] != "date"}


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/rules/../../../etc/passwd",
        "/rules/../rules/small.rules",
        "/rules/./small.rules",
        "/rules//small.rules",
        "//rules/small.rules",
        "/rules/%2e%2e/rules/small.rules",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/rules/..%2f..%2f..%2fetc%2fpasswd",
        "/rules/%252e%252e/small.rules",
        "/rules/small%252Erules",
        "/rules\\small.rules",
        "/rules/..\\..\\etc\\passwd",
        "/rules/small.rules%00",
        "/rules/small.rules%00.txt",
        "/rules/small.rules%20",
        "/rules/small.rules/",
        "/rules/%c0%ae%c0%ae/small.rules",
        b"/rules/\xff\xfe",
        "/rules/%E6%97%A5%E6%9C%AC%E8%AA%9E%20%E3%83%AB%E3%83%BC%E3%83%AB%41+&.rules",
        f"/{sha256(SMALL)}",
        f"/blobs/{sha256(SMALL)[:2]}/{sha256(SMALL)}",
        "/state.db",
        "/tls/ca.key",
        "/%zz",
    ],
)
def test_no_other_spelling_reaches_a_file(connection, target):
    with suppress(ClosedError):
        assert connection.request("GET", target).status in {400, 404}


def test_content_never_answers_403_or_429(relay):
    with Connection(relay.port, relay.authority) as connection:
        answers = {connection.request("GET", f"/rules/{number}").status for number in range(300)}
    assert answers == {404}


# Connections


def test_both_loopback_addresses_and_their_names_are_served(relay):
    for host, name in (("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1"), ("::1", "localhost"), ("::1", "::1")):
        with Connection(relay.port, relay.authority, host=host, name=name) as connection:
            assert connection.request("GET", "/rules/small.rules").body == SMALL


def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(relay):
    for version, spoken in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with Connection(relay.port, relay.authority, maximum_version=version) as connection:
            assert connection.socket.version() == spoken
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    assert subprocess.run(command, capture_output=True, input=b"", check=False, env=CLEAN).returncode != 0


def test_a_client_without_the_authority_refuses_the_relay(relay):
    command = ["curl", "-q", "-sS", "--max-time", "20", url(relay, "rules/small.rules")]
    assert subprocess.run(command, capture_output=True, check=False, env=CLEAN).returncode == 60


def test_many_requests_share_a_connection(connection):
    for number in range(50):
        assert connection.request("GET", "/rules/small.rules" if number % 2 else "/none").status == (
            200 if number % 2 else 404
        )


def test_pipelined_requests_are_answered_in_order(connection):
    one = b"GET /rules/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    names = [b"small.rules", b"large.bin", b"none", b"empty", b"small.rules"]
    connection.send(b"".join(one % name for name in names))
    answers = [connection.answer() for _ in names]
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 200]
    assert [answer.body for answer in answers if answer.status == 200] == [SMALL, LARGE, b"", SMALL]


def test_connection_close_and_http_1_0_end_after_the_answer(relay):
    for request in (
        b"GET /rules/small.rules HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /rules/small.rules HTTP/1.0\r\n\r\n",
    ):
        with Connection(relay.port, relay.authority) as connection:
            connection.send(request)
            assert connection.read_to_end().endswith(b"\r\n\r\n" + SMALL)


# Clients that misbehave. The limits of this server are one second.


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", {b"431", b"400", b""}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 500 + b"\r\n", {b"431", b"400", b""}),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {b"431", b"414", b"400", b""}),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", {b"400", b""}),
        (b"GET /\r\n\r\n", {b"400", b""}),
        (b"\x00\x01\x02\r\n\r\n", {b"400", b""}),
        (b"GET / HTTP/9.9\r\n\r\n", {b"400", b"505", b""}),
    ],
)
def test_oversized_and_broken_headers_end_the_connection(relay, sent, statuses):
    with Connection(relay.port, relay.authority) as connection:
        with suppress(OSError):
            connection.send(sent)
        answer = connection.read_to_end()
    assert answer[9:12] in statuses


@pytest.mark.parametrize("sent", [b"", b"GET /rules/small.rules HTTP/1.1\r\nHost: loc"])
def test_slow_headers_end_in_bounded_time(relay, sent):
    with Connection(relay.port, relay.authority) as connection:
        connection.send(sent)
        assert connection.read_to_end() == b""


def test_a_trickle_of_headers_ends_in_bounded_time(relay):
    with Connection(relay.port, relay.authority) as connection:
        connection.socket.settimeout(0.2)
        connection.send(b"GET / HTTP/1.1\r\n")
        ended = False
        for number in range(100):
            try:
                connection.send(b"X-%d: 1\r\n" % number)
                ended = connection.socket.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended


def test_a_client_that_never_shakes_hands_is_closed_in_bounded_time(relay):
    with Connection(relay.port, None) as silent, Connection(relay.port, None) as halfway:
        halfway.send(b"\x16\x03\x01\x02\x00\x01")
        assert (silent.read_to_end(), halfway.read_to_end()) == (b"", b"")


def test_plain_http_gets_no_content(relay):
    with Connection(relay.port, None) as connection:
        connection.send(b"GET /rules/small.rules HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert SMALL not in connection.read_to_end()


def test_others_are_served_while_slow_clients_hold_their_connections(relay):
    slow = [Connection(relay.port, None) for _ in range(50)]
    slow += [Connection(relay.port, relay.authority) for _ in range(20)]
    try:
        with Connection(relay.port, relay.authority) as connection:
            assert connection.request("GET", "/rules/large.bin").body == LARGE
    finally:
        for connection in slow:
            connection.socket.close()


# Stopping, certificates, damage


@pytest.fixture
def own(tmp_path):
    """A server of the test's own with a file larger than any socket buffer."""
    store = store_in(tmp_path)
    content = os.urandom(32 * 1024 * 1024)
    (blob,) = add(store, content)
    with serving(tmp_path, view_of({"s/big": (blob, NOW)}), store) as running:
        yield running, content


def test_a_download_under_way_ends_well_when_the_server_stops(own):
    running, content = own
    with Connection(running.port, running.authority) as connection, ThreadPoolExecutor() as pool:
        connection.send(b"GET /s/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = connection.read(1000)
        stopped = pool.submit(running.run, running.server.stop())
        rest = connection.read_to_end()
        stopped.result(30)
    assert (first + rest).partition(b"\r\n\r\n")[2] == content
    with pytest.raises(ConnectionRefusedError):
        Connection(running.port, None)


def test_stopping_does_not_wait_for_a_client_that_reads_nothing(tmp_path):
    store = store_in(tmp_path)
    (blob,) = add(store, os.urandom(32 * 1024 * 1024))
    limits = replace(LIMITS, write_seconds=30, stop_seconds=0.5)
    with (
        serving(tmp_path, view_of({"s/big": (blob, NOW)}), store, limits=limits) as running,
        Connection(running.port, running.authority, receive_bytes=4096) as connection,
    ):
        connection.send(b"GET /s/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.read(100)
        running.run(running.server.stop())
        assert running.server.addresses == ()


def test_a_client_that_reads_nothing_loses_its_connection(own):
    running, _ = own
    with Connection(running.port, running.authority, receive_bytes=4096) as connection:
        connection.send(b"GET /s/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.read(100)
        wait_until(lambda: not established(running.port, connection.socket.getsockname()[1]))


def established(server_port: int, client_port: int) -> bool:
    """Whether the server's side of a connection is still open, by the kernel's table."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if (int(local[-4:], 16), int(remote[-4:], 16), state) == (server_port, client_port, "01"):
            return True
    return False


def wait_until(condition, seconds=20.0):
    tick, deadline = threading.Event(), datetime.now(UTC) + timedelta(seconds=seconds)
    while not condition():
        assert datetime.now(UTC) < deadline
        tick.wait(0.05)


def test_a_new_certificate_is_served_without_a_gap_and_downloads_go_on(own, tmp_path):
    running, content = own
    with Connection(running.port, running.authority) as connection, ThreadPoolExecutor() as pool:
        connection.send(b"GET /s/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = connection.read(1000)
        create_authority(tmp_path / "new", datetime.now(UTC))
        shutil.copy(server_files(tmp_path / "new").certificate, running.tls.certificate)
        reloaded = pool.submit(running.run, running.server.reload())
        rest = connection.read_to_end()
        reloaded.result(30)
    assert (first + rest).partition(b"\r\n\r\n")[2] == content
    with Connection(running.port, tmp_path / "new/ca.pem") as connection:
        assert connection.request("GET", "/none").status == 404
    with pytest.raises(ssl.SSLCertVerificationError):
        Connection(running.port, running.authority)


def test_a_second_server_on_the_same_port_is_refused(relay, tmp_path):
    from manifests.errors import ConfigurationError
    from relay.server.server import Server

    server = Server(
        "127.0.0.1", relay.port, relay.tls, relay.views, relay.store, clock=lambda: NOW, on_damage=lambda _: None
    )
    with pytest.raises(ConfigurationError) as caught:
        relay.run(server.start())
    assert caught.value.code == "server.port-in-use"


def test_a_damaged_large_file_is_503_and_reported_and_the_rest_is_served(tmp_path):
    store = store_in(tmp_path)
    large, small = add(store, LARGE, SMALL)
    with serving(tmp_path, view_of({"s/large": (large, NOW), "s/small": (small, NOW)}), store) as running:
        store.path(large.sha256).chmod(0o644)
        os.truncate(store.path(large.sha256), large.length - 1)
        with Connection(running.port, running.authority) as connection:
            answer = connection.request("GET", "/s/large")
            assert (answer.status, answer.field("retry-after")) == (503, "30")
            assert connection.request("GET", "/s/small").body == SMALL
        assert [(damage.name, damage.found) for damage in running.damages] == [("s/large", large.length - 1)]


# Generations


def test_no_response_mixes_two_generations(tmp_path):
    """Many clients read large and small companions while the view is switched under them."""
    store = store_in(tmp_path)
    generations = []
    for number in range(2):
        contents = [os.urandom(2_000_000 + number), os.urandom(1000 + number)]
        blobs = add(store, *contents)
        at = NOW + timedelta(seconds=number)
        files = {"s/large": (blobs[0], at), "s/small": (blobs[1], at)}
        generations.append(view_of(files, generation=number + 1))
    with serving(tmp_path, generations[0], store) as running:
        done = threading.Event()

        def switch():
            number = 0
            while not done.is_set():
                number += 1
                running.views.view = generations[number % 2]
                done.wait(0.001)

        def read(_):
            seen = set()
            with Connection(running.port, running.authority) as connection:
                for number in range(25):
                    answer = connection.request("GET", "/s/large" if number % 3 else "/s/small")
                    assert answer.field("etag") == f'"{hashlib.sha256(answer.body).hexdigest()}"'
                    seen.add((len(answer.body), answer.field("last-modified")))
            return seen

        switcher = threading.Thread(target=switch)
        switcher.start()
        try:
            with ThreadPoolExecutor(8) as pool:
                seen = set().union(*pool.map(read, range(8)))
        finally:
            done.set()
            switcher.join()
    dates = {0: "Sat, 21 Nov 2026 12:00:00 GMT", 1: "Sat, 21 Nov 2026 12:00:01 GMT"}
    assert seen == {(size + number, dates[number]) for number in range(2) for size in (2_000_000, 1000)}


# Real clients


def test_curl_resumes_a_broken_download_of_64_mib(tmp_path):
    store = store_in(tmp_path)
    content = os.urandom(1024 * 1024) * 64
    (blob,) = add(store, content)
    with serving(tmp_path, view_of({"s/big.bin": (blob, NOW)}), store) as running:
        (tmp_path / "big.bin").write_bytes(content[:12_345_678])
        result = curl(running, "-C", "-", "-O", url(running, "s/big.bin"), directory=tmp_path)
        assert (result.returncode, sha256((tmp_path / "big.bin").read_bytes())) == (0, blob.sha256)


def test_curl_keeps_a_copy_by_tag_and_by_time(relay, tmp_path):
    address = url(relay, "rules/small.rules")
    save = ("--etag-save", "tag", "--etag-compare", "tag", "-w", "%{http_code}", "-o", "file")
    assert [curl(relay, *save, address, directory=tmp_path).stdout for _ in range(2)] == [b"200", b"304"]
    timed = ("-R", "-z", "copy", "-w", "%{http_code}", "-o", "copy")
    assert [curl(relay, *timed, address, directory=tmp_path).stdout[-3:] for _ in range(2)] == [b"200", b"304"]
    assert (tmp_path / "copy").read_bytes() == SMALL


def test_curl_reads_a_name_in_japanese(relay):
    name = "rules/%E6%97%A5%E6%9C%AC%E8%AA%9E%20%E3%83%AB%E3%83%BC%E3%83%AB%2541+&.rules"
    assert curl(relay, url(relay, name)).stdout == SMALL


def test_wget_continues_a_broken_download_and_stops_at_a_whole_one(relay, tmp_path):
    command = ["wget", "-q", "-c", f"--ca-certificate={relay.authority}", url(relay, "rules/large.bin")]
    (tmp_path / "large.bin").write_bytes(LARGE[:1_000_000])
    for _ in range(2):
        result = subprocess.run(command, capture_output=True, check=False, env=CLEAN, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, b"")
        assert (tmp_path / "large.bin").read_bytes() == LARGE


def test_the_port_is_free_again_after_the_server_stopped(tmp_path):
    store = store_in(tmp_path)
    with serving(tmp_path, view_of({}), store) as running:
        port = running.port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
