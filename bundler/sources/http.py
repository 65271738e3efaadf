"""Source ``http``: listed URLs, fetched only when they changed, checked where there is something to check by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from bundler.fetch.fetcher import Fetched, Fetcher, Wanted
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import shown
from bundler.sources.base import NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench
from bundler.sources.checksums import ALGORITHMS, HEX_DIGITS, Algorithm, Checksum, parse
from manifests.errors import ConfigurationError, MalformedError
from manifests.limits import MIB
from manifests.names import check_path_set, check_target_path

_CHECKSUM_FILE_BYTES = MIB
_STALE = frozenset({"http.checksum"})
"""A published checksum may have been read just before its file was replaced."""
_URL = {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s#]*)?$"}
_CHECKSUM_KEYS = {name: {"type": "string", "pattern": f"^[0-9A-Fa-f]{{{HEX_DIGITS[name]}}}$"} for name in ALGORITHMS}


@dataclass(frozen=True)
class Remote:
    """One file to fetch. At most one of ``checksum`` and ``checksum_url`` is set."""

    url: str
    path: str
    checksum: Checksum | None = None
    checksum_url: tuple[Algorithm, str] | None = None


@dataclass(frozen=True)
class HttpSource:
    """Carry what stands at some URLs.

    Args:
        files: Sorted by path.
        options: How they are fetched.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["urls"],
        "properties": {
            "urls": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "if": {"type": "object"},
                    "then": {
                        "additionalProperties": False,
                        "required": ["url"],
                        "properties": {
                            "url": _URL,
                            "path": {"type": "string", "minLength": 1},
                            **_CHECKSUM_KEYS,
                            **{f"{name}_url": _URL for name in ALGORITHMS},
                        },
                    },
                    "else": _URL,
                },
            },
            **FETCH_KEYS,
        },
    }

    name: str
    files: tuple[Remote, ...]
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.url`` when a URL gives no file name or two give the same,
                ``source.checksum`` when a file has more than one, ``source.path`` when ``ca`` is relative.
        """
        files = tuple(sorted((_remote(name, entry) for entry in options["urls"]), key=lambda file: file.path))
        try:
            check_path_set(file.path for file in files)
        except MalformedError as error:
            raise ConfigurationError(
                "source.url", f"Source {name!r}: {error.what}", todo="give one of them another path"
            ) from error
        return cls(name, files, fetch_options(name, options))

    def pull(self, bench: Workbench) -> Pull:
        """Fetch what changed.

        Raises:
            FetchError: ``http.checksum-format``, or as :meth:`bundler.fetch.fetcher.Fetcher.get`.
        """
        stale = _STALE if any(file.checksum_url for file in self.files) else frozenset()
        with Fetcher(self.options, bench, self.name) as fetcher:
            got = fetcher.again(lambda: self._get_all(fetcher), stale)
        targets = tuple(PulledTarget(one.path, one.blob) for one in got)
        return Pull(
            targets=targets,
            verification=self._verification(),
            memo=fetcher.memo(),
            unchanged=bench.previous is not None and bench.previous.targets == targets,
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Ask for every URL and read no body.

        Raises:
            FetchError: As :meth:`pull`, but for what only a body shows.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            looked = [fetcher.look(self._wanted(fetcher, file)) for file in self.files]
        hosts = sorted({urlsplit(file.url).netloc for file in self.files})
        targets = (CheckedTarget(one.path, one.length, "unchanged" if one.unchanged else "to fetch") for one in looked)
        return SourceCheck(tuple(targets), f"reached {', '.join(hosts)}")

    def _get_all(self, fetcher: Fetcher) -> tuple[Fetched, ...]:
        return fetcher.get_all([self._wanted(fetcher, file) for file in self.files])

    def _wanted(self, fetcher: Fetcher, file: Remote) -> Wanted:
        check = file.checksum
        if file.checksum_url is not None:
            algorithm, url = file.checksum_url
            data = fetcher.document(url, max_bytes=_CHECKSUM_FILE_BYTES)
            check = parse(data, algorithm, _file_name(file.url), name=shown(url))
        return Wanted(file.url, file.path, check=check)

    def _verification(self) -> str:
        total = len(self.files)
        pinned = sum(file.checksum is not None for file in self.files)
        published = sum(file.checksum_url is not None for file in self.files)
        plain = sum(file.url.startswith("http:") for file in self.files)
        said = [f"{pinned} of {total} match the checksum in our configuration"] if pinned else []
        said += [f"{published} of {total} match the checksum that their server publishes"] if published else []
        said += ["no upstream signature checked"] if said else [NOT_VERIFIED]
        said += [f"{plain} of {total} came over plain http"] if plain else []
        return "; ".join(said)


def _remote(name: str, entry: str | Mapping[str, str]) -> Remote:
    table = {"url": entry} if isinstance(entry, str) else entry
    url = table["url"]
    path = table.get("path") or _file_name(url)
    try:
        check_target_path(f"{name}/{path}")
    except MalformedError as error:
        raise ConfigurationError(
            "source.url",
            f"Source {name!r}: {shown(url)} gives no usable path: {error.what}",
            todo='write {url = "…", path = "…"}',
        ) from error
    given = [key for key in (*ALGORITHMS, *(f"{algorithm}_url" for algorithm in ALGORITHMS)) if key in table]
    if len(given) > 1:
        raise ConfigurationError(
            "source.checksum", f"Source {name!r}: {shown(url)} has more than one checksum", have=", ".join(given)
        )
    for algorithm in ALGORITHMS:
        if algorithm in table:
            return Remote(url, path, checksum=Checksum(algorithm, table[algorithm].lower()))
        if f"{algorithm}_url" in table:
            return Remote(url, path, checksum_url=(algorithm, table[f"{algorithm}_url"]))
    return Remote(url, path)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")
