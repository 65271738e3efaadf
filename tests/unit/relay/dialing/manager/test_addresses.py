"""Which addresses a relay may dial."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from manifests.errors import ConfigurationError, FetchError
from relay.dialing.manager.addresses import find_private_address, is_private_address


def entry(address: str) -> tuple[Any, ...]:
    return (2, 1, 6, "", (address, 4119))


def test_a_name_is_looked_up_once_and_the_checked_address_is_dialled() -> None:
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[Any]:
        asked.append(f"{host}:{port}")
        return [entry("10.0.0.5"), entry("fd00::5")]

    assert find_private_address("dsm.plant", 4119, lookup) == "10.0.0.5"
    assert asked == ["dsm.plant:4119"]
    assert find_private_address("127.0.0.1", 4119, lookup) == "127.0.0.1"
    assert asked == ["dsm.plant:4119"]


def test_a_name_that_stands_for_one_public_address_too_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_private_address("dsm.plant", 4119, lambda *_: [entry("10.0.0.5"), entry("93.184.216.34")])
    assert (caught.value.code, caught.value.have) == ("manager.address", "93.184.216.34")
    with pytest.raises(ConfigurationError):
        find_private_address("dsm.plant", 4119, lambda *_: [])


def test_a_name_that_is_not_known_is_no_connection() -> None:
    def lookup(*_: object) -> list[Any]:
        raise OSError("Name or service not known")

    with pytest.raises(FetchError) as caught:
        find_private_address("dsm.plant", 4119, lookup)
    assert caught.value.code == "dsm.connect"


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.255.0.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("192.169.1.1", False),
        ("127.0.0.1", True),
        ("::1", True),
        ("fd12::1", True),
        ("fe80::1", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:9.9.9.9", False),
        ("64:ff9b::808:808", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_which_addresses_are_private(address: str, private: bool) -> None:
    assert is_private_address(ip_address(address)) == private
