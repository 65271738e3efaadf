"""What the parts of a manifest must agree on, beyond the form that its schema gives."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from manifests.errors import MalformedError
from manifests.manifest.types import Arrival, Manifest
from manifests.names import check_path_set, check_source_name, check_target_path


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest whose parts contradict each other.

    Raises:
        MalformedError: ``manifest.order``, ``.volume``, ``.since``, ``.held``, ``.sources``, ``.documents``,
            ``.lengths``, ``.arrival``, ``.blobs``, ``.patches``, ``.parts``, ``path.*`` or ``name.*``.
    """
    if manifest.volume_index > manifest.volume_count:
        raise MalformedError("manifest.volume", f"Volume {manifest.volume_index} of {manifest.volume_count}")
    if manifest.since is not None and manifest.since >= manifest.snapshot_version:
        raise MalformedError("manifest.since", "The bundle is an increment since a version that is not older")
    held = any(part.held for parted in manifest.parted for part in parted.parts)
    if manifest.since is None and (held or any(target.arrives in {"held", "patch"} for target in manifest.targets)):
        raise MalformedError("manifest.held", "A full bundle takes content for held")
    _check_sources(manifest)
    _check_lengths(manifest)
    arrivals = _arrivals(manifest)
    _check_parts(manifest, arrivals)
    _check_patches(manifest, arrivals)
    _check_blobs(manifest, arrivals)


def _check_sources(manifest: Manifest) -> None:
    """Every target belongs to a source, every item to a target of its source; all in one order."""
    _check_sorted("sources", [source.name for source in manifest.sources])
    _check_sorted("targets", [target.path for target in manifest.targets])
    _check_sorted("absent sources", [source.name for source in manifest.absent])
    names = {check_source_name(source.name) for source in manifest.sources}
    for absent in manifest.absent:
        if check_source_name(absent.name) in names:
            raise MalformedError("manifest.sources", f"The source {absent.name!r} is carried and absent")
    for target in manifest.targets:
        check_target_path(target.path)
        source_name, _, rest = target.path.partition("/")
        if not rest or source_name not in names:
            raise MalformedError("manifest.sources", f"Target {target.path!r} belongs to no source of the manifest")
    check_path_set(target.path for target in manifest.targets)
    paths = {target.path for target in manifest.targets}
    for source in manifest.sources:
        for item in source.items:
            if item.path not in paths or not item.path.startswith(source.name + "/"):
                raise MalformedError(
                    "manifest.sources", f"Item {item.path!r} does not belong to the source {source.name!r}"
                )
    if len({document.name for document in manifest.documents}) != len(manifest.documents):
        raise MalformedError("manifest.documents", "A document is listed twice")
    if any(document.deflated and document.name.endswith(".root.json") for document in manifest.documents):
        raise MalformedError("manifest.documents", "A root is deflated, which is read before the manifest is believed")


def _check_lengths(manifest: Manifest) -> None:
    """One digest has one length, wherever it stands."""
    lengths: dict[str, int] = {}
    for sha256, length in _digests(manifest):
        if lengths.setdefault(sha256, length) != length:
            raise MalformedError("manifest.lengths", f"The digest {sha256} is given two lengths")


def _digests(manifest: Manifest) -> Iterable[tuple[str, int]]:
    yield from ((target.sha256, target.length) for target in manifest.targets)
    yield from ((blob.sha256, blob.length) for blob in manifest.blobs)
    for parted in manifest.parted:
        yield parted.sha256, parted.length
        yield from ((part.sha256, part.length) for part in parted.parts)
    for patch in manifest.patches:
        yield patch.sha256, patch.length
        yield patch.base_sha256, patch.base_length


def _arrivals(manifest: Manifest) -> dict[Arrival, set[str]]:
    """Return the digests of each way to arrive; no content arrives in two ways."""
    arrivals: dict[Arrival, set[str]] = {"blob": set(), "held": set(), "patch": set(), "parts": set()}
    ways: dict[str, Arrival] = {}
    for target in manifest.targets:
        if ways.setdefault(target.sha256, target.arrives) != target.arrives:
            raise MalformedError("manifest.arrival", f"The content of {target.path!r} arrives in two ways")
        arrivals[target.arrives].add(target.sha256)
    return arrivals


def _check_parts(manifest: Manifest, arrivals: dict[Arrival, set[str]]) -> None:
    """What arrives in parts is listed, whole, in every volume."""
    digests = [parted.sha256 for parted in manifest.parted]
    _check_sorted("parts", digests)
    if set(digests) != arrivals["parts"]:
        raise MalformedError("manifest.parts", "The content listed in parts is not that of the targets in parts")
    for parted in manifest.parted:
        if sum(part.length for part in parted.parts) != parted.length:
            raise MalformedError("manifest.parts", f"The parts of {parted.sha256} do not add up to its length")
        if any(part.sha256 in arrivals["parts"] for part in parted.parts):
            raise MalformedError("manifest.parts", f"A part of {parted.sha256} arrives in parts itself")
        if all(part.held for part in parted.parts):
            raise MalformedError("manifest.parts", f"All parts of {parted.sha256} are held, so it would be held itself")


def _check_patches(manifest: Manifest, arrivals: dict[Arrival, set[str]]) -> None:
    """Each patch makes what a target needs, out of what only the site can have."""
    made = {patch.sha256 for patch in manifest.patches}
    members = {patch.patch_sha256 for patch in manifest.patches}
    if not len(made) == len(members) == len(manifest.patches):
        raise MalformedError("manifest.patches", "A patch, or what it makes, is listed twice")
    if not made <= arrivals["patch"] or (manifest.volume_count == 1 and made != arrivals["patch"]):
        raise MalformedError("manifest.patches", "The patches are not those that the targets need")
    brought = arrivals["blob"] | arrivals["patch"] | arrivals["parts"]
    for patch in manifest.patches:
        if patch.base_sha256 in brought:
            raise MalformedError(
                "manifest.patches", f"The patch {patch.patch_sha256} stands on content that is not held yet"
            )


def _check_blobs(manifest: Manifest, arrivals: dict[Arrival, set[str]]) -> None:
    """Each blob is a target's content or a part of it."""
    carried = {blob.sha256 for blob in manifest.blobs}
    if len(carried) != len(manifest.blobs):
        raise MalformedError("manifest.blobs", "A blob is listed twice")
    parts = [part for parted in manifest.parted for part in parted.parts]
    needed = arrivals["blob"] | {part.sha256 for part in parts if not part.held}
    if needed & {part.sha256 for part in parts if part.held}:
        raise MalformedError("manifest.parts", "A part is taken for held and arrives all the same")
    if not carried <= needed or (manifest.volume_count == 1 and carried != needed):
        raise MalformedError("manifest.blobs", "The blobs are not those that the targets need")


def _check_sorted(what: str, keys: list[str]) -> None:
    if any(left >= right for left, right in pairwise(keys)):
        raise MalformedError("manifest.order", f"The {what} are not in ascending order, or one is listed twice")
