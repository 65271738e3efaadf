"""Encrypted copies: what goes in comes out, or nothing does."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.disk.blobs import Blob
from manifests.errors import NotAuthenticError, StorageError
from relay.quarantine import encrypted_copy
from relay.quarantine.encrypted_copy import (
    ENCRYPTED_CHUNK_BYTES,
    KEY_BYTES,
    decrypted_chunks,
    encrypt_copy,
    write_new_file,
)

KEY = bytes(range(KEY_BYTES))


def encrypt(tmp_path, data, key=KEY):
    (tmp_path / "plain").write_bytes(data)
    with (tmp_path / "plain").open("rb", buffering=0) as source:
        source.read(1)  # it is read from its beginning all the same
        return encrypt_copy(key, source, tmp_path / "copy")


@pytest.mark.parametrize("length", [0, 1, ENCRYPTED_CHUNK_BYTES - 1, ENCRYPTED_CHUNK_BYTES, ENCRYPTED_CHUNK_BYTES + 1])
def test_an_encrypted_copy_is_as_long_as_its_header_its_content_and_its_tags(tmp_path, length):
    data = os.urandom(length)
    assert encrypt(tmp_path, data) == Blob(hashlib.sha256(data).hexdigest(), length)
    chunks = max(-(-length // ENCRYPTED_CHUNK_BYTES), 1)
    assert (tmp_path / "copy").stat().st_size == 24 + length + 16 * chunks
    assert b"".join(decrypted_chunks(KEY, tmp_path / "copy")) == data


def test_without_a_path_the_content_is_hashed_and_nothing_is_written(tmp_path):
    (tmp_path / "plain").write_bytes(b"plain")
    with (tmp_path / "plain").open("rb", buffering=0) as source:
        assert encrypt_copy(KEY, source, None) == Blob(hashlib.sha256(b"plain").hexdigest(), 5)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_another_key_opens_nothing(tmp_path):
    encrypt(tmp_path, b"plain")
    with pytest.raises(NotAuthenticError) as caught:
        list(decrypted_chunks(bytes(KEY_BYTES), tmp_path / "copy"))
    assert caught.value.code == "quarantine.damaged"


def test_the_same_content_is_encrypted_otherwise_each_time(tmp_path):
    encrypt(tmp_path, b"plain")
    first = (tmp_path / "copy").read_bytes()
    (tmp_path / "copy").unlink()
    encrypt(tmp_path, b"plain")
    assert (tmp_path / "copy").read_bytes()[8:24] != first[8:24]


@settings(max_examples=40, deadline=None)
@given(bit=st.integers(0, 8 * (24 + 300 + 3 * 16) - 1))
def test_no_bit_of_an_encrypted_copy_can_be_changed(tmp_path_factory, bit):
    tmp_path = tmp_path_factory.mktemp("copy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encrypted_copy, "ENCRYPTED_CHUNK_BYTES", 100)
        encrypt(tmp_path, bytes(300))
        data = bytearray((tmp_path / "copy").read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / "copy").write_bytes(data)
        with pytest.raises(NotAuthenticError):
            list(decrypted_chunks(KEY, tmp_path / "copy"))


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "mine", [b"yours"])
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_an_encrypted_copy_that_is_gone_is_an_error_of_storage(tmp_path):
    with pytest.raises(StorageError):
        list(decrypted_chunks(KEY, tmp_path / "gone"))
