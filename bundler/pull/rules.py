"""The rules for what any kind of source yields."""

from __future__ import annotations

from dataclasses import replace

from bundler.sources.base import Pull
from bundler.sources.globs import GlobSet
from manifests.errors import FetchError
from manifests.manifest import one_line
from manifests.names import check_path_set, check_target_path
from manifests.text import count_text


def sound_pull(name: str, globs: GlobSet, pulled: Pull) -> Pull:
    """Return a pull as every kind must yield it: only what is included, sorted, sound paths, text on one line.

    Args:
        name: The source's.
        globs: What of it is carried.
        pulled: As the kind yields it.

    Raises:
        MalformedError: ``path.*``.
        FetchError: ``source.nothing-included``.
    """
    takes = globs.takes
    targets = tuple(sorted((t for t in pulled.targets if takes(t.path)), key=lambda target: target.path))
    if pulled.targets and not targets:
        raise FetchError(
            "source.nothing-included",
            f"Source {name!r}: include and exclude leave nothing of what it yields",
            have=f"{count_text(len(pulled.targets), 'file')}, the first is {pulled.targets[0].path}",
            todo="correct the globs in bundler.toml",
        )
    for target in targets:
        check_target_path(f"{name}/{target.path}")
    check_path_set(target.path for target in targets)
    return replace(
        pulled,
        targets=targets,
        items=tuple(item for item in pulled.items if takes(item.path)),
        verification=one_line(pulled.verification),
        version=None if pulled.version is None else one_line(pulled.version),
    )
