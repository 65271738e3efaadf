"""Runs of the workflow as bundle import and as an ordinary client, for tests that look at one refusal."""

from __future__ import annotations

from datetime import datetime

import pytest

from manifests.errors import SealiftError
from manifests.limits import DEFAULT_LIMITS, Limits
from manifests.trust import TrustedState, Workflow, load_all_roles, refresh_top_roles, trusted_root, update_roots
from tests.support.tuf_simulator import TufSimulator


def pinned(sim: TufSimulator, version: int = 1) -> TrustedState:
    """Return the state of a site that was just given a root."""
    return trusted_root(sim.files[f"{version}.root.json"])


def imported(
    sim: TufSimulator,
    state: TrustedState,
    now: datetime,
    *,
    limits: Limits = DEFAULT_LIMITS,
    accept_expired: bool = False,
) -> Workflow:
    """Run the whole workflow as a bundle import does."""
    workflow = Workflow(state, now, limits, accept_expired=accept_expired)
    update_roots(workflow, sim.read)
    workflow.finish_roots()
    load_all_roles(workflow, sim.read)
    return workflow


def refreshed(sim: TufSimulator, state: TrustedState, now: datetime, *, limits: Limits = DEFAULT_LIMITS) -> Workflow:
    """Run the workflow as an ordinary client does."""
    workflow = Workflow(state, now, limits, require_extension=False)
    update_roots(workflow, sim.read)
    workflow.finish_roots()
    refresh_top_roles(workflow, sim.read)
    return workflow


def refusal(sim: TufSimulator, state: TrustedState, now: datetime, **options: object) -> SealiftError:
    """Return the error that an import is refused with."""
    with pytest.raises(SealiftError) as caught:
        imported(sim, state, now, **options)  # type: ignore[arg-type]
    return caught.value
