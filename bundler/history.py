"""What each version was sealed from, kept so that increments can stand on it and it can be made again.

``<home>/generations/<version>/`` has the manifest and its signature of every volume, and ``order.json``.
Documents, content and patches are in the blob store, by the digests of the manifest.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.home import Home
from manifests import manifest as manifest_format
from manifests.disk import durable
from manifests.errors import ConfigurationError, MalformedError, UsageError
from manifests.limits import MIB
from manifests.manifest import Manifest, Target
from manifests.schemas import strictjson

FORMAT = "sealift-generation/1"
_ORDER = "order.json"
_STAGED = ".staged"


@dataclass(frozen=True)
class SealedVolume:
    """One bundle as it was signed: the manifest, its exact bytes, and those of its signature."""

    manifest: Manifest
    manifest_bytes: bytes
    signature_bytes: bytes


@dataclass(frozen=True)
class SealedVersion:
    """One version as it was sealed.

    Args:
        version: Of the TUF snapshot.
        volumes: In their order.
        volume_size: What no volume exceeds, in bytes; None: one bundle, however large.
        recovery_percent: How much recovery data was asked for beside each volume.
        readers: For whom it was made, for people; None where an older version of Sealift sealed it.
    """

    version: int
    volumes: tuple[SealedVolume, ...]
    volume_size: int | None = None
    recovery_percent: int | None = None
    readers: str | None = None


class History:
    """The versions that are remembered.

    Args:
        home: The publisher's directory.
    """

    def __init__(self, home: Home) -> None:
        self._directory = home.generations

    def list_versions(self) -> tuple[int, ...]:
        """Return the versions that are remembered, ascending.

        Raises:
            StorageError: The directory cannot be read.
        """
        if not self._directory.is_dir():
            return ()
        with durable.storage_errors(self._directory):
            return tuple(sorted(int(path.name) for path in self._directory.iterdir() if path.name.isdigit()))

    def read_version(self, version: int) -> SealedVersion:
        """Return a version as it was sealed.

        Raises:
            UsageError: ``history.unknown``.
            ConfigurationError: ``history.damaged``.
            StorageError: A file cannot be read.
        """
        order = self._order(version)
        return SealedVersion(
            version=version,
            volumes=tuple(self._volume(version, index) for index in range(1, order["volumes"] + 1)),
            volume_size=order["volume_size"],
            recovery_percent=order["recovery_percent"],
            readers=order.get("readers"),
        )

    def read_targets(self, version: int) -> tuple[Target, ...]:
        """Return a version's targets, without the checks that its manifest passed when it was sealed.

        Raises:
            UsageError: ``history.unknown``.
            ConfigurationError: ``history.damaged``.
            StorageError: The file cannot be read.
        """
        self._order(version)
        path = self._path(version) / _manifest_name(1)
        try:
            value = json.loads(self._read(path))
            return tuple(Target(t["path"], t["length"], t["sha256"], t["arrives"]) for t in value["targets"])
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path) from error

    def read_all_targets(self) -> dict[int, tuple[Target, ...]]:
        """Return the targets of every version that is remembered, newest first; raises as :meth:`read_targets`."""
        return {version: self.read_targets(version) for version in reversed(self.list_versions())}

    def stage_sealed(self, sealed: SealedVersion) -> None:
        """Write a version durably where nobody reads it yet; :meth:`publish_staged` makes it known.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        self.discard_staged()
        staged = self._directory / _STAGED
        durable.make_directory(staged)
        for index, volume in enumerate(sealed.volumes, 1):
            durable.write_file(staged / _manifest_name(index), volume.manifest_bytes)
            durable.write_file(staged / _signature_name(index), volume.signature_bytes)
        order = {
            "format": FORMAT,
            "version": sealed.version,
            "volumes": len(sealed.volumes),
            "volume_size": sealed.volume_size,
            "recovery_percent": sealed.recovery_percent,
            **({} if sealed.readers is None else {"readers": sealed.readers}),
        }
        durable.write_file(staged / _ORDER, strictjson.encode_json(order))

    def publish_staged(self, version: int) -> None:
        """Make the staged version known; harmless when it is already.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        staged = self._directory / _STAGED
        with durable.storage_errors(staged):
            if staged.exists():
                durable.replace_file(staged, self._path(version))

    def discard_staged(self) -> None:
        """Remove what was staged and not published."""
        staged = self._directory / _STAGED
        with durable.storage_errors(staged):
            if staged.exists():
                shutil.rmtree(staged)

    def forget_version(self, version: int) -> None:
        """Remove a version: increments cannot stand on it and it cannot be made again.

        Raises:
            StorageError: The disk is failing.
        """
        path = self._path(version)
        with durable.storage_errors(path):
            (path / _ORDER).unlink()  # a version without its order is not known, so half of one is none
            durable.fsync_directory(path)
            shutil.rmtree(path)

    def finish_forgetting(self) -> None:
        """Finish what an interrupted :meth:`forget_version` left. Call under the home's lock."""
        for version in self.list_versions():
            path = self._path(version)
            with durable.storage_errors(path):
                if not (path / _ORDER).exists():
                    shutil.rmtree(path)

    def needed_digests(self, version: int) -> Iterator[str]:
        """Yield the digests of all that a version's bundles are made of, some of them more than once.

        A part is made of its target, so it is not among them.

        Raises:
            UsageError: ``history.unknown``.
            ConfigurationError: ``history.damaged``.
        """
        for volume in self.read_version(version).volumes:
            manifest = volume.manifest
            yield from (document.sha256 for document in manifest.documents)
            yield from (target.sha256 for target in manifest.targets)
            yield from (patch.patch_sha256 for patch in manifest.patches)

    def _path(self, version: int) -> Path:
        return self._directory / f"{version:06d}"

    def _order(self, version: int) -> dict[str, Any]:
        path = self._path(version) / _ORDER
        if not path.exists():
            raise unknown_version(version, self.list_versions())
        try:
            value: dict[str, Any] = strictjson.decode_json(self._read(path), name=path.name, max_bytes=MIB)
            known = (value["format"], value["version"]) == (FORMAT, version)
            if not known or not {"volumes", "volume_size", "recovery_percent"} <= value.keys():
                raise _damaged(path)
        except (MalformedError, KeyError, TypeError) as error:
            raise _damaged(path) from error
        return value

    def _volume(self, version: int, index: int) -> SealedVolume:
        path = self._path(version) / _manifest_name(index)
        data = self._read(path)
        try:
            manifest = manifest_format.decode_manifest(data)
        except MalformedError as error:
            raise _damaged(path) from error
        if (manifest.snapshot_version, manifest.volume_index) != (version, index):
            raise _damaged(path)
        return SealedVolume(manifest, data, self._read(self._path(version) / _signature_name(index)))

    def _read(self, path: Path) -> bytes:
        with durable.storage_errors(path):
            if not path.exists():
                raise _damaged(path)
            return path.read_bytes()


def unknown_version(version: int, versions: tuple[int, ...]) -> UsageError:
    """Return the error for a version that is not remembered.

    None that is remembered is advised instead: a site that has an older one could not take what stands on it.
    """
    newest = versions[-1] if versions else 0
    never = version > newest
    restored = f"; if a site has version {version}, this home came back from a backup: bundle restored"
    return UsageError(
        "history.unknown",
        f"Version {version} was never sealed here" if never else f"Version {version} is not kept here",
        have=_ranges(versions) if versions else "no version at all",
        todo="bundle create --full" + (restored if never else ", or --since with the receipt of a site"),
    )


def _ranges(versions: Sequence[int]) -> str:
    """Name ascending versions, those that follow each other by the first and the last."""
    ends: list[tuple[int, int]] = []
    for version in versions:
        first = ends.pop()[0] if ends and ends[-1][1] + 1 == version else version
        ends.append((first, version))
    named = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ends)
    return f"version{'' if len(versions) == 1 else 's'} {named}"


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "history.damaged",
        f"{path} is missing, or not what bundle create wrote",
        todo="bring it back from the backup; until then: bundle create --full; to go on without it: "
        f"rm -r {shlex.quote(str(path.parent))}",
    )


def _manifest_name(index: int) -> str:
    return f"manifest-{index:04d}.json"


def _signature_name(index: int) -> str:
    return f"manifest-{index:04d}.sig.json"
