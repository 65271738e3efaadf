"""One run of ``relay deliver-rules``: configuration, lock, session, and the audit of what failed."""

from __future__ import annotations

from manifests.clock import Clock
from manifests.dsm import signed_in
from manifests.errors import SealiftError
from manifests.lock import exclusive_lock
from manifests.progress import Progress
from relay.dialing.manager.addresses import find_private_address
from relay.dialing.manager.channel import LanChannel
from relay.dialing.manager.delivery import ManagerDelivery, RulePackOrder, RulePackReport
from relay.dialing.manager.packs import RulePack, list_rule_packs
from relay.dialing.manager.settings import ManagerSettings, load_manager_settings
from relay.events import log as events
from relay.home import Home
from relay.state import Event, State

FAILED = "manager-failed"
"""Kind of the event of a run that ended with an error."""


def deliver_rule_packs(home: Home, order: RulePackOrder, clock: Clock, progress: Progress) -> RulePackReport:
    """Bring the rule packs of the generation that is served to the configured manager.

    Args:
        home: The relay's directory.
        order: What to do with them there.
        clock: Tells the time.
        progress: Told about each step.

    Raises:
        ConfigurationError: ``manager.*``: not configured, or not to be dialled.
        IncompleteError: ``manager.nothing``.
        LockedError: ``lock.held``: another run is at work.
        SealiftError: As :meth:`relay.dialing.manager.delivery.ManagerDelivery.deliver_packs`.
    """
    settings = load_manager_settings(home)
    with exclusive_lock(home.path / "deliver-rules.lock"), State(home.database) as state:
        generation, packs = list_rule_packs(state, settings.sources)
        try:
            return _dialled(home, state, settings, generation, packs, order, clock, progress)
        except SealiftError as error:
            text = f"Delivery to the manager {settings.shown} failed: {error}"
            events.record(home, Event(clock(), FAILED, text, {"manager": settings.shown, "code": error.code}))
            raise


def _dialled(
    home: Home,
    state: State,
    settings: ManagerSettings,
    generation: int,
    packs: tuple[RulePack, ...],
    order: RulePackOrder,
    clock: Clock,
    progress: Progress,
) -> RulePackReport:
    address = find_private_address(settings.host, settings.port)
    account = settings.credentials.account()
    progress.start(f"signing in to the manager {settings.shown}")
    with LanChannel(settings, address) as channel, signed_in(channel, account) as manager:
        delivery = ManagerDelivery(home, state, manager, settings.shown, clock, progress, settings.max_bytes)
        return delivery.deliver_packs(generation, packs, order)
