"""What must hold before a believed bundle is taken in, and what its damage means after.

Nothing here changes anything.
"""

from __future__ import annotations

import hashlib

from manifests.bundle.verify import VerifiedBundle
from manifests.disk.durable import require_room
from manifests.errors import IncompleteError, NotAuthenticError, SealiftError
from manifests.manifest import TUF_PREFIX, Target
from manifests.text import count_text
from relay.config import Config
from relay.home import Home
from relay.importing.advice import advise_increment
from relay.importing.content import ContentIntake, TakenContent
from relay.state import State
from relay.store.outstanding import find_newest_whole

_METADATA_FACTOR = 8
"""Room in the database for one generation, as a multiple of the manifest's length: rows, indexes, log."""


def digest_manifest(bundle: VerifiedBundle) -> str:
    """Return the digest of a bundle's manifest: which bundle it is."""
    return hashlib.sha256(bundle.manifest_bytes).hexdigest()


def was_stored_before(bundle: VerifiedBundle, state: State) -> bool:
    """Tell whether this very bundle was taken before, whole."""
    found = state.arriving.find_generation(bundle.manifest.snapshot_version)
    return found is not None and any(v.whole and v.manifest_sha256 == digest_manifest(bundle) for v in found.volumes)


def choose_damage(taken: TakenContent, broken: SealiftError | None, *, begun: bool) -> SealiftError | None:
    """Return what keeps a bundle from making a generation: its broken structure, or a member that is damaged.

    A damaged member whose content was here before is let pass when the generation had begun to arrive: two
    copies that are damaged in different places are as good as one that is whole.
    """
    if broken is not None:
        return broken
    counts = [damage.error for damage in taken.damage if damage.needed or not begun]
    return counts[0] if counts else None


def check_roots(bundle: VerifiedBundle, state: State) -> None:
    """Refuse other bytes for a root that is here: the walk begins after the trusted one, agents begin before it.

    Raises:
        NotAuthenticError: ``bundle.root``.
    """
    carried = dict(bundle.documents)
    for name, data in state.trusted.load_roots().items():
        if carried.get(TUF_PREFIX + name, data) != data:
            raise NotAuthenticError(
                "bundle.root", f"The bundle carries another {name} than the one that is trusted here"
            )


def check_bases(
    bundle: VerifiedBundle, intake: ContentIntake, missing: tuple[Target, ...], state: State, home: Home
) -> None:
    """Refuse a bundle that takes for held what is not here: targets, parts of them, or what patches stand on.

    Args:
        bundle: Believed.
        intake: For it.
        missing: What :meth:`ContentIntake.list_missing` returned.
        state: What is held.
        home: The relay's directory.

    Raises:
        IncompleteError: ``base.missing``.
    """
    manifest = bundle.manifest
    baseless = {patch.sha256 for patch in intake.lacking_bases()} | intake.lacking_parts()
    lacking = [target for target in missing if target.arrives == "held" or target.sha256 in baseless]
    if not lacking:
        return
    newest = state.generations.find_newest_number()
    count = f"{len(manifest.targets) - len(lacking):,} of {count_text(len(manifest.targets), 'file')}"
    raise IncompleteError(
        "base.missing",
        f"The bundle needs content that it does not carry and that is not here, such as {lacking[0].path}",
        have=f"generation {newest}, {count}" if newest else f"no generation yet, {count}",
        need=f"{count_text(len(lacking), 'file')}, {count_text(sum(target.length for target in lacking), 'byte')}"
        + (f", as in generation {manifest.since}" if manifest.since is not None else ""),
        todo=f"in the DMZ: {advise_increment(find_newest_whole(state, home.store))}",
        generation=manifest.snapshot_version,
        newest=newest,
        missing=len(lacking),
    )


def check_space(bundle: VerifiedBundle, intake: ContentIntake, home: Home, config: Config) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        StorageError: ``storage.space``.
    """
    needed = intake.measure_room() + _METADATA_FACTOR * len(bundle.manifest_bytes)
    require_room(
        home.path,
        needed,
        reserve_bytes=config.reserve_bytes,
        what="The disk has too little room for the bundle's content",
        todo="make room, then import again: nothing has changed",
    )
