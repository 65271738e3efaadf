"""A publisher in memory and on disk: quick keys, a fixed clock, targets at will."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Signer

from bundler.config import Expiries
from bundler.jobs.init import sign_first_root
from bundler.repository.repository import Repository, write_metadata
from bundler.repository.staging import Staged, stage_version
from manifests.manifest import SourceRecord, Target

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUNWAY = timedelta(days=30)


def target(path: str, content: bytes = b"x") -> Target:
    return Target(path, len(content), hashlib.sha256(content).hexdigest())


def records(sources: Iterable[str], pulled_at: datetime = NOW, **said: Any) -> list[SourceRecord]:
    """What is said of sources that were all pulled at the same time."""
    return [SourceRecord(name, "directory", pulled_at, "none", **said) for name in sources]


class Publisher:
    """A repository whose keys lie open in memory. ``missing`` names roles whose keys are not at hand."""

    def __init__(
        self, directory: Path, root_keys: int = 1, threshold: int = 1, expiries: Expiries | None = None
    ) -> None:
        self.directory = directory
        self.expiries = expiries or Expiries()
        self.renew_within = timedelta(0)
        self.missing: set[str] = set()
        self.asked: list[str] = []
        self.root_signers = [CryptoSigner.generate_ed25519() for _ in range(root_keys)]
        self.keys: dict[str, list[Signer]] = {
            role: [CryptoSigner.generate_ed25519()] for role in ("targets", "snapshot", "timestamp")
        }
        self.keys["root"] = list(self.root_signers)
        directory.mkdir(parents=True)
        (directory / "1.root.json").write_bytes(
            sign_first_root(
                {role: [signer.public_key for signer in signers] for role, signers in self.keys.items()},
                threshold,
                self.expiries.end_of("root", NOW),
                self.root_signers,
            )
        )

    def signers(self, role: str) -> Sequence[Signer]:
        self.asked.append(role)
        return () if role in self.missing else tuple(self.keys.get(role, self.keys["targets"]))

    def load(self) -> Repository:
        return Repository.load(self.directory)

    def stage(
        self,
        targets: Mapping[str, Sequence[Target]],
        now: datetime = NOW,
        runway: timedelta = RUNWAY,
        said: Sequence[SourceRecord] | None = None,
    ) -> Staged:
        """Stage a version; all sources were pulled at ``NOW`` unless something else is ``said`` of them."""
        self.asked.clear()
        said = records(targets) if said is None else said
        return stage_version(
            self.load(), targets, said, now, self.signers, self.expiries, runway, renew_within=self.renew_within
        )

    def publish(
        self,
        targets: Mapping[str, Sequence[Target]],
        now: datetime = NOW,
        runway: timedelta = RUNWAY,
        said: Sequence[SourceRecord] | None = None,
    ) -> Staged:
        staged = self.stage(targets, now, runway, said)
        write_metadata(self.directory, staged.documents)
        return staged
