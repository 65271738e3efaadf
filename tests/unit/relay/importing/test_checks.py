"""What must hold before a believed bundle is taken in, and which damage counts."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from manifests.errors import DamagedContainerError, IncompleteError, NotAuthenticError, StorageError
from relay.importing.checks import (
    check_bases,
    check_roots,
    check_space,
    choose_damage,
    digest_manifest,
    was_stored_before,
)
from relay.importing.content import ContentIntake, TakenContent
from relay.importing.damaged import MemberDamage
from tests.support.relay_homes import import_bundle, make_config

FIRST, SECOND = NotAuthenticError("blob.digest", "First"), NotAuthenticError("blob.digest", "Second")
BROKEN = DamagedContainerError("zip.end", "Its end is missing")


def taken(*damage):
    return TakenContent(0, 0, tuple(MemberDamage("m", error, needed) for error, needed in damage), {})


@pytest.mark.parametrize(
    ("what", "broken", "begun", "counts"),
    [
        (taken(), None, False, None),
        (taken((FIRST, True)), BROKEN, False, BROKEN),
        (taken((FIRST, False), (SECOND, True)), None, False, FIRST),
        (taken((FIRST, False), (SECOND, True)), None, True, SECOND),
        (taken((FIRST, False)), None, True, None),
    ],
)
def test_damage_to_what_was_here_is_let_pass_once_the_generation_has_begun(what, broken, begun, counts):
    assert choose_damage(what, broken, begun=begun) is counts


def test_a_bundle_is_known_by_its_manifest_and_only_when_it_was_whole(site, publisher, believed, tmp_path):
    with believed(publisher.seal(tmp_path / "1.zip")) as (bundle, state):
        digest = digest_manifest(bundle)
        assert digest == hashlib.sha256(bundle.manifest_bytes).hexdigest()
        for whole, before in ((False, False), (True, True)):
            with state.transaction():
                state.arriving.add_bundle(bundle.manifest, digest, "1.zip", site.clock(), whole=whole)
            assert was_stored_before(bundle, state) is before
        assert not was_stored_before(replace(bundle, manifest_bytes=b"another"), state)


def test_another_root_than_the_trusted_one_of_its_number_is_refused(publisher, believed, tmp_path):
    with believed(publisher.seal(tmp_path / "1.zip")) as (bundle, state):
        check_roots(bundle, state)
        check_roots(replace(bundle, documents=()), state)
        with pytest.raises(NotAuthenticError) as caught:
            check_roots(replace(bundle, documents=(("tuf/1.root.json", b"{}"),)), state)
    assert (caught.value.code, "1.root.json" in caught.value.what) == ("bundle.root", True)


def test_what_an_increment_takes_for_held_must_be_here(site, publisher, believed, tmp_path):
    publisher.seal(tmp_path / "1.zip")
    publisher.files["rules/c"] = b"new"
    with believed(publisher.seal(tmp_path / "2.zip", since=1)) as (bundle, state):
        intake = ContentIntake(site, bundle, {})
        with pytest.raises(IncompleteError) as caught:
            check_bases(bundle, intake, intake.list_missing(), state, site.home)
    error = caught.value
    assert (error.code, error.have) == ("base.missing", "no generation yet, 1 of 3 files")
    assert error.need == "2 files, 1,440 bytes, as in generation 1"
    assert (error.generation, error.details["missing"]) == (2, 2)


def test_an_increment_on_what_is_here_passes(site, publisher, believed, tmp_path):
    import_bundle(site.home, publisher.seal(tmp_path / "1.zip"), site.clock)
    publisher.files["rules/c"] = b"new"
    with believed(publisher.seal(tmp_path / "2.zip", since=1)) as (bundle, state):
        intake = ContentIntake(site, bundle, {})
        assert [target.path for target in intake.list_missing()] == ["rules/c"]
        check_bases(bundle, intake, intake.list_missing(), state, site.home)


def test_a_disk_that_cannot_hold_it_is_said_before_anything_is_written(site, publisher, believed, tmp_path):
    with believed(publisher.seal(tmp_path / "1.zip")) as (bundle, _):
        intake = ContentIntake(site, bundle, {})
        check_space(bundle, intake, site.home, site.config)
        with pytest.raises(StorageError) as caught:
            check_space(bundle, intake, site.home, make_config(site.home, reserve_bytes=2**60))
    needed = 1_440 + 8 * len(bundle.manifest_bytes) + 2**60
    assert caught.value.code == "storage.space"
    assert (caught.value.need or "").startswith(f"{needed:,} bytes")
    assert list(site.home.store.temporary.iterdir()) == []
