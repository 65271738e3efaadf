"""Source ``activeupdate``: a classic ActiveUpdate tree, whole: the index, every component, every signature.

A client asks for ``ini_xml.zip`` and, where there is none, for ``server.ini``; so do we. The mirror has no
``ini_xml.zip``: what stands in it beside ``server.ini`` is not documented, it would have to say the same as the
mirrored ``server.ini``, and that is what clients ask for when they meet a 404. Signatures are carried with what they
sign and not verified, since neither their format nor the keys are published; the manifest says so. Archives are
carried as they are: but for the index, none is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import quote

from bundler.fetch.errors import GoneError, WrongLengthError
from bundler.fetch.fetcher import Fetcher, WantedFile
from bundler.fetch.options import FETCH_KEYS, FETCH_OPTIONS, FetchOptions, fetch_options
from bundler.fetch.urls import BASE_URL_SCHEMA
from bundler.kinds.activeupdate.choice import Choice
from bundler.kinds.activeupdate.components import SECTIONS, Component, shown_version
from bundler.kinds.activeupdate.index import FoundIndex, find_index
from bundler.kinds.activeupdate.selection import Selection
from bundler.sources.base import CheckedTarget, Pull, PulledTarget, SourceCheck, TargetState, Workbench, state_of
from manifests.disk.blobs import Blob
from manifests.errors import FetchError, IncompleteError
from manifests.limits import MIB
from manifests.manifest import TargetFacts
from manifests.text import count_text

INDEX_PATH = "server.ini"
ATTEMPTS = 3
_PAUSE_SECONDS = 5.0
_SIGNATURE_BYTES = MIB

_WORDS = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,100}$"}}


@dataclass(frozen=True)
class ActiveUpdateSource:
    """Carry an ActiveUpdate tree.

    Args:
        url: The tree's address, without a slash at its end.
        choice: Which components.
        options: How to fetch.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = FETCH_OPTIONS
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": BASE_URL_SCHEMA,
            "families": _WORDS,
            "sections": {"type": "array", "minItems": 1, "items": {"enum": list(SECTIONS)}},
            "platforms": _WORDS,
            **FETCH_KEYS,
        },
    }

    name: str
    url: str
    choice: Choice
    options: FetchOptions

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: As :func:`bundler.fetch.options.fetch_options`.
        """
        choice = Choice(
            tuple(options.get("families", ())),
            tuple(options.get("sections", SECTIONS)),
            tuple(options.get("platforms", ())),
        )
        return cls(name, options["url"].rstrip("/"), choice, fetch_options(name, options))

    def pull(self, bench: Workbench) -> Pull:
        """Fetch the index and every component that it lists and we carry, each with its signature; all or nothing.

        Raises:
            FetchError: ``activeupdate.changing``, ``.nothing-chosen``; ``http.length`` for a file of another size than
                the index says; or as :meth:`bundler.fetch.fetcher.Fetcher.get`.
            IncompleteError: ``activeupdate.incomplete``.
            MalformedError: ``activeupdate.*``, ``ini.*`` or ``archive.*``: the index is wrong or hostile.
            RollbackError: ``source.older``.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            found = find_index(fetcher, self.url)
            for _ in range(ATTEMPTS):
                selection = self._select(found, bench)
                problem, blobs = self._tried(fetcher, selection)
                again = find_index(fetcher, self.url)
                if again.data == found.data:
                    if problem is not None:
                        raise problem
                    return self._yield(bench, fetcher, selection, blobs)
                found = again
                bench.pause(_PAUSE_SECONDS)
        raise FetchError(
            "activeupdate.changing",
            f"Source {self.name!r}: the upstream's index changes while its files are fetched",
            have=f"{ATTEMPTS} attempts, each with another index",
            todo="pull again when the upstream has finished its update",
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Read the index and say what a pull would yield, without asking for any component.

        Raises:
            FetchError, MalformedError, RollbackError: As :meth:`pull`, but for what only a component shows.
        """
        with Fetcher(self.options, bench, self.name) as fetcher:
            selection = self._select(find_index(fetcher, self.url), bench)
        index = bench.remembered(INDEX_PATH)
        same = index is not None and b"".join(bench.read(index)) == selection.mirrored
        targets = [
            CheckedTarget(INDEX_PATH, len(selection.mirrored), state_of(unchanged=same, otherwise=TargetState.TO_READ))
        ]
        for component in selection.files.values():
            state = state_of(unchanged=_is_known(bench, component, same))
            targets += [
                CheckedTarget(component.path, component.length, state),
                CheckedTarget(component.signature_path, None, state),
            ]
        return SourceCheck(tuple(targets), f"reached {self.url}; {selection.said}", selection.version)

    def _select(self, found: FoundIndex, bench: Workbench) -> Selection:
        """Choose components, and refuse those that are older than what we had."""
        lines = self.choice.of(found.index, bench.globs)
        selection = Selection(found, tuple(c for c in found.index.components if c.line.number in lines))
        if not selection.components:
            raise FetchError(
                "activeupdate.nothing-chosen",
                f"Source {self.name!r}: no component is of these families, sections and platforms",
                have=f"{count_text(len(found.index.components), 'component')} upstream",
                todo="correct families, sections, platforms, include or exclude in bundler.toml",
            )
        for component in selection.components:
            if component.number is not None:
                what = f"{component.path} ({component.entry})"
                bench.check_not_older(self.name, component.entry, component.number, what=what)
        return selection

    def _tried(
        self, fetcher: Fetcher, selection: Selection
    ) -> tuple[FetchError | IncompleteError | None, Mapping[str, Blob]]:
        """Fetch all files; return the error where an upstream in the middle of an update may be why."""
        try:
            return None, self._fetch(fetcher, selection)
        except (GoneError, WrongLengthError, IncompleteError) as error:
            return error, {}  # the index, read again, tells whether the upstream is in the middle of an update

    def _fetch(self, fetcher: Fetcher, selection: Selection) -> Mapping[str, Blob]:
        wanted: list[WantedFile] = []
        for component in selection.files.values():
            signature = component.signature_path
            wanted.append(WantedFile(self._address(component.path), component.path, length=component.length))
            wanted.append(WantedFile(self._address(signature), signature, max_bytes=_SIGNATURE_BYTES))
        wanted = list({one.path: one for one in wanted}.values())
        try:
            blobs = {fetched.path: fetched.blob for fetched in fetcher.get_all(wanted)}
        except GoneError:
            self._require(selection, _missing(fetcher, wanted))
            raise
        self._require(selection, {path for path, blob in blobs.items() if blob.length == 0})
        return blobs

    def _address(self, path: str) -> str:
        return f"{self.url}/{quote(path)}"

    def _require(self, selection: Selection, missing: set[str]) -> None:
        """Refuse half a set: what is missing, or empty."""
        if not missing:
            return
        files = selection.files.values()
        whole = sum(not {c.path, c.signature_path} & missing for c in files)
        raise IncompleteError(
            "activeupdate.incomplete",
            f"Source {self.name!r}: the upstream does not have all that its index lists; without: {min(missing)}",
            have=f"{whole:,} of {count_text(len(files), 'component')}",
            need="every component and its signature",
            todo="pull again later; if it stays so, tell the upstream's operator, or exclude the component",
            missing=len(missing),
        )

    def _yield(self, bench: Workbench, fetcher: Fetcher, selection: Selection, blobs: Mapping[str, Blob]) -> Pull:
        index = bench.batch.add([selection.mirrored])
        said = selection.said + "; over plain http" * self.url.startswith("http:")
        return Pull(
            targets=tuple(PulledTarget(path, blob) for path, blob in sorted({**blobs, INDEX_PATH: index}.items())),
            verification=said,
            items=tuple(_item(component) for component in selection.files.values()),
            memo=fetcher.memo(),
            version=selection.version,
            floor=selection.versions,
        )


def _is_known(bench: Workbench, component: Component, same_index: bool) -> bool:
    """Tell whether what is here is what the index lists: it lists the same as last time, or the same version."""
    here = bench.remembered(component.path)
    if here is None or here.length != component.length:
        return False
    return same_index or (component.number is not None and bench.floor.get(component.entry) == component.number)


def _item(component: Component) -> TargetFacts:
    version = shown_version(component.version)
    label = f"{component.name or component.section} {version}".rstrip()
    if component.increment is not None:
        label = f"increment from {version}"
    return TargetFacts(component.path, label, (("entry", component.entry), ("version", version)))


def _missing(fetcher: Fetcher, wanted: Sequence[WantedFile]) -> set[str]:
    """Ask for each file without reading it, to count those that are not there."""
    found = fetcher.each(fetcher.is_there, wanted)
    return {one.path for one, is_there in zip(wanted, found, strict=True) if not is_there}
