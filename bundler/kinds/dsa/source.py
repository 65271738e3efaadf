"""Source ``dsa``: the bundle of security updates that a Deep Security relay packs with ``dsa_control -b``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from bundler.fetch.local_files import ChangedError, Fingerprint, open_settled, settled_chunks
from bundler.fetch.programs import Program, Workspace, fresh_workspace, last_lines, require_program, run_source_program
from bundler.kinds.dsa.output import find_new_zips
from bundler.sources.base import NOT_VERIFIED, Pull, PulledTarget, SourceCheck, Workbench
from bundler.sources.paths import absolute_path, require_target_path
from manifests.archives.archive import archive_kind_of
from manifests.archives.base import ArchiveLimits
from manifests.archives.zip_reader import ZipReader
from manifests.disk.blobs import Blob
from manifests.disk.durable import storage_errors
from manifests.errors import ArchiveMethodError, MalformedError
from manifests.limits import GIB, MIB
from manifests.text import count_text

DSA_CONTROL = "/opt/ds_agent/dsa_control"
_DEFAULT_SECONDS = 3600
_DEFAULT_BYTES = 16 * GIB
_PATHS = {"type": "string", "minLength": 1}
_SHOWN = 5
_LIMITS = ArchiveLimits(entries=200_000, header_bytes=64 * MIB)
"""On a zip's table of contents, which is read to see that it is whole; a relay's patterns are some thousand files."""


@dataclass(frozen=True)
class DsaSource:
    """Run ``dsa_control -b`` and carry the zip that it names, untouched and under its own name.

    Args:
        path: The vendor's program.
        directories: Where it may put its zip, for names that it prints without their directory.
        remove_original: Remove the zip once its content and the record of the pull are durable.
        timeout_seconds: The longest that it may take.
        max_bytes: The largest zip.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset({"timeout_seconds", "max_bytes", "remove_original"})
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "path": _PATHS,
            "output_directory": {"anyOf": [_PATHS, {"type": "array", "items": _PATHS, "minItems": 1}]},
            "remove_original": {"type": "boolean"},
            "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 7 * 86400},
            "max_bytes": {"type": "integer", "minimum": 1},
        },
    }

    name: str
    path: Path
    directories: tuple[Path, ...]
    remove_original: bool = False
    timeout_seconds: float = _DEFAULT_SECONDS
    max_bytes: int = _DEFAULT_BYTES

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` for a path that is not absolute.
        """
        path = absolute_path(name, options.get("path", DSA_CONTROL))
        given = options.get("output_directory", [str(path.parent)])
        return cls(
            name,
            path,
            tuple(absolute_path(name, text) for text in ([given] if isinstance(given, str) else given)),
            options.get("remove_original", False),
            float(options.get("timeout_seconds", _DEFAULT_SECONDS)),
            int(options.get("max_bytes", _DEFAULT_BYTES)),
        )

    def pull(self, bench: Workbench) -> Pull:
        """Let the vendor's program make a new zip and take it over.

        Raises:
            FetchError: ``dsa.not-found``, ``.not-executable``, ``.timeout``, ``.failed``, ``.no-name``, ``.no-bundle``,
                ``.ambiguous``, ``.half-written``, ``.changing``, ``.too-large`` or ``.name``.
            StorageError: The disk is full, read-only or failing.
        """
        bench.progress.start(f"running {self.path} -b")
        with fresh_workspace(bench.store.temporary, "dsa") as workspace:
            with storage_errors(workspace.path):
                probe = workspace.path / "began"
                probe.touch()
                began_ns = probe.stat().st_ctime_ns
            zip_file = self._run(bench, workspace, began_ns)
            target = PulledTarget(zip_file.name, self._read(bench, zip_file))
            inside = zip_file.is_relative_to(workspace.path)
        return Pull(
            (target,),
            NOT_VERIFIED,
            afterwards=_removal(zip_file) if self.remove_original and not inside else None,
        )

    def check(self, bench: Workbench) -> SourceCheck:
        """Say whether the program is there, and what it made the last time; it is not run.

        Raises:
            FetchError: ``dsa.not-found`` or ``.not-executable``.
        """
        require_program(self._program)
        return SourceCheck(bench.targets_as_last_time(), f"{self.path} is there; a check does not run it")

    @property
    def _program(self) -> Program:
        return Program(self.name, "dsa", (str(self.path), "-b"), self.timeout_seconds, {})

    def _run(self, bench: Workbench, workspace: Workspace, began_ns: int) -> Path:
        """Run the program; return the one new zip that it named."""
        program = self._program
        printed = run_source_program(program, workspace, bench.progress)
        seen = find_new_zips(f"{printed.output}\n{printed.errors}", (workspace.out, *self.directories), began_ns)
        if len(seen.new) == 1:
            return seen.new[0]
        if seen.new:
            raise program.error(
                "ambiguous",
                "named more than one new zip",
                have=", ".join(map(str, seen.new[:_SHOWN])),
                need="exactly one",
                todo="run it by hand, and carry the right file by a source of kind directory",
            )
        if seen.others:
            raise program.error(
                "no-bundle",
                "named no zip that it made just now",
                have="; ".join(seen.others[:_SHOWN]),
                need="a new file",
                todo=f"say where it puts its zip: output_directory = [...] for {self.name}",
            )
        raise program.error("no-name", "ended well and named no zip", have=last_lines(printed), todo="run it by hand")

    def _read(self, bench: Workbench, path: Path) -> Blob:
        """Take over the content of a zip that is whole and does not change."""
        program = self._program
        require_target_path(self.name, path.name, what=f"the zip {str(path)!r}", code="dsa.name")
        try:
            mark = Fingerprint.of(path.lstat())
            _check_size(program, path, mark.length, self.max_bytes)
            bench.progress.start(f"reading {path}", mark.length)
            with open_settled(path, mark) as file:
                _check_whole(program, path, file)
                return bench.batch.add(settled_chunks(path, file, mark, bench.progress))
        except (OSError, ChangedError) as error:
            raise program.error("changing", f"ended, but {path} is still written to, or gone") from error


def _check_size(program: Program, path: Path, length: int, max_bytes: int) -> None:
    if length > max_bytes:
        raise program.error(
            "too-large",
            f"made {path}, which is larger than allowed",
            have=count_text(length, "byte"),
            need=f"at most {max_bytes:,}",
            todo="raise max_bytes if it is really that large",
        )


def _check_whole(program: Program, path: Path, file: BinaryIO) -> None:
    """Refuse what lacks a zip's beginning or end. What is inside is the vendor's: it is not looked at."""
    try:
        zipped = archive_kind_of(file) == "zip"
        if zipped:
            ZipReader(file, _LIMITS).entries()
    except ArchiveMethodError:
        pass  # it is whole, and what it is compressed by is the vendor's
    except MalformedError as error:
        raise program.error("half-written", f"left no whole zip in {path}: {error.what}", have=error.have) from error
    if not zipped:
        raise program.error("half-written", f"left something in {path} that does not begin like a zip")
    file.seek(0)


def _removal(path: Path) -> Callable[[], None]:
    """Return what removes the original. That it stays is no reason to lose what was pulled."""

    def remove() -> None:
        with suppress(OSError):
            path.unlink()

    return remove
