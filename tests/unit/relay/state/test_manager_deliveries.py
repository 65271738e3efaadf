import pytest

from relay.state import State
from relay.state.manager_deliveries import StoredPack

PACK = StoredPack("manager.test:4119", "rules.dsru", "a" * 64, 7)


@pytest.mark.parametrize(
    "other",
    [
        StoredPack("other.test:4119", "rules.dsru", "a" * 64, 7),
        StoredPack("manager.test:4119", "other.dsru", "a" * 64, 7),
        StoredPack("manager.test:4119", "rules.dsru", "b" * 64, 7),
        StoredPack("manager.test:4119", "rules.dsru", "a" * 64, 8),
    ],
)
def test_a_pack_is_known_as_the_very_entry_with_the_very_content_in_the_very_manager(home, other):
    with State(home.database) as state:
        assert not state.manager_deliveries.has_pack(PACK)
        for _ in range(2):
            with state.transaction():
                state.manager_deliveries.add_pack(PACK)
        assert state.manager_deliveries.has_pack(PACK)
        assert not state.manager_deliveries.has_pack(other)
