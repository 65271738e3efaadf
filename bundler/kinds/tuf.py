"""Source ``tuf``: the targets of another TUF repository, a vendor's or another publisher's, verified end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from tuf.api.metadata import TargetFile

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import BASE_URL_SCHEMA
from bundler.sources.base import CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench, state_of
from bundler.sources.checksums import ALGORITHMS, Checksum
from bundler.sources.paths import existing_file
from manifests.disk import durable
from manifests.disk.durable import storage_errors
from manifests.errors import FetchError
from manifests.limits import DEFAULT_LIMITS
from manifests.names import check_target_path
from manifests.text import count_text
from manifests.trust import TrustedState, Workflow, find_targets, refresh_top_roles, trusted_root, update_roots
from manifests.trust.directory import MetadataDirectory, target_url, with_slash

_WEAK = frozenset({"md5"})
_LIMITS = replace(DEFAULT_LIMITS, delegations=65_536)
"""Roles of one repository. PyPI's, by PEP 458, has 16,384 hash bins; of those only the wanted ones are read."""


@dataclass(frozen=True)
class TufSource:
    """Carry the targets that a TUF repository lists.

    Args:
        root: A root of it that a person brought: where trust begins.
        metadata_url: Base URL of its metadata.
        targets_url: Base URL of its targets.
        options: How to fetch.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["root", "metadata_url", "targets_url"],
        "properties": {
            "root": {"type": "string", "minLength": 1},
            "metadata_url": BASE_URL_SCHEMA,
            "targets_url": BASE_URL_SCHEMA,
            **FETCH_KEYS,
        },
    }

    name: str
    root: Path
    metadata_url: str
    targets_url: str
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` for a root that is not there; ``source.*`` as :func:`fetch_options`.
        """
        root = existing_file(name, options["root"], need="a root.json of the repository")
        metadata_url, targets_url = with_slash(options["metadata_url"]), with_slash(options["targets_url"])
        return cls(name, root, metadata_url, targets_url, fetch_options(name, options))

    def pull(self, bench: Workbench) -> Pull:
        """Verify what the repository lists now, and fetch what of it is not here.

        What was believed is kept even when a later step is refused, so that no older version passes again, however
        the source is configured then. It is the floor of this kind, beside the records because it grows with what was
        verified and not with what was pulled whole.

        Raises:
            NotAuthenticError: ``tuf.signature.*``, ``tuf.hash.*``, ``tuf.length.*``, ``tuf.version.*``,
                ``tuf.root-withheld``.
            RollbackError: ``tuf.rollback.*``, ``tuf.removed.*``.
            ExpiredError: ``tuf.expired.*``.
            IncompleteError: ``tuf.missing.*``.
            MalformedError: ``tuf.malformed.*``, ``tuf.too-large.*``, ``tuf.delegations``; ``path.*`` for a target whose
                path cannot be carried.
            FetchError: ``http.*``; ``tuf.no-targets``, ``tuf.algorithm``.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            with self._session(bench, keep=True) as workflow:
                listed = self._find(bench, workflow, fetcher)
            consistent = bool(workflow.root.consistent_snapshot)
            wanted = [self._wanted(target, consistent=consistent) for target in listed.values()]
            targets = tuple(PulledTarget(got.path, got.blob) for got in fetcher.get_all(wanted))
            memo = fetcher.memo()
        return Pull(
            targets,
            f"signed by the repository's own keys, under root {workflow.root.version} of the one that is pinned; "
            f"{len(targets):,} of {len(targets):,} match their signed lengths and digests",
            memo=memo,
            version=_version(workflow),
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Verify what the repository lists now, and say what of it is new; nothing is kept.

        Raises:
            SealiftError: As :meth:`pull`.
        """
        with Fetcher(self.options, bench, self.name) as fetcher, self._session(bench, keep=False) as workflow:
            listed = self._find(bench, workflow, fetcher)
        targets = tuple(
            CheckedTarget(path, target.length, state_of(unchanged=self._is_here(bench, target)))
            for path, target in listed.items()
        )
        return SourceCheck(targets, f"reached {urlsplit(self.metadata_url).netloc}", version=_version(workflow))

    def _is_here(self, bench: Workbench, target: TargetFile) -> bool:
        known = bench.remembered(target.path)
        return known is not None and self._wanted(target, consistent=True).is_met_by(known, partial(bench.read, known))

    def _find(self, bench: Workbench, workflow: Workflow, fetcher: Fetcher) -> dict[str, TargetFile]:
        """Return the believed targets that will be carried, by path."""

        def read(name: str, max_bytes: int) -> bytes | None:
            return fetcher.document_or_none(self.metadata_url + name, max_bytes=max_bytes, or_forbidden=True)

        bench.progress.start(f"verifying {self.name}")
        update_roots(workflow, read)
        workflow.finish_roots()
        refresh_top_roles(workflow, read)
        listed = find_targets(workflow, read, bench.globs)
        if not listed:
            raise FetchError(
                "tuf.no-targets",
                f"Source {self.name!r}: the repository lists no target that would be carried",
                have=f"{count_text(len(workflow.listed_paths), 'file')} in the roles that were read",
                todo="correct include and exclude, or ask its publisher",
            )
        for path in listed:
            check_target_path(f"{self.name}/{path}")
        return listed

    def _wanted(self, target: TargetFile, *, consistent: bool) -> WantedFile:
        url = self.targets_url + target_url(target, consistent=consistent)
        return WantedFile(url, target.path, length=target.length, check=_checksum(self.name, target))

    @contextmanager
    def _session(self, bench: Workbench, *, keep: bool) -> Iterator[Workflow]:
        """Run the workflow on what was trusted before; keep what it came to trust, however it ends.

        Where older is allowed the root chain alone is trusted before, and only a whole new state replaces the old one.
        """
        directory = MetadataDirectory(bench.store.root.parent / "trusted" / self.name)
        before = self._trusted(directory, keep=keep)
        if bench.allow_older:
            before = TrustedState(before.root)
        workflow = Workflow(before, bench.clock(), _LIMITS, require_extension=False)
        whole = False
        try:
            yield workflow
            whole = True
        finally:
            if keep and (whole or not bench.allow_older):
                directory.save(before, workflow.state)

    def _trusted(self, directory: MetadataDirectory, *, keep: bool) -> TrustedState:
        """Return what is trusted: what was kept, from another root if another one was pinned since.

        Metadata that was kept counts on under a new pinned root as long as that root's keys signed it.

        Raises:
            NotAuthenticError: ``tuf.signature.root``.
            MalformedError: ``tuf.malformed.root``, ``tuf.too-large.root``.
        """
        with storage_errors(self.root), self.root.open("rb") as file:
            pinned = trusted_root(file.read(DEFAULT_LIMITS.root_bytes + 1))
        mark = directory.path / "pinned"
        digest = hashlib.sha256(pinned.root).hexdigest()
        with storage_errors(mark):
            known = mark.is_file() and mark.read_bytes() == digest.encode("ascii")
        if known:
            return directory.load()
        kept = directory.load() if mark.is_file() else pinned
        state = TrustedState(pinned.root, kept.timestamp, kept.snapshot, kept.targets)
        if keep:
            directory.initialise(pinned.root)
            durable.write_file(mark, digest.encode("ascii"))
        return state


def _checksum(name: str, target: TargetFile) -> Checksum:
    """Return the digest that a target must have; any one of those that are signed is enough.

    Raises:
        FetchError: ``tuf.algorithm``.
    """
    for algorithm in ALGORITHMS:
        if algorithm in target.hashes and algorithm not in _WEAK:
            return Checksum(algorithm, target.hashes[algorithm].lower())
    raise FetchError(
        "tuf.algorithm",
        f"Source {name!r}: no digest that can be checked is signed for {target.path!r}",
        have=", ".join(sorted(target.hashes)),
        need="sha256 or sha512",
    )


def _version(workflow: Workflow) -> str:
    return next(str(role.version) for role in workflow.roles if role.name == "snapshot")
