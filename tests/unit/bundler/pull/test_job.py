"""Which sources a run is about, and what of the past counts for each."""

from __future__ import annotations

import pytest

from bundler.pull.job import source_jobs
from manifests.errors import ConfigurationError, UsageError
from tests.support.benches import Bench


def test_jobs_are_in_the_order_of_the_configuration_whatever_the_order_of_the_names(bench: Bench) -> None:
    for names, chosen in (((), ["files", "web"]), (("web", "files"), ["files", "web"]), (("web",), ["web"])):
        assert [job.config.name for job in source_jobs(bench.context, names)] == chosen


def test_an_unknown_name_is_refused_with_those_that_there_are(bench: Bench) -> None:
    with pytest.raises(UsageError) as caught:
        source_jobs(bench.context, ("web", "wbe"))
    assert (caught.value.code, caught.value.have) == ("pull.unknown-source", "files, web")
    bench.sources.clear()
    with pytest.raises(UsageError) as caught:
        source_jobs(bench.context, ("web",))
    assert caught.value.have == "no source at all"


def test_options_that_contradict_each_other_are_found_before_any_job_is_made(bench: Bench) -> None:
    bench.configure("late", "directory", path="relative")
    with pytest.raises(ConfigurationError):
        source_jobs(bench.context, ())


@pytest.mark.parametrize(
    ("changed", "counts"),
    [({}, True), ({"fresh_days": 3}, True), ({"timeout_seconds": 9}, True), ({"include": ["b*"]}, False)],
)
def test_the_last_good_pull_counts_until_the_source_is_configured_to_yield_something_else(
    bench: Bench, changed: dict[str, object], counts: bool
) -> None:
    assert [job.previous for job in source_jobs(bench.context, ())] == [None, None]
    bench.pull_all()
    (before,) = source_jobs(bench.context, ("web",))
    bench.configure("web", "http", **{**before.config.options, **changed})
    (job,) = source_jobs(bench.context, ("web",))
    assert (job.previous is not None) is counts
    if job.previous is not None:
        assert [target.path for target in job.previous.targets] == ["b"]


def test_the_workbench_has_what_the_common_keys_say(bench: Bench) -> None:
    bench.configure("files", "directory", path=str(bench.path), include=["a"], allow_older=True)
    (job,) = source_jobs(bench.context, ("files",))
    with bench.store.batch() as batch:
        work = job.bench(bench.context, batch, bench.pauses.append)
    assert (work.globs.takes("a"), work.globs.takes("b"), work.allow_older) == (True, False, True)
    assert (work.previous, work.floor, work.clock()) == (None, {}, bench.now)
