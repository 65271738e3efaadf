"""Recovery data: a PAR2 side file beside a bundle, from which damaged blocks are rebuilt.

Nothing here decides whether a bundle is believed. A side file is as foreign as the bundle itself: it is read by
our own reader within bounds, what the program is given is written anew from what was understood, and what the
program rebuilds is verified like any other bundle.
"""

from __future__ import annotations

from manifests.recovery.make import make_side_file
from manifests.recovery.packets import RecoverySet
from manifests.recovery.plan import SIDE_SUFFIX, RecoveryPlan, is_side_name, plan_recovery, side_length, side_name
from manifests.recovery.rebuild import rebuild_bundle
from manifests.recovery.side_file import SideFile, count_damaged_blocks, read_side_file

__all__ = [
    "SIDE_SUFFIX",
    "RecoveryPlan",
    "RecoverySet",
    "SideFile",
    "count_damaged_blocks",
    "is_side_name",
    "make_side_file",
    "plan_recovery",
    "read_side_file",
    "rebuild_bundle",
    "side_length",
    "side_name",
]
