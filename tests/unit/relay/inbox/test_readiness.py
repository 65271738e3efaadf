"""The ledger of the inboxes, driven by instants that the tests choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from relay.inbox.readiness import (
    FAILURES_BEFORE_GIVING_WAY,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Candidate,
    FileStamp,
    FirstLook,
    ImportEnding,
    InboxRules,
    Ledger,
    Likeness,
    Phase,
    SeenFile,
)

INBOX = Path("/inbox")
RULES = InboxRules(settle_seconds=2.0, rescan_seconds=10.0, patience_seconds=600.0, gather_seconds=60.0)
WHOLE = FirstLook(Likeness.WHOLE)
PARTIAL = FirstLook(Likeness.PARTIAL, "its end is missing")


def stamp(size: int = 100, *, mtime_ns: int = 1_000_000_123, inode: int = 7) -> FileStamp:
    return FileStamp(device=1, inode=inode, size=size, mtime_ns=mtime_ns, ctime_ns=mtime_ns)


def see(ledger: Ledger, now: float, inbox: Path = INBOX, rules: InboxRules = RULES, **stamps: FileStamp) -> None:
    ledger.take_listing(
        now, inbox, rules, [SeenFile(inbox / name.replace("_", "."), value) for name, value in stamps.items()]
    )


def names(candidates: tuple[Candidate, ...]) -> list[str]:
    return [candidate.path.name for candidate in candidates]


def resting(ledger: Ledger) -> list[Candidate]:
    return [candidate for candidate in ledger if candidate.phase in {Phase.WAITING, Phase.BLOCKED}]


def find(ledger: Ledger, name: str) -> Candidate:
    return next(candidate for candidate in ledger if candidate.path.name == name)


def look_at_all(ledger: Ledger, now: float, look: FirstLook = WHOLE) -> None:
    for candidate in ledger.files_to_look_at(now):
        ledger.take_look(now, candidate, look)


def claim_all(ledger: Ledger, **claims: tuple[int, int] | None) -> None:
    for candidate in ledger.files_to_order():
        ledger.take_claimed_version(candidate, claims[candidate.path.name.replace(".", "_")])


def next_name(ledger: Ledger, now: float) -> str | None:
    candidate = ledger.next_import(now)
    return None if candidate is None else candidate.path.name


def test_a_file_is_not_opened_before_it_stood_still_for_the_settle_time() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    assert ledger.next_due(0.0) == 2.0
    assert names(ledger.files_to_look_at(1.9)) == []
    assert names(ledger.files_to_look_at(2.0)) == ["a.zip"]


def test_every_change_of_the_stamp_starts_the_settle_time_again() -> None:
    ledger = Ledger()
    for second in range(50):
        see(ledger, float(second), a_zip=stamp(size=second))
        assert names(ledger.files_to_look_at(float(second))) == []
    assert names(ledger.files_to_look_at(51.0)) == ["a.zip"]


def test_a_change_of_anything_in_the_stamp_counts() -> None:
    base = stamp()
    for field in ("device", "inode", "size", "mtime_ns", "ctime_ns"):
        ledger = Ledger()
        see(ledger, 0.0, a_zip=base)
        see(ledger, 1.9, a_zip=replace(base, **{field: getattr(base, field) + 1}))
        assert names(ledger.files_to_look_at(3.8)) == [], field


def test_a_file_system_with_times_in_whole_seconds_is_given_two_more() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(mtime_ns=4_000_000_000))
    assert names(ledger.files_to_look_at(3.9)) == []
    assert names(ledger.files_to_look_at(4.0)) == ["a.zip"]


def test_a_whole_file_is_imported_once() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 2.0)
    candidate = ledger.next_import(2.0)
    assert candidate is not None
    ledger.take_ending(3.0, candidate, ImportEnding.IMPORTED)
    for now in (3.0, 13.0, 10_000.0):
        see(ledger, now, a_zip=stamp())
        assert ledger.files_to_look_at(now) == ()
        assert ledger.next_import(now) is None
    assert ledger.next_due(10_000.0) is None


def test_a_kept_file_that_is_replaced_is_imported_again() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 2.0)
    ledger.take_ending(3.0, ledger.next_import(2.0) or find(ledger, "a.zip"), ImportEnding.IMPORTED)
    see(ledger, 10.0, a_zip=stamp(inode=8))
    look_at_all(ledger, 12.0)
    assert next_name(ledger, 12.0) == "a.zip"


def test_a_copy_that_stalls_for_a_minute_waits_with_its_reason_and_is_imported_when_it_goes_on() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(size=50))
    look_at_all(ledger, 2.0, PARTIAL)
    now = 2.0
    while now < 62.0:
        now = ledger.next_due(now) or 0.0
        see(ledger, now, a_zip=stamp(size=50))
        look_at_all(ledger, now, PARTIAL)
        assert next_name(ledger, now) is None
        assert [(c.path.name, c.reason) for c in resting(ledger)] == [("a.zip", "its end is missing")]
    see(ledger, now + 1, a_zip=stamp(size=100))
    look_at_all(ledger, now + 3)
    assert next_name(ledger, now + 3) == "a.zip"


def test_a_file_whose_end_stays_missing_is_handed_over_to_be_refused_when_patience_ends() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 599.9, PARTIAL)
    assert next_name(ledger, 599.9) is None
    look_at_all(ledger, 609.9, PARTIAL)
    assert next_name(ledger, 609.9) == "a.zip"


def test_a_partial_file_that_another_program_has_open_is_never_refused() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    for now in (2.0, 700.0, 100_000.0):
        look_at_all(ledger, now, FirstLook(Likeness.PARTIAL, "open", busy=True))
        assert next_name(ledger, now) is None


def test_a_whole_file_that_another_program_has_open_waits_until_it_is_closed_or_patience_ends() -> None:
    busy = FirstLook(Likeness.WHOLE, "open", busy=True)
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(), b_zip=stamp(inode=8))
    look_at_all(ledger, 2.0, busy)
    assert next_name(ledger, 2.0) is None
    ledger.take_look(12.0, find(ledger, "a.zip"), WHOLE)
    assert next_name(ledger, 12.0) == "a.zip"
    ledger.take_look(600.0, find(ledger, "b.zip"), busy)
    assert find(ledger, "b.zip").phase is Phase.READY


def test_an_unreadable_file_is_looked_at_again_and_never_refused() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 1000.0, FirstLook(Likeness.UNREADABLE, "permission"))
    assert next_name(ledger, 1000.0) is None
    assert names(ledger.files_to_look_at(1010.0)) == ["a.zip"]


def test_a_foreign_file_is_left_alone_until_it_changes() -> None:
    ledger = Ledger()
    see(ledger, 0.0, notes_txt=stamp())
    look_at_all(ledger, 2.0, FirstLook(Likeness.FOREIGN, "it is not a bundle"))
    assert ledger.files_to_look_at(10_000.0) == ()
    assert next_name(ledger, 10_000.0) is None
    see(ledger, 10_000.0, notes_txt=stamp(size=1))
    assert names(ledger.files_to_look_at(10_002.0)) == ["notes.txt"]


def test_a_look_at_a_file_that_changed_meanwhile_counts_for_nothing() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    (candidate,) = ledger.files_to_look_at(2.0)
    see(ledger, 2.0, a_zip=stamp(size=200))
    ledger.take_look(2.0, candidate, WHOLE)
    assert find(ledger, "a.zip").phase is Phase.MOVING
    (candidate,) = ledger.files_to_look_at(4.0)
    ledger.take_look(4.0, candidate, None)
    assert names(ledger.files_to_look_at(5.9)) == []
    assert names(ledger.files_to_look_at(6.0)) == ["a.zip"]


def test_bundles_that_lie_there_together_are_imported_oldest_claim_first_and_unreadable_ones_last() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(), b_zip=stamp(inode=8), c_zip=stamp(inode=9), d_zip=stamp(inode=10))
    look_at_all(ledger, 2.0)
    claim_all(ledger, a_zip=(12, 1), b_zip=None, c_zip=(9, 2), d_zip=(9, 1))
    order = []
    while (candidate := ledger.next_import(2.0)) is not None:
        order.append(candidate.path.name)
        ledger.take_ending(2.0, candidate, ImportEnding.IMPORTED)
    assert order == ["d.zip", "c.zip", "a.zip", "b.zip"]


def test_a_lone_file_is_not_read_for_an_order() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 2.0)
    assert ledger.files_to_order() == ()
    assert next_name(ledger, 2.0) == "a.zip"


def test_a_ready_file_waits_for_others_that_still_move_but_not_for_ever() -> None:
    ledger = Ledger()
    see(ledger, 0.0, new_zip=stamp())
    look_at_all(ledger, 2.0)
    for second in range(2, 62):
        see(ledger, float(second), new_zip=stamp(), old_zip=stamp(size=second, inode=8))
        assert next_name(ledger, float(second)) is None
        assert ledger.next_due(float(second)) is not None
    assert next_name(ledger, 62.0) == "new.zip"


def test_nobody_waits_for_a_moving_file_with_another_name_or_for_one_that_stalls() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(), b_zip=stamp(inode=8))
    first, second = ledger.files_to_look_at(2.0)
    ledger.take_look(2.0, first, WHOLE)
    ledger.take_look(2.0, second, PARTIAL)
    see(ledger, 2.0, a_zip=stamp(), b_zip=stamp(inode=8), access_log=stamp(inode=9))
    assert next_name(ledger, 2.0) == "a.zip"


def test_a_transient_failure_pauses_with_a_growing_bounded_pause_and_then_goes_on_in_order() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(), b_zip=stamp(inode=8))
    look_at_all(ledger, 2.0)
    claim_all(ledger, a_zip=(1, 1), b_zip=(2, 1))
    now, pauses = 2.0, []
    for _ in range(12):
        candidate = ledger.next_import(now)
        assert candidate is not None
        assert candidate.path.name == "a.zip"
        ledger.take_ending(now, candidate, ImportEnding.LOCKED, "locked")
        assert ledger.next_import(now) is None
        later = ledger.next_due(now)
        assert later is not None
        pauses.append(later - now)
        now = later
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert next_name(ledger, now) == "a.zip"


def test_a_file_that_fails_again_and_again_lets_younger_ones_go_first() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp(), b_zip=stamp(inode=8))
    look_at_all(ledger, 2.0)
    claim_all(ledger, a_zip=(1, 1), b_zip=(2, 1))
    now, order = 2.0, []
    for _ in range(FAILURES_BEFORE_GIVING_WAY + 1):
        now = ledger.next_due(now) or now
        candidate = ledger.next_import(now)
        assert candidate is not None
        order.append(candidate.path.name)
        ledger.take_ending(now, candidate, ImportEnding.FAILED, "worn stick")
    assert order == ["a.zip"] * FAILURES_BEFORE_GIVING_WAY + ["b.zip"]


def test_a_bundle_without_its_base_is_left_and_tried_again_when_something_else_was_imported() -> None:
    ledger = Ledger()
    see(ledger, 0.0, late_zip=stamp())
    look_at_all(ledger, 2.0)
    candidate = ledger.next_import(2.0)
    assert candidate is not None
    ledger.take_ending(2.0, candidate, ImportEnding.INCOMPLETE, "it lacks generation 3")
    assert next_name(ledger, 100.0) is None
    assert [(c.path.name, c.reason) for c in resting(ledger)] == [("late.zip", "it lacks generation 3")]
    see(ledger, 100.0, late_zip=stamp(), base_zip=stamp(inode=8))
    look_at_all(ledger, 102.0)
    base = ledger.next_import(102.0)
    assert base is not None
    assert base.path.name == "base.zip"
    ledger.take_ending(103.0, base, ImportEnding.IMPORTED)
    assert next_name(ledger, 103.0) == "late.zip"


def test_a_bundle_without_its_base_is_tried_again_when_another_process_imported_and_after_patience() -> None:
    for wake in (lambda ledger: ledger.retry_blocked(), lambda ledger: ledger.retry_due(602.0)):
        ledger = Ledger()
        see(ledger, 0.0, late_zip=stamp())
        look_at_all(ledger, 2.0)
        ledger.take_ending(2.0, find(ledger, "late.zip"), ImportEnding.INCOMPLETE, "base")
        ledger.retry_due(601.9)
        assert next_name(ledger, 601.9) is None
        wake(ledger)
        assert next_name(ledger, 602.0) == "late.zip"


def test_a_refused_file_that_stays_is_not_tried_again() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 2.0)
    ledger.take_ending(2.0, find(ledger, "a.zip"), ImportEnding.REFUSED, "signature")
    see(ledger, 5000.0, a_zip=stamp())
    assert next_name(ledger, 5000.0) is None
    assert find(ledger, "a.zip").reason == "signature"


def test_a_file_that_is_gone_is_forgotten_and_files_of_other_inboxes_are_not() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    see(ledger, 0.0, inbox=Path("/stick"), b_zip=stamp())
    see(ledger, 1.0)
    assert [candidate.path for candidate in ledger] == [Path("/stick/b.zip")]


@given(st.lists(st.tuples(st.floats(0.01, 30.0), st.integers(0, 3)), min_size=1, max_size=60))
def test_no_history_of_a_copy_gets_it_opened_while_it_moved_within_the_settle_time(
    steps: list[tuple[float, int]],
) -> None:
    ledger, now, size, changed_at = Ledger(), 0.0, 0, 0.0
    see(ledger, now, a_zip=stamp(size=size))
    for wait, growth in steps:
        now += wait
        if growth:
            size, changed_at = size + growth, now
        see(ledger, now, a_zip=stamp(size=size))
        if ledger.files_to_look_at(now):
            assert now - changed_at >= RULES.settle_seconds
        else:
            assert now - changed_at < RULES.settle_seconds + 1e-9


@given(st.permutations(list(range(1, 21))))
def test_twenty_at_once_end_in_order_whatever_their_names(versions: list[int]) -> None:
    ledger = Ledger()
    ledger.take_listing(0.0, INBOX, RULES, [SeenFile(INBOX / f"{i:02}.zip", stamp(inode=i)) for i in range(20)])
    look_at_all(ledger, 2.0)
    for candidate in ledger.files_to_order():
        ledger.take_claimed_version(candidate, (versions[int(candidate.path.stem)], 1))
    imported = []
    while (candidate := ledger.next_import(2.0)) is not None:
        imported.append(candidate.claimed_version)
        ledger.take_ending(2.0, candidate, ImportEnding.IMPORTED)
    assert imported == [(version, 1) for version in range(1, 21)]


def test_a_bundle_waits_for_recovery_data_that_is_still_being_copied() -> None:
    ledger = Ledger()
    see(ledger, 0, a_zip=stamp())
    see(ledger, 2, a_zip=stamp(), a_zip_par2=stamp(50, inode=8))
    look_at_all(ledger, 2)
    assert ledger.next_import(2) is None
    assert find(ledger, "a.zip.par2").phase is Phase.MOVING
    look_at_all(ledger, 4, FirstLook(Likeness.FOREIGN, "it is not a bundle"))
    assert ledger.next_import(4) == find(ledger, "a.zip")


def test_a_damaged_bundle_is_tried_again_once_recovery_data_of_its_name_has_come() -> None:
    ledger = Ledger()
    see(ledger, 0, a_zip=stamp())
    look_at_all(ledger, 2)
    ledger.take_ending(3, find(ledger, "a.zip"), ImportEnding.INCOMPLETE)
    for name, comes, phase in (("B.ZIP.PAR2", 10, Phase.BLOCKED), ("A.ZIP.PAR2", 20, Phase.READY)):
        see(ledger, comes, a_zip=stamp(), **{name.replace(".", "_"): stamp(50, inode=8)})
        look_at_all(ledger, comes + 2, FirstLook(Likeness.FOREIGN, "it is not a bundle"))
        assert find(ledger, "a.zip").phase is phase


def test_an_end_that_is_missing_although_recovery_data_is_here_is_waited_for_a_minute_only() -> None:
    ledger = Ledger()
    see(ledger, 0, a_zip=stamp(), b_zip=stamp(inode=9), a_zip_par2=stamp(50, inode=8))
    for now in range(2, 80, 10):
        for candidate in ledger.files_to_look_at(now):
            foreign = FirstLook(Likeness.FOREIGN, "it is not a bundle")
            ledger.take_look(now, candidate, foreign if candidate.named_as_side_file else PARTIAL)
        assert find(ledger, "b.zip").phase is Phase.WAITING
        assert find(ledger, "a.zip").phase is (Phase.READY if now >= 60 else Phase.WAITING)


STICK = Path("/stick")


def two_inboxes() -> Ledger:
    """Return a ledger with a newer bundle in one inbox and an older one in another, both ready."""
    ledger = Ledger()
    see(ledger, 0.0, new_zip=stamp())
    see(ledger, 0.0, inbox=STICK, old_zip=stamp(inode=8))
    look_at_all(ledger, 2.0)
    return ledger


def test_of_several_inboxes_the_oldest_bundle_comes_first_and_one_at_a_time() -> None:
    ledger = two_inboxes()
    assert ledger.inboxes_to_act() == {INBOX, STICK}
    assert ledger.begin_import(2.0, INBOX) is None, "nobody knows yet which one is older"
    claim_all(ledger, new_zip=(9, 1), old_zip=(8, 1))
    assert ledger.inboxes_to_act() == {STICK}
    assert ledger.begin_import(2.0, INBOX) is None
    assert (ledger.next_due(2.0, INBOX), ledger.next_due(2.0, STICK)) == (None, 2.0)
    old = ledger.begin_import(2.0, STICK)
    assert old is not None
    assert ledger.begin_import(2.0, STICK) is None
    assert (ledger.is_importing, ledger.inboxes_to_act()) == (True, frozenset())
    ledger.take_ending(3.0, old, ImportEnding.IMPORTED)
    new = ledger.begin_import(3.0, INBOX)
    assert new is not None
    assert new.path.name == "new.zip"


def test_nobody_waits_for_the_files_of_an_inbox_that_does_not_answer() -> None:
    ledger = two_inboxes()
    see(ledger, 2.0, inbox=STICK, old_zip=stamp(inode=8), moving_zip=stamp(inode=9))
    ledger.leave_out([STICK])
    assert ledger.begin_import(2.0, INBOX) == find(ledger, "new.zip")
    ledger.abandon_import()
    ledger.leave_out([])
    assert ledger.begin_import(2.0, INBOX) is None


def test_an_import_that_was_given_up_leaves_its_file_ready() -> None:
    ledger = Ledger()
    see(ledger, 0.0, a_zip=stamp())
    look_at_all(ledger, 2.0)
    assert ledger.begin_import(2.0, INBOX) == find(ledger, "a.zip")
    ledger.abandon_import()
    assert ledger.begin_import(2.0, INBOX) == find(ledger, "a.zip")
