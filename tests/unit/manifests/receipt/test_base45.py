"""Base45 as its RFC has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.receipt import (
    base45,
)


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_is_that_of_its_rfc(data, text):
    assert base45.encode_base45(data) == text
    assert base45.decode_base45(text) == data


@pytest.mark.parametrize("text", ["GGW", "::", ":::", "0", "AB8B", "bb8", "B\u00c48"])
def test_what_no_bytes_are_written_as_is_no_base45(text):
    with pytest.raises(ValueError, match="base45"):
        base45.decode_base45(text)


@given(st.binary(max_size=200))
def test_base45_comes_back(data):
    assert base45.decode_base45(base45.encode_base45(data)) == data
