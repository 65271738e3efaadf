"""Rule packs into the air-gapped manager, by ``relay deliver-rules``: one of the two commands with which a relay dials.

Off unless ``relay.toml`` has a ``[manager]``. It runs as a process of its own, started by a person or by a timer of
his; importing and serving cannot reach any of this, which an import contract checks. It dials nothing but the
address that is configured, which must be private. See docs/adr/0013-manager-delivery.md.
"""
