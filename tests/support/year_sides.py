"""A publisher and its sites in this process, under a clock that a test sets: many bundles in little time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bundler.config import load_config as load_bundler_config
from bundler.context import Context
from bundler.jobs import gc
from bundler.jobs.again import create_again
from bundler.jobs.create import BundleOrder, CreatedBundles, create_bundles
from bundler.jobs.init import NewPublisher, create_publisher
from bundler.jobs.since import settle_readers
from bundler.plan.compress import compress_blobs
from bundler.plan.volumes import MEMBER_BYTES
from bundler.repository.repository import Repository
from bundler.repository.signers import signers_of
from bundler.seal.companions import no_companions
from bundler.seal.recovery import recovery_companions
from bundler.sites.registry import ImportedReceipt, Sites
from manifests.disk.blobs import Blob
from manifests.manifest import Manifest
from manifests.progress import NoProgress
from relay.config import load_config as load_relay_config
from relay.context import Context as RelayContext
from relay.home import Home
from relay.importing.result import ImportResult
from relay.receipt.make import ReceiptRemarks, make_receipt
from relay.server.view import Views
from relay.state import State
from relay.store.garbage import collect_garbage
from tests.support.relay_homes import import_and_follow, make_home

Now = Callable[[], datetime]
QUIET = NoProgress()


class Publisher:
    """Makes bundles as ``bundle create`` does.

    Args:
        path: Where its home and its bundles come to be.
        content: A directory per source.
        sources: Their names.
        now: The clock.
    """

    def __init__(self, path: Path, content: Path, sources: Iterable[str], now: Now, *, retention: int) -> None:
        self.out = path / "out"
        self.now = now
        self.home = create_publisher(path / "home", NewPublisher("plant"), now())
        text = f"retention_generations = {retention}\n" + self.home.config.read_text("utf-8")
        for source in sources:
            directory = json.dumps(str(content / source))
            text += f'\n[[source]]\nname = "{source}"\nkind = "directory"\npath = {directory}\n'
        self.home.config.write_text(text, "utf-8")
        self.config = load_bundler_config(self.home.config)
        self._signers = signers_of(self.home, self.config)
        self._stored_lengths: dict[str, int] = {}

    @property
    def context(self) -> Context:
        return Context(self.home, self.config, self.now, QUIET)

    @property
    def root(self) -> bytes:
        return Repository.load(self.home.metadata).roots[0]

    def create(
        self, since: str | None, *, full: bool, pull: bool, volume_size: int | None, recovery: float | None
    ) -> CreatedBundles:
        """Seal a version; ``since`` is what an operator types after ``--since``, and None for all registered sites."""
        order = BundleOrder(
            out=self.out,
            tool="sealift test",
            pull=pull,
            readers=settle_readers(self.home, since, self.now(), full=full),
            volume_size=volume_size,
        )
        companions = no_companions if recovery is None else recovery_companions(recovery, self.home.temporary, QUIET)
        return create_bundles(self.context, order, self._signers, companions)

    def again(self, version: int) -> CreatedBundles:
        """Make the bundles of an earlier version once more."""
        return create_again(self.context, version, self.out / f"again-{version}")

    def take_receipt(self, data: bytes) -> ImportedReceipt:
        """Import a receipt; the fingerprint was compared."""
        return Sites.load(self.home).import_receipt(data, now=self.now(), confirm=lambda _: True)

    def collect(self) -> None:
        """Remove what nobody needs."""
        gc.collect_garbage(self.context)

    def content_length(self, manifest: Manifest) -> int:
        """Return what all content of a version takes in a full bundle, deflated where that pays."""
        blobs = {Blob(target.sha256, target.length) for target in manifest.targets}
        new = [blob for blob in sorted(blobs, key=lambda blob: blob.sha256) if blob.sha256 not in self._stored_lengths]
        with compress_blobs(new, self.home.store(), QUIET) as compressed:
            self._stored_lengths |= {blob.sha256: compressed.member(blob).stored_length for blob in new}
        return sum(self._stored_lengths[blob.sha256] + MEMBER_BYTES for blob in blobs)


@dataclass
class Site:
    """One relay and the people at it.

    ``generations`` is every generation that was ever served, in that order; ``asks`` is the command that the last
    refusal told to run in the DMZ, until it was answered.
    """

    home: Home
    now: Now
    name: str = ""
    generations: list[int] = field(default_factory=list)
    asks: str | None = None

    @classmethod
    def found(cls, path: Path, root: bytes, now: Now) -> Site:
        """Set up a relay that trusts a publisher."""
        return cls(make_home(path, root, now()), now, path.name)

    def take(self, path: Path) -> ImportResult:
        """Import one file.

        Raises:
            SealiftError: As the import does.
        """
        try:
            result, _ = import_and_follow(self._context(), path)
            return result
        finally:
            self.generations.append(self.served())

    def _context(self) -> RelayContext:
        return RelayContext(self.home, load_relay_config(self.home.path), self.now)

    def receipt(self) -> bytes:
        """Make a receipt as ``relay receipt`` does."""
        return make_receipt(self._context(), remarks=ReceiptRemarks(self.name)).data

    def collect(self, keep: int) -> None:
        """Forget what is older than so many generations, as ``relay gc`` does."""
        collect_garbage(self._context(), keep=keep, wait_seconds=0.0)

    def served(self) -> int:
        """Return the generation that the default ring serves, 0 before the first."""
        with State(self.home.database) as state:
            return state.publications.list_rings()[0].generation or 0

    def content(self) -> dict[str, Path]:
        """Return where the bytes of everything that is served are, by target path."""
        views = Views(self.home, load_relay_config(self.home.path))
        try:
            view = views.current()
            files = view.rings[view.default_ring].files
            return {path: self.home.store.path(file.sha256) for path, file in files.items()}
        finally:
            views.close()
