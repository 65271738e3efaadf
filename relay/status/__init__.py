"""How a relay stands."""
