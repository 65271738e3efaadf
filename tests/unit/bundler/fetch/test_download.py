"""What is asked for a file, given what is here of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from bundler.fetch.answer import Ask, GivenValidators
from bundler.fetch.cooldown import Cooldown
from bundler.fetch.download import Downloads, may_be_page
from bundler.fetch.memory import Memory
from bundler.fetch.options import FetchOptions
from bundler.fetch.partial import PartialDownload
from bundler.fetch.transport import FetchTransport
from bundler.fetch.wanted import WantedFile
from bundler.sources.base import Pull, PulledTarget
from bundler.sources.checksums import Checksum
from manifests.disk.blobs import Blob
from manifests.errors import FetchError
from tests.support.benches import Bench
from tests.support.source_simulator import SourceSimulator

URL = "https://up.invalid/a"
STRONG = GivenValidators('"1"', None, '"1"')
KEPT = GivenValidators('"1"')
"""``STRONG`` as the next pull finds it: a part of a pull that is over is not continued."""
WEAK = GivenValidators('W/"1"')
BLOB = Blob("0" * 64, 9)
WANTED = WantedFile(URL, "a")


def pulled_before(bench: Bench) -> Pull:
    """A last good pull of ``a``, nine bytes, with a validator."""
    with bench.workbench() as work:
        blob = work.batch.add([b"nine bits"])
        memory = Memory(work)
        memory.keep_file("a", URL, STRONG)
    return Pull((PulledTarget("a", blob),), "", memo=memory.to_json())


@pytest.mark.parametrize(
    ("begun", "ask"),
    [
        (PartialDownload(Path("x"), 4, STRONG), Ask(start=4, if_range='"1"')),
        (PartialDownload(Path("x"), 4, WEAK), Ask()),
        (PartialDownload(Path("x"), 0, STRONG), Ask()),
        (PartialDownload(Path("x"), 9, WEAK, 9, BLOB), Ask(unless=WEAK)),
        (PartialDownload(Path("x"), 9, GivenValidators(), 9, BLOB), Ask()),
        (None, Ask()),
    ],
)
def test_the_rest_is_asked_for_only_under_a_strong_validator(
    bench: Bench, begun: PartialDownload | None, ask: Ask
) -> None:
    with bench.workbench() as work:
        assert Downloads(work, "s", Memory(work)).ask(WANTED, begun) == ask


@pytest.mark.parametrize(
    ("wanted", "ask"),
    [
        (WANTED, Ask(unless=KEPT)),
        (WantedFile(URL, "a", length=9), Ask(unless=KEPT)),
        (WantedFile(URL, "a", length=8), Ask()),
        (WantedFile(URL, "a", check=Checksum("sha256", "0" * 64)), Ask()),
        (WantedFile(URL + "2", "a"), Ask()),
        (WantedFile(URL, "b"), Ask()),
    ],
)
def test_what_is_here_is_asked_about_unless_it_is_known_to_be_something_else(
    bench: Bench, wanted: WantedFile, ask: Ask
) -> None:
    before = pulled_before(bench)
    with bench.workbench(before) as work:
        assert Downloads(work, "s", Memory(work)).ask(wanted, None) == ask


def test_an_immutable_file_that_is_here_is_taken_over_unasked_and_its_validators_are_kept(bench: Bench) -> None:
    before = pulled_before(bench)
    with bench.workbench(before) as work:
        memory = Memory(work)
        downloads = Downloads(work, "s", memory)
        assert downloads.unasked(WANTED) is None
        taken = downloads.unasked(WantedFile(URL, "a", immutable=True))
    assert taken is not None
    assert (taken.path, taken.blob, taken.unchanged) == ("a", before.targets[0].blob, True)
    assert memory.to_json() == before.memo


def test_after_a_stop_nothing_more_is_begun(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", b"a")
    cooldown = Cooldown(bench.home.fetching, lambda: bench.now)
    transport = FetchTransport(
        FetchOptions(), ssl.create_default_context(), cooldown, lambda: bench.now, bench.pauses.append
    )
    with bench.workbench() as work, transport:
        downloads = Downloads(work, "s", Memory(work))
        downloads.stop.set()
        with pytest.raises(FetchError) as caught:
            downloads.bring(transport, WantedFile(server.url("/a"), "a"), announce=False)
    assert (caught.value.code, server.seen) == ("http.cancelled", [])


@pytest.mark.parametrize(
    ("wanted", "may"),
    [
        (WantedFile(URL, "a.txt"), False),
        (WantedFile(URL, "a.HTML"), True),
        (WantedFile(URL, "a.txt", check=Checksum("md5", "0" * 32)), True),
    ],
)
def test_a_web_page_is_taken_only_for_a_page_or_with_a_checksum(wanted: WantedFile, may: bool) -> None:
    assert may_be_page(wanted) is may
