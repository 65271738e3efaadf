"""Source ``http``: listed URLs, fetched only when they changed, checked where there is something to check by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Self, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from bundler.sources.base import JSON, NOT_VERIFIED, CheckedTarget, Pull, PulledTarget, SourceCheck, Workbench
from bundler.sources.checksums import ALGORITHMS, HEX_DIGITS, Algorithm, Checksum, parse
from bundler.sources.directory import absolute
from bundler.sources.transport import Answer, Policy, Transport, Validators, shown
from manifests.blobs import Blob
from manifests.errors import ConfigurationError, FetchError, MalformedError
from manifests.limits import MIB
from manifests.names import check_path_set, check_target_path

_CHECKSUM_FILE_BYTES = MIB
_SNIFFED_BYTES = 512
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_URL = {"type": "string", "pattern": "^https?://[^\\s/?#@]+(/[^\\s#]*)?$"}
_CHECKSUM_KEYS = {name: {"type": "string", "pattern": f"^[0-9A-Fa-f]{{{HEX_DIGITS[name]}}}$"} for name in ALGORITHMS}

_Fetched: TypeAlias = tuple[Blob, Mapping[str, JSON]]
T = TypeVar("T")


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
        policy: How far we go for one file.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset({"timeout_seconds", "total_seconds", "max_bytes", "ca"})
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
            "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
            "total_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 604800},
            "max_bytes": {"type": "integer", "minimum": 1},
            "ca": {"type": "string", "minLength": 1},
        },
    }

    name: str
    files: tuple[Remote, ...]
    policy: Policy

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
        given = {key: options[key] for key in ("timeout_seconds", "total_seconds", "max_bytes") if key in options}
        ca = absolute(name, options["ca"]) if "ca" in options else None
        if ca is not None and not ca.is_file():
            raise ConfigurationError("source.path", f"Source {name!r}: there is no file {ca}", need="a PEM bundle")
        return cls(name, files, Policy(ca=ca, **given))

    def pull(self, bench: Workbench) -> Pull:
        """Fetch what changed.

        Raises:
            FetchError: ``http.captive-portal``, ``http.checksum``, ``http.checksum-format``, or as
                :meth:`bundler.sources.transport.Transport.get`.
        """
        with Transport(self.policy, bench.clock, bench.pause) as transport:
            got = {f.path: _tried(transport, partial(self._fetch, transport, bench, f), f) for f in self.files}
        targets = tuple(PulledTarget(path, blob) for path, (blob, _) in got.items())
        return Pull(
            targets=targets,
            verification=self._verification(),
            memo={"files": {path: note for path, (_, note) in got.items()}},
            unchanged=bench.previous is not None and bench.previous.targets == targets,
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Ask for every URL and read no body.

        Raises:
            FetchError: As :meth:`pull`, but for what only a body shows.
        """
        with Transport(self.policy, bench.clock, bench.pause) as transport:
            targets = tuple(_tried(transport, partial(self._look, transport, bench, file), file) for file in self.files)
        hosts = sorted({urlsplit(file.url).netloc for file in self.files})
        return SourceCheck(targets, f"reached {', '.join(hosts)}")

    def _look(self, transport: Transport, bench: Workbench, file: Remote) -> CheckedTarget:
        expected = self._expected(transport, file)
        known = bench.remembered(file.path)
        if known is not None and expected is not None and _matches(bench, known, expected):
            return CheckedTarget(file.path, known.length, "unchanged")
        with transport.get(file.url, self._validators(bench, file, known, expected)) as answer:
            _refuse_html(file, answer, b"")
            length = known.length if answer.unchanged and known else answer.length
            return CheckedTarget(file.path, length, "unchanged" if answer.unchanged else "to fetch")

    def _fetch(self, transport: Transport, bench: Workbench, file: Remote) -> _Fetched:
        expected = self._expected(transport, file)
        known = bench.remembered(file.path)
        if known is not None and expected is not None and _matches(bench, known, expected):
            return known, _note(file, Validators())
        with transport.get(file.url, self._validators(bench, file, known, expected)) as answer:
            note = _note(file, answer.validators)
            if answer.unchanged and known is not None:
                return known, note
            bench.progress.start(f"{self.name}: {file.path}", answer.length)
            chunks = _counted(_without_portal(file, answer), bench)
            if expected is not None:
                chunks = expected.checked(chunks, name=shown(file.url))
            return bench.batch.add(chunks), note

    def _expected(self, transport: Transport, file: Remote) -> Checksum | None:
        if file.checksum_url is None:
            return file.checksum
        algorithm, url = file.checksum_url
        with transport.get(url) as answer:
            data = bytearray()
            for chunk in answer.chunks:
                data += chunk
                if len(data) > _CHECKSUM_FILE_BYTES:
                    raise FetchError("http.checksum-format", f"{shown(url)} is too large for a checksum file")
            _refuse_html(Remote(url, url), answer, bytes(data[:_SNIFFED_BYTES]))
        return parse(bytes(data), algorithm, _file_name(file.url), name=shown(url))

    def _validators(
        self, bench: Workbench, file: Remote, known: Blob | None, expected: Checksum | None
    ) -> Validators | None:
        """Return what to ask "unchanged?" with; nothing when we have no content, or know that ours is not right."""
        note = bench.memo("files").get(file.path)
        if known is None or expected is not None or not isinstance(note, Mapping) or note.get("url") != file.url:
            return None
        etag, modified = note.get("etag"), note.get("last_modified")
        if etag is None and modified is None:
            return None
        return Validators(str(etag) if etag else None, str(modified) if modified else None)

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


def _tried(transport: Transport, attempt: Callable[[], T], file: Remote) -> T:
    """Try a file often enough; a published checksum may have been read just before its file was replaced."""
    return transport.retrying(attempt, also=frozenset({"http.checksum"} if file.checksum_url else ()))


def _matches(bench: Workbench, blob: Blob, expected: Checksum) -> bool:
    if expected.algorithm == "sha256":
        return blob.sha256 == expected.digest
    return expected.holds(bench.store.read(blob.sha256))


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")


def _note(file: Remote, validators: Validators) -> dict[str, JSON]:
    return {"url": file.url, "etag": validators.etag, "last_modified": validators.last_modified}


def _counted(chunks: Iterator[bytes], bench: Workbench) -> Iterator[bytes]:
    for chunk in chunks:
        bench.progress.advance(len(chunk))
        yield chunk


def _without_portal(file: Remote, answer: Answer) -> Iterator[bytes]:
    first = next(answer.chunks, b"")
    _refuse_html(file, answer, first)
    return chain([first], answer.chunks) if first else iter(())


def _refuse_html(file: Remote, answer: Answer, beginning: bytes) -> None:
    """Refuse a web page where a file was asked for: what captive portals and proxies answer with 200.

    A checksum says more than a look at the first bytes, so a file that has one is left to it.
    """
    if answer.unchanged or file.checksum or file.checksum_url:
        return
    if urlsplit(file.url).path.lower().endswith(_HTML_SUFFIXES) or file.path.lower().endswith(_HTML_SUFFIXES):
        return
    start = beginning[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if answer.html or start.startswith((b"<!doctype html", b"<html")):
        raise FetchError(
            "http.captive-portal",
            f"{shown(file.url)} answered with a web page instead of a file",
            todo="sign in to the network or proxy, correct the URL, or give the file's checksum",
        )
