import json
import sqlite3

import pytest

from manifests.clock import parse_instant
from manifests.errors import ConfigurationError, StorageError
from relay.events.log import REFUSED, log_event
from relay.state import Event, State
from relay.state.last_refusal import load_last_refusal
from relay.state.manager_deliveries import StoredPack
from relay.state.records import LastOutcome
from tests.support.relay_bundles import CREATED


def make_old(home, *tables, version=1):
    """Take a state back to what an older version was before it had these tables."""
    with sqlite3.connect(home.database) as connection:
        connection.executescript(
            f"PRAGMA user_version = {version};" + "".join(f"DROP TABLE {table};" for table in tables)
        )
    connection.close()


VERSION_3_TABLES = ("manager_deliveries", "receipt_serial", "last_import")

LATER_TABLES = [
    "generation_absent_sources",
    " ".join(VERSION_3_TABLES),
    "delivery_problems deliveries",
    "generation_sources",
    "parts pending_volumes pending_targets pending_generations",
]
"""What came to version 1, newest first; each time without a new number."""


@pytest.mark.parametrize("stages", range(len(LATER_TABLES) + 1))
def test_a_database_of_an_older_version_is_brought_up_to_date_and_forgets_nothing(home, forge, bring, stages):
    facts = {"version": "7", "licence": "MIT, ここ", "fresh_days": 3, "mount": "/", "deliver": "scanner"}
    forge.said["rules"] = facts | {"failure": "it did not answer"}
    bring(forge.created(1))
    forge.said["rules"] = {}
    bring(forge.created(2))
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
    bring(forge.created(3))
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
