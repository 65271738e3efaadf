"""Source ``command``: whatever files an operator's command leaves in a fresh directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from bundler.fetch.programs import Printed, Program, fresh_workspace, last_lines, require_program, run_source_program
from bundler.kinds.directory import DirectorySource
from bundler.sources.base import NOT_VERIFIED, Pull, SourceCheck, Workbench
from bundler.sources.paths import absolute_path
from bundler.sources.versions import UPSTREAM, Version, version_text
from manifests.errors import ConfigurationError, FetchError
from manifests.limits import GIB
from manifests.text import count_text

OUT = "SEALIFT_OUT"
"""The variable that names the directory to leave files in; in an argument it is ``{out}``."""
_DEFAULT_SECONDS = 3600
_DEFAULT_BYTES = 4 * GIB
_NAME = {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"}
_VERSION = re.compile(r"version:[ \t]*(?P<version>[0-9]{1,18}(?:[.-][0-9]{1,18}){0,7})")
_RESERVED = frozenset({OUT, "HOME", "TMPDIR"})


@dataclass(frozen=True)
class CommandSource:
    """Run a command without a shell and carry what it leaves in its working directory.

    Args:
        command: The program's absolute path and its arguments.
        environment: Variables for it, written in the configuration.
        pass_environment: Names of variables of ours that it gets too, such as a token; their values are never shown.
        timeout_seconds: The longest that it may take.
        max_bytes: The most that it may leave.
    """

    TRANSPORT_OPTIONS: ClassVar[frozenset[str]] = frozenset({"timeout_seconds", "max_bytes", "pass_environment"})
    OPTIONS_SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["command"],
        "properties": {
            "command": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1000},
            "environment": {"type": "object", "propertyNames": _NAME, "additionalProperties": {"type": "string"}},
            "pass_environment": {"type": "array", "items": {"type": "string", **_NAME}},
            "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 7 * 86400},
            "max_bytes": {"type": "integer", "minimum": 1},
        },
    }

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    pass_environment: tuple[str, ...] = ()
    timeout_seconds: float = _DEFAULT_SECONDS
    max_bytes: int = _DEFAULT_BYTES

    @classmethod
    def from_config(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Make the source from its options.

        Raises:
            ConfigurationError: ``source.path`` unless the program's path is absolute; ``source.environment`` for a
                variable that we set ourselves; ``source.command`` for what no program can be given.
        """
        command = tuple(options["command"])
        absolute_path(name, command[0])
        environment = dict(options.get("environment", {}))
        passed = tuple(options.get("pass_environment", ()))
        if any("\0" in text for text in (*command, *environment.values())):
            raise ConfigurationError("source.command", f"Source {name!r}: no argument can hold a zero byte")
        if taken := sorted(_RESERVED & {*environment, *passed}):
            raise ConfigurationError(
                "source.environment", f"Source {name!r}: {taken[0]} is set for the command already", todo="leave it out"
            )
        seconds = float(options.get("timeout_seconds", _DEFAULT_SECONDS))
        return cls(name, command, environment, passed, seconds, int(options.get("max_bytes", _DEFAULT_BYTES)))

    def pull(self, bench: Workbench) -> Pull:
        """Run the command and read what it left.

        Raises:
            FetchError: ``command.not-found``, ``.not-executable``, ``.environment``, ``.timeout``, ``.failed``,
                ``.no-files``, ``.too-large``, ``.version``, or ``directory.link``, ``.special``, ``.name``,
                ``.changing`` for the files.
            RollbackError: ``source.older``.
            StorageError: The disk is full, read-only or failing.
        """
        bench.progress.start(f"running {self.command[0]}")
        with fresh_workspace(bench.store.temporary, "command") as workspace:
            program = self._program(workspace.out)
            printed = run_source_program(program, workspace, bench.progress)
            version = self._version(bench, program, printed)
            self._check_size(program, printed, workspace.out)
            left = DirectorySource(self.name, workspace.out, allow_empty=True)
            found = left.pull(replace(bench, previous=None))
        if not found.targets:
            raise program.error("no-files", "left no file that include and exclude take", todo="correct the globs")
        floor = {UPSTREAM: () if version is None else _numbers(version)}
        return Pull(found.targets, NOT_VERIFIED, version=version, floor=floor)

    def check(self, bench: Workbench) -> SourceCheck:
        """Say whether the command could be run, and what it left last time; it is not run.

        Raises:
            FetchError: ``command.not-found``, ``.not-executable`` or ``.environment``.
        """
        require_program(self._program(Path("/")))
        version = bench.previous.version if bench.previous else None
        note = f"{self.command[0]} is there; a check does not run it"
        return SourceCheck(bench.targets_as_last_time(), note, version=version)

    def _program(self, out: Path) -> Program:
        passed = {name: self._passed(name) for name in self.pass_environment}
        return Program(
            source=self.name,
            code="command",
            arguments=tuple(argument.replace("{out}", str(out)) for argument in self.command),
            timeout_seconds=self.timeout_seconds,
            environment={**self.environment, **passed, OUT: str(out), "SEALIFT_SOURCE": self.name},
            secret=tuple(passed.values()),
        )

    def _passed(self, name: str) -> str:
        value = os.environ.get(name)
        if value is None:
            raise FetchError(
                "command.environment",
                f"Source {self.name!r}: the variable {name} is not set where bundle runs",
                todo=f"set {name}, or leave it out of pass_environment",
            )
        return value

    def _check_size(self, program: Program, printed: Printed, out: Path) -> None:
        """Refuse nothing, and too much, before any of it is read."""
        sizes = [Path(at, name).lstat().st_size for at, _, names in os.walk(out) for name in names]
        if not sizes:
            raise program.error("no-files", f"left no file in the directory that {OUT} names", have=last_lines(printed))
        if sum(sizes) > self.max_bytes:
            raise program.error(
                "too-large",
                "left more than allowed",
                have=f"{count_text(sum(sizes), 'byte')} in {count_text(len(sizes), 'file')}",
                need=f"at most {self.max_bytes:,}",
                todo="raise max_bytes if it is really that much",
            )

    def _version(self, bench: Workbench, program: Program, printed: Printed) -> str | None:
        """Return the version that the command printed last, which must not have gone back."""
        lines = (_VERSION.fullmatch(line.strip()) for line in printed.output.splitlines())
        version = next((match["version"] for match in reversed([*lines]) if match), None)
        old = bench.floor.get(UPSTREAM)
        if version is None and old and not bench.allow_older:
            raise program.error(
                "version",
                "did not say its version, though it did before",
                have=f"version: {version_text(old)} pulled before",
                need="a line such as version: 1.2.3 on its standard output",
                todo=f"write allow_older = true for {self.name} if that is meant",
            )
        if version is not None:
            bench.check_not_older(self.name, UPSTREAM, _numbers(version))
        return version


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in re.split("[.-]", version))
