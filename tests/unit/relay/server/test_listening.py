"""Where the server listens."""

from __future__ import annotations

import socket

import pytest

from manifests.errors import ConfigurationError
from relay.server.listening import addresses_of, close_listeners, open_listeners


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", "::1")),
        ("::1", ("::1", "127.0.0.1")),
        ("localhost", ("127.0.0.1", "::1")),
        ("0.0.0.0", ("0.0.0.0",)),
        ("::", ("::",)),
        ("192.0.2.7", ("192.0.2.7",)),
    ],
)
def test_a_loopback_address_brings_the_other_one_because_clients_of_localhost_try_both(host, expected):
    assert tuple(address for address, _ in addresses_of(host)) == expected


@pytest.mark.parametrize("host", ["relay.site", "", "127.0.0.1:4122", "*", "127.1"])
def test_a_name_is_refused_because_looking_it_up_would_dial_out(host):
    with pytest.raises(ConfigurationError) as caught:
        open_listeners(host, 0, write_timeout_seconds=1)
    assert caught.value.code == "server.host"


def test_port_0_takes_one_free_port_for_every_address():
    listeners = open_listeners("127.0.0.1", 0, write_timeout_seconds=1)
    ports = {listener.getsockname()[1] for listener in listeners}
    close_listeners(listeners)
    assert len(ports) == 1
    assert listeners == []


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_in_use_on_either_loopback_is_refused_and_nothing_stays_open(taken):
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((taken, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            open_listeners("127.0.0.1", port, write_timeout_seconds=1)
    assert caught.value.code == "server.port-in-use"
    close_listeners(open_listeners("127.0.0.1", port, write_timeout_seconds=1))


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        open_listeners("192.0.2.7", 0, write_timeout_seconds=1)
    assert caught.value.code == "server.address"


def test_a_client_that_reads_nothing_has_an_end():
    (listener, *others) = open_listeners("127.0.0.1", 0, write_timeout_seconds=7)
    assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
    close_listeners([listener, *others])
