"""What one pass over a believed bundle brings into the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manifests.disk.blobs import Blob
from manifests.errors import DamagedContainerError, IncompleteError
from manifests.progress import CancelledError, CancelToken
from relay.importing.content import ContentIntake
from tests.support.relay_cargo import digest_of
from tests.support.relay_homes import import_bundle

A, B = b"content of a" * 50, b"content of b" * 70
NEW_A = A + b"and a little more"


def stored(store, *contents):
    return [store.has_blob(Blob(digest_of(data), len(data))) for data in contents]


def damaged(path, content):
    """Turn one byte of a member's content."""
    data = bytearray(path.read_bytes())
    data[data.index(content) + 5] ^= 1
    path.write_bytes(data)
    return path


def test_everything_that_is_not_here_is_taken_and_counted(site, publisher, believed, tmp_path):
    with believed(publisher.seal(tmp_path / "1.zip")) as (bundle, _):
        intake = ContentIntake(site, bundle, {})
        assert [target.path for target in intake.list_missing()] == ["rules/a", "rules/b"]
        assert intake.brings_anything()
        assert intake.measure_room() == len(A) + len(B)
        taken = intake.take_content()
        assert (taken.new, taken.bytes_read, taken.damage, taken.parts) == (2, len(A) + len(B), (), {})
        assert stored(site.home.store, A, B) == [True, True]
        assert (intake.list_missing(), intake.brings_anything(), intake.measure_room()) == ((), False, 0)


def test_what_is_here_is_read_for_damage_and_brings_nothing_new(site, publisher, believed, tmp_path):
    path = publisher.seal(tmp_path / "1.zip")
    import_bundle(site.home, path, site.clock)
    with believed(damaged(path, B)) as (bundle, _):
        taken = ContentIntake(site, bundle, {}).take_content()
    (damage,) = taken.damage
    assert (taken.new, damage.member, damage.needed) == (0, f"blobs/{digest_of(B)}", False)
    assert isinstance(damage.error, DamagedContainerError)
    assert stored(site.home.store, A, B) == [True, True]


def test_a_damaged_member_is_left_out_and_the_others_are_taken(site, publisher, believed, tmp_path):
    with believed(damaged(publisher.seal(tmp_path / "1.zip"), A)) as (bundle, _):
        taken = ContentIntake(site, bundle, {}).take_content()
    assert (taken.new, [(damage.member, damage.needed) for damage in taken.damage]) == (
        1,
        [(f"blobs/{digest_of(A)}", True)],
    )
    assert stored(site.home.store, A, B) == [False, True]


def test_all_or_nothing_takes_nothing_of_a_damaged_bundle(site, publisher, believed, tmp_path):
    with believed(damaged(publisher.seal(tmp_path / "1.zip"), B)) as (bundle, _), pytest.raises(DamagedContainerError):
        ContentIntake(site, bundle, {}, all_or_nothing=True).take_content()
    assert stored(site.home.store, A, B) == [False, False]


def test_a_cancelled_pass_takes_nothing(site, publisher, believed, tmp_path):
    cancel = CancelToken()
    cancel.cancel()
    with believed(publisher.seal(tmp_path / "1.zip")) as (bundle, _), pytest.raises(CancelledError):
        ContentIntake(replace(site, cancel=cancel), bundle, {}).take_content()
    assert stored(site.home.store, A, B) == [False, False]
    assert list(site.home.store.temporary.iterdir()) == []


def test_a_patch_makes_its_content_out_of_what_is_here(site, publisher, believed, tmp_path):
    import_bundle(site.home, publisher.seal(tmp_path / "1.zip"), site.clock)
    publisher.files["rules/a"] = NEW_A
    with believed(publisher.seal(tmp_path / "2.zip", since=1, patched={"rules/a": A})) as (bundle, _):
        intake = ContentIntake(site, bundle, {})
        assert intake.lacking_bases() == ()
        assert intake.measure_room() == len(NEW_A) + bundle.manifest.patches[0].patch_length
        assert intake.take_content().new == 1
    assert stored(site.home.store, NEW_A) == [True]


def test_a_patch_whose_base_is_not_here_is_told_before_the_pass(site, publisher, believed, tmp_path):
    publisher.seal(tmp_path / "1.zip")
    publisher.files["rules/a"] = NEW_A
    with believed(publisher.seal(tmp_path / "2.zip", since=1, patched={"rules/a": A})) as (bundle, _):
        intake = ContentIntake(site, bundle, {})
        assert [patch.base_sha256 for patch in intake.lacking_bases()] == [digest_of(A)]


def test_a_patch_on_a_base_that_rotted_asks_for_another_increment(site, publisher, believed, tmp_path):
    import_bundle(site.home, publisher.seal(tmp_path / "1.zip"), site.clock)
    rotten = site.home.store.path(digest_of(A))
    rotten.chmod(0o644)
    rotten.write_bytes(A[::-1])
    publisher.files["rules/a"] = NEW_A
    with believed(publisher.seal(tmp_path / "2.zip", since=1, patched={"rules/a": A})) as (bundle, _):
        intake = ContentIntake(site, bundle, {})
        with pytest.raises(IncompleteError) as caught:
            intake.take_content()
    assert caught.value.code == "base.damaged"
    assert stored(site.home.store, NEW_A) == [False]
    assert list(site.home.store.temporary.iterdir()) == []


def test_parts_are_recorded_until_the_whole_is_here(site, publisher, believed, tmp_path):
    one, two = publisher.seal_volumes(tmp_path, 2, parts={"rules/a": 400})
    with believed(one) as (bundle, _):
        first = ContentIntake(site, bundle, {}).take_content().parts
    assert stored(site.home.store, A) == [False]
    with believed(two) as (bundle, _):
        intake = ContentIntake(site, bundle, first)
        assert intake.lacking_parts() == frozenset()
        assert intake.take_content().parts == {digest_of(A): ()}
    assert stored(site.home.store, A) == [True]


def test_a_part_that_is_taken_for_held_and_is_not_here_is_told(site, publisher, believed, tmp_path):
    publisher.files.pop("rules/a")
    publisher.seal(tmp_path / "1.zip")
    publisher.files["rules/a"] = A
    path = publisher.seal(tmp_path / "2.zip", since=1, parts={"rules/a": 400}, begun=[A[:400]])
    with believed(path) as (bundle, _):
        assert ContentIntake(site, bundle, {}).lacking_parts() == {digest_of(A)}
        assert ContentIntake(site, bundle, {digest_of(A): ((0, 400),)}).lacking_parts() == {digest_of(A)}
