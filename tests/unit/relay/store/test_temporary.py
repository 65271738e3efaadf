"""What interrupted repairs leave in the temporary directory goes; nothing else does."""

import pytest

from manifests.errors import StorageError
from relay.store.temporary import create_repair_directory, remove_repair_directories


def test_directories_of_repairs_go_and_everything_else_stays(tmp_path):
    first, second = create_repair_directory(tmp_path), create_repair_directory(tmp_path)
    assert first != second
    (first / "bundle.zip").write_bytes(b"half")
    (tmp_path / "parts-1").write_bytes(b"part")
    remove_repair_directories(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["parts-1"]


def test_a_directory_that_cannot_be_made_is_an_error_of_storage(tmp_path):
    with pytest.raises(StorageError):
        create_repair_directory(tmp_path / "gone")
