"""Source ``http``: files at listed URLs, below a directory index, or at a URL with a version in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from bundler.fetch.fetcher import FetchedFile, Fetcher
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.kinds.http.errors import WrongSignatureError
from bundler.kinds.http.files import URL_SCHEMA, URLS_SCHEMA, FoundFiles, RemoteFile, read_url_list, require_sound_url
from bundler.kinds.http.listing import DirectoryIndex
from bundler.kinds.http.sidecars import Sidecars
from bundler.kinds.http.signatures import SIGNATURE_SCHEMA
from bundler.kinds.http.template import PROBE_SCHEMA, TEMPLATE_SCHEMA, Template
from bundler.sources.base import NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench, state_of
from bundler.sources.checksums import ALGORITHMS, ChecksumError
from bundler.sources.versions import UPSTREAM, read_version
from manifests.errors import ConfigurationError, FetchError
from manifests.text import count_text


@dataclass(frozen=True)
class HttpSource:
    """Carry what stands at some URLs.

    Args:
        origin: The files themselves, or how they are found.
        sidecars: What is checked by files beside them.
        options: How they are fetched.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "urls": URLS_SCHEMA,
            "index": {**URL_SCHEMA, "pattern": "^https?://[^\\s/?#@]+/([^\\s?#]*/)?$"},
            "depth": {"type": "integer", "minimum": 1, "maximum": 8},
            "template": TEMPLATE_SCHEMA,
            "path": {"type": "string", "minLength": 1},
            "probe": PROBE_SCHEMA,
            "checksum": {"enum": list(ALGORITHMS)},
            **{f"{name}_url": URL_SCHEMA for name in ALGORITHMS},
            "signature": SIGNATURE_SCHEMA,
            "carry_sidecars": {"type": "boolean"},
            **FETCH_KEYS,
        },
    }

    name: str
    origin: tuple[RemoteFile, ...] | DirectoryIndex | Template
    sidecars: Sidecars
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.http`` when they do not say where the files are, ``source.url`` when a URL
                gives no file name or two give the same, ``source.checksum`` when a file has more than one,
                ``source.probe``, ``source.signature``, or as :func:`bundler.fetch.options.fetch_options`.
        """
        sidecars = Sidecars.from_config(name, options)
        return cls(name, _origin(name, options), sidecars, fetch_options(name, options))

    def pull(self, bench: Workbench) -> Pull:
        """Fetch what changed.

        Raises:
            FetchError: ``http.checksum-format``, ``http.listing``, ``http.version``, or as
                :meth:`bundler.fetch.fetcher.Fetcher.get`.
            NotAuthenticError: ``http.signature``, ``http.signature-format``.
            RollbackError: ``source.older``.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            found = self._find(fetcher, bench)
            # a sidecar may have been read just before its file was replaced
            stale = (ChecksumError, WrongSignatureError) if self.sidecars.any_of(found.files) else ()
            got, signers, signed = fetcher.once_more(lambda: self._fetch(fetcher, bench, found), stale)
            carried = self.sidecars.carried(fetcher, found.files)
        targets = tuple(sorted((*(PulledTarget(one.path, one.blob) for one in got), *carried), key=lambda t: t.path))
        return Pull(
            targets=targets,
            verification=self._verification(found.files, signers, signed),
            memo=fetcher.memo(),
            version=found.version,
            floor={} if found.version is None else {UPSTREAM: read_version(found.version)},
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Ask for every URL and read no body.

        Raises:
            FetchError: As :meth:`pull`, but for what only a body shows.
            RollbackError: ``source.older``.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            found = self._find(fetcher, bench)
            lists = self.sidecars.read_lists(fetcher, bench, found.files)
            looked = fetcher.each(lambda file: fetcher.look(self.sidecars.wanted(lists, file)), found.files)
        hosts = sorted({urlsplit(file.url).netloc for file in found.files})
        targets = (CheckedTarget(one.path, one.length, state_of(unchanged=one.unchanged)) for one in looked)
        return SourceCheck(tuple(targets), f"reached {', '.join(hosts)}", found.version)

    def _find(self, fetcher: Fetcher, bench: Workbench) -> FoundFiles:
        """Return the files that will be carried."""
        if isinstance(self.origin, DirectoryIndex):
            found = self.sidecars.without(self.origin.find(fetcher, bench.globs))
        elif isinstance(self.origin, Template):
            found = self.origin.find(fetcher, bench)
        else:
            found = FoundFiles(self.origin)
        taken = tuple(file for file in found.files if bench.globs.takes(file.path))
        if not taken:
            raise FetchError(
                "source.nothing-included",
                f"Source {self.name!r}: include and exclude leave nothing of what its upstream has",
                have=f"{count_text(len(found.files), 'file')}, the first is {found.files[0].path}"
                if found.files
                else "no file in the directories that were read",
                todo="correct the globs in bundler.toml",
            )
        return self.sidecars.listed(FoundFiles(taken, found.version))

    def _fetch(
        self, fetcher: Fetcher, bench: Workbench, found: FoundFiles
    ) -> tuple[tuple[FetchedFile, ...], Mapping[str, int], Mapping[str, int]]:
        """Fetch and check all; return with it how many files who signed, and of how many who signed the list."""
        lists = self.sidecars.read_lists(fetcher, bench, found.files)
        got = fetcher.get_all([self.sidecars.wanted(lists, file) for file in found.files])
        pairs = list(zip(found.files, got, strict=True))
        signers = fetcher.each(lambda pair: self.sidecars.signer(fetcher, bench, pair[0], pair[1].blob), pairs)
        by_list = (
            lists.signers.get(url) for file in found.files for _, url in [self.sidecars.checksum_of(file) or ("", "")]
        )
        return got, Counter(filter(None, signers)), Counter(filter(None, by_list))

    def _verification(
        self, files: tuple[RemoteFile, ...], signers: Mapping[str, int], signed: Mapping[str, int]
    ) -> str:
        total = len(files)
        pinned = sum(file.checksum is not None for file in files)
        published = sum(self.sidecars.checksum_of(file) is not None for file in files) - sum(signed.values())
        plain = sum(file.url.startswith("http:") for file in files)
        said = [f"{count} of {total} signed by {signer}" for signer, count in sorted(signers.items())]
        said += [
            f"{count} of {total} match a checksum list signed by {signer}" for signer, count in sorted(signed.items())
        ]
        said += [f"{pinned} of {total} match the checksum in our configuration"] if pinned else []
        said += [f"{published} of {total} match the checksum that their server publishes"] if published else []
        if not signers and not signed:
            said += ["no upstream signature checked"] if said else [NOT_VERIFIED]
        said += [f"{plain} of {total} came over plain http"] if plain else []
        return "; ".join(said)


def _origin(name: str, options: Mapping[str, Any]) -> tuple[RemoteFile, ...] | DirectoryIndex | Template:
    """Return where the files are.

    Raises:
        ConfigurationError: As :meth:`HttpSource.from_config`.
    """
    given = [key for key in ("urls", "index", "template") if key in options]
    allowed = {"index": {"depth"}, "template": {"path", "probe"}}.get(given[0] if given else "", set())
    strange = sorted({"depth", "path", "probe"} & set(options) - allowed)
    if len(given) != 1 or strange:
        raise ConfigurationError(
            "source.http",
            f"Source {name!r} does not say in one way where its files are",
            have=", ".join([*given, *strange]) or "nothing",
            need="urls, or index (with depth), or template (with probe and path)",
        )
    if "index" in options:
        return DirectoryIndex(require_sound_url(name, options["index"]), options.get("depth", 1))
    if "template" in options:
        return Template.from_config(name, options["template"], options.get("path"), options.get("probe", {}))
    return read_url_list(name, options["urls"])
