import json
import sqlite3
from datetime import timedelta

import pytest

from manifests.blobs import Blob
from manifests.clock import parse_instant
from manifests.errors import ConfigurationError, StorageError
from relay.events.log import REFUSED, log_event
from relay.rings.policy import DEFAULT_RING
from relay.state import Event, State
from relay.state.last_refusal import load_last_refusal
from relay.state.manager_deliveries import StoredPack
from relay.state.records import LastOutcome
from tests.support.relay_bundles import CREATED, BundleForge
from tests.support.relay_homes import import_bundle, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1", "rules/b": b"b1"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    return make_home(tmp_path / "relay", forge.root)


def published(state):
    return {path: at for path, _, at in state.publications.list_files(DEFAULT_RING)}


def bring(home, forge, tmp_path, at):
    forge.seal(tmp_path / "next.zip")
    import_bundle(home, tmp_path / "next.zip", lambda: at)


def test_a_path_is_published_when_its_content_changes_and_else_keeps_its_time(home, forge, tmp_path):
    first, second = forge.created(1) + timedelta(hours=1), forge.created(2) + timedelta(hours=1)
    bring(home, forge, tmp_path, first)
    forge.files["rules/b"] = b"b2"
    bring(home, forge, tmp_path, second)
    with State(home.database) as state:
        assert published(state) == {"rules/a": first, "rules/b": second}


def test_content_that_comes_back_is_published_anew(home, forge, tmp_path):
    now = forge.created(4)
    bring(home, forge, tmp_path, now)
    a = forge.files.pop("rules/a")
    bring(home, forge, tmp_path, now)
    forge.files["rules/a"] = a
    bring(home, forge, tmp_path, now)
    with State(home.database) as state:
        assert published(state) == {"rules/a": now + timedelta(seconds=2), "rules/b": now}


def test_publication_times_grow_although_the_clock_goes_back(home, forge, tmp_path):
    now = forge.created(9)
    bring(home, forge, tmp_path, now)
    forge.files["rules/a"] = b"a2"
    bring(home, forge, tmp_path, now - timedelta(days=400))
    with State(home.database) as state:
        assert published(state) == {"rules/a": now + timedelta(seconds=1), "rules/b": now}


def test_going_back_to_an_earlier_generation_publishes_its_content_anew(home, forge, tmp_path):
    now = forge.created(2)
    bring(home, forge, tmp_path, now)
    forge.files["rules/a"] = b"a2"
    bring(home, forge, tmp_path, now)
    with State(home.database) as state:
        with state.transaction():
            state.publications.activate_generation(DEFAULT_RING, 1, now)
        assert published(state) == {"rules/a": now + timedelta(seconds=2), "rules/b": now}
        assert [ring.generation for ring in state.publications.list_rings()] == [1]
        assert {path: blob.length for path, blob, _ in state.publications.list_files(DEFAULT_RING)} == {
            "rules/a": 2,
            "rules/b": 2,
        }


def test_a_fraction_of_a_second_is_never_published(home, forge, tmp_path):
    now = forge.created(1).replace(microsecond=999_999)
    bring(home, forge, tmp_path, now)
    with State(home.database) as state:
        assert set(published(state).values()) == {now.replace(microsecond=0)}


def test_the_metadata_of_two_generations_is_served_and_every_root(home, forge, tmp_path):
    for _ in range(3):
        bring(home, forge, tmp_path, forge.created(3))
        forge.rotate()
    with State(home.database) as state:
        names = {f"{version}.{role}.json" for version in (2, 3) for role in ("snapshot", "targets", "rules")}
        assert state.trusted.load_metadata().keys() == names | {
            "timestamp.json",
            "1.root.json",
            "2.root.json",
            "3.root.json",
        }
        assert state.trusted.load_metadata()["timestamp.json"] == forge.metadata["timestamp.json"]


def activate_what_is_not_there(state):
    with state.transaction():
        state.event_rows.add_event(Event(CREATED, "x", "y"))
        state.publications.activate_generation(DEFAULT_RING, 99, CREATED + timedelta(days=9))


def test_a_failed_transaction_changes_nothing(home, forge, tmp_path):
    bring(home, forge, tmp_path, forge.created(1))
    with State(home.database) as state:
        with pytest.raises(sqlite3.IntegrityError):
            activate_what_is_not_there(state)
        assert [event.kind for event in state.event_rows.list_events()] == ["init", "import", "activate", "receipt"]
        assert set(published(state).values()) == {forge.created(1)}


def test_events_keep_their_order_and_details(home):
    with State(home.database) as state:
        with state.transaction():
            for number in range(3):
                state.event_rows.add_event(Event(CREATED, "kind", str(number), {"number": number}))
        assert [event.details for event in state.event_rows.list_events(["kind"], limit=2)] == [
            {"number": 1},
            {"number": 2},
        ]


def test_another_connection_sees_that_something_changed(home):
    with State(home.database) as reader, State(home.database) as writer:
        before = reader.data_version
        assert reader.data_version == before
        with writer.transaction():
            writer.event_rows.add_event(Event(CREATED, "x", "y"))
        assert reader.data_version != before


def test_a_generation_is_kept_whole(home, forge, tmp_path):
    bring(home, forge, tmp_path, forge.created(1))
    with State(home.database) as state:
        row = state.generations.find_generation(1)
        assert row is not None
        assert (row.publisher, row.created, row.targets, row.target_bytes) == ("forge", CREATED, 2, 4)
        assert (row.rings, row.file_name) == ((DEFAULT_RING,), "next.zip")
        assert [(t.path, t.length) for t in state.generations.list_targets(1)] == [("rules/a", 2), ("rules/b", 2)]
        assert state.trusted.load_clock_floor() == CREATED
        assert [(role.role, role.version) for role in state.trusted.list_roles()] == [
            ("root", 1),
            ("timestamp", 1),
            ("snapshot", 1),
            ("rules", 1),
            ("targets", 1),
        ]
        assert all(isinstance(blob, Blob) for _, blob, _ in state.publications.list_files(DEFAULT_RING))


def make_old(home, *tables, version=1):
    """Take a state back to what an older version was before it had these tables."""
    with sqlite3.connect(home.database) as connection:
        connection.executescript(
            f"PRAGMA user_version = {version};" + "".join(f"DROP TABLE {table};" for table in tables)
        )
    connection.close()


VERSION_3_TABLES = ("manager_deliveries", "receipt_serial", "last_import")

LATER_TABLES = [
    " ".join(VERSION_3_TABLES),
    "delivery_problems deliveries",
    "generation_sources",
    "parts pending_volumes pending_targets pending_generations",
]
"""What came to version 1, newest first; each time without a new number."""


@pytest.mark.parametrize("stages", range(len(LATER_TABLES) + 1))
def test_a_database_of_an_older_version_is_brought_up_to_date_and_forgets_nothing(home, forge, tmp_path, stages):
    facts = {"version": "7", "licence": "MIT, ここ", "fresh_days": 3, "mount": "/", "deliver": "scanner"}
    forge.said["rules"] = facts | {"failure": "it did not answer"}
    bring(home, forge, tmp_path, forge.created(1))
    forge.said["rules"] = {}
    bring(home, forge, tmp_path, forge.created(2))
    with State(home.database) as state:
        before = [state.generations.list_sources(number) for number in (1, 2)]
        trusted = state.trusted.load_trusted()
    assert [(row.licence, row.fresh_days, row.failed) for row in (*before[0], *before[1])] == [
        ("MIT, ここ", 3, True),
        (None, None, False),
    ]
    make_old(home, *" ".join(LATER_TABLES[:stages]).split())
    for _ in range(2):
        with State(home.database) as state:
            assert [state.generations.list_sources(number) for number in (1, 2)] == before
            assert (state.trusted.load_trusted(), state.list_damage()) == (trusted, ())
            assert (state.deliveries.list_all(), state.deliveries.list_problems()) == ((), ())
    bring(home, forge, tmp_path, forge.created(3))
    with State(home.database) as state:
        assert state.generations.find_newest_number() == 3


EVENTS_OF_VERSION_2 = [
    ("2026-01-01T00:00:01Z", "import", "Generation 1 of forge", {"generation": 1, "ring": "default", "file": "1.zip"}),
    ("2026-01-01T00:00:02Z", "receipt", "Receipt 41", {"serial": 41, "sha256": "a" * 64}),
    ("2026-01-01T00:00:03Z", "manager-stored", "stored", {"manager": "m:4119", "name": "n", "sha256": "b", "id": 7}),
    ("2026-01-01T00:00:04Z", "import", "Generation 2 of forge", {"generation": 2, "ring": "default", "file": "2.zip"}),
    ("2026-01-01T00:00:05Z", "manager-stored", "again", {"manager": "m:4119", "name": "n", "sha256": "b", "id": 7}),
    ("2026-01-01T00:00:06Z", "receipt", "Receipt 1767225606", {"serial": 1_767_225_606, "sha256": "c" * 64}),
    ("2026-01-01T00:00:07Z", "gc", "Generations that nobody needs are forgotten: 1", {}),
]
"""What version 2 read back from its events."""


def test_what_version_2_read_back_from_its_events_is_in_tables_after(home):
    make_old(home, *VERSION_3_TABLES, version=2)
    with sqlite3.connect(home.database) as connection:
        connection.executemany(
            "INSERT INTO events (at, kind, text, details) VALUES (?, ?, ?, ?)",
            [(at, kind, text, json.dumps(details)) for at, kind, text, details in EVENTS_OF_VERSION_2],
        )
    connection.close()
    log_event(home, Event(CREATED, REFUSED, "x.zip was refused", {"code": "tuf.expired"}))
    log_event(home, Event(CREATED, "start", "The service listens", {}))
    for _ in range(2):
        with State(home.database) as state:
            assert state.receipts.load_last_serial() == 1_767_225_606
            assert state.last_import.load_last_import() == LastOutcome(
                parse_instant("2026-01-01T00:00:04Z"), "2", "Generation 2 of forge"
            )
            assert state.manager_deliveries.has_pack(StoredPack("m:4119", "n", "b", 7))
            assert not state.manager_deliveries.has_pack(StoredPack("m:4119", "n", "b", 8))
            assert state.list_damage() == ()
    assert load_last_refusal(home.last_refusal_file) == LastOutcome(CREATED, "tuf.expired", "x.zip was refused")


def test_a_state_of_version_2_without_events_opens_with_empty_tables(home):
    make_old(home, *VERSION_3_TABLES, version=2)
    with State(home.database) as state:
        assert state.receipts.load_last_serial() == 0
        assert state.last_import.load_last_import() is None
    assert load_last_refusal(home.last_refusal_file) is None


def test_an_older_version_that_cannot_be_brought_up_to_date_stays_as_it_was(home):
    make_old(home, "generation_sources")
    with sqlite3.connect(home.database) as connection:
        connection.execute("CREATE TABLE generation_sources (unlike INTEGER)")
    connection.close()
    before = home.database.read_bytes()
    with pytest.raises(StorageError):
        State(home.database)
    assert home.database.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "todo"),
    [
        (99, "install that version of Sealift or a newer one; the state is as it was"),
        (0, "restore it from its backup, or make a relay in another directory: relay init"),
    ],
)
def test_a_database_of_a_newer_version_or_of_none_is_refused_and_left_alone(home, version, todo):
    with sqlite3.connect(home.database) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = home.database.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        State(home.database)
    assert (caught.value.code, caught.value.todo) == ("state.version", todo)
    assert home.database.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"no database " * 1000])
def test_a_database_that_cannot_be_read_is_a_storage_error(home, content):
    home.database.unlink()
    if content is not None:
        home.database.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        State(home.database)
    assert caught.value.code == ("storage.io" if content is None else "storage.corrupt")
