"""Steps that follow an import and failed: each is tried again, and told of once for as long as it fails alike."""

from __future__ import annotations

from datetime import datetime

from manifests.clock import instant_text
from relay.state.table_group import TableGroup


class FollowUpFailures(TableGroup):
    """The table of failed follow-up steps."""

    def load_failures(self) -> dict[str, str]:
        """Return the code of the error of each step that failed when it was tried last."""
        return dict(self._rows("SELECT step, code FROM follow_up_failures"))

    def save_failure(self, step: str, code: str, now: datetime) -> None:
        """Record that a step failed; one that goes on to fail alike keeps its beginning."""
        self._connection.execute(
            "INSERT INTO follow_up_failures VALUES (?1, ?2, ?3) ON CONFLICT (step) DO UPDATE "
            "SET code = ?2, since = ?3 WHERE code <> ?2",
            (step, code, instant_text(now)),
        )

    def drop_failure(self, step: str) -> None:
        """Forget the failure of a step that was done."""
        self._connection.execute("DELETE FROM follow_up_failures WHERE step = ?", (step,))
