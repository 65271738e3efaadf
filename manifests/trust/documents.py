"""One TUF metadata document: from guilty bytes to a parsed, type-checked, signature-checked value.

Decoding is TUF's (UTF-8 JSON, any Unicode, fields that we do not know kept and covered by the
signature), less three ambiguities: a key given twice in one object, ``NaN`` and its kin, and truth
values where a version number belongs. Fractions need no rule of ours: canonical JSON, which is what
is signed, has no way to write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import quote

from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import SerializationError

from manifests.clock import parse_instant
from manifests.errors import MalformedError
from manifests.text import cause_text
from manifests.trust import refusals
from manifests.trust.keys import count_keys

EXTENSION = "x-sealift"
"""Name of the signed extension in the timestamp and in a publisher's targets roles."""

_FOREIGN_ERRORS = (
    ValueError,  # with it UnicodeError and json.JSONDecodeError
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    SecureSystemsError,
    RepositoryError,
    SerializationError,
)
"""What parsing hostile JSON raises out of tuf.api and securesystemslib."""

KindT = TypeVar("KindT", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True)
class MetadataDocument(Generic[KindT]):
    """A parsed document, not yet believed. ``payload`` is what its signatures are over."""

    signed: KindT
    data: bytes
    payload: bytes
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class TimestampExtension:
    """What a Sealift timestamp says beyond TUF.

    ``created``: when it was signed. ``root_version``: the newest root there was at that time.
    """

    created: datetime
    root_version: int


def metadata_file_name(role: str, version: int | None) -> str:
    """Return the name of a role's file in a repository, such as ``7.clamav.json``; no version, no prefix."""
    name = f"{quote(role, safe='')}.json"
    return name if version is None else f"{version}.{name}"


def parse_metadata(kind: type[KindT], data: bytes, role: str, max_bytes: int) -> MetadataDocument[KindT]:
    """Read one document of the given kind; believe nothing yet.

    Args:
        kind: ``Root``, ``Timestamp``, ``Snapshot`` or ``Targets``.
        data: The document's bytes.
        role: The role's name, for errors.
        max_bytes: Ceiling on ``len(data)``, enforced before anything is decoded.

    Raises:
        MalformedError: ``tuf.too-large.<role>`` or ``tuf.malformed.<role>``.

    Source: TUF 4.2-4.6.
    """
    if len(data) > max_bytes:
        raise refusals.too_large(role, len(data), max_bytes)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        metadata = Metadata[KindT].from_dict(value)
        signed = metadata.signed
        if signed.type != kind.type:
            raise ValueError(f"it is {signed.type} metadata")
        _check_versions(signed)
        payload = metadata.signed_bytes
    except _FOREIGN_ERRORS as error:
        raise refusals.malformed(role, _reason(error)) from error
    return MetadataDocument(signed, data, payload, metadata.signatures)


def check_signatures(delegator: Root | Targets, role: str, document: MetadataDocument[Any]) -> None:
    """Refuse a document that fewer different keys signed than its delegator asks for.

    A public key that stands under two key ids or in two encodings counts once: the threshold is of keys, not of names.

    Raises:
        NotAuthenticError: ``tuf.signature.<role>``.
        MalformedError: ``tuf.malformed.<role>``.

    Source: TUF 5.3.4, 5.4.2, 5.5.3, 5.6.3; TAP 12 for equal keys under several ids.
    """
    try:
        result = delegator.get_verification_result(role, document.payload, dict(document.signatures))
        signed = count_keys(result.signed.values())
    except _FOREIGN_ERRORS as error:
        raise refusals.malformed(role, _reason(error)) from error
    if signed < result.threshold:
        raise refusals.signatures(role, signed, result.threshold)


def read_extension(timestamp: Timestamp) -> TimestampExtension | None:
    """Return the timestamp's ``x-sealift`` extension, ``None`` when it has none.

    Raises:
        MalformedError: ``tuf.extension``.
    """
    if EXTENSION not in timestamp.unrecognized_fields:
        return None
    value = timestamp.unrecognized_fields[EXTENSION]
    if not isinstance(value, dict) or value.keys() != {"created", "root_version"}:
        raise refusals.extension("its fields are not created and root_version")
    created, root_version = value["created"], value["root_version"]
    if not isinstance(created, str) or type(root_version) is not int or root_version < 1:
        raise refusals.extension("created is not a text or root_version is not a number from 1")
    try:
        return TimestampExtension(parse_instant(created), root_version)
    except MalformedError as error:
        raise refusals.extension(error.what) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("one object has a key twice")
    return result


def _no_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


def _check_versions(signed: Any) -> None:
    """Refuse ``true`` and fractions where a whole number belongs; Python would compare them happily."""
    numbers = [signed.version]
    if isinstance(signed, Timestamp):
        numbers.append(signed.snapshot_meta.version)
    elif isinstance(signed, Snapshot):
        numbers += [meta.version for meta in signed.meta.values()]
    elif isinstance(signed, Root):
        numbers += [role.threshold for role in signed.roles.values()]
    elif isinstance(signed, Targets) and signed.delegations is not None:
        numbers += [role.threshold for role in (signed.delegations.roles or {}).values()]
    if any(type(number) is not int for number in numbers):
        raise ValueError("a version or threshold is not a whole number")


def _reason(error: BaseException) -> str:
    """Say in one short line what a foreign exception found."""
    text = f"the key {error} is missing" if isinstance(error, KeyError) else cause_text(error)
    return text[:200].encode("ascii", "backslashreplace").decode("ascii")
