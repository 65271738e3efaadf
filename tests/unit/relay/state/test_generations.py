from dataclasses import replace

from manifests.disk.blobs import Blob
from manifests.manifest import AbsentSource
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.relay_bundles import CREATED, Forgery
from tests.support.relay_homes import import_bundle


def test_a_generation_is_kept_whole(home, forge, bring):
    bring(forge.created(1))
    with State(home.database) as state:
        row = state.generations.find_generation(1)
        assert row is not None
        assert (row.publisher, row.created, row.targets, row.target_bytes) == ("forge", CREATED, 2, 4)
        assert (row.rings, row.file_name) == ((DEFAULT_RING,), "next.zip")
        assert [(t.path, t.length) for t in state.generations.list_targets(1)] == [("rules/a", 2), ("rules/b", 2)]
        assert state.trusted.load_clock_floor() == CREATED
        assert [(role.role, role.version) for role in state.trusted.list_roles()] == [
            ("root", 1),
            ("timestamp", 1),
            ("snapshot", 1),
            ("rules", 1),
            ("targets", 1),
        ]
        assert all(isinstance(blob, Blob) for _, blob, _ in state.publications.list_files(DEFAULT_RING))


def test_what_the_publisher_could_not_get_is_kept_with_its_generation_and_forgotten_with_it(
    home, forge, bring, tmp_path
):
    absent = (AbsentSource("clam", "clamav", "no route"), AbsentSource("zeek", "http", "404"))
    forge.seal(tmp_path / "1.zip", Forgery(manifest=lambda manifest: replace(manifest, absent=absent)))
    import_bundle(home, tmp_path / "1.zip", lambda: forge.created(1))
    bring(forge.created(2))
    with State(home.database) as state:
        held = [(row.name, row.kind, row.failure) for row in state.generations.list_absent_sources(1)]
        assert held == [("clam", "clamav", "no route"), ("zeek", "http", "404")]
        assert state.generations.list_absent_sources(2) == ()
        with state.transaction():
            state.generations.drop_generation(1)
        assert state.generations.list_absent_sources(1) == ()
