"""Notifying a service manager; :mod:`tests.e2e.test_service` has the whole service do it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from relay.service.notify import notify_manager


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_service_manager_gets_the_message(tmp_path: Path, abstract: bool) -> None:
    address = f"@{tmp_path}/notify" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address[1:]}" if abstract else address)
        manager.settimeout(20.0)
        notify_manager(address, "READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_is_sent(tmp_path: Path) -> None:
    for address in (None, "", str(tmp_path / "none")):
        notify_manager(address, "READY=1")
