"""Names of keys on tokens."""

from __future__ import annotations

import pytest

from bundler.keys.token_uri import id_text, parse_token_uri
from manifests.errors import ConfigurationError

SHA1 = "00a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"


@pytest.mark.parametrize(
    ("written", "key_id"),
    [
        ("hsm:", "02"),
        ("hsm:0", "00"),
        ("hsm:1", "01"),
        ("hsm:01", "01"),
        ("hsm:0001", "0001"),
        ("hsm:10", "0a"),
        ("hsm:0x10", "10"),
        ("hsm:300", "012c"),
        ("hsm:0a", "0a"),
        ("hsm:AB", "ab"),
        ("hsm:01:ab:cd", "01abcd"),
        (f"hsm:{SHA1}", SHA1),
        (f"hsm:0x{SHA1.upper()}", SHA1),
        ("hsm:1234567890", "1234567890"),
    ],
)
def test_an_id_is_a_number_or_the_bytes_that_pkcs11_tool_prints(written: str, key_id: str) -> None:
    assert parse_token_uri(f"{written}?label=My%20card").key_id.hex() == key_id
    name = parse_token_uri(f"{written}?label=My%20card")
    assert name.label == "My card"
    assert parse_token_uri(name.uri_on("My card")).key_id.hex() == key_id


@pytest.mark.parametrize(
    "written", ["hsm:one", "hsm:0x", "hsm:0xabc", "hsm:-1", "hsm:1 2", "pkcs12:1", "hsm:" + "ab" * 256]
)
def test_what_names_no_key_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_token_uri(written)
    assert caught.value.code == "pkcs11.uri"


@pytest.mark.parametrize(("key_id", "text"), [(b"\x02", "2"), (b"\x0a", "0x0a"), (b"\x00\x01", "0x0001")])
def test_an_id_is_shown_as_it_can_be_typed(key_id: bytes, text: str) -> None:
    assert id_text(key_id) == text
    assert parse_token_uri(f"hsm:{text}").key_id == key_id
