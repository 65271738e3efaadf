"""What to write into ``relay.toml``, and who is told."""

import tomllib
from pathlib import Path

from relay.deliveries import suggest_place
from relay.deliveries.advice import table_for_place


def test_a_place_whose_vendor_documents_its_directory_gets_that_one():
    (table,) = tomllib.loads(table_for_place("ds_agent"))["delivery"]
    assert table == {"name": "ds_agent", "directory": "/opt/ds_agent", "include": ["*.zip"], "hold_days": 7}


def test_any_other_place_gets_a_directory_to_be_corrected():
    (table,) = tomllib.loads(table_for_place("mine"))["delivery"]
    assert table == {"name": "mine", "directory": "/path/of/the/directory", "hold_days": 7}


def test_a_place_is_suggested_only_beside_the_vendors_program(tmp_path):
    assert suggest_place(Path("relay.toml"), tmp_path) is None
    (tmp_path / "opt" / "ds_agent").mkdir(parents=True)
    assert "name = 'ds_agent'" in suggest_place(Path("relay.toml"), tmp_path)
