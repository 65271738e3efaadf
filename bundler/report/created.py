"""Say in words and in JSON what one run of ``bundle create`` wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bundler.jobs.create import CreatedBundles, NothingNew
from bundler.report import manifest as describe
from bundler.seal.companions import CompanionFile, SealedFile
from manifests.text import count_text, size_text

FULL = "bundle create --full --out DIR"
"""What makes a bundle for a site that has nothing yet."""


def created_to_json(created: CreatedBundles) -> dict[str, Any]:
    """Return all files and what the bundles carry as one JSON object; lengths in bytes.

    ``files`` are the bundles, ``beside`` the slip and the recovery data; ``file``, ``length`` and ``sha256`` are
    those of the first bundle, ``carried_bytes`` counts the content of all volumes, ``unchanged`` names the sources
    whose upstream had nothing new, ``readers`` says for whom they are, ``new_site_needs`` is the command that makes
    a bundle for a site that has nothing, where this one is none.
    """
    files = [_file_to_json(file) for file in created.files]
    beside = [{"kind": file.kind, **_file_to_json(file)} for file in created.companions]
    said = describe.manifest_to_json(created.files[0].manifest, targets=False)
    return {
        **files[0],
        **said,
        "readers": created.readers,
        "new_site_needs": _new_site_needs(created),
        "carried_bytes": _carried_bytes(created.files),
        "files": files,
        "beside": beside,
        "total_bytes": _total(created),
        "unchanged": list(created.unchanged),
    }


def created_to_text(created: CreatedBundles) -> str:
    """Return the same for a terminal of 80 columns: what is carried, then file by file what is to be copied."""
    first = created.files[0].manifest
    lines = [describe.manifest_to_text(first, targets=False, carried=_carried_bytes(created.files))]
    if created.readers is not None:
        lines += ["", f"for        {created.readers}"]
    needed = _new_site_needs(created)
    if needed is not None:
        lines.append(f"new sites  cannot take it and need a full bundle: {needed}")
    if created.unchanged:
        lines += ["", f"unchanged since the last pull: {', '.join(created.unchanged)}"]
    for file in created.files:
        lines += ["", *_checked(file)]
    for beside in created.companions:
        if beside.kind == "recovery":
            lines += ["", *_checked(beside, " of recovery data")]
    for beside in created.companions:
        if beside.kind == "slip":
            form = "to print" if beside.path.suffix == ".html" else "as text"
            lines += ["", str(beside.path), f"{count_text(beside.length, 'byte')}, the slip {form}"]
    count = len(created.files) + len(created.companions)
    lines += [
        "",
        f"{count_text(count, 'file')}, {count_text(_total(created), 'byte')} ({size_text(_total(created))}) in all",
    ]
    return "\n".join(lines)


def nothing_new_to_json(nothing: NothingNew) -> dict[str, Any]:
    """Return as one JSON object that nothing was sealed, and which version has it all."""
    return {"outcome": "unchanged", "snapshot_version": nothing.version, "unchanged": list(nothing.sources)}


def nothing_new_to_text(nothing: NothingNew) -> str:
    """Say that nothing was sealed."""
    return f"Nothing is new since version {nothing.version}; nothing was sealed."


def _new_site_needs(created: CreatedBundles) -> str | None:
    """Return the command that makes a bundle for a site that has nothing; None where this one serves it."""
    return None if created.files[0].manifest.since is None else FULL


def _carried_bytes(files: Iterable[SealedFile]) -> int:
    """Return what the content takes in all files together, in bytes."""
    return sum(describe.carried_bytes(file.manifest) for file in files)


def _checked(file: SealedFile | CompanionFile, what: str = "") -> Sequence[str]:
    return str(file.path), f"{count_text(file.length, 'byte')}{what}", f"sha256 {file.sha256}"


def _file_to_json(file: SealedFile | CompanionFile) -> dict[str, Any]:
    return {"file": str(file.path), "length": file.length, "sha256": file.sha256}


def _total(created: CreatedBundles) -> int:
    return sum(file.length for file in created.files) + sum(file.length for file in created.companions)
