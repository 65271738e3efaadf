"""One run of ``relay deliver-rules``: configuration, lock, session, and the audit of what failed."""

from __future__ import annotations

from manifests.disk.lock import exclusive_lock
from manifests.dsm import signed_in
from manifests.errors import SealiftError
from relay.context import Context
from relay.dialing.manager.addresses import find_private_address
from relay.dialing.manager.channel import LanChannel
from relay.dialing.manager.delivery import ManagerDelivery, RulePackOrder, RulePackReport
from relay.dialing.manager.packs import CarriedRulePack, list_rule_packs
from relay.dialing.manager.settings import ManagerSettings, load_manager_settings
from relay.events.log import log_event
from relay.state import Event, State

FAILED = "manager-failed"
"""Kind of the event of a run that ended with an error."""


def deliver_rule_packs(context: Context, order: RulePackOrder) -> RulePackReport:
    """Bring the rule packs of the generation that is served to the configured manager.

    Args:
        context: The relay's.
        order: What to do with them there.

    Raises:
        ConfigurationError: ``manager.*``: not configured, or not to be dialled.
        IncompleteError: ``manager.nothing``.
        LockedError: ``lock.held``: another run is at work.
        SealiftError: As :meth:`relay.dialing.manager.delivery.ManagerDelivery.deliver_packs`.
    """
    home = context.home
    settings = load_manager_settings(home)
    with exclusive_lock(home.path / "deliver-rules.lock"), State(home.database) as state:
        generation, packs = list_rule_packs(state, settings.sources)
        try:
            return _dial(context, state, settings, generation, packs, order)
        except SealiftError as error:
            text = f"Delivery to the manager {settings.shown} failed: {error}"
            log_event(home, Event(context.clock(), FAILED, text, {"manager": settings.shown, "code": error.code}))
            raise


def _dial(
    context: Context,
    state: State,
    settings: ManagerSettings,
    generation: int,
    packs: tuple[CarriedRulePack, ...],
    order: RulePackOrder,
) -> RulePackReport:
    address = find_private_address(settings.host, settings.port)
    account = settings.credentials.account()
    context.progress.start(f"signing in to the manager {settings.shown}")
    with LanChannel(settings, address) as channel, signed_in(channel, account) as manager:
        delivery = ManagerDelivery(context, state, manager, settings.shown, settings.max_bytes)
        return delivery.deliver_packs(generation, packs, order)
