"""Settings of the whole suite, and what a machine must have for its tests of real programs and media."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

# How long an example takes says more about the machine than about the code; proofs of speed measure on their own.
settings.register_profile("sealift", deadline=None)
settings.load_profile("sealift")

REPOSITORY = Path(__file__).parents[1]
REQUIRED = "SEALIFT_REQUIRE_CLIENTS"
"""Set in CI: what is missing fails the run instead of narrowing it."""


def has(need: str) -> bool:
    """Tell whether this machine has what a test needs: ``root``, ``shared/data``, ``tuf-js`` or a program."""
    if need == "root":
        return os.geteuid() == 0 and os.access("/dev/fuse", os.W_OK) and os.access("/dev/loop-control", os.W_OK)
    if need == "shared/data":
        return (REPOSITORY.parent / "shared" / "data").is_dir()
    if need == "tuf-js":
        return (REPOSITORY / "tests" / "e2e" / "node_modules" / "tuf-js").is_dir()
    return shutil.which(need, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that this machine cannot run; where CI requires them all, refuse to go on."""
    kept, left_out, missing = [], [], set()
    for item in items:
        lacking = {need for mark in item.iter_markers("needs") for need in mark.args if not has(need)}
        (left_out if lacking else kept).append(item)
        missing |= lacking
    if missing and REQUIRED in os.environ:
        raise pytest.UsageError(f"{REQUIRED} is set, and this machine lacks: {', '.join(sorted(missing))}")
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
    config.stash[_MISSING] = (len(left_out), sorted(missing))
    if left_out and "PYTEST_XDIST_WORKER" in os.environ:
        config.workeroutput["left_out"] = config.stash[_MISSING]


_MISSING = pytest.StashKey[tuple[int, list[str]]]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Take over what a worker had to leave out."""
    told = getattr(node, "workeroutput", {}).get("left_out")
    if told:
        node.config.stash[_MISSING] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say out loud what was not run."""
    count, missing = config.stash.get(_MISSING, (0, []))
    if count:
        terminalreporter.section("NOT RUN", sep="=", yellow=True)
        terminalreporter.line(f"{count} tests, because this machine lacks: {', '.join(missing)}")
        terminalreporter.line("As root on Debian 12, .ci/install-clients installs all of it; .ci/run requires it.")


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's machine says of proxies and authorities."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A publisher's home in which sources are pulled without the command line."""
    return Bench(tmp_path / "home")


@pytest.fixture
def server() -> Iterator[SourceSimulator]:
    """An upstream over plain HTTP that does as it is told."""
    with SourceSimulator() as simulator:
        yield simulator
