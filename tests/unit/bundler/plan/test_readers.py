"""Who the readers of a bundle are, by what an operator may type."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.home import Home
from bundler.plan.readers import EVERYBODY, named_reader, registered_readers, version_readers
from bundler.sites.holdings import Holdings
from bundler.sites.registry import Sites
from manifests.errors import UsageError


def test_without_registered_sites_it_is_everybody(tmp_path: Path) -> None:
    assert registered_readers(Sites(Home(tmp_path))) == EVERYBODY


@pytest.mark.parametrize(("since", "version"), [("last", 4), ("4", 4), ("2", 2)])
def test_a_version_or_last_names_all_that_have_it(since: str, version: int) -> None:
    readers = version_readers(since, (1, 2, 4))
    assert readers is not None
    assert (readers.holdings, readers.named) == (
        (Holdings(frozenset({version})),),
        f"sites that have version {version}",
    )


@pytest.mark.parametrize("since", ["north", "north.receipt.json", "-1", ""])
def test_what_is_no_version_is_left_to_others(since: str) -> None:
    assert version_readers(since, (1, 2, 4)) is None


@pytest.mark.parametrize(("since", "versions"), [("3", (1, 2, 4)), ("last", ())])
def test_a_version_that_is_not_remembered_is_refused(since: str, versions: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        version_readers(since, versions)
    assert caught.value.code == "history.unknown"


def test_a_name_that_no_site_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        named_reader("north", Sites(Home(tmp_path)))
    assert (caught.value.code, caught.value.have) == ("create.since", "sites (none)")
