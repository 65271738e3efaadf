"""What an authority of ours may sign, and what a server's certificate is for."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from manifests.errors import ConfigurationError
from relay.server.certificates import alternative_names, general_names, generate_key, make_authority, make_leaf

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def authority(*names, days=100):
    key = generate_key()
    return make_authority(key, general_names(names), NOW, NOW + days * DAY), key


def permitted(certificate):
    names = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    return [str(name.value) for name in names]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Relay.Site", x509.DNSName("relay.site")),
        ("_tcp.a-b", x509.DNSName("_tcp.a-b")),
        ("10.1.2.3", x509.IPAddress(ipaddress.ip_address("10.1.2.3"))),
        ("::1", x509.IPAddress(ipaddress.ip_address("::1"))),
    ],
)
def test_a_name_is_a_host_or_an_address(name, read):
    assert general_names([name]) == (read,)


@pytest.mark.parametrize(
    "names", [(), ("",), ("a b",), ("-a",), ("a-",), ("a..b",), ("a.",), ("*.a",), ("a" * 64,), (".".join("ab" * 80),)]
)
def test_what_is_neither_is_refused(names):
    with pytest.raises(ConfigurationError) as caught:
        general_names(names)
    assert caught.value.code == "tls.name"


@pytest.mark.parametrize(
    ("names", "hosts", "addresses"),
    [
        (("a.site", "10.0.0.1"), ["a.site"], []),
        (("203.0.113.7",), ["localhost"], ["203.0.113.7/32"]),
        (("b.site", "2001:db8::7"), ["b.site"], ["2001:db8::7/128"]),
    ],
)
def test_an_authority_is_for_its_names_and_private_networks_and_never_for_every_name(names, hosts, addresses):
    found = permitted(authority(*names)[0])
    assert found[: len(hosts)] == hosts
    assert {"127.0.0.0/8", "10.0.0.0/8", "::1/128"} <= set(found)
    assert found[len(hosts) + 8 :] == addresses


def test_a_leaf_stays_within_the_days_of_its_authority():
    ca = authority("a.site", days=10)
    leaf = make_leaf(generate_key(), general_names(["a.site"]), ca, NOW - 5 * DAY, NOW + 99 * DAY)
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (NOW, NOW + 10 * DAY)
    leaf.verify_directly_issued_by(ca[0])


def test_the_names_of_a_certificate_come_in_their_order_and_an_authority_has_none():
    ca = authority("a.site")
    names = general_names(["b.site", "10.0.0.1", "a.site"])
    leaf = make_leaf(generate_key(), names, ca, NOW, NOW + DAY)
    assert alternative_names(leaf) == names
    assert alternative_names(ca[0]) == ()


def test_no_two_keys_or_serial_numbers_are_one():
    ca, names = authority("a.site"), general_names(["a.site"])
    one, other = (make_leaf(generate_key(), names, ca, NOW, NOW + DAY) for _ in range(2))
    assert one.public_key() != other.public_key()
    assert one.serial_number != other.serial_number
