from manifests.disk.blobs import Blob
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from tests.support.relay_bundles import CREATED


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
