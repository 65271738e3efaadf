import pytest

from manifests.errors import (
    CountedBackError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    OlderTimestampError,
)
from relay.events.log import read_events
from relay.importing.refusals import Refusal, advise_on, quarantine_refused, record_refusal
from relay.state import State
from relay.state.last_refusal import load_last_refusal
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import fingerprint, import_bundle, make_context, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/a": b"a1"}
    return forge


@pytest.fixture
def context(tmp_path, forge):
    return make_context(make_home(tmp_path / "relay", forge.root), forge.clock())


BROKEN = MalformedError("zip.gap", "There is a gap")


def test_what_is_broken_is_copied_again_or_asked_for_since_the_newest_whole_generation(context, forge, tmp_path):
    assert advise_on(BROKEN, context.home).todo.endswith("in the DMZ: bundle create --full")
    import_bundle(context.home, forge.seal(tmp_path / "1.zip"), forge.clock())
    assert advise_on(BROKEN, context.home).todo.endswith("in the DMZ: bundle create --since 1")


def test_a_publisher_that_lost_its_count_is_told_so_whatever_the_error_says(context, forge, tmp_path):
    import_bundle(context.home, forge.seal(tmp_path / "1.zip"), forge.clock())
    error = CountedBackError("tuf.rollback.snapshot", "It goes back", todo="nothing")
    assert "bundle restored --above 1" in advise_on(error, context.home).todo


@pytest.mark.parametrize("kind", [OlderTimestampError, IncompleteError])
def test_advice_that_is_there_stays(context, kind):
    error = kind("some.code", "What is wrong", todo="what to do")
    assert advise_on(error, context.home) is error


def test_a_refused_file_is_quarantined_and_one_that_is_only_incomplete_or_no_file_is_not(context, tmp_path):
    file, link = tmp_path / "x.zip", tmp_path / "link.zip"
    file.write_bytes(b"something")
    link.symlink_to(file)
    record = quarantine_refused(context, file, BROKEN)
    assert (record.code, record.kept) == ("zip.gap", True)
    assert quarantine_refused(context, link, BROKEN) is None
    assert quarantine_refused(context, file, IncompleteError("base.missing", "More is needed")) is None


def test_only_a_copy_with_its_content_counts_as_quarantined(context, tmp_path):
    file = tmp_path / "x.zip"
    file.write_bytes(b"something")
    record = quarantine_refused(context, file, BROKEN)
    assert Refusal(BROKEN).quarantined_as is None
    assert Refusal(BROKEN, record).quarantined_as == record.id
    too_large = make_context(context.home, context.clock, reserve_bytes=2**60)
    file.write_bytes(b"something else")
    unkept = quarantine_refused(too_large, file, BROKEN)
    assert (unkept.kept, Refusal(BROKEN, unkept).quarantined_as) == (False, None)


def test_a_refusal_is_a_line_of_the_log_and_the_last_one_and_the_database_stays(context, tmp_path):
    before = fingerprint(context.home)
    error = NotAuthenticError("tuf.signature.root", "It is not signed")
    record_refusal(context, tmp_path / "evil\n.zip", Refusal(error))
    assert fingerprint(context.home) == before
    last = load_last_refusal(context.home.last_refusal_file)
    assert last.subject == "tuf.signature.root"
    assert "\n" not in last.text
    with State(context.home.database) as state:
        (event,) = read_events(context.home, state, kinds=("refused",))
    assert (event.text, event.details["exit_code"], event.details["quarantine"]) == (last.text, 20, None)
