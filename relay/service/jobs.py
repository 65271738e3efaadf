"""The jobs of the service: their table, and what each does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from manifests.errors import SealiftError
from manifests.progress import CancelledError
from manifests.text import count_text
from relay.afterwards import FollowUp, follow_import
from relay.context import Context
from relay.inbox.attendant import Reporter
from relay.server.tls import renew_leaf
from relay.server.view import Views
from relay.service.job_runner import Job
from relay.store.garbage import collect_garbage

LOCK_WAIT_SECONDS = 1.0
"""Short, since a stop must not wait for it: the inbox tries again, and so does a job."""
_MINUTE, _DAY = 60.0, 24 * 3600.0


class ServiceJobs:
    """What the service does again and again.

    Args:
        context: The relay's.
        views: What is served.
        report: Told what happens.
        store_changed: Called when another process imported: files that waited for it are tried again.
        hasten: Lets a job be due now, by its name.
        reload_certificate: Serves the certificate that is there now; returns once it does.
    """

    def __init__(
        self,
        context: Context,
        views: Views,
        *,
        report: Reporter,
        store_changed: Callable[[], None],
        hasten: Callable[[str], None],
        reload_certificate: Callable[[], None],
    ) -> None:
        self._context = context
        self._views = views
        self._report = report
        self._store_changed = store_changed
        self._hasten = hasten
        self._reload_certificate = reload_certificate
        self._seen_generation = 0

    def list_jobs(self) -> tuple[Job, ...]:
        """Return the jobs. A new one is a line here, and what it runs."""
        return (
            # Short: what another process imported is served within seconds, and wakes files that waited for it.
            Job("state", 2.0, self._look_at_state),
            # What an import's own follow-up could not do, and deliveries whose days are over.
            Job("afterwards", _MINUTE, self.follow_imports, at_start=True),
            Job("tls", _DAY, self._renew_served_leaf, failing="the server certificate could not be renewed"),
            Job("gc", _DAY, self._collect_garbage, failing="old content could not be removed"),
        )

    def follow_imports(self) -> None:
        """Do what follows an import, whoever made it; what failed is tried again, a stop's rest at the next start."""
        with suppress(CancelledError):
            self._tell(follow_import(self._context, wait_seconds=LOCK_WAIT_SECONDS))

    def renew_leaf_at_start(self) -> None:
        """Renew the relay's own certificate if it is time; whatever goes wrong, the present one is served."""
        try:
            self._renew_leaf()
        except SealiftError as error:
            self._report("tls", f"the server certificate could not be renewed: {error}", code=error.code)

    def _renew_leaf(self) -> bool:
        if self._context.config.tls is not None or not renew_leaf(self._context.home.tls, self._context.clock()):
            return False
        self._report("tls", "the server certificate was renewed")
        return True

    def _renew_served_leaf(self) -> None:
        """Renew the relay's own certificate in time, and serve the new one."""
        if self._renew_leaf():
            self._reload_certificate()

    def _collect_garbage(self) -> None:
        """Remove what nobody needs any more; an import that is under way comes first, and tomorrow is another day."""
        done = collect_garbage(self._context, wait_seconds=LOCK_WAIT_SECONDS)
        if done.blobs:
            self._report(
                "gc",
                f"Removed {count_text(done.blobs, 'file')} that nothing needs, {count_text(done.bytes, 'byte')}",
            )

    def _look_at_state(self) -> None:
        """Build the view that is served next; what another process imported wakes files that waited for it."""
        newest = self._views.current().newest_generation
        if newest != self._seen_generation:
            self._seen_generation = newest
            self._store_changed()
            self._hasten("afterwards")

    def _tell(self, done: FollowUp) -> None:
        for event in done.deliveries.events:
            code = event.details.get("code")
            self._report(event.kind, event.text, code=None if code is None else str(code))
        for failure in done.failures:
            if failure.is_new:
                self._report(failure.event.kind, failure.event.text, code=failure.error.code)
