"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more about the machine than about the code; proofs of speed measure on their own.
settings.register_profile("sealift", deadline=None)
settings.load_profile("sealift")
