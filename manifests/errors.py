"""The one error tree.

::

    SealiftError
      x UsageError           2   the command line is wrong: type another one
      x ConfigurationError   3   a file of ours is wrong: refuse to start
      x FetchError          10   an upstream failed: retry, skip, or use what we have
      x PartialError        11   some sources failed, and the rest was not asked for alone
      x NotAuthenticError   20   a signature, digest or threshold is wrong: quarantine
      x MalformedError      21   a container or document breaks its format: quarantine
      x RollbackError       22   older than what is trusted already: refuse, nothing changes
      x ExpiredError        23   past its signed lifetime: refuse, an operator may override
      x IncompleteError     24   a base or a volume is missing: say what to ask for
      x GateError           30   a generation failed a check: keep the old one
      x StorageError        40   disk full, read-only, I/O: leave the bundle, back off
      x LockedError         41   another process works here: wait

A subclass exists only where somebody acts differently; so does a typed field. Every error carries a stable
``code`` (dotted, lower case, what tests and quarantine records name) and says what is wrong, what we have, what we
need and what to type. Codes, sentences and details are for people and records: no code of ours branches on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

Detail = str | int | None


class SealiftError(Exception):
    """Everything that Sealift refuses or fails at on purpose. A value: nothing of it changes once it is made.

    Args:
        code: Stable reason, for example ``zip.gap`` or ``tuf.rollback.snapshot``.
        what: What is wrong, as a sentence without its full stop.
        have: What we have.
        need: What we need.
        todo: The command to run or the thing to do.
        details: Anything a record may want beside it; JSON scalars only. Nobody branches on them.
    """

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "a bug in Sealift"

    code: str
    what: str
    have: str | None
    need: str | None
    todo: str | None
    details: Mapping[str, Detail]

    def __init__(
        self,
        code: str,
        what: str,
        *,
        have: str | None = None,
        need: str | None = None,
        todo: str | None = None,
        **details: Detail,
    ) -> None:
        super().__init__(what)
        self._fix(code=code, what=what, have=have, need=need, todo=todo, details=MappingProxyType(details))

    def _fix(self, **fields: Any) -> None:
        """Set fields for good; a subclass does it once for its own, while it is made."""
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):  # Python itself sets __traceback__, __cause__, __notes__
            raise AttributeError(f"an error is a value: {name} cannot be set; see reworded()")
        super().__setattr__(name, value)

    def reworded(
        self,
        *,
        what: str | None = None,
        have: str | None = None,
        need: str | None = None,
        todo: str | None = None,
        **details: Detail,
    ) -> Self:
        """Return the same error in other words, for a reader who knows more or less; what is not given stays.

        Type, code and typed fields are those of this one. ``details`` come on top of those that there are.
        """
        words = {"what": what, "have": have, "need": need, "todo": todo}
        made = type(self).__new__(type(self), what or self.what)
        made.__dict__.update(self.__dict__)
        made.__dict__.update({name: text for name, text in words.items() if text is not None})
        made.__dict__["details"] = MappingProxyType({**self.details, **details})
        return made

    def __str__(self) -> str:
        parts = [self.what.rstrip(".") + "."]
        parts += [
            f"{label}: {text.rstrip('.')}."
            for label, text in (("Have", self.have), ("Need", self.need), ("Do", self.todo))
            if text
        ]
        return " ".join(parts)

    def to_json(self) -> dict[str, str | int | dict[str, Detail] | None]:
        """Return the error as one JSON object, for ``-o json`` and quarantine records."""
        return {
            "code": self.code,
            "exit_code": self.exit_code,
            "what": self.what,
            "have": self.have,
            "need": self.need,
            "do": self.todo,
            "context": dict(self.details),
        }


class UsageError(SealiftError):
    """The command line is wrong."""

    exit_code = 2
    meaning = "usage: the command line is wrong"


class ConfigurationError(SealiftError):
    """A configuration file or home directory is missing or wrong."""

    exit_code = 3
    meaning = "configuration: a file of the home is missing or wrong"


class FetchError(SealiftError):
    """An upstream could not be fetched, or gave something that is not what was asked for; or several did.

    Args:
        failures: Of several: what is wrong with each, by its name.
    """

    exit_code = 10
    meaning = "fetch failed, nothing was sealed"

    failures: Mapping[str, SealiftError]

    def __init__(
        self,
        code: str,
        what: str,
        *,
        have: str | None = None,
        need: str | None = None,
        todo: str | None = None,
        failures: Mapping[str, SealiftError] = MappingProxyType({}),
        **details: Detail,
    ) -> None:
        super().__init__(code, what, have=have, need=need, todo=todo, **details)
        self._fix(failures=MappingProxyType(dict(failures)))


class PartialError(SealiftError):
    """Some sources failed; a bundle is made from the rest only with ``--allow-partial``."""

    exit_code = 11
    meaning = "some sources failed (a bundle was made from the rest with --allow-partial)"


class NotAuthenticError(SealiftError):
    """A signature, digest or threshold does not hold."""

    exit_code = 20
    meaning = "not authentic: signature, digest or threshold"


class OtherVersionError(NotAuthenticError):
    """Signed metadata has another version than announced, or a trusted version has other bytes: it counts otherwise."""


class MalformedError(SealiftError):
    """A container or document breaks its format."""

    exit_code = 21
    meaning = "malformed container or document"


class DamagedContainerError(MalformedError):
    """The structure of a bundle's zip is not the canonical one (``zip.*``): its front may still be believed."""


class DamagedArchiveError(MalformedError):
    """A foreign archive is cut short or damaged; one that is fetched again may be whole."""


class ArchiveMethodError(MalformedError):
    """A foreign archive is compressed by a method that is not known here; it need not be damaged."""


class IrregularFileError(MalformedError):
    """What was named as a bundle is a link, a directory, a device, or a file that has other names too.

    Args:
        path: What was named; the sentence names it as well.
    """

    path: Path

    def __init__(self, code: str, what: str, *, path: Path, need: str | None = None) -> None:
        super().__init__(code, what, need=need)
        self._fix(path=path)


class RollbackError(SealiftError):
    """Older than what is trusted already."""

    exit_code = 22
    meaning = "rollback: older than what is trusted already"


class OlderTimestampError(RollbackError):
    """The timestamp is older than the trusted one: an older bundle, as there is every day."""


class CountedBackError(RollbackError):
    """The timestamp is newer, and what it names goes back behind what is trusted: the publisher lost its count."""


class ExpiredError(SealiftError):
    """Past its signed lifetime."""

    exit_code = 23
    meaning = "expired"


class IncompleteError(SealiftError):
    """A base or a volume that is needed is missing.

    Args:
        generation: The generation that is not whole, where it is one of a relay.
    """

    exit_code = 24
    meaning = "incomplete: base or volume missing"

    generation: int | None

    def __init__(
        self,
        code: str,
        what: str,
        *,
        have: str | None = None,
        need: str | None = None,
        todo: str | None = None,
        generation: int | None = None,
        **details: Detail,
    ) -> None:
        super().__init__(code, what, have=have, need=need, todo=todo, **details)
        self._fix(generation=generation)


class DamagedBundleError(IncompleteError):
    """A bundle is damaged; what is undamaged of it was kept, and the rest of its ``generation`` is missing."""


class GateError(SealiftError):
    """A generation failed a check that it must pass before any agent sees it."""

    exit_code = 30
    meaning = "gate failed, the old generation keeps serving"


class StorageError(SealiftError):
    """The disk is full, read-only or failing.

    Args:
        path: The file or directory that could not be read or written, where it is one.
        errno: The system's number for the reason, where the system gave one.
    """

    exit_code = 40
    meaning = "storage: full, read-only or I/O error"

    path: Path | None
    errno: int | None

    def __init__(
        self,
        code: str,
        what: str,
        *,
        have: str | None = None,
        need: str | None = None,
        todo: str | None = None,
        path: Path | None = None,
        errno: int | None = None,
        **details: Detail,
    ) -> None:
        super().__init__(code, what, have=have, need=need, todo=todo, errno=errno, **details)
        self._fix(path=path, errno=errno)


class MediumError(StorageError):
    """What a bundle lies on cannot be read: the stick is at fault, not the disk of this machine."""

    @classmethod
    def of(cls, error: StorageError) -> MediumError:
        """Return an error of reading a bundle as one of its medium, in the same words."""
        made = cls.__new__(cls, error.what)
        made.__dict__.update(error.__dict__)
        return made


class StoredStateError(StorageError):
    """Trusted metadata that was kept here is damaged: this machine's disk is at fault, whatever came in."""


class LockedError(SealiftError):
    """Another process has the lock."""

    exit_code = 41
    meaning = "locked by another process"


def exit_code_table() -> tuple[tuple[int, str], ...]:
    """Return every exit code with its meaning, ascending: the source of the documented table."""
    rows = [(0, "ok"), (SealiftError.exit_code, SealiftError.meaning)]
    rows += [(cls.exit_code, cls.meaning) for cls in SealiftError.__subclasses__()]
    return tuple(sorted(rows))
