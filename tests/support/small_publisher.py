"""A publisher in this process with some directories as sources, a fixed clock and no progress."""

from __future__ import annotations

import json
from pathlib import Path

from bundler.config import load_config
from bundler.context import Context
from bundler.home import Home
from bundler.jobs.create import BundleOrder, CreatedBundles, NothingNew, create_bundles, create_if_changed
from bundler.jobs.init import NewPublisher, create_publisher
from bundler.repository.signers import signers_of
from manifests.clock import parse_instant
from manifests.progress import NoProgress

NOW = parse_instant("2026-11-21T12:00:00Z")


class SmallPublisher:
    """A home whose sources ``s0``, ``s1``, … have one ``file`` each, in ``content-0``, ``content-1``, … beside it."""

    def __init__(self, path: Path, sources: int = 1, retention: int = 10) -> None:
        self.path = path
        self.home: Home = create_publisher(path / "home", NewPublisher("plant"), NOW)
        text = f"retention_generations = {retention}\n" + self.home.config.read_text("utf-8")
        for number in range(sources):
            directory = path / f"content-{number}"
            directory.mkdir()
            text += f'\n[[source]]\nname = "s{number}"\nkind = "directory"\npath = {json.dumps(str(directory))}\n'
            self.change(number, f"{number}")
        self.home.config.write_text(text, "utf-8")
        self.context = Context(self.home, load_config(self.home.config), lambda: NOW, NoProgress())

    def change(self, source: int, text: str) -> None:
        """Give a source's file another content."""
        (self.path / f"content-{source}" / "file").write_text(text)

    def create(self, **order: object) -> CreatedBundles:
        """Seal the next version as ``bundle create`` does."""
        wanted = BundleOrder(out=self.path / "out", tool="sealift test", **order)  # type: ignore[arg-type]
        return create_bundles(self.context, wanted, signers_of(self.home, self.context.config))

    def create_if_changed(self, **order: object) -> CreatedBundles | NothingNew:
        """Seal the next version as ``bundle create --only-if-changed`` does."""
        wanted = BundleOrder(out=self.path / "out", tool="sealift test", **order)  # type: ignore[arg-type]
        return create_if_changed(self.context, wanted, signers_of(self.home, self.context.config))
