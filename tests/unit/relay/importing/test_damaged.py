import errno

import pytest

from manifests.errors import (
    DamagedBundleError,
    DamagedContainerError,
    ExpiredError,
    IncompleteError,
    MalformedError,
    MediumError,
    NotAuthenticError,
    StorageError,
    StoredStateError,
)
from relay.importing import damaged
from relay.importing.damaged import UnreadableError, believe_bundle, may_be_repaired, open_medium, read_content


def failing(error):
    yield b"some"
    raise error


def test_a_medium_that_cannot_be_opened_is_at_fault_and_not_this_machine(tmp_path):
    with pytest.raises(MediumError), open_medium(tmp_path / "gone.zip"):
        pass


@pytest.mark.parametrize(
    "error",
    [MalformedError("zip.crc", "x"), NotAuthenticError("blob.digest", "x"), StorageError("storage.io", "x")],
)
def test_content_that_cannot_be_read_is_told_apart_from_a_failing_store(error):
    chunks = read_content(failing(error))
    assert next(chunks) == b"some"
    with pytest.raises(UnreadableError) as caught:
        next(chunks)
    assert isinstance(caught.value.error, MediumError) == isinstance(error, StorageError)
    assert caught.value.error.code == error.code


@pytest.mark.parametrize(
    ("error", "possible"),
    [
        (MalformedError("zip.gap", "x"), True),
        (NotAuthenticError("tuf.hash.targets", "x"), True),
        (DamagedBundleError("bundle.damaged", "x", generation=3), True),
        (MediumError("storage.io", "x", errno=errno.EIO), True),
        (MediumError("storage.io", "x", errno=errno.ENOENT), False),
        (StorageError("storage.io", "x", errno=errno.EIO), False),
        (IncompleteError("base.missing", "x", generation=3), False),
        (ExpiredError("tuf.expired.root", "x"), False),
    ],
)
def test_recovery_data_can_help_where_the_medium_may_be_at_fault(error, possible):
    assert may_be_repaired(error) is possible


@pytest.mark.parametrize(
    ("error", "front_is_tried"),
    [
        (DamagedContainerError("zip.gap", "x"), True),
        (StorageError("storage.io", "x"), True),
        (StoredStateError("tuf.stored-state", "x"), False),
        (MalformedError("tuf.malformed.root", "x"), False),
        (NotAuthenticError("tuf.signature.root", "x"), False),
    ],
)
def test_the_front_alone_is_tried_when_the_structure_is_damaged_or_the_medium_fails(monkeypatch, error, front_is_tried):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(damaged, "verify_bundle", refuse)
    monkeypatch.setattr(damaged, "verify_bundle_front", lambda *_, **__: "the front")
    if not front_is_tried:
        with pytest.raises(type(error)) as caught:
            believe_bundle(None, None, None, accept_expired=False)
        assert caught.value is error
        return
    bundle, broken = believe_bundle(None, None, None, accept_expired=False)
    assert (bundle, broken.code) == ("the front", error.code)
    assert isinstance(broken, MediumError) == isinstance(error, StorageError)
