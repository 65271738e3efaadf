"""Names of keys on PKCS#11 tokens: ``hsm:<id>?label=<token>``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from manifests.errors import ConfigurationError

SCHEME = "hsm:"
DEFAULT_ID = b"\x02"
"""PIV's slot 9c, "digital signature", as YubiKeys number it."""
MAX_ID_BYTES = 255
"""No card numbers its keys with more; most take a byte, or the 20 of a SHA-1."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_BYTES = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2}:?)*[0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class TokenKey:
    """A key on a token.

    Args:
        key_id: The bytes of its ``CKA_ID``.
        label: The token's label; None for the only token that is there.
        written: The URI that named it.
    """

    key_id: bytes
    label: str | None
    written: str

    @property
    def token(self) -> str:
        """What to call the token in a question."""
        return f"token {self.label}" if self.label else "the token"

    def uri_on(self, label: str) -> str:
        """Return the URI that names this key on the token with that label, its id as it was written."""
        number = urlsplit(self.written).path or id_text(DEFAULT_ID)
        return SCHEME + number + (f"?{urlencode({'label': label})}" if label else "")


def names_token(uri: str) -> bool:
    """Tell whether a URI names a key on a token rather than a file."""
    return uri.startswith(SCHEME)


def parse_token_uri(uri: str) -> TokenKey:
    """Return the key that a URI names.

    A whole number without zeros in front is decimal, as it always was. What starts with ``0x`` or ``0``, has a
    letter in it or is longer than nine digits is the id in hex, byte by byte, as ``pkcs11-tool`` prints it.

    Raises:
        ConfigurationError: ``pkcs11.uri``.
    """
    parts = urlsplit(uri)
    key_id = _key_id(parts.path) if parts.scheme + ":" == SCHEME else None
    if key_id is None or len(key_id) > MAX_ID_BYTES:
        raise ConfigurationError(
            "pkcs11.uri",
            f"{uri!r} does not name a key on a token",
            need="hsm:<id>?label=<token>, the id a whole number, or in hex such as 0x0a1b (pkcs11-tool --list-objects)",
        )
    return TokenKey(key_id, dict(parse_qsl(parts.query)).get("label"), uri)


def id_text(key_id: bytes) -> str:
    """Return a key's id as a URI takes it: a small number as such, anything else in hex."""
    small = len(key_id) == 1 and key_id[0] < 10
    return str(key_id[0]) if small else f"0x{key_id.hex()}"


def _key_id(text: str) -> bytes | None:
    if not text:
        return DEFAULT_ID
    if _NUMBER.fullmatch(text):
        number = int(text)
        return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
    match = _BYTES.fullmatch(text)
    return bytes.fromhex(match[1].replace(":", "")) if match else None
