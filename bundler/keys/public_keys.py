"""Public keys as JSON: what ``bundle keys generate`` puts beside a private key, and what people hand to each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Key, Signature, SSlibKey

from manifests.disk.given_file import read_given_file
from manifests.errors import ConfigurationError, MalformedError, UsageError
from manifests.limits import KIB
from manifests.schemas import strictjson

_FILE_BYTES = 64 * KIB
"""Ceiling on a public key file; the largest key (ML-DSA-87) takes 6 KiB."""
_FIELDS = frozenset({"keyid", "keytype", "scheme", "keyval"})


def key_to_json(key: Key) -> dict[str, Any]:
    """Return a key with its key id as one JSON object."""
    return {"keyid": key.keyid, **key.to_dict()}


def encode_public_key(key: Key, uri: str | None = None) -> bytes:
    """Write a public key file; ``uri`` says on which token the private key is."""
    return strictjson.encode_json(key_to_json(key) if uri is None else {**key_to_json(key), "uri": uri})


def key_from_json(value: Mapping[str, Any], file: Path) -> Key:
    """Return the key that a JSON object describes.

    Args:
        value: ``keyid``, ``keytype``, ``scheme`` and ``keyval``.
        file: What to name in errors.

    Raises:
        MalformedError: ``key.public``: other fields, a key that no verifier can use, or a key id that is not its own.

    Source: TUF 4.2: the key id is the SHA-256 of the key's canonical form.
    """
    if not isinstance(value, Mapping) or value.keys() != _FIELDS:
        raise _refusal(file)
    described = {field: value[field] for field in ("keytype", "scheme", "keyval")}
    key = _usable(described)
    if key is None or key.keyid != value["keyid"]:
        raise _refusal(file)
    return key


def read_public_key(path: Path, *, error: type[UsageError | ConfigurationError] = UsageError) -> tuple[Key, str | None]:
    """Read a public key file: the key, and the URI of the token on which its private half is.

    Args:
        path: The file.
        error: What is raised when it is no file of that size at all: by default a command line is wrong.

    Raises:
        UsageError, ConfigurationError: ``file.*``.
        MalformedError: ``json.*``, ``key.public``.
        StorageError: The file cannot be read.
    """
    data = read_given_file(path, max_bytes=_FILE_BYTES, what="a public key (.pub)", error=error).data
    value = strictjson.decode_json(data, name=str(path), max_bytes=_FILE_BYTES)
    uri = value.pop("uri", None) if isinstance(value, dict) else None
    if not (uri is None or isinstance(uri, str)):
        raise _refusal(path)
    return key_from_json(value, path), uri


def _usable(described: dict[str, Any]) -> Key | None:
    """Try the key on a signature that nobody made: only a well-formed key gets as far as saying no."""
    try:
        keyid = hashlib.sha256((encode_canonical(described) or "").encode("utf-8")).hexdigest()
        key = SSlibKey.from_dict(keyid, dict(described))
        key.verify_signature(Signature(keyid, "00" * 64), b"")
    except (KeyError, TypeError, ValueError, VerificationError):
        return None
    except UnverifiedSignatureError:  # the wider class: reached by a key that could verify, and did not
        return key
    return None


def _refusal(file: Path) -> MalformedError:
    return MalformedError("key.public", f"{file} holds no public key", need="the .pub file of bundle keys generate")
