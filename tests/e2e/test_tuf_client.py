"""``relay tuf-client`` as a person runs it: the installed command against a loopback server that may misbehave.

In the spirit of the TUF conformance suite: accept the good repository, change one thing, look at the
exit code, at what is trusted afterwards and at the exact requests.
"""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.support.commands import BIN, run
from tests.support.tuf_simulator import TufServer, TufSimulator, served, signer

NOW = datetime.now(UTC).replace(microsecond=0)


class ClientRunner:
    """Runs the client with its own directories, as the conformance suite does."""

    def __init__(self, home: Path, server: TufServer) -> None:
        self.metadata = home / "metadata"
        self.artifacts = home / "artifacts"
        self.server = server
        self._home = home

    def init(self, root: bytes | None = None) -> subprocess.CompletedProcess[str]:
        file = self._home / "given-root.json"
        file.write_bytes(self.server.simulator.files["1.root.json"] if root is None else root)
        return self._client("init", file)

    def refresh(self, *, faketime: str | None = None, **variables: object) -> subprocess.CompletedProcess[str]:
        return self._client("--metadata-url", self.server.metadata_url, "refresh", faketime=faketime, **variables)

    def download(self, *paths: str, **variables: object) -> subprocess.CompletedProcess[str]:
        names = [word for path in paths for word in ("--target-name", path)]
        where = ["--target-dir", self.artifacts, "--target-base-url", self.server.targets_url]
        return self._client("--metadata-url", self.server.metadata_url, *names, *where, "download", **variables)

    def trusted(self) -> dict[str, int]:
        """Return the trusted roles, by file name, with their versions."""
        files = sorted(self.metadata.glob("*.json"))
        return {file.stem: json.loads(file.read_bytes())["signed"]["version"] for file in files}

    def downloaded(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in sorted(self.artifacts.iterdir())}

    def requests(self) -> list[str]:
        """Return the paths asked for since the last call."""
        paths = [path.removeprefix("/metadata/") for path in self.server.requests]
        self.server.requests.clear()
        return paths

    def _client(
        self, *words: object, faketime: str | None = None, **variables: object
    ) -> subprocess.CompletedProcess[str]:
        prefix = [] if faketime is None else ["faketime", faketime]
        command = [*prefix, BIN / "relay", "tuf-client", "--metadata-dir", self.metadata, *words]
        return run(command, check=False, **variables)


@pytest.fixture
def sim() -> TufSimulator:
    sim = TufSimulator(NOW)
    sim.add_target("file.txt", b"the content")
    sim.publish()
    return sim


@pytest.fixture
def server(sim: TufSimulator) -> Iterator[TufServer]:
    with served(sim) as server:
        yield server


@pytest.fixture
def client(server: TufServer, tmp_path: Path) -> ClientRunner:
    """A client that was initialised with the publisher's first root."""
    client = ClientRunner(tmp_path, server)
    assert client.init().returncode == 0
    return client


def refused(done: subprocess.CompletedProcess[str], code: str) -> None:
    """Expect a refusal: exit code 1, our own code on stderr, no traceback, nothing on stdout."""
    assert done.returncode == 1, done
    assert done.stderr.rstrip().endswith(f"[{code}]"), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# --- a good repository -----------------------------------------------------------------------------


def test_init_keeps_the_root_byte_for_byte_and_asks_nobody(client: ClientRunner, sim: TufSimulator) -> None:
    assert (client.metadata / "root.json").read_bytes() == sim.files["1.root.json"]
    assert client.trusted() == {"root": 1}
    assert client.requests() == []


def test_refresh_asks_what_a_normal_client_asks_and_keeps_exact_bytes(client: ClientRunner, sim: TufSimulator) -> None:
    assert client.refresh().returncode == 0
    assert client.requests() == ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]
    assert client.trusted() == {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2}
    for role in ("timestamp", "snapshot", "targets"):
        assert (client.metadata / f"{role}.json").read_bytes() == sim.files[sim.file_name(role)]


def test_a_second_refresh_fetches_nothing_that_has_not_changed(client: ClientRunner, sim: TufSimulator) -> None:
    client.refresh()
    client.requests()
    assert client.refresh().returncode == 0
    assert client.requests() == ["2.root.json", "timestamp.json"]
    sim.publish_timestamp()
    assert client.refresh().returncode == 0
    assert client.requests() == ["2.root.json", "timestamp.json"]
    assert client.trusted() == {"root": 1, "timestamp": 3, "snapshot": 2, "targets": 2}


def test_without_consistent_snapshots_names_carry_neither_version_nor_digest(tmp_path: Path) -> None:
    sim = TufSimulator(NOW, consistent=False)
    sim.add_target("dir/file.txt", b"the content")
    sim.publish()
    with served(sim) as server:
        client = ClientRunner(tmp_path, server)
        client.init()
        assert client.download("dir/file.txt").returncode == 0
        assert client.requests() == [
            "2.root.json",
            "timestamp.json",
            "snapshot.json",
            "targets.json",
            "/targets/dir/file.txt",
        ]


def test_download_refreshes_by_itself_and_prints_the_file(client: ClientRunner, sim: TufSimulator) -> None:
    done = client.download("file.txt")
    assert (done.returncode, done.stdout) == (0, f"{client.artifacts}/file.txt\n")
    assert client.downloaded() == {"file.txt": b"the content"}
    assert client.requests()[-1] == f"/targets/{sim.targets.targets['file.txt'].hashes['sha256']}.file.txt"


def test_an_identical_artifact_is_not_fetched_again_and_a_changed_one_keeps_its_name(
    client: ClientRunner, sim: TufSimulator
) -> None:
    client.download("file.txt")
    client.requests()
    assert client.download("file.txt").returncode == 0
    assert client.requests() == ["2.root.json", "timestamp.json"]
    sim.add_target("file.txt", b"newer content")
    sim.publish()
    assert client.download("file.txt").returncode == 0
    assert client.downloaded() == {"file.txt": b"newer content"}


def test_several_targets_are_fetched_in_order_until_the_first_that_fails(
    client: ClientRunner, sim: TufSimulator
) -> None:
    sim.add_target("another.txt", b"2")
    sim.publish()
    done = client.download("another.txt", "nobody.txt", "file.txt")
    assert done.returncode == 1
    assert done.stdout == f"{client.artifacts}/another.txt\n"
    assert done.stderr.endswith("[tuf.no-such-target]\n")
    assert list(client.downloaded()) == ["another.txt"]


@pytest.mark.parametrize(
    ("path", "name", "url"),
    [
        ("dir/sub/file.txt", "dir%2Fsub%2Ffile.txt", "dir/sub/{digest}.file.txt"),
        ("../escape", "%2E.%2Fescape", None),
        ("with space & ümlaut", "with%20space%20%26%20%C3%BCmlaut", "{digest}.with%20space%20&%20%C3%BCmlaut"),
        ("a#b?c", "a%23b%3Fc", "{digest}.a%23b%3Fc"),
        (".hidden", "%2Ehidden", "{digest}..hidden"),
    ],
)
def test_artifact_names_are_stable_and_stay_in_their_directory(
    client: ClientRunner, sim: TufSimulator, path: str, name: str, url: str | None
) -> None:
    sim.add_target(path, b"x")
    sim.publish()
    done = client.download(path)
    if url is None:  # the server's own path ends above its root; the name is safe all the same
        digest = sim.targets.targets[path].hashes["sha256"]
        client.server.answers[f"/{digest}.escape"] = (200, b"x", {})
        done = client.download(path)
    else:
        digest = sim.targets.targets[path].hashes["sha256"]
        assert client.requests()[-1] == "/targets/" + url.format(digest=digest)
    assert done.returncode == 0, done.stderr
    assert client.downloaded() == {name: b"x"}


def test_a_very_long_target_path_gets_a_name_that_fits(client: ClientRunner, sim: TufSimulator) -> None:
    path = "/".join(["ü" * 80] * 3)
    sim.add_target(path, b"x")
    sim.publish()
    assert client.download(path).returncode == 0
    (name,) = client.downloaded()
    assert len(name) == 200


@pytest.mark.parametrize("role", ["?", "#", "/delegated", "../delegated", "ü"])
def test_unusual_role_names_are_quoted_in_requests_and_on_disk(
    client: ClientRunner, sim: TufSimulator, role: str
) -> None:
    from urllib.parse import quote

    sim.delegate(role, ["*"])
    sim.publish(role, "targets")
    refused(client.download("nobody"), "tuf.no-such-target")
    assert f"2.{quote(role, safe='')}.json" in client.requests()
    assert (client.metadata / f"{quote(role, safe='')}.json").is_file()
    assert len(client.trusted()) == 5


def test_delegated_roles_are_fetched_on_demand_and_reused(client: ClientRunner, sim: TufSimulator) -> None:
    sim.delegate("clamav", ["clamav/*"])
    sim.delegate("sigma", ["sigma/*"])
    sim.add_target("clamav/daily.cvd", b"signatures", "clamav")
    sim.publish("clamav", "sigma", "targets")
    assert client.download("clamav/daily.cvd").returncode == 0
    assert [path for path in client.requests() if "sigma" in path] == []
    assert client.download("clamav/daily.cvd").returncode == 0
    assert client.requests() == ["2.root.json", "timestamp.json"]
    assert client.trusted() == {"clamav": 2, "root": 1, "snapshot": 3, "targets": 3, "timestamp": 3}


def test_hash_bins_lead_to_their_targets(client: ClientRunner, sim: TufSimulator) -> None:
    bins = sim.delegate_bins("bin", 4)
    role = sim.targets.delegations.succinct_roles.get_role_for_target("binned")
    sim.add_target("binned", b"x", role)
    sim.publish(*bins, "targets")
    assert client.download("binned").returncode == 0
    assert [name for name in client.requests() if ".bin-" in name] == [f"2.{role}.json"]


# --- roots and keys --------------------------------------------------------------------------------


def test_a_client_that_slept_follows_every_root(client: ClientRunner, sim: TufSimulator) -> None:
    for number in range(2, 8):
        old = list(sim.signers["root"])
        sim.rotate("root", number)
        sim.publish_root(signers=old)
    assert client.refresh().returncode == 0
    assert client.requests()[:7] == [f"{version}.root.json" for version in range(2, 9)]
    assert (client.metadata / "root.json").read_bytes() == sim.files["7.root.json"]


def test_roots_before_a_bad_one_stay_trusted(client: ClientRunner, sim: TufSimulator) -> None:
    sim.publish_root()
    sim.rotate("root", 2)
    sim.publish_root()
    refused(client.refresh(), "tuf.signature.root")
    assert client.trusted() == {"root": 2}


def test_a_root_that_does_not_sign_itself_is_not_pinned(server: TufServer, sim: TufSimulator, tmp_path: Path) -> None:
    client = ClientRunner(tmp_path, server)
    sim.signers["root"] = [signer("stranger")]
    refused(client.init(sim.sign("root")), "tuf.signature.root")
    refused(client.init(b"{}"), "tuf.malformed.root")
    refused(client.refresh(), "tuf-client.no-root")
    assert client.requests() == []


def test_a_rotated_timestamp_key_recovers_from_a_fast_forward(client: ClientRunner, sim: TufSimulator) -> None:
    sim.timestamp.version = 1000
    sim.publish_timestamp()
    client.refresh()
    sim.timestamp.version = 3
    sim.publish_timestamp()
    refused(client.refresh(), "tuf.rollback.timestamp")
    sim.rotate("timestamp", 2)
    sim.publish_root()
    sim.publish_timestamp()
    assert client.refresh().returncode == 0
    assert client.trusted()["timestamp"] == 5


# --- rollback, mix and match -----------------------------------------------------------------------


def rollback_timestamp(sim: TufSimulator) -> None:
    sim.timestamp.version = 1
    sim.publish_timestamp(bump=False)


def rollback_snapshot(sim: TufSimulator) -> None:
    sim.snapshot.version = 1
    sim.publish_snapshot(bump=False)
    sim.publish_timestamp()


@pytest.mark.parametrize(
    ("attack", "code"),
    [(rollback_timestamp, "tuf.rollback.timestamp"), (rollback_snapshot, "tuf.rollback.snapshot")],
)
def test_a_rollback_is_refused_and_nothing_trusted_changes(
    client: ClientRunner, sim: TufSimulator, attack: Callable[[TufSimulator], None], code: str
) -> None:
    client.refresh()
    before = client.trusted()
    attack(sim)
    refused(client.refresh(), code)
    assert client.trusted() == before


def test_a_rolled_back_targets_role_is_refused_after_its_timestamp_was_believed(
    client: ClientRunner, sim: TufSimulator
) -> None:
    client.refresh()
    sim.targets.version = 1
    sim.publish_targets(bump=False)
    sim.publish_snapshot()
    sim.publish_timestamp()
    refused(client.refresh(), "tuf.rollback.targets")
    assert client.trusted() == {"root": 1, "timestamp": 3, "snapshot": 2, "targets": 2}


def test_other_content_under_the_same_timestamp_version_is_ignored(client: ClientRunner, sim: TufSimulator) -> None:
    client.refresh()
    sim.timestamp.snapshot_meta.version = 100
    sim.publish_timestamp(bump=False)
    assert client.refresh().returncode == 0
    assert json.loads((client.metadata / "timestamp.json").read_bytes())["signed"]["meta"] == {
        "snapshot.json": {"version": 2}
    }


def test_a_role_kept_for_one_delegator_is_checked_again_for_another(client: ClientRunner, sim: TufSimulator) -> None:
    for name in ("a", "b"):
        sim.delegate(name, ["*/*"])
        sim.delegate("shared", [f"{name}/*"], parent=name, keys=[f"shared-of-{name}"])
    sim.signers["shared"] = [signer("shared-of-a")]
    sim.add_target("a/x", b"a", "shared")
    sim.add_target("b/x", b"b", "shared")
    sim.publish("shared", "a", "b", "targets")
    assert client.download("a/x").returncode == 0
    refused(client.download("b/x"), "tuf.signature.shared")


# --- freeze and time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        ("root", {"root": 2, "timestamp": 2, "snapshot": 2, "targets": 2}),
        ("timestamp", {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2}),
        ("snapshot", {"root": 1, "timestamp": 3, "snapshot": 2, "targets": 2}),
        ("targets", {"root": 1, "timestamp": 3, "snapshot": 3, "targets": 2}),
    ],
)
def test_an_expired_role_is_refused_and_not_kept(
    client: ClientRunner, sim: TufSimulator, role: str, kept: dict[str, int]
) -> None:
    client.refresh()
    sim.signed(role).expires = NOW - timedelta(days=1)
    if role == "root":
        sim.publish_root()
    else:
        sim.publish()
    refused(client.refresh(), f"tuf.expired.{role}")
    assert client.trusted() == kept


@pytest.mark.needs("faketime")
def test_the_client_goes_by_its_own_processs_clock(client: ClientRunner, sim: TufSimulator) -> None:
    sim.timestamp.expires = NOW + timedelta(days=7)
    sim.publish_timestamp()
    assert client.refresh(faketime="+6 days").returncode == 0
    refused(client.refresh(faketime="+8 days"), "tuf.expired.timestamp")
    assert client.refresh().returncode == 0


@pytest.mark.needs("faketime")
def test_an_expired_trusted_timestamp_still_guards_against_rollback(client: ClientRunner, sim: TufSimulator) -> None:
    sim.timestamp.expires = NOW + timedelta(days=7)
    sim.publish()
    assert client.refresh().returncode == 0
    sim.timestamp.expires = NOW + timedelta(days=21)
    sim.timestamp.version = 1
    sim.publish_timestamp()
    refused(client.refresh(faketime="+18 days"), "tuf.rollback.timestamp")
    sim.timestamp.version = 10
    sim.publish()
    assert client.refresh(faketime="+18 days").returncode == 0
    assert client.trusted() == {"root": 1, "snapshot": 4, "targets": 4, "timestamp": 11}


# --- content and transport -------------------------------------------------------------------------


def serve_target(server: TufServer, answer: tuple[int, bytes, dict[str, str]]) -> str:
    digest = server.simulator.targets.targets["file.txt"].hashes["sha256"]
    path = f"/targets/{digest}.file.txt"
    server.answers[path] = answer
    return path


def test_substituted_content_is_refused_and_the_old_artifact_stays(
    client: ClientRunner, sim: TufSimulator, server: TufServer
) -> None:
    client.download("file.txt")
    sim.add_target("file.txt", b"new content")
    sim.publish()
    serve_target(server, (200, b"NEW content", {}))
    refused(client.download("file.txt"), "tuf-client.target")
    assert client.downloaded() == {"file.txt": b"the content"}


def test_content_that_does_not_end_is_cut_at_its_signed_length(client: ClientRunner, server: TufServer) -> None:
    server.endless.add(serve_target(server, (200, b"", {})))
    refused(client.download("file.txt"), "http.too-large")
    assert client.downloaded() == {}


def test_content_that_is_too_short_is_refused(client: ClientRunner, server: TufServer) -> None:
    serve_target(server, (200, b"the conten", {}))
    refused(client.download("file.txt"), "tuf-client.target")
    assert client.downloaded() == {}


def test_a_broken_download_is_refused(client: ClientRunner, server: TufServer) -> None:
    server.truncated.add(serve_target(server, (200, b"the content", {})))
    refused(client.download("file.txt"), "http.connection")
    assert client.downloaded() == {}


def test_content_that_the_server_does_not_have_is_said_to_be_absent(client: ClientRunner, server: TufServer) -> None:
    serve_target(server, (404, b"", {}))
    refused(client.download("file.txt"), "http.status")


@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_endless_metadata_is_cut_at_its_ceiling(client: ClientRunner, server: TufServer, name: str) -> None:
    server.answers[f"/metadata/{name}"] = (200, b"", {})
    server.endless.add(f"/metadata/{name}")
    refused(client.refresh(), "http.too-large")


def test_a_compressed_answer_is_not_inflated(client: ClientRunner, server: TufServer) -> None:
    import gzip

    bomb = gzip.compress(b"\x00" * 50_000_000)
    server.answers["/metadata/timestamp.json"] = (200, bomb[:16_000], {"Content-Encoding": "gzip"})
    refused(client.refresh(), "tuf.malformed.timestamp")


@pytest.mark.parametrize("status", [403, 404])
def test_403_and_404_end_the_root_chain(client: ClientRunner, server: TufServer, status: int) -> None:
    server.answers["/metadata/2.root.json"] = (status, b"", {})
    assert client.refresh().returncode == 0


def test_another_error_does_not_end_the_root_chain(client: ClientRunner, server: TufServer) -> None:
    server.answers["/metadata/2.root.json"] = (503, b"", {})
    refused(client.refresh(), "http.status")
    assert client.requests() == ["2.root.json"]


def test_missing_metadata_is_named(client: ClientRunner, sim: TufSimulator) -> None:
    del sim.files["2.snapshot.json"]
    refused(client.refresh(), "tuf.missing.snapshot")
    assert client.trusted() == {"root": 1, "timestamp": 2}


def test_redirects_in_a_circle_end(client: ClientRunner, server: TufServer) -> None:
    server.answers["/metadata/timestamp.json"] = (302, b"", {"Location": "/metadata/timestamp.json"})
    refused(client.refresh(), "http.connection")


def test_a_server_that_is_not_there_is_a_refusal(client: ClientRunner, tmp_path: Path) -> None:
    client.server.base = "http://localhost:1"
    refused(client.refresh(), "http.connection")


def test_an_address_that_is_none_is_a_refusal(client: ClientRunner) -> None:
    client.server.base = "nonsense"
    refused(client.refresh(), "http.connection")


# --- a private authority ---------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return tmp_path / "ca.pem", context


def test_a_private_authority_is_named_by_option_or_environment(
    sim: TufSimulator, authority: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    pem, context = authority
    with served(sim, context) as server:
        client = ClientRunner(tmp_path, server)
        assert client.init().returncode == 0
        refused(client.refresh(), "http.connection")
        assert client.refresh(SSL_CERT_FILE=pem).returncode == 0
        assert client.refresh(REQUESTS_CA_BUNDLE=pem, SSL_CERT_FILE="/nowhere").returncode == 0
        assert client.download("file.txt", SSL_CERT_FILE=pem).returncode == 0
        refused(client.refresh(SSL_CERT_FILE="/nowhere"), "http.authorities")
        where = ["--metadata-dir", client.metadata, "--metadata-url", server.metadata_url]
        assert run([BIN / "relay", "tuf-client", *where, "--ca", pem, "refresh"]).returncode == 0


# --- the command line ------------------------------------------------------------------------------


def test_download_says_which_option_is_missing(client: ClientRunner) -> None:
    refused(client._client("download"), "usage.option")
    refused(client._client("--metadata-url", "http://localhost:1", "download"), "usage.option")
    refused(client._client("refresh"), "usage.option")


def test_init_again_with_the_same_root_keeps_what_is_trusted(client: ClientRunner) -> None:
    client.refresh()
    before = client.trusted()
    assert client.init().returncode == 0
    assert client.trusted() == before
