"""Keys on PKCS#11 tokens: ECDSA on P-256 or P-384.

A token counts wrong PINs and locks itself for good after a few, so no PIN is tried twice, and none at all
where the token says that it may be the last.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from securesystemslib.signer import Key, Signature, Signer, SSlibKey

from bundler.keys.secrets import Secrets, TokenPinError, TokenTries
from bundler.keys.token_uri import TokenKey, id_text, parse_token_uri
from manifests.errors import ConfigurationError
from manifests.text import cause_text

MODULE_VARIABLE = "PYKCS11LIB"
"""Names the token's library, as for ``securesystemslib``."""
Result = TypeVar("Result")

_SCHEMES = {"secp256r1": "ecdsa-sha2-nistp256", "secp384r1": "ecdsa-sha2-nistp384"}


def use_module(path: str | None) -> None:
    """Let the configuration name the token's library; the environment goes before it."""
    if path is not None:
        os.environ.setdefault(MODULE_VARIABLE, path)


def read_token_key(uri: str, secrets: Secrets) -> tuple[str, Key]:
    """Read a public key from a token.

    Args:
        uri: ``hsm:<id>[?label=<token>]``, see :mod:`bundler.keys.token_uri`.
        secrets: Gives the PIN, should the token hide public keys without it.

    Returns:
        The URI with the token's label filled in, and the public key.

    Raises:
        ConfigurationError: ``pkcs11.uri``, ``pkcs11.library``, ``pkcs11.token``.
        TokenPinError: ``pkcs11.pin``.
    """
    name = parse_token_uri(uri)
    with _token_errors(uri):
        token, key = _find(name, None)
        if key is None:
            with _logged_in(token, name, secrets) as session:
                key = _public_key(session, name)
        if key is None:
            raise _no_key(name, [token])
        return name.uri_on(token.label), key


def token_signer(uri: str, key: Key, secrets: Secrets) -> TokenSigner:
    """Return the signer of a key on a token; the token is not touched before it signs or is unlocked.

    Raises:
        ConfigurationError: ``pkcs11.uri``.
    """
    return TokenSigner(parse_token_uri(uri), key, secrets)


class TokenSigner(Signer):
    """Signs with a key on a token, after looking whether the token has that key."""

    def __init__(self, name: TokenKey, key: Key, secrets: Secrets) -> None:
        self._name = name
        self._key = key
        self._secrets = secrets

    @property
    def public_key(self) -> Key:
        """The public key that the token must have."""
        return self._key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None) -> TokenSigner:
        """Not for this one: it takes its PIN from :class:`Secrets`."""
        raise NotImplementedError("made by bundler.keys.hsm.token_signer")

    def unlock(self) -> None:
        """Look whether the right token is there and takes the PIN; raises as :meth:`sign`."""
        self._with_private_key(lambda _: None)

    def sign(self, payload: bytes) -> Signature:
        """Sign.

        Raises:
            ConfigurationError: ``pkcs11.library``, ``pkcs11.token``, ``pkcs11.other-key``: the token has another key
                under this id; ``passphrase.missing``.
            TokenPinError: ``pkcs11.pin``.
        """
        digest = hashlib.new(f"sha{self._key.scheme[-3:]}", payload).digest()

        def make(private: Any) -> str:
            import pkcs11
            import pkcs11.util.ec

            raw = private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
            signature: bytes = pkcs11.util.ec.encode_ecdsa_signature(raw)
            return signature.hex()

        return Signature(self._key.keyid, self._with_private_key(make))

    def _with_private_key(self, use: Callable[[Any], Result]) -> Result:
        name = self._name
        with _token_errors(name.written):
            token, _ = _find(name, self._key)
            with _logged_in(token, name, self._secrets) as session:
                found = _public_key(session, name)
                if found is not None and found.keyid != self._key.keyid:
                    raise _other_key(name, self._key, [found])
                private = _one(session, name, private=True)
                if private is None:
                    raise _no_key(name, [token])
                return use(private)


def _find(name: TokenKey, wanted: Key | None) -> tuple[Any, Key | None]:
    """Return the token that has a key, and that key; None where the token hides it from who is not logged in.

    Of several tokens with the label, the one with the key is taken.
    """
    import pkcs11

    library = os.environ.get(MODULE_VARIABLE)
    if not library:
        raise ConfigurationError(
            "pkcs11.library", "Nothing names the library of the token", need=f"[pkcs11] module, or {MODULE_VARIABLE}"
        )
    there = list(pkcs11.lib(library).get_tokens(token_flags=pkcs11.TokenFlag.TOKEN_INITIALIZED))
    tokens = [token for token in there if name.label is None or token.label == name.label]
    if not tokens:
        raise ConfigurationError(
            "pkcs11.token",
            f"{name.written}: there is no token" + (f" with the label {name.label}" if name.label else ""),
            have=", ".join(sorted(token.label for token in there)) or "no token at all",
            todo="put the token into its reader (pkcs11-tool --list-slots shows those that there are)",
        )
    found = [(token, _seen_key(token, name)) for token in tokens]
    having = [(token, key) for token, key in found if key is not None]
    right = [(token, key) for token, key in having if wanted is None or key.keyid == wanted.keyid]
    hiding = [(token, key) for token, key in found if key is None]
    if right and (wanted is not None or len(right) == 1):
        return right[0]
    if not having and len(hiding) == 1:
        return hiding[0]
    if wanted is not None and having:
        raise _other_key(name, wanted, [key for _, key in having if key is not None])
    raise ConfigurationError(
        "pkcs11.token",
        f"{name.written}: {len(tokens)} tokens answer to that",
        have=", ".join(f"{token.label} (serial {_printable(token.serial)})" for token in tokens),
        todo="leave only the right one in its reader, or name it by its label: hsm:<id>?label=<token>",
    )


def _seen_key(token: Any, name: TokenKey) -> Key | None:
    with token.open() as session:
        return _public_key(session, name)


def _public_key(session: Any, name: TokenKey) -> Key | None:
    """Return the public key under an id; None when it is not there, or hidden."""
    import pkcs11.util.ec
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    found = _one(session, name, private=False)
    if found is None:
        return None
    key = load_der_public_key(pkcs11.util.ec.encode_ec_public_key(found))
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in _SCHEMES:
        raise ConfigurationError("pkcs11.token", f"{name.written} is on another curve", need="P-256 or P-384")
    return SSlibKey.from_crypto(key, scheme=_SCHEMES[key.curve.name])


def _one(session: Any, name: TokenKey, *, private: bool) -> Any | None:
    import pkcs11

    kind = pkcs11.ObjectClass.PRIVATE_KEY if private else pkcs11.ObjectClass.PUBLIC_KEY
    wanted = {
        pkcs11.Attribute.CLASS: kind,
        pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
        pkcs11.Attribute.ID: name.key_id,
    }
    found = list(session.get_objects(wanted))
    if len(found) > 1:
        raise ConfigurationError("pkcs11.token", f"{name.written}: the token has {len(found)} keys with this id")
    return found[0] if found else None


def _ids_on(token: Any) -> str:
    """Name the ids of the keys that a token shows."""
    import pkcs11

    with token.open() as session:
        shown = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY})
        return ", ".join(sorted(id_text(bytes(key.id)) for key in shown)) or "none that it shows"


@contextmanager
def _logged_in(token: Any, name: TokenKey, secrets: Secrets) -> Iterator[Any]:
    """Open a session with the PIN, which is tried once and never again when it is wrong."""
    from pkcs11 import TokenFlag
    from pkcs11.exceptions import PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked

    def tries() -> TokenTries:
        flags = token.flags
        if flags & TokenFlag.USER_PIN_LOCKED:
            return TokenTries.NONE
        if flags & TokenFlag.USER_PIN_FINAL_TRY:
            return TokenTries.LAST
        return TokenTries.FEWER if flags & TokenFlag.USER_PIN_COUNT_LOW else TokenTries.ALL

    pin = secrets.pin(name.token, tries())
    try:
        session = token.open(user_pin=pin)
    except (PinIncorrect, PinInvalid, PinLenRange) as error:
        raise secrets.refused_pin(name.token, type(error).__name__) from error
    except (PinLocked, PinExpired) as error:
        raise TokenPinError(
            "pkcs11.pin",
            f"{name.token} takes no PIN any more ({type(error).__name__})",
            todo="unlock it or set a new PIN with its own tool, such as pkcs11-tool --unlock-pin",
        ) from error
    with session:
        yield session


def _no_key(name: TokenKey, tokens: list[Any]) -> ConfigurationError:
    return ConfigurationError(
        "pkcs11.token",
        f"{name.written}: the token has no ECDSA key with the id {id_text(name.key_id)}",
        have="keys with the ids " + "; ".join(_ids_on(token) for token in tokens),
        need="hsm:<id>?label=<token>, the id in hex as pkcs11-tool --list-objects prints it: 0x...",
    )


def _other_key(name: TokenKey, wanted: Key, found: list[Key]) -> ConfigurationError:
    return ConfigurationError(
        "pkcs11.other-key",
        f"{name.written}: the token in the reader has another key under this id",
        have=", ".join(key.keyid[:12] for key in found),
        need=wanted.keyid[:12],
        todo="put the right card into the reader, or give the role this key: "
        f"bundle keys rotate ROLE --with '{name.written}'",
    )


def _printable(serial: bytes | str) -> str:
    text = serial.decode("ascii", "replace") if isinstance(serial, bytes) else serial
    return text.strip()


@contextmanager
def _token_errors(uri: str) -> Iterator[None]:
    """Turn what the token, its library or their absence raises into our errors."""
    try:
        from pkcs11.exceptions import PKCS11Error
    except ImportError:
        raise ConfigurationError(
            "pkcs11.library", "python-pkcs11 is not installed", todo="pip install 'sealift[pkcs11]'"
        ) from None
    try:
        yield
    except (ValueError, RuntimeError, AttributeError, PKCS11Error) as error:
        raise ConfigurationError(
            "pkcs11.token",
            f"{uri}: {cause_text(error)}",
            need=f"the token in its reader, its PIN, and its library in [pkcs11] module or {MODULE_VARIABLE}",
        ) from error
