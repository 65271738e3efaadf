"""Patches: a blob rebuilt from one that is held already. This is all that a relay needs to apply them.

An engine is named in the manifest, beside the digests of the base, of the patch and of the result. The bytes of
all engines are read here, streaming and bounded: see ``hdiff``, ``prefix`` and ``folded`` for the formats. Making
patches is the publisher's work and stands in ``bundler.plan.patch_engines``.
"""

from __future__ import annotations

from manifests.manifest.types import Engine
from manifests.patches.apply import ENGINES, apply_patch

__all__ = ["ENGINES", "Engine", "apply_patch"]
