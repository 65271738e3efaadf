"""Another TUF repository as a source: accept the good one, change one thing, see which refusal it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Delegations, SuccinctRoles, TargetFile

from bundler.sources.base import Pull
from manifests.errors import ConfigurationError, ExpiredError, FetchError, OlderTimestampError, SealiftError
from tests.support.benches import Bench, make
from tests.support.tuf_simulator import TufServer, TufSimulator, at, public_key, served, signer

ROLES = ("timestamp", "snapshot", "targets")


@pytest.fixture
def sim() -> TufSimulator:
    sim = TufSimulator(at(), hashes=True)
    sim.delegate("clamav", ["clamav/*", "clamav/*/*"], terminating=True)
    sim.add_target("clamav/daily.cvd", b"daily" * 100_000, "clamav")
    sim.add_target("clamav/x/own.ndb", b"own", "clamav")
    sim.add_target("top.rules", b"alert")
    sim.publish("clamav", "targets")
    return sim


class Upstream:
    """A repository on a loopback server, and a source that is configured for it."""

    def __init__(self, sim: TufSimulator, server: TufServer, base: Path) -> None:
        self.sim, self.server, self.base = sim, server, base
        self.bench = Bench(base / "home", now=at(1))
        self.root = base / "root.json"
        self.root.write_bytes(sim.files["1.root.json"])

    def options(self, **options: Any) -> dict[str, Any]:
        urls = {"metadata_url": self.server.metadata_url, "targets_url": self.server.targets_url}
        return {"root": str(self.root), **urls, **options}

    def pull(self, previous: Pull | None = None, **table: Any) -> Pull:
        self.server.requests.clear()
        return self.bench.pull(make("tuf", **self.options()), previous, **table)

    def refused(self, previous: Pull | None = None, **options: Any) -> SealiftError:
        with pytest.raises(SealiftError) as caught:
            self.bench.pull(make("tuf", **self.options(**options)), previous)
        assert list(self.bench.home.temporary.iterdir()) == []
        return caught.value

    def trusted(self) -> dict[str, bytes]:
        directory = self.bench.home.path / "trusted" / "s"
        return {path.stem: path.read_bytes() for path in sorted(directory.glob("*.json"))}


@pytest.fixture
def upstream(sim: TufSimulator, tmp_path: Path) -> Iterator[Upstream]:
    with served(sim) as server:
        yield Upstream(sim, server, tmp_path)


def test_every_listed_target_is_carried_and_the_manifest_says_that_it_was_verified(upstream: Upstream) -> None:
    pulled = upstream.pull()
    assert upstream.bench.contents(pulled) == {
        "clamav/daily.cvd": b"daily" * 100_000,
        "clamav/x/own.ndb": b"own",
        "top.rules": b"alert",
    }
    assert pulled.verification == (
        "signed by the repository's own keys, under root 1 of the one that is pinned; "
        "3 of 3 match their signed lengths and digests"
    )
    assert pulled.version == "2"


def test_nothing_but_the_next_root_and_the_timestamp_is_asked_for_when_nothing_changed(upstream: Upstream) -> None:
    first = upstream.pull()
    second = upstream.pull(first)
    assert upstream.server.requests == ["/metadata/2.root.json", "/metadata/timestamp.json"]
    assert second.targets == first.targets
    assert second.targets == first.targets


def test_only_what_changed_is_fetched(upstream: Upstream) -> None:
    first = upstream.pull()
    upstream.sim.add_target("top.rules", b"drop")
    upstream.sim.publish("targets")
    upstream.pull(first)
    assert [path for path in upstream.server.requests if path.startswith("/targets/")] == [
        f"/targets/{TargetFile.from_data('top.rules', b'drop', ['sha256']).hashes['sha256']}.top.rules"
    ]
    assert "/metadata/2.clamav.json" not in upstream.server.requests


def test_only_what_is_included_is_fetched(upstream: Upstream) -> None:
    pulled = upstream.pull(include=["clamav/**"], exclude=["**/*.cvd"])
    assert list(upstream.bench.contents(pulled)) == ["clamav/x/own.ndb"]
    assert len([path for path in upstream.server.requests if path.startswith("/targets/")]) == 1


def test_globs_that_take_nothing_are_an_error(upstream: Upstream) -> None:
    with pytest.raises(FetchError) as caught:
        upstream.pull(include=["nothing"])
    assert (caught.value.code, caught.value.have) == ("tuf.no-targets", "1 file in the roles that were read")


def test_a_repository_without_consistent_snapshots_is_read_too(tmp_path: Path) -> None:
    sim = TufSimulator(at(), consistent=False)
    sim.add_target("a", b"a")
    sim.publish()
    with served(sim) as server:
        upstream = Upstream(sim, server, tmp_path)
        assert upstream.bench.contents(upstream.pull()) == {"a": b"a"}
        assert "/targets/a" in server.requests


def test_new_roots_are_followed_and_kept(upstream: Upstream) -> None:
    upstream.pull()
    upstream.sim.rotate("timestamp", 2)
    upstream.sim.publish_root()
    upstream.sim.publish()
    assert "under root 2 of the one that is pinned" in upstream.pull().verification
    upstream.pull()
    assert upstream.server.requests[0] == "/metadata/3.root.json"


def test_a_timestamp_older_than_the_last_one_is_refused_across_runs(upstream: Upstream) -> None:
    first = upstream.pull()
    old = upstream.sim.fork()
    upstream.sim.publish()
    upstream.pull()
    trusted = upstream.trusted()
    upstream.sim.files = old.files
    error = upstream.refused(first)
    assert (error.code, type(error)) == ("tuf.rollback.timestamp", OlderTimestampError)
    assert upstream.trusted() == trusted


def test_a_pull_that_is_refused_late_does_not_forget_what_it_saw(upstream: Upstream) -> None:
    old = upstream.sim.fork()
    upstream.sim.publish()
    del upstream.sim.files["3.targets.json"]
    assert upstream.refused().code == "tuf.missing.targets"
    upstream.sim.files = old.files
    assert upstream.refused().code == "tuf.rollback.timestamp"


def test_a_snapshot_that_takes_a_role_back_is_refused(upstream: Upstream) -> None:
    upstream.pull()
    upstream.sim.snapshot.meta["clamav.json"].version = 1
    upstream.sim.publish_snapshot()
    upstream.sim.publish_timestamp()
    assert upstream.refused().code == "tuf.rollback.clamav"


@pytest.mark.parametrize("role", ROLES)
def test_metadata_that_has_ended_is_refused_so_a_freeze_is_seen(upstream: Upstream, role: str) -> None:
    upstream.pull()
    upstream.sim.signed(role).expires = at(2)
    upstream.sim.publish()
    upstream.bench.now = at(3)
    error = upstream.refused()
    assert (error.code, type(error)) == (f"tuf.expired.{role}", ExpiredError)


def test_a_frozen_repository_is_refused_when_its_timestamp_ends(upstream: Upstream) -> None:
    upstream.pull()
    upstream.bench.now = at(31)
    assert upstream.refused().code == "tuf.expired.root"


def test_parts_of_two_states_are_refused(upstream: Upstream) -> None:
    old = upstream.sim.fork()
    upstream.sim.add_target("clamav/x/own.ndb", b"new", "clamav")
    upstream.sim.publish("clamav")
    upstream.sim.files["3.clamav.json"] = old.files["2.clamav.json"]
    assert upstream.refused().code == "tuf.hash.clamav"


def test_parts_of_two_states_are_refused_without_signed_lengths_and_digests_too(tmp_path: Path) -> None:
    sim = TufSimulator(at(), hashes=False)
    sim.add_target("a", b"a")
    sim.publish()
    old = sim.fork()
    sim.publish()
    sim.files["3.targets.json"] = old.files["2.targets.json"]
    with served(sim) as server:
        assert Upstream(sim, server, tmp_path).refused().code == "tuf.version.targets"


@pytest.mark.parametrize("role", ["root", *ROLES, "clamav"])
def test_metadata_that_somebody_else_signed_is_refused(upstream: Upstream, role: str) -> None:
    upstream.sim.signers[role] = [signer("somebody")]
    if role == "root":
        upstream.sim.publish_root()
    else:
        upstream.sim.publish("clamav", "targets")
    assert upstream.refused().code == f"tuf.signature.{role}"


def spoil(upstream: Upstream, name: str, change: Callable[[bytes], bytes]) -> None:
    contents = upstream.sim.contents
    path = next(path for path in contents if path.endswith(name))
    contents[path] = change(contents[path])


def test_a_target_with_another_digest_is_refused_and_nothing_is_kept(upstream: Upstream) -> None:
    spoil(upstream, "daily.cvd", lambda data: data[:-1] + b"!")
    error = upstream.refused()
    assert error.code == "http.checksum"
    assert not [path for path in upstream.bench.home.blobs.rglob("*") if path.is_file()]


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data * 2], ids=["shorter", "longer"])
def test_a_target_of_another_length_is_refused(upstream: Upstream, change: Callable[[bytes], bytes]) -> None:
    spoil(upstream, "daily.cvd", change)
    assert upstream.refused().code == "http.length"


def endless(upstream: Upstream, start: str) -> None:
    names = [f"/metadata/{name}" for name in upstream.sim.files] + [f"/targets/{n}" for n in upstream.sim.contents]
    upstream.server.endless |= {name for name in names if name.rpartition("/")[2].endswith(start)}


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json", "2.clamav.json"])
def test_endless_metadata_is_cut_at_its_ceiling(upstream: Upstream, name: str) -> None:
    endless(upstream, name)
    assert upstream.refused().code == "http.too-large"


def test_an_endless_root_is_cut_at_its_ceiling(upstream: Upstream) -> None:
    upstream.sim.publish_root()
    endless(upstream, "2.root.json")
    assert upstream.refused().code == "http.too-large"


def test_an_endless_target_is_cut_at_its_signed_length(upstream: Upstream) -> None:
    endless(upstream, "own.ndb")
    assert upstream.refused().code == "http.length"


def test_a_digest_that_nobody_can_check_is_refused(upstream: Upstream) -> None:
    upstream.sim.targets.targets["top.rules"].hashes = {"md5": "0" * 32}
    upstream.sim.publish("targets")
    error = upstream.refused()
    assert (error.code, error.have) == ("tuf.algorithm", "md5")


def test_a_target_that_is_signed_with_sha512_alone_is_verified(upstream: Upstream) -> None:
    target = TargetFile.from_data("top.rules", b"alert", ["sha512"])
    upstream.sim.targets.targets["top.rules"] = target
    upstream.sim.contents[target.get_prefixed_paths()[0]] = b"alert"
    upstream.sim.publish("targets")
    first = upstream.pull()
    assert upstream.pull(first).targets == first.targets
    upstream.sim.contents[target.get_prefixed_paths()[0]] = b"drop!"
    assert upstream.pull(first).targets == first.targets
    upstream.bench = Bench(upstream.base / "another", now=at(1))
    assert upstream.refused().code == "http.checksum"


@pytest.mark.parametrize(
    ("path", "code"),
    [("../../etc/passwd", "path.segment"), ("a//b", "path.segment"), ("back\\slash", "path.character")],
)
def test_a_target_whose_path_leads_elsewhere_is_refused(upstream: Upstream, path: str, code: str) -> None:
    upstream.sim.add_target(path, b"x")
    upstream.sim.publish("targets")
    assert upstream.refused().code == code


def test_more_delegations_than_anybody_needs_are_refused(upstream: Upstream) -> None:
    upstream.sim.targets.delegations = None
    key = public_key("bins")
    bins = SuccinctRoles([key.keyid], 1, 17, "bin")
    upstream.sim.targets.delegations = Delegations({key.keyid: key}, succinct_roles=bins)
    upstream.sim.publish("targets")
    assert upstream.refused().code == "tuf.delegations"


def end_role(upstream: Upstream, role: str) -> None:
    upstream.sim.delegated[role].expires = at(-1)
    upstream.sim.publish(role)


def drop_role(upstream: Upstream, role: str) -> None:
    upstream.sim.publish(role)
    for name in [name for name in upstream.sim.files if name.endswith(f".{role}.json")]:
        del upstream.sim.files[name]


def forge_role(upstream: Upstream, role: str) -> None:
    upstream.sim.signers[role] = [signer("somebody")]
    upstream.sim.publish(role)


@pytest.mark.parametrize("spoil", [end_role, drop_role, forge_role])
@pytest.mark.parametrize(
    "globs",
    [
        {"include": ["top.rules"]},
        {"include": ["*.rules"]},
        {"include": ["top.rules", "other/*"]},
        {"exclude": ["clamav/**"]},
        {"exclude": ["clamav/*", "clamav/*/*"]},
    ],
)
def test_a_role_that_nobody_asked_for_harms_nobody(
    upstream: Upstream, spoil: Callable[[Upstream, str], None], globs: dict[str, list[str]]
) -> None:
    spoil(upstream, "clamav")
    first = upstream.pull(**globs)
    assert upstream.bench.contents(first) == {"top.rules": b"alert"}
    assert upstream.pull(first, **globs).targets == first.targets


@pytest.mark.parametrize("spoil", [end_role, drop_role, forge_role])
@pytest.mark.parametrize(
    "globs", [{}, {"include": ["clamav/daily.cvd"]}, {"include": ["**/*.cvd"]}, {"exclude": ["clamav/daily.cvd"]}]
)
def test_a_role_that_may_speak_for_what_is_wanted_must_be_right(
    upstream: Upstream, spoil: Callable[[Upstream, str], None], globs: dict[str, list[str]]
) -> None:
    spoil(upstream, "clamav")
    with pytest.raises(SealiftError):
        upstream.pull(**globs)


def test_of_many_hash_bins_the_one_is_read_that_speaks_for_a_path(upstream: Upstream) -> None:
    upstream.sim.targets.delegations = None
    names = upstream.sim.delegate_bins("bin", 11)
    delegations = upstream.sim.targets.delegations
    assert delegations is not None
    assert delegations.succinct_roles is not None
    role = delegations.succinct_roles.get_role_for_target("wheel.whl")
    upstream.sim.add_target("wheel.whl", b"wheel", role)
    upstream.sim.publish(*names, "targets")
    first = upstream.pull(include=["wheel.whl"])
    assert upstream.bench.contents(first) == {"wheel.whl": b"wheel"}
    assert [path for path in upstream.server.requests if "bin-" in path] == [f"/metadata/2.{role}.json"]
    assert upstream.pull(first, include=["wheel.whl"]).targets == first.targets
    assert [path for path in upstream.server.requests if "bin-" in path] == []


def test_a_server_without_a_timestamp_is_named(upstream: Upstream) -> None:
    del upstream.sim.files["timestamp.json"]
    assert upstream.refused().code == "tuf.missing.timestamp"


def test_a_store_that_answers_403_for_what_it_does_not_have_ends_the_root_chain(upstream: Upstream) -> None:
    upstream.server.answers["/metadata/2.root.json"] = (403, b"", {})
    assert len(upstream.pull().targets) == 3


def test_a_broken_server_is_no_end_of_the_root_chain(upstream: Upstream) -> None:
    upstream.server.answers["/metadata/2.root.json"] = (500, b"", {})
    assert upstream.refused().code == "http.server"


def test_another_pinned_root_of_the_same_repository_keeps_what_was_seen(upstream: Upstream) -> None:
    old = upstream.sim.fork()
    upstream.sim.publish_root()
    upstream.sim.publish()
    upstream.pull()
    upstream.root.write_bytes(upstream.sim.files["2.root.json"])
    upstream.pull()
    upstream.sim.files["timestamp.json"] = old.files["timestamp.json"]
    assert upstream.refused().code == "tuf.rollback.timestamp"


def test_another_configuration_is_no_way_back_for_a_repository_unless_that_is_allowed(upstream: Upstream) -> None:
    bench, older = upstream.bench, upstream.sim.fork()
    upstream.sim.publish("clamav")
    newer, tables = dict(upstream.sim.files), upstream.options()

    def codes(**options: Any) -> list[str]:
        bench.configure("s", "tuf", **{**tables, **options})
        return [failure.error.code for failure in bench.pull_all().failures]

    assert codes() == []
    trusted = upstream.trusted()
    upstream.sim.files = older.files
    same_root = upstream.base / "same.json"
    same_root.write_bytes(upstream.root.read_bytes())
    for changed in ({"exclude": ["*.rules"]}, {"root": str(same_root)}):
        assert codes(**changed) == ["tuf.rollback.timestamp"]
    assert upstream.trusted() == trusted
    assert codes(exclude=["*.rules"], allow_older=True) == []
    assert codes() == []
    upstream.sim.files = newer
    assert codes() == []
    upstream.sim.files = older.files
    assert codes() == ["tuf.rollback.timestamp"]


def test_older_that_is_allowed_and_not_whole_changes_nothing_of_what_is_trusted(upstream: Upstream) -> None:
    older = upstream.sim.fork()
    upstream.sim.publish("clamav")
    upstream.pull()
    trusted = upstream.trusted()
    upstream.sim.files = {name: data for name, data in older.files.items() if name != "2.clamav.json"}
    with pytest.raises(SealiftError) as caught:
        upstream.pull(allow_older=True)
    assert caught.value.code == "tuf.missing.clamav"
    assert upstream.trusted() == trusted


def test_the_root_of_another_repository_begins_anew(upstream: Upstream) -> None:
    upstream.sim.publish()
    upstream.pull()
    other = TufSimulator(at())
    for role in ("root", *ROLES):
        other.rotate(role, 7)
    other.publish_root(bump=False)
    other.add_target("a", b"a")
    other.publish()
    with served(other) as server:
        upstream.server = server
        upstream.root.write_bytes(other.files["1.root.json"])
        assert upstream.bench.contents(upstream.pull()) == {"a": b"a"}


def test_a_pinned_root_that_does_not_sign_itself_is_refused(upstream: Upstream) -> None:
    upstream.sim.signers["root"] = [signer("somebody")]
    upstream.root.write_bytes(upstream.sim.sign("root"))
    assert upstream.refused().code == "tuf.signature.root"


def test_check_says_what_is_new_and_trusts_nothing(upstream: Upstream) -> None:
    first = upstream.pull()
    trusted = upstream.trusted()
    upstream.sim.add_target("top.rules", b"drop")
    upstream.sim.publish("targets")
    with upstream.bench.workbench(first) as work:
        check = make("tuf", **upstream.options()).check(work)
    assert [(target.path, target.length, target.state) for target in check.targets] == [
        ("clamav/daily.cvd", 500_000, "unchanged"),
        ("clamav/x/own.ndb", 3, "unchanged"),
        ("top.rules", 4, "to fetch"),
    ]
    assert check.version == "3"
    assert upstream.trusted() == trusted


@pytest.mark.parametrize("trouble", ["rollback", "freeze", "hash"])
def test_whatever_is_refused_the_last_good_content_can_still_be_sealed(upstream: Upstream, trouble: str) -> None:
    bench = upstream.bench
    bench.configure("s", "tuf", **upstream.options())
    old = upstream.sim.fork()
    upstream.sim.publish()
    assert bench.pull_all().failures == ()
    if trouble == "rollback":
        upstream.sim.files = old.files
    elif trouble == "freeze":
        bench.now += timedelta(days=100)
    else:
        upstream.sim.add_target("top.rules", b"drop")
        upstream.sim.publish("targets")
        upstream.sim.contents.clear()
        upstream.sim.contents[next(iter(upstream.sim.targets.targets["top.rules"].get_prefixed_paths()))] = b"evil"
    result = bench.pull_all()
    code = {"rollback": "tuf.rollback.timestamp", "freeze": "tuf.expired.root", "hash": "http.checksum"}[trouble]
    assert [failure.error.code for failure in result.failures] == [code]
    assert [target.path for target in result.targets["s"]] == [
        "s/clamav/daily.cvd",
        "s/clamav/x/own.ndb",
        "s/top.rules",
    ]
    assert f"[{code}]" in (result.records[0].failure or "")


@pytest.mark.parametrize("root", ["root.json", "/nonexistent/root.json"])
def test_a_root_that_is_not_there_is_refused_at_configuration(root: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("tuf", root=root, metadata_url="https://h/m", targets_url="https://h/t")
    assert caught.value.code == "source.path"
