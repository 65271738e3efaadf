from relay.state import State


def test_the_metadata_of_two_generations_is_served_and_every_root(home, forge, bring):
    for _ in range(3):
        bring(forge.created(3))
        forge.rotate()
    with State(home.database) as state:
        names = {f"{version}.{role}.json" for version in (2, 3) for role in ("snapshot", "targets", "rules")}
        assert state.trusted.load_metadata().keys() == names | {
            "timestamp.json",
            "1.root.json",
            "2.root.json",
            "3.root.json",
        }
        assert state.trusted.load_metadata()["timestamp.json"] == forge.metadata["timestamp.json"]
