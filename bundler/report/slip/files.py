"""Slips for sealed bundles: two more files beside them, a text and a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.diff.rules import ContentOf, compare_rules
from bundler.diff.targets import Difference, compare_targets
from bundler.history import History
from bundler.home import Home
from bundler.report.slip import SlipVolume, prepare_slip, render_html, render_text
from bundler.seal.companions import ChooseCompanions, Companion, SealedFile, write_companion
from manifests.bundle.claimed import claimed_documents
from manifests.bundle.opening import open_bundle
from manifests.disk.blobs import Blob, BlobStore
from manifests.errors import ConfigurationError
from manifests.manifest import Manifest, Target, signature


def slip_beside(home: Home, recovery_percent: float | None = None, readers: str | None = None) -> ChooseCompanions:
    """Return what puts the slip of a run beside its bundles: one for all volumes, as text and as HTML.

    Args:
        home: Whose history says what the version before was, and whose store holds its rules.
        recovery_percent: How much recovery data goes beside each bundle, if any does.
        readers: For whom the bundles are, in words.
    """

    def choose(files: Sequence[SealedFile]) -> Sequence[Companion]:
        return tuple(_slip_files(home, files, recovery_percent, readers)) if files else ()

    return choose


def _slip_files(
    home: Home, files: Sequence[SealedFile], recovery_percent: float | None, readers: str | None
) -> Sequence[Companion]:
    ordered = sorted(files, key=lambda file: file.manifest.volume_index)
    first = ordered[0]
    compared = changes_since_previous(home, first.manifest)
    slip = prepare_slip(
        first.manifest,
        *_signed(first),
        [SlipVolume(file.path.name, file.length, file.sha256) for file in ordered],
        difference=compared,
        rules=() if compared is None else compare_rules(compared, _content_of(home.store())),
        recovery_percent=recovery_percent,
        readers=readers,
    )
    texts = ((f"{slip.file_stem}.txt", render_text(slip)), (f"{slip.file_stem}.html", render_html(slip)))
    return [Companion("slip", name, _writer(text)) for name, text in texts]


def _signed(file: SealedFile) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return the signature and the documents of a bundle that was verified a moment ago."""
    with open_bundle(file.partial) as opened:
        found = claimed_documents(opened)
    return found.pop(signature.SIGNATURE_NAME), list(found.items())


def changes_since_previous(home: Home, manifest: Manifest) -> Difference | None:
    """Compare with the newest version before this one that can still be read."""
    history = History(home)
    for version in sorted(history.list_versions(), reverse=True):
        if version < manifest.snapshot_version:
            with suppress(ConfigurationError):  # history.damaged: the slip is no reason to seal nothing
                return compare_targets(history.read_version(version).volumes[0].manifest, manifest)
    return None


def _content_of(store: BlobStore) -> ContentOf:
    def content(target: Target) -> bytes | None:
        blob = Blob(target.sha256, target.length)
        return b"".join(store.read(blob.sha256)) if store.has_blob(blob) else None

    return content


def _writer(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_companion(path, text.encode("utf-8"))

    return write
