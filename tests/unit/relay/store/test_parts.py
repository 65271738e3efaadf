import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.byte_ranges import gaps_in, merge_ranges
from manifests.disk.blobs import Blob, BlobStore
from manifests.errors import NotAuthenticError
from manifests.manifest import Part
from relay.store.parts import PartAssembly, PartSlot, abandoned_files, assembled_ranges, assembly_path

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: (min(pair), max(pair))))


def numbers(ranges):
    return {number for first, behind in ranges for number in range(first, behind)}


@given(RANGES)
def test_covered_ranges_are_the_same_bytes_and_touch_nowhere(ranges):
    result = merge_ranges(ranges)
    assert numbers(result) == numbers(ranges)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(result))
    assert all(first < behind for first, behind in result)


@given(RANGES, st.integers(0, 40), st.integers(0, 40))
def test_gaps_are_exactly_the_bytes_that_are_not_in(ranges, first, behind):
    assert numbers(gaps_in(merge_ranges(ranges), first, behind)) == set(range(first, behind)) - numbers(ranges)


CONTENT = bytes(range(200))
WHOLE = Blob(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def store(tmp_path):
    store = BlobStore(tmp_path / "blobs", tmp_path / "tmp")
    store.create()
    return store


CUT = [CONTENT[first : first + 50] for first in range(0, 200, 50)]


def parts_of(pieces):
    return {WHOLE.sha256: [Part(hashlib.sha256(piece).hexdigest(), len(piece)) for piece in pieces]}


def put(store, recorded, *ranges, content=CONTENT, pieces=CUT):
    with PartAssembly(store, recorded, parts_of(pieces)) as assembly:
        for first, behind in ranges:
            slot = PartSlot(WHOLE, first, behind)
            assert b"".join(assembly.write_part([slot], [content[first:behind]])) == content[first:behind]
            assembly.mark_filled([slot])
        return assembly.finish_blobs()


def test_parts_in_any_order_and_any_cut_make_the_whole(store):
    recorded = put(store, {}, (150, 200), (0, 20))
    assert recorded == {WHOLE.sha256: ((0, 20), (150, 200))}
    assert assembled_ranges(store, WHOLE, recorded) == ((0, 20), (150, 200))
    recorded = put(store, recorded, (10, 90))
    assert recorded == {WHOLE.sha256: ((0, 90), (150, 200))}
    assert put(store, recorded, (90, 150)) == {WHOLE.sha256: ()}
    assert b"".join(store.read(WHOLE.sha256)) == CONTENT
    assert list(store.temporary.iterdir()) == []


def test_what_is_in_is_never_written_again(store):
    recorded = put(store, {}, (0, 100))
    with PartAssembly(store, recorded, {}) as assembly:
        list(assembly.write_part([PartSlot(WHOLE, 50, 200)], [b"\xff" * 150]))  # damaged, so it is not filled
        assert assembly.unfilled_slots([PartSlot(WHOLE, 0, 100), PartSlot(WHOLE, 50, 200)]) == (
            PartSlot(WHOLE, 50, 200),
        )
        assembly.finish_blobs()
    assert put(store, recorded, (100, 200)) == {WHOLE.sha256: ()}
    assert b"".join(store.read(WHOLE.sha256)) == CONTENT


def test_a_record_without_its_file_counts_for_nothing(store):
    recorded = put(store, {}, (0, 100))
    assembly_path(store, WHOLE.sha256).unlink()
    assert assembled_ranges(store, WHOLE, recorded) == ()
    assert put(store, recorded, (100, 200)) == {WHOLE.sha256: ((100, 200),)}


def test_parts_that_make_another_whole_are_given_up(store):
    recorded = put(store, {}, (0, 100), content=bytes(200))
    with pytest.raises(NotAuthenticError) as caught:
        put(store, recorded, (100, 200), pieces=[bytes(100), CONTENT[100:]])
    assert caught.value.code == "blob.digest"
    assert not store.has_blob(WHOLE)
    assert list(store.temporary.iterdir()) == []


def test_a_part_that_rotted_since_it_came_is_asked_for_again_and_the_others_stay(store):
    recorded = put(store, {}, (0, 150))
    with assembly_path(store, WHOLE.sha256).open("r+b") as file:
        file.seek(60)
        file.write(b"rot")
    recorded = put(store, recorded, (150, 200))
    assert recorded == {WHOLE.sha256: ((0, 50), (100, 200))}
    assert not store.has_blob(WHOLE)
    assert put(store, recorded, (50, 100)) == {WHOLE.sha256: ()}
    assert b"".join(store.read(WHOLE.sha256)) == CONTENT


def test_files_that_nobody_waits_for_are_abandoned_files(store):
    put(store, {}, (0, 100))
    assert list(abandoned_files(store, [WHOLE.sha256])) == []
    assert list(abandoned_files(store, [])) == [assembly_path(store, WHOLE.sha256)]
