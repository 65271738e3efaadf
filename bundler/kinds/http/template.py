"""Files with a version in their URL: which version is the newest, asked of a page or found by counting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.urls import file_name_of, shown_url
from bundler.kinds.http.files import FoundFiles, RemoteFile, require_sound_url, require_url_path
from bundler.sources.base import Workbench
from bundler.sources.versions import UPSTREAM, Version, read_version
from manifests.errors import ConfigurationError, FetchError
from manifests.limits import MIB

VERSION_FIELD = "{version}"
_PAGE_BYTES = 4 * MIB
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}")

TEMPLATE_SCHEMA: Mapping[str, Any] = {
    "type": "string",
    "pattern": "^https?://[^\\s/?#@{}]+/[^\\s#]*\\{version\\}[^\\s#]*$",
}
PROBE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s#]*)?$"},
        "pattern": {"type": "string", "minLength": 1},
        "start": {"type": "integer", "minimum": 0},
        "most": {"type": "integer", "minimum": 1, "maximum": 10_000},
    },
}
"""What may stand in ``probe = {…}``: ``url`` and ``pattern``, or ``start`` and ``most``."""


@dataclass(frozen=True)
class Page:
    """A page that names versions; the highest counts."""

    url: str
    pattern: re.Pattern[str]

    def newest(self, fetcher: Fetcher) -> str:
        """Return the highest version that the page names.

        Raises:
            FetchError: ``http.version``.
        """
        text = fetcher.document(self.url, max_bytes=_PAGE_BYTES, html=True).decode("utf-8", "replace")
        found = {match[1] for match in self.pattern.finditer(text) if match[1] and _VERSION.fullmatch(match[1])}
        if not found:
            raise FetchError(
                "http.version",
                f"{shown_url(self.url)} names no version",
                have=repr(text[:80]),
                need=f"text that the source's probe.pattern fits: {self.pattern.pattern}",
            )
        return max(found, key=lambda version: (read_version(version), version))


@dataclass(frozen=True)
class Template:
    """A URL with a version in it.

    Args:
        source: The source's name.
        url: With ``{version}``.
        path: The target path, ``{version}`` may stand in it too.
        page: Where the version is read; ``None``: whole numbers are tried.
        start: The first number that is tried.
        most: The most numbers tried in one run.
    """

    source: str
    url: str
    path: str
    page: Page | None = None
    start: int = 1
    most: int = 1000

    @classmethod
    def from_config(cls, source: str, url: str, path: str | None, probe: Mapping[str, Any]) -> Self:
        """Make the template from keys that fit their schemas.

        Raises:
            ConfigurationError: ``source.probe``, ``source.url``.
        """
        require_sound_url(source, url)
        path = require_url_path(source, url, path or file_name_of(url))
        if ("url" in probe) != ("pattern" in probe) or ("url" in probe and ("start" in probe or "most" in probe)):
            raise ConfigurationError(
                "source.probe",
                f"Source {source!r}: probe says neither how to read a version nor how to count",
                need='{url = "…", pattern = "…"} or {start = 1}',
            )
        if "url" not in probe:
            return cls(source, url, path, start=probe.get("start", cls.start), most=probe.get("most", cls.most))
        try:
            pattern = re.compile(probe["pattern"])
        except re.error as error:
            raise ConfigurationError("source.probe", f"Source {source!r}: probe.pattern: {error}") from error
        if pattern.groups != 1:
            raise ConfigurationError(
                "source.probe", f"Source {source!r}: probe.pattern needs one group, around the version"
            )
        return cls(source, url, path, Page(require_sound_url(source, probe["url"]), pattern))

    def find(self, fetcher: Fetcher, bench: Workbench) -> FoundFiles:
        """Return the newest version's file.

        Raises:
            FetchError: ``http.version`` when there is none.
            RollbackError: ``source.older``.
        """
        version = self.page.newest(fetcher) if self.page else self._count(fetcher, bench.floor.get(UPSTREAM, ()))
        bench.check_not_older(self.source, UPSTREAM, read_version(version))
        return FoundFiles((self._remote(version),), version)

    def _remote(self, version: str) -> RemoteFile:
        return RemoteFile(self.url.replace(VERSION_FIELD, version), self.path.replace(VERSION_FIELD, version))

    def _count(self, fetcher: Fetcher, last: Version) -> str:
        """Try numbers upwards from the last known until one is missing; from the start if that is gone."""
        known = last[0] if len(last) == 1 else self.start
        for first in dict.fromkeys((known, known + 1, self.start)):
            number = first
            while number < first + self.most and self._exists(fetcher, number):
                number += 1
            if number > first:
                return str(number - 1)
        raise FetchError(
            "http.version",
            f"{shown_url(self.url)} exists for no number",
            have=f"tried {self.start} and, the last that was pulled, {known}",
            todo="correct template or probe.start",
        )

    def _exists(self, fetcher: Fetcher, number: int) -> bool:
        remote = self._remote(str(number))
        return fetcher.is_there(WantedFile(remote.url, remote.path))
