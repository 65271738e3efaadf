"""What a TUF client keeps and asks for, whatever it fetches with: trusted metadata on disk, and where targets are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from tuf.api.metadata import Root, Snapshot, TargetFile, Timestamp

from manifests.disk import durable
from manifests.disk.durable import storage_errors
from manifests.disk.lock import exclusive_lock
from manifests.errors import ConfigurationError
from manifests.trust import TrustedState, trusted_root

_LOCK_WAIT_SECONDS = 60.0


class MetadataDirectory:
    """Trusted metadata on disk under unversioned names: ``root.json``, ``timestamp.json``, …, quoted role names.

    Args:
        path: The directory; one process at a time works in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Take the lock of the directory of trusted metadata for the block.

        Raises:
            LockedError: ``lock.held``.
        """
        with exclusive_lock(self.path / ".lock", wait_seconds=_LOCK_WAIT_SECONDS):
            yield

    def initialise(self, root: bytes) -> None:
        """Make the directory and pin a root that a person brought; no network.

        Raises:
            NotAuthenticError: ``tuf.signature.root``.
            MalformedError: ``tuf.malformed.root``.
        """
        state = trusted_root(root)
        durable.make_directory(self.path)
        with self.lock():
            durable.write_file(self.path / "root.json", state.root)

    def load(self) -> TrustedState:
        """Read what is trusted.

        Raises:
            ConfigurationError: ``tuf-client.no-root``.
        """
        known = {Root.type, Timestamp.type, Snapshot.type}
        with storage_errors(self.path):
            files = {unquote(path.stem): path.read_bytes() for path in sorted(self.path.glob("*.json"))}
        if Root.type not in files:
            raise ConfigurationError(
                "tuf-client.no-root",
                f"{self.path} holds no trusted root",
                todo=f"relay tuf-client --metadata-dir {self.path} init ROOT_JSON",
            )
        return TrustedState(
            root=files[Root.type],
            timestamp=files.get(Timestamp.type),
            snapshot=files.get(Snapshot.type),
            targets=tuple((role, data) for role, data in sorted(files.items()) if role not in known),
        )

    def save(self, before: TrustedState, after: TrustedState) -> None:
        """Write what has become trusted, each file at once, in the order it was believed in."""
        old, new = (_rows(state) for state in (before, after))
        for role, data in new.items():
            if old.get(role) != data:
                durable.write_file(self.path / f"{quote(role, safe='')}.json", data)


def target_url(target: TargetFile, *, consistent: bool) -> str:
    """Return a target's URL below the base: with its first digest before the name if snapshots are consistent.

    Source: TUF 6.2 (consistent snapshots), 4.5 (a target path is a relative URL, so ``%41`` stays as it is).
    """
    directory, slash, name = target.path.rpartition("/")
    if consistent:
        name = f"{next(iter(target.hashes.values()))}.{name}"
    text = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", directory + slash + name)
    return quote(text, safe="/%:@!$&'()*+,;=~")


def with_slash(url: str) -> str:
    """Return a base URL that a name can be appended to."""
    return url if url.endswith("/") else url + "/"


def _rows(state: TrustedState) -> dict[str, bytes]:
    rows = [(Root.type, state.root), (Timestamp.type, state.timestamp), (Snapshot.type, state.snapshot)]
    return {role: data for role, data in (*rows, *state.targets) if data is not None}
