"""What a URL path means in one view. A path is looked up in the view's tables, never joined to a directory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from relay.server.pages.page import Page
from relay.server.pages.table import PAGES
from relay.server.view import Publication, View

Nothing = Literal["absent", "not-yet"]

_RINGS, _METADATA, _TARGETS = "-/rings/", "-/tuf/metadata/", "-/tuf/targets/"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Content of the blob store. ``immutable``: its digest is in its name, so it can never change."""

    name: str
    sha256: str
    length: int
    modified_at: datetime | None
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """A TUF metadata document, in the view itself."""

    name: str
    content: bytes
    immutable: bool


Resource = StoredFile | MetadataFile | Page | Nothing


def resolve_path(view: View, path: str) -> Resource:
    """Return what a path means.

    Args:
        view: The one view of this request.
        path: The URL's path, percent-decoded once.

    Returns:
        The resource; ``"absent"``; or ``"not-yet"`` where content will be once a generation is there.
    """
    if not path.startswith("/"):
        return "absent"
    target = path[1:]
    if target.startswith("-/"):
        return _own(view, target)
    if not target and view.mount_at_root is None:
        return PAGES["-/"]
    return _published(view, view.default_ring, target)


def _own(view: View, target: str) -> Resource:
    if target in PAGES:
        return PAGES[target]
    if target.startswith(_METADATA):
        return _metadata(view, target.removeprefix(_METADATA))
    if target.startswith(_TARGETS):
        return _tuf_target(view, target.removeprefix(_TARGETS))
    if target.startswith(_RINGS):
        ring, _, path = target.removeprefix(_RINGS).partition("/")
        return _published(view, ring, path)
    return "absent"


def _published(view: View, ring: str, target: str) -> Resource:
    publication = view.rings.get(ring)
    if publication is None:
        return "not-yet" if ring == view.default_ring else "absent"
    found = _file(publication, target)
    if found == "absent" and publication.mounted is not None:
        return _file(publication, f"{publication.mounted}/{target}")
    return found


def _file(publication: Publication, target: str) -> StoredFile | Literal["absent"]:
    file = publication.files.get(target)
    return "absent" if file is None else StoredFile(file.path, file.sha256, file.length, file.modified_at)


def _metadata(view: View, name: str) -> Resource:
    content = view.metadata.get(name)
    if content is None:
        return "absent" if view.rings else "not-yet"
    return MetadataFile(name, content, immutable=name.partition(".")[0].isdigit())


def _tuf_target(view: View, name: str) -> Resource:
    blob = view.tuf_targets.get(name)
    if blob is None:
        return "absent" if view.rings else "not-yet"
    return StoredFile(name, blob.sha256, blob.length, None, immutable=True)
