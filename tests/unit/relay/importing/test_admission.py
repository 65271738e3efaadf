from dataclasses import replace

import pytest

from manifests.errors import DamagedBundleError
from manifests.progress import CancelledError, CancelToken
from relay.importing.importer import import_bundle
from relay.state import State
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import fingerprint, make_context, make_home


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {f"rules/{number}": bytes([number]) * 60_000 for number in range(4)}
    return forge


@pytest.fixture
def context(tmp_path, forge):
    return make_context(make_home(tmp_path / "relay", forge.root), forge.clock())


class CancellingProgress:
    """Cancels the work that tells it, at a step or after so many bytes of one."""

    def __init__(self, step, done=0):
        self.cancel, self.step, self.left = CancelToken(), step, done
        self.begun = False

    def start(self, step, total=None):
        del total
        self.begun = step.startswith(self.step)
        if self.begun and not self.left:
            self.cancel.cancel()

    def advance(self, done):
        if self.begun and self.left:
            self.left = max(self.left - done, 0)
            if not self.left:
                self.cancel.cancel()


@pytest.mark.parametrize(("step", "done"), [("Verify", 0), ("Store", 0), ("Store", 100_000)])
def test_an_import_that_is_cancelled_leaves_everything_as_it_was(context, forge, tmp_path, step, done):
    path = forge.seal(tmp_path / "1.zip")
    before = fingerprint(context.home)
    progress = CancellingProgress(step, done)
    with pytest.raises(CancelledError):
        import_bundle(replace(context, progress=progress, cancel=progress.cancel), path)
    assert fingerprint(context.home) == before
    assert not context.home.last_refusal_file.exists()
    assert import_bundle(context, path).outcome == "imported"


def test_an_import_ends_at_a_held_generation_with_its_event_and_a_receipt_due(context, forge, tmp_path):
    import_bundle(context, forge.seal(tmp_path / "1.zip"))
    with State(context.home.database) as state:
        assert [row.number for row in state.generations.list_generations()] == [1]
        assert [ring.generation for ring in state.publications.list_rings()] == [None]
        (event,) = state.event_rows.list_events(("import",))
        assert dict(event.details) == {"generation": 1, "file": "1.zip", "accepted_expired": ""}
        assert state.receipts.find_untold_changes() == 1


def test_the_refusal_of_a_damaged_bundle_names_its_generation(context, forge, tmp_path):
    path = forge.seal(tmp_path / "1.zip")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DamagedBundleError) as caught:
        import_bundle(context, path)
    assert caught.value.generation == 1
    with State(context.home.database) as state:
        assert state.arriving.find_generation(1) is not None
        assert state.receipts.find_untold_changes() == 1
