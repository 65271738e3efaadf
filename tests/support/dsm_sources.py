"""Sources of kind ``dsm-rules``, and pulls that must fail."""

from __future__ import annotations

from typing import Any

import pytest

from bundler.sources.base import Pull
from manifests.errors import SealiftError
from tests.support import dsm_simulator as dsm
from tests.support.benches import Bench, make
from tests.support.dsm_simulator import DsmSimulator


def options(manager: DsmSimulator, password: str = dsm.PASSWORD, **more: Any) -> dict[str, Any]:
    secret = manager.directory / "password"
    secret.write_text(f"{password}\n")
    secret.chmod(0o600)
    given = {
        "url": manager.url,
        "ca": str(manager.directory / "ca.pem"),
        "credentials": {"user": dsm.USER, "password_file": str(secret)},
        "timeout_seconds": 5,
    }
    return {key: value for key, value in (given | more).items() if value is not None}


def pull(bench: Bench, manager: DsmSimulator, previous: Pull | None = None, **more: Any) -> Pull:
    common = {key: more.pop(key) for key in ("include", "exclude", "allow_older") if key in more}
    return bench.pull(make("dsm-rules", name="dsm", **options(manager, **more)), previous, **common)


def refused(bench: Bench, manager: DsmSimulator, previous: Pull | None = None, **more: Any) -> SealiftError:
    with pytest.raises(SealiftError) as caught:
        pull(bench, manager, previous, **more)
    assert dsm.PASSWORD not in f"{caught.value}{caught.value.to_json()}"
    assert not list(bench.home.temporary.iterdir())
    return caught.value
