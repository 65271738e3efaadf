from datetime import timedelta

import pytest

from manifests.errors import LockedError
from manifests.progress import CancelledError, CancelToken, NoProgress
from relay.context import Context
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.garbage import GRACE, collect_garbage
from tests.support.relay_bundles import BundleForge
from tests.support.relay_cargo import digest_of
from tests.support.relay_homes import fingerprint, import_bundle, make_config, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/same": b"the same"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    """A relay with generations 1 to 5, each with a file of its own."""
    home = make_home(tmp_path / "relay", forge.root)
    for number in range(1, 6):
        forge.files["rules/own"] = own(number)
        import_bundle(home, forge.seal(tmp_path / f"{number}.zip"), forge.clock())
    return home


def own(number):
    return b"content of %d" % number


def later(forge, after=GRACE):
    return forge.clock()() + after


def run(home, keep, now, **options):
    context = Context(home, make_config(home), lambda: now)
    return collect_garbage(context, keep=keep, wait_seconds=0, **options)


def state_of(home):
    with State(home.database) as state:
        return [generation.number for generation in state.generations.list_generations()]


def blobs(home):
    return {path.name for path in home.store.root.rglob("*") if path.is_file()}


def test_old_generations_and_what_only_they_need_go(home, forge):
    done = run(home, 3, later(forge))
    assert (done.generations, done.spared, done.blobs) == ((1, 2), (), 2)
    assert done.bytes == len(own(1)) + len(own(2))
    assert state_of(home) == [3, 4, 5]
    assert blobs(home) == {digest_of(data) for data in (b"the same", own(3), own(4), own(5))}
    with State(home.database) as state:
        assert state.event_rows.list_events(["gc"])[0].text == "Generations that nobody needs are forgotten: 1, 2"
        assert state.list_damage() == ()


def test_a_second_run_finds_nothing(home, forge):
    run(home, 3, later(forge))
    before = fingerprint(home)
    assert run(home, 3, later(forge)).blobs == 0
    assert fingerprint(home) == before


def test_the_two_newest_stay_whatever_is_asked_since_their_targets_are_served(home, forge):
    assert run(home, 1, later(forge)).generations == (1, 2, 3)
    assert state_of(home) == [4, 5]


def test_what_a_ring_serves_stays(home, forge):
    with State(home.database) as state, state.transaction():
        state.publications.activate_generation(DEFAULT_RING, 1, forge.clock()())
    assert run(home, 2, later(forge)).generations == (2, 3)
    assert state_of(home) == [1, 4, 5]
    assert home.store.path(digest_of(own(1))).exists()


def test_what_was_served_until_just_now_is_spared(home, forge):
    done = run(home, 2, later(forge, GRACE - timedelta(seconds=1)))
    assert (done.generations, done.spared, done.blobs) == ((), (1, 2, 3), 0)
    assert state_of(home) == [1, 2, 3, 4, 5]


def test_a_dry_run_says_it_and_does_nothing(home, forge):
    before = fingerprint(home)
    done = run(home, 2, later(forge), dry_run=True)
    assert (done.generations, done.blobs, done.applied) == ((1, 2, 3), 3, False)
    assert fingerprint(home) == before


def test_what_has_arrived_of_a_pending_generation_stays_until_a_newer_one_is_here(home, forge, tmp_path):
    forge.files = {"rules/new": b"new", "clamav/large": bytes(range(256)) * 40, "rules/more": b"more"}
    volumes = forge.seal_volumes(tmp_path, 2, parts={"clamav/large": 3000})
    import_bundle(home, volumes[0], forge.clock())
    before = fingerprint(home)
    assert run(home, 10, later(forge)).blobs == 0
    assert fingerprint(home) == before
    assert len(list(home.store.temporary.iterdir())) == 1
    forge.files = {"rules/newer": b"newer"}
    import_bundle(home, forge.seal(tmp_path / "7.zip"), forge.clock())
    held = blobs(home)
    assert run(home, 10, later(forge)).blobs == 2  # what a volume brought, and the file in the making
    assert len(held - blobs(home)) == 1
    assert list(home.store.temporary.iterdir()) == []
    with State(home.database) as state:
        assert state.arriving.load_parts() == {}


def test_content_that_nothing_names_goes(home, forge):
    orphan = home.store.path("ab" * 32)
    orphan.write_bytes(b"left by a power cut before the transaction")
    assert run(home, 10, later(forge)).blobs == 1
    assert not orphan.exists()


def test_an_import_under_way_is_not_disturbed(home, forge):
    with home.lock(), pytest.raises(LockedError):
        run(home, 2, later(forge))


def test_what_is_left_serves_on(home, forge, tmp_path):
    run(home, 2, later(forge))
    forge.files["rules/own"] = own(6)
    assert import_bundle(home, forge.seal(tmp_path / "6.zip", since=5), forge.clock()).generation == 6


def test_when_it_is_cancelled_nothing_that_is_named_is_gone(home, forge):
    cancel = CancelToken()

    class Impatient(NoProgress):
        def start(self, step, total=None):  # noqa: ARG002
            if step == "Remove it":
                cancel.cancel()

    context = Context(home, make_config(home), lambda: later(forge), Impatient(), cancel)
    with pytest.raises(CancelledError):
        collect_garbage(context, keep=3, wait_seconds=0)
    assert state_of(home) == [3, 4, 5]
    assert len(blobs(home)) == 6
    assert run(home, 3, later(forge)).blobs == 2  # the next run removes it
