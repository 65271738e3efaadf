"""Kind ``dsm-rules``: rule packs out of a Deep Security Manager."""
