from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from manifests.disk.lock import exclusive_lock
from manifests.errors import ConfigurationError, LockedError, StorageError
from manifests.manifest import Manifest
from manifests.progress import CancelledError, CancelToken, NoProgress
from relay.config import DeliveryConfig, load_config
from relay.context import Context
from relay.deliveries import NOTHING_DELIVERED, DeliveryReport, carry_out_deliveries, suggest_place
from relay.deliveries.files import TEMPORARY
from relay.home import Home
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.status.read import read_status
from relay.status.text import status_to_json, status_to_text
from tests.support.relay_bundles import BundleForge, Forgery
from tests.support.relay_homes import import_and_follow, make_config, make_home

ONE, TWO = b"the bundle of one week", b"the bundle of the next"


class Site:
    """A relay, a vendor's directory, and a publisher whose source ``dsa`` is meant for ``ds_agent``."""

    def __init__(self, base: Path) -> None:
        self.forge = BundleForge()
        self.forge.files = {"dsa/a.zip": ONE, "rules/r": b"rules"}
        self.deliver = {"dsa": "ds_agent"}
        self.base = base
        self.home: Home = make_home(base / "relay", self.forge.root)
        self.agent = base / "ds_agent"
        self.agent.mkdir()
        self.places: tuple[DeliveryConfig, ...] = (DeliveryConfig("ds_agent", self.agent),)
        self.after = timedelta(hours=1)

    def mark(self, manifest: Manifest) -> Manifest:
        return replace(
            manifest, sources=tuple(replace(one, deliver=self.deliver.get(one.name)) for one in manifest.sources)
        )

    @property
    def config(self):
        return make_config(self.home, deliveries=self.places)

    def clock(self):
        return self.forge.clock(self.after)()

    def bring(self, **files: bytes) -> DeliveryReport:
        """Seal what the forge has, and these files of the source ``dsa``; import it."""
        if files:
            self.forge.files = {name: data for name, data in self.forge.files.items() if not name.startswith("dsa/")}
            self.forge.files |= {f"dsa/{name.replace('__', '/')}.zip": data for name, data in files.items()}
        path = self.forge.seal(self.base / "next.zip", Forgery(manifest=self.mark))
        result, followed = import_and_follow(Context(self.home, self.config, self.clock), path)
        assert result.outcome == "imported"
        return followed.deliveries

    def again(self) -> DeliveryReport:
        return carry_out_deliveries(Context(self.home, self.config, self.clock))

    def delivered(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.agent.iterdir()}

    def states(self) -> dict[str, str]:
        with State(self.home.database) as state:
            return {row.wanted.file_name: row.state for row in state.deliveries.list_all()}

    def roll_back(self, number: int) -> None:
        with State(self.home.database) as state, state.transaction():
            state.publications.activate_generation(DEFAULT_RING, number, self.clock())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def kinds(report: DeliveryReport) -> list[str]:
    return [event.kind for event in report.events]


def codes(report: DeliveryReport) -> list[str]:
    return [problem.code for problem in report.problems]


def test_a_source_is_delivered_into_its_place_under_its_own_name_and_no_other_is(site: Site) -> None:
    report = site.bring()
    assert site.delivered() == {"a.zip": ONE}
    assert kinds(report) == ["delivered"]
    assert report.lines == (f"{site.agent}/a.zip is delivered: dsa/a.zip of generation 1",)
    assert report.problems == ()


def test_what_is_delivered_is_a_copy_of_its_own_with_a_mode_that_anybody_can_read(site: Site) -> None:
    site.bring()
    status = (site.agent / "a.zip").stat()
    assert (status.st_nlink, stat.S_IMODE(status.st_mode), status.st_uid) == (1, 0o644, os.geteuid())
    with State(site.home.database) as state:
        stored = {site.home.store.path(target.sha256).stat().st_ino for target in state.generations.list_targets()}
    assert status.st_ino not in stored


def test_mode_and_owner_are_those_of_the_configuration(site: Site) -> None:
    user = "nobody" if os.geteuid() == 0 else None
    site.places = (DeliveryConfig("ds_agent", site.agent, owner=user, mode=0o640),)
    site.bring()
    status = (site.agent / "a.zip").stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert (status.st_uid == os.geteuid()) == (user is None)


def test_an_owner_that_does_not_exist_is_told(site: Site) -> None:
    site.places = (DeliveryConfig("ds_agent", site.agent, owner="nobody-of-this-name"),)
    assert codes(site.bring()) == ["delivery.owner"]
    assert site.delivered() == {}
    assert site.states() == {}


def test_files_below_directories_of_the_source_get_their_base_name(site: Site) -> None:
    site.bring(x__y__deep=ONE)
    assert site.delivered() == {"deep.zip": ONE}


def test_a_newer_generation_replaces_what_was_delivered(site: Site) -> None:
    site.bring()
    report = site.bring(b=TWO)
    assert site.delivered() == {"b.zip": TWO}
    assert kinds(report) == ["delivery-removed", "delivered"]


def test_a_newer_file_of_the_same_name_replaces_the_older(site: Site) -> None:
    site.bring()
    site.bring(a=TWO)
    assert site.delivered() == {"a.zip": TWO}


def test_a_file_that_stays_the_same_is_left_alone(site: Site) -> None:
    site.bring()
    before = (site.agent / "a.zip").stat()
    report = site.bring()
    assert report == DeliveryReport()
    assert (site.agent / "a.zip").stat() == before


def test_a_source_that_is_no_longer_meant_for_a_place_is_removed_from_it(site: Site) -> None:
    site.bring()
    site.deliver = {}
    site.bring()
    assert site.delivered() == {}
    assert site.states() == {}


def test_a_generation_that_is_rolled_back_delivers_the_older_file_again(site: Site) -> None:
    site.bring()
    site.bring(a=TWO, b=TWO)
    site.roll_back(1)
    site.again()
    assert site.delivered() == {"a.zip": ONE}


def test_a_second_run_does_nothing(site: Site) -> None:
    site.bring()
    with State(site.home.database) as state:
        before = state.event_rows.list_events()
    assert site.again() == DeliveryReport()
    with State(site.home.database) as state:
        assert state.event_rows.list_events() == before


def test_nothing_is_delivered_without_a_place_and_the_lines_to_write_are_told(site: Site) -> None:
    site.places = ()
    report = site.bring()
    assert site.delivered() == {}
    assert codes(report) == ["delivery.undefined"]
    assert report.problems[0].lines == (
        '[[delivery]]\nname = "ds_agent"\ndirectory = "/opt/ds_agent"\ninclude = ["*.zip"]\nhold_days = 7\n'
    )
    assert report.lines[0].startswith(
        "Not delivered [delivery.undefined]: The source dsa is meant for the place ds_agent, which relay.toml does not "
        "define. Need: "
    )
    assert list(report.lines[1:]) == report.problems[0].lines.splitlines()  # each is printed escaped, one by one
    assert kinds(report) == ["delivery-failed"]
    assert kinds(site.again()) == []


def test_the_lines_that_are_told_are_a_configuration_that_works(site: Site) -> None:
    site.places = ()
    lines = site.bring().problems[0].lines
    assert lines is not None
    with site.home.config_file.open("a") as file:
        file.write(lines.replace("/opt/ds_agent", str(site.agent)))
    site.places = load_config(site.home.path).deliveries
    assert kinds(site.again()) == ["delivered"]
    assert site.delivered() == {"a.zip": ONE}


def test_a_foreign_file_of_the_same_name_is_never_touched_and_it_is_tried_again(site: Site) -> None:
    (site.agent / "a.zip").write_bytes(b"somebody else's")
    report = site.bring()
    assert codes(report) == ["delivery.foreign"]
    assert site.delivered() == {"a.zip": b"somebody else's"}
    assert codes(site.again()) == ["delivery.foreign"]
    (site.agent / "a.zip").unlink()
    report = site.again()
    assert (kinds(report), report.problems) == (["delivered"], ())
    assert site.delivered() == {"a.zip": ONE}


@pytest.mark.parametrize("make", ["link", "dangling", "directory", "pipe"])
def test_whatever_has_the_name_is_not_followed_and_not_replaced(site: Site, make: str) -> None:
    name, other = site.agent / "a.zip", site.base / "other"
    other.write_bytes(ONE)
    {
        "link": lambda: name.symlink_to(other),
        "dangling": lambda: name.symlink_to(site.base / "nowhere"),
        "directory": name.mkdir,
        "pipe": lambda: os.mkfifo(name),
    }[make]()
    before = name.lstat()
    assert codes(site.bring()) == ["delivery.foreign"]
    assert name.lstat() == before
    assert not (site.base / "nowhere").exists()


def test_the_very_content_that_stands_there_already_is_enough_and_not_ours_to_remove(site: Site) -> None:
    (site.agent / "a.zip").write_bytes(ONE)
    assert site.bring() == DeliveryReport()
    assert site.states() == {"a.zip": "found"}
    site.bring(b=TWO)
    assert site.delivered() == {"a.zip": ONE, "b.zip": TWO}


def test_a_file_that_was_changed_after_its_delivery_is_left_there(site: Site) -> None:
    site.bring()
    (site.agent / "a.zip").write_bytes(b"edited")
    report = site.bring(b=TWO)
    assert kinds(report) == ["delivery-gone", "delivered"]
    assert site.delivered() == {"a.zip": b"edited", "b.zip": TWO}


def test_a_file_that_people_removed_as_the_guide_says_does_not_come_back(site: Site) -> None:
    site.bring()
    (site.agent / "a.zip").unlink()
    assert kinds(site.again()) == ["delivery-gone"]
    assert kinds(site.again()) == []
    assert site.delivered() == {}
    site.bring(b=TWO)
    assert site.delivered() == {"b.zip": TWO}


def test_a_file_is_removed_when_its_days_are_over_and_does_not_come_back(site: Site) -> None:
    site.places = (DeliveryConfig("ds_agent", site.agent, hold_days=7),)
    site.bring()
    site.after += timedelta(days=7, seconds=-1)
    assert kinds(site.again()) == []
    site.after += timedelta(seconds=1)
    assert kinds(site.again()) == ["delivery-removed"]
    assert site.delivered() == {}
    assert site.states() == {"a.zip": "withdrawn"}
    assert kinds(site.again()) == []
    site.bring(a=TWO)
    assert site.delivered() == {"a.zip": TWO}


def test_a_missing_directory_is_told_and_not_made(site: Site) -> None:
    site.agent.rmdir()
    report = site.bring()
    assert codes(report) == ["delivery.missing"]
    assert not site.agent.exists()
    site.agent.mkdir()
    assert kinds(site.again()) == ["delivered"]


def test_a_file_in_the_place_of_the_directory_is_told(site: Site) -> None:
    site.agent.rmdir()
    site.agent.touch()
    assert codes(site.bring()) == ["delivery.missing"]


def test_what_cannot_be_removed_now_is_removed_when_its_directory_is_back(site: Site) -> None:
    site.bring()
    site.agent.rename(site.base / "unmounted")
    assert codes(site.bring(b=TWO)) == ["delivery.missing", "delivery.missing"]
    (site.base / "unmounted").rename(site.agent)
    assert kinds(site.again()) == ["delivery-removed", "delivered"]
    assert site.delivered() == {"b.zip": TWO}


def test_a_place_that_moves_takes_its_file_along(site: Site) -> None:
    site.bring()
    other = site.base / "other"
    other.mkdir()
    site.places = (DeliveryConfig("ds_agent", other),)
    assert kinds(site.again()) == ["delivery-removed", "delivered"]
    assert site.delivered() == {}
    assert (other / "a.zip").read_bytes() == ONE


def test_two_files_of_one_name_are_told_and_neither_is_delivered(site: Site) -> None:
    site.deliver = {"dsa": "ds_agent", "more": "ds_agent"}
    site.forge.files["more/x/a.zip"] = TWO
    report = site.bring()
    assert codes(report) == ["delivery.collision", "delivery.collision"]
    assert site.delivered() == {}


def test_one_content_under_one_name_twice_is_delivered_once(site: Site) -> None:
    site.deliver = {"dsa": "ds_agent", "more": "ds_agent"}
    site.forge.files["more/a.zip"] = ONE
    assert kinds(site.bring()) == ["delivered"]


def test_a_name_that_the_place_does_not_take_is_told_and_not_delivered(site: Site) -> None:
    site.places = (DeliveryConfig("ds_agent", site.agent, include=("*.zip",)),)
    site.forge.files["dsa/plugin.so"] = b"no"
    report = site.bring()
    assert [(problem.code, problem.have) for problem in report.problems] == [("delivery.not-taken", "dsa/plugin.so")]
    assert site.delivered() == {"a.zip": ONE}


def test_one_failing_file_does_not_keep_the_others_back(site: Site) -> None:
    (site.agent / "a.zip").write_bytes(b"somebody else's")
    report = site.bring(a=ONE, b=TWO)
    assert (codes(report), kinds(report)) == (["delivery.foreign"], ["delivered", "delivery-failed"])
    assert (site.agent / "b.zip").read_bytes() == TWO


def test_content_that_the_store_lost_or_that_rotted_is_not_delivered(site: Site) -> None:
    site.places = ()
    site.bring()
    site.places = (DeliveryConfig("ds_agent", site.agent),)
    with State(site.home.database) as state:
        blob = site.home.store.path(
            next(target.sha256 for target in state.generations.list_targets() if target.path == "dsa/a.zip")
        )
    blob.chmod(0o644)
    blob.write_bytes(ONE[::-1])
    assert codes(site.again()) == ["delivery.damaged"]
    blob.unlink()
    assert codes(site.again()) == ["delivery.damaged"]
    assert site.delivered() == {}


def test_a_change_of_the_reason_is_an_event_and_the_same_reason_is_not(site: Site) -> None:
    site.agent.rmdir()
    assert kinds(site.bring()) == ["delivery-failed"]
    began = site.clock()
    site.after += timedelta(hours=1)
    assert site.again().problems[0].since == began
    site.agent.mkdir()
    (site.agent / "a.zip").touch()
    site.after += timedelta(days=1)
    report = site.again()
    assert kinds(report) == ["delivery-failed"]
    assert [(problem.code, problem.since) for problem in report.problems] == [("delivery.foreign", site.clock())]


def test_an_import_succeeds_though_the_database_fails_its_deliveries(site: Site) -> None:
    with State(site.home.database) as state, state.transaction():
        state._connection.execute("DROP TABLE delivery_problems")
    assert site.bring() == NOTHING_DELIVERED
    with pytest.raises(StorageError) as caught:
        site.again()
    assert caught.value.code == "storage.io"


def leave(site: Site, state_name: str, *, temporary: bool, final: bytes | None) -> None:
    """Bring the site to what a crash in the middle of a delivery leaves."""
    site.places = ()
    site.bring()
    site.places = (DeliveryConfig("ds_agent", site.agent),)
    with State(site.home.database) as state, state.transaction():
        from relay.state import Delivery

        wanted = state.deliveries.list_wanted(DEFAULT_RING)[0]
        state.deliveries.save_delivery(Delivery(site.agent, wanted, state_name, TEMPORARY.format("00")))
    if temporary:
        (site.agent / TEMPORARY.format("00")).write_bytes(ONE if state_name == "ready" else ONE[:5])
    if final is not None:
        (site.agent / "a.zip").write_bytes(final)


@pytest.mark.parametrize(
    ("state_name", "temporary", "final"),
    [
        ("begun", False, None),
        ("begun", True, None),
        ("ready", True, None),
        ("ready", False, ONE),
        ("ready", False, None),
    ],
)
def test_what_a_crash_left_is_finished_by_the_next_run(
    site: Site, state_name: str, temporary: bool, final: bytes | None
) -> None:
    leave(site, state_name, temporary=temporary, final=final)
    assert kinds(site.again()) == ["delivered"]
    assert site.delivered() == {"a.zip": ONE}
    assert site.states() == {"a.zip": "placed"}
    site.bring(b=TWO)
    assert site.delivered() == {"b.zip": TWO}


@pytest.mark.parametrize(("state_name", "temporary"), [("begun", True), ("ready", True), ("ready", False)])
def test_a_file_that_came_from_elsewhere_meanwhile_is_not_taken_for_ours(
    site: Site, state_name: str, temporary: bool
) -> None:
    leave(site, state_name, temporary=temporary, final=b"somebody else's")
    assert codes(site.again()) == ["delivery.foreign"]
    assert site.delivered() == {"a.zip": b"somebody else's"}


def test_a_link_that_was_made_before_the_crash_is_ours(site: Site) -> None:
    leave(site, "ready", temporary=True, final=None)
    os.link(site.agent / TEMPORARY.format("00"), site.agent / "a.zip")
    assert kinds(site.again()) == ["delivered"]
    assert site.delivered() == {"a.zip": ONE}


def test_a_run_that_is_given_up_in_the_middle_is_finished_by_the_next(site: Site) -> None:
    class GivenUpError(Exception):
        pass

    class Impatient(NoProgress):
        def advance(self, done: int) -> None:
            raise GivenUpError(done)

    site.places = ()
    site.bring()
    site.places = (DeliveryConfig("ds_agent", site.agent),)
    with pytest.raises(GivenUpError):
        carry_out_deliveries(Context(site.home, site.config, site.clock, Impatient()))
    assert [name.startswith(".sealift-") for name in site.delivered()] == [True]
    assert site.states() == {"a.zip": "begun"}
    assert kinds(site.again()) == ["delivered"]
    assert site.delivered() == {"a.zip": ONE}


@pytest.mark.parametrize(
    "lines",
    [
        'name = "a"\ndirectory = "relative"',
        'name = "a"\ndirectory = "@home@/inbox"',
        'name = "a"\ndirectory = "/x/../etc"',
        'name = "a"\ndirectory = "/x"\n[[delivery]]\nname = "a"\ndirectory = "/y"',
    ],
)
def test_a_place_that_cannot_be_is_refused_at_configuration(site: Site, lines: str) -> None:
    with site.home.config_file.open("a") as file:
        file.write("[[delivery]]\n" + lines.replace("@home@", str(site.home.path)))
    with pytest.raises(ConfigurationError) as caught:
        load_config(site.home.path)
    assert caught.value.code == "config.delivery"


@pytest.mark.parametrize("line", ["hold_days = 0", 'mode = "rw"', 'owner = "a b"', 'colour = "red"'])
def test_values_that_mean_nothing_are_refused_at_configuration(site: Site, line: str) -> None:
    with site.home.config_file.open("a") as file:
        file.write(f'[[delivery]]\nname = "a"\ndirectory = "/x"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        load_config(site.home.path)
    assert caught.value.code in {"config.value", "config.unknown-key"}


def test_every_key_of_a_place_is_read(site: Site) -> None:
    with site.home.config_file.open("a") as file:
        file.write('[[delivery]]\nname = "a"\ndirectory = "/x"\nhold_days = 3\nowner = "root:adm"\nmode = "0600"\n')
        file.write('include = ["*.zip", "b"]\n')
    assert load_config(site.home.path).deliveries == (
        DeliveryConfig("a", Path("/x"), 3, "root:adm", 0o600, ("*.zip", "b")),
    )


def test_who_makes_a_relay_beside_a_vendors_program_is_told(tmp_path: Path) -> None:
    assert suggest_place(tmp_path / "relay.toml", tmp_path) is None
    (tmp_path / "opt" / "ds_agent").mkdir(parents=True)
    step = suggest_place(tmp_path / "relay.toml", tmp_path)
    assert step is not None
    assert "/opt/ds_agent" in step


def test_the_status_names_what_was_delivered(site: Site) -> None:
    site.bring()
    with State(site.home.database) as state:
        status = read_status(site.home, site.config, state)
    assert status_to_json(status, site.clock())["deliveries"] == [
        {
            "place": "ds_agent",
            "source": "dsa",
            "file": f"{site.agent}/a.zip",
            "target": "dsa/a.zip",
            "length": len(ONE),
            "sha256": hashlib.sha256(ONE).hexdigest(),
            "generation": 1,
            "state": "placed",
            "placed_at": "2026-09-01T13:00:00Z",
            "remove_at": None,
        }
    ]
    assert (
        f"place ds_agent  {site.agent}/a.zip (delivered 2026-09-01T13:00:00Z, generation 1)"
        in status_to_text(status, site.clock()).splitlines()
    )


def test_the_status_says_when_a_file_will_be_removed(site: Site) -> None:
    site.places = (DeliveryConfig("ds_agent", site.agent, hold_days=7),)
    site.bring()
    with State(site.home.database) as state:
        status = read_status(site.home, site.config, state)
    assert status_to_json(status, site.clock())["deliveries"][0]["remove_at"] == "2026-09-08T13:00:00Z"
    assert "generation 1, until 2026-09-08T13:00:00Z)" in status_to_text(status, site.clock())


def test_the_status_says_what_is_wrong_and_what_to_write(site: Site) -> None:
    site.places = ()
    site.bring()
    with State(site.home.database) as state:
        status = read_status(site.home, site.config, state)
    problem = status_to_json(status, site.clock())["delivery_problems"][0]
    assert (problem["code"], problem["since"]) == ("delivery.undefined", "2026-09-01T13:00:00Z")
    lines = [line.strip() for line in status_to_text(status, site.clock()).splitlines()]
    assert 'name = "ds_agent"' in lines
    assert any(line.startswith("place ds_agent") and "NOT DELIVERED delivery.undefined" in line for line in lines)


def test_deliveries_are_made_while_another_process_imports(site: Site) -> None:
    site.places = ()
    site.bring()
    site.places = (DeliveryConfig("ds_agent", site.agent),)
    with site.home.lock():
        assert kinds(site.again()) == ["delivered"]


def test_two_processes_never_look_after_deliveries_at_once(site: Site) -> None:
    with exclusive_lock(site.home.path / "deliveries.lock"), pytest.raises(LockedError):
        site.again()


def test_a_ring_that_is_moved_during_a_run_is_seen_to_by_that_run(site: Site) -> None:
    """Who moved it found the deliveries locked, and left them to the run that is under way."""
    site.bring(a=ONE)
    site.places = ()
    site.bring(b=TWO)
    site.places = (DeliveryConfig("ds_agent", site.agent),)

    class MovingRing(NoProgress):
        moved = False

        def advance(self, done: int) -> None:
            del done
            if not self.moved:
                self.moved = True
                site.roll_back(1)

    report = carry_out_deliveries(Context(site.home, site.config, site.clock, MovingRing()))
    assert kinds(report) == ["delivered", "delivery-removed", "delivered"]
    assert report.problems == ()
    assert site.delivered() == {"a.zip": ONE}


def test_a_cancelled_run_is_finished_by_the_next(site: Site) -> None:
    site.places = ()
    site.bring()
    site.places = (DeliveryConfig("ds_agent", site.agent),)
    cancel = CancelToken()

    class Cancelling(NoProgress):
        def start(self, step: str, total: int | None = None) -> None:
            del step, total
            cancel.cancel()

    with pytest.raises(CancelledError):
        carry_out_deliveries(Context(site.home, site.config, site.clock, Cancelling(), cancel))
    assert site.states() == {"a.zip": "begun"}
    assert kinds(site.again()) == ["delivered"]
