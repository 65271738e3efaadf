"""What a source finds on its workbench of the pull before."""

from __future__ import annotations

import pytest

from bundler.sources.base import CheckedTarget, Pull, PulledTarget, TargetState, state_of
from manifests.disk.blobs import Blob
from manifests.errors import RollbackError, StorageError
from tests.support.benches import Bench

GONE = PulledTarget("gone", Blob("0" * 64, 3))


def pulled_before(bench: Bench) -> Pull:
    with bench.workbench() as work:
        here = PulledTarget("here", work.batch.add([b"content"]))
    return Pull((GONE, here), "", memo={"table": {"a": 1}, "word": "x"}, floor={"db": (7, 2)})


def test_a_target_of_the_last_pull_is_remembered_while_its_content_is_here(bench: Bench) -> None:
    before = pulled_before(bench)
    with bench.workbench(before) as work:
        assert work.remembered("here") == before.targets[1].blob
        assert [work.remembered(path) for path in ("gone", "never")] == [None, None]
    with bench.workbench() as work:
        assert work.remembered("here") is None


@pytest.mark.parametrize(("key", "table"), [("table", {"a": 1}), ("word", {}), ("none", {})])
def test_a_memo_that_is_no_table_is_empty(bench: Bench, key: str, table: dict[str, int]) -> None:
    with bench.workbench(pulled_before(bench)) as work:
        assert work.memo(key) == table
    with bench.workbench() as work:
        assert work.memo(key) == {}


def test_what_cannot_be_known_is_as_last_time(bench: Bench) -> None:
    with bench.workbench(pulled_before(bench)) as work:
        assert work.targets_as_last_time() == (
            CheckedTarget("gone", 3, TargetState.AS_LAST_TIME),
            CheckedTarget("here", 7, TargetState.AS_LAST_TIME),
        )
    with bench.workbench() as work:
        assert work.targets_as_last_time() == ()


@pytest.mark.parametrize(
    ("new", "allowed", "refused"),
    [((7, 2), False, False), ((7, 1), False, True), ((7, 1), True, False)],
)
def test_a_version_below_the_floor_is_refused_unless_it_is_allowed(
    bench: Bench, new: tuple[int, ...], allowed: bool, refused: bool
) -> None:
    with bench.workbench(pulled_before(bench), allow_older=allowed) as work:
        work.check_not_older("s", "another", (0,))
        if refused:
            with pytest.raises(RollbackError) as caught:
                work.check_not_older("s", "db", new)
            assert caught.value.code == "source.older"
        else:
            work.check_not_older("s", "db", new)


def test_content_that_is_gone_is_an_error_of_storage(bench: Bench) -> None:
    with bench.workbench() as work:
        for look in (lambda: list(work.read(GONE.blob)), lambda: work.open(GONE.blob)):
            with pytest.raises(StorageError) as caught:
                look()
            assert caught.value.code == "storage.io"


def test_only_what_is_surely_something_else_is_new() -> None:
    assert {state for state in TargetState if state.is_new} == {
        TargetState.TO_FETCH,
        TargetState.TO_READ,
        TargetState.TO_EXPORT,
    }
    assert state_of(unchanged=True, otherwise=TargetState.TO_READ) is TargetState.UNCHANGED
    assert state_of(unchanged=False) is TargetState.TO_FETCH
    assert state_of(unchanged=False, otherwise=TargetState.TO_READ) is TargetState.TO_READ


def test_content_of_the_batch_and_of_the_store_is_read_alike(bench: Bench) -> None:
    with bench.workbench() as work:
        old = work.batch.add([b"old"])
    with bench.workbench() as work:
        new = work.batch.add([b"new one"])
        assert [b"".join(work.read(blob)) for blob in (old, new)] == [b"old", b"new one"]
        with work.open(new) as file:
            file.seek(4)
            assert file.read() == b"one"
