"""The wake-ups between the threads of inboxes."""

from __future__ import annotations

from pathlib import Path

from relay.inbox.readiness import FileStamp, FirstLook, InboxRules, Likeness, SeenFile
from relay.inbox.turns import Turns

A, B = Path("/a"), Path("/b")


def turns_with_a_ready_file(*inboxes: Path) -> tuple[Turns, list[Path]]:
    turns, woken = Turns(), list[Path]()
    turns.connect({A: lambda: woken.append(A), B: lambda: woken.append(B)})
    with turns.ledger() as ledger:
        for inode, inbox in enumerate(inboxes):
            seen = SeenFile(inbox / "a.zip", FileStamp(1, inode, 100, 1, 1))
            ledger.take_listing(0.0, inbox, InboxRules(), [seen])
        for candidate in ledger.files_to_look_at(10.0):
            ledger.take_look(10.0, candidate, FirstLook(Likeness.WHOLE))
    return turns, woken


def test_who_the_next_import_waits_for_is_woken_and_nobody_wakes_itself() -> None:
    turns, woken = turns_with_a_ready_file(A)
    turns.pass_on(B)
    assert woken == [A]
    turns.pass_on(A)
    assert woken == [A]


def test_everybody_who_has_not_said_what_its_file_claims_is_woken() -> None:
    turns, woken = turns_with_a_ready_file(A, B)
    turns.pass_on(A)
    turns.pass_on(B)
    assert woken == [B, A]


def test_when_nothing_is_ready_nobody_is_woken() -> None:
    turns, woken = turns_with_a_ready_file()
    turns.pass_on(A)
    assert woken == []
    turns.wake_all()
    assert woken == [A, B]
