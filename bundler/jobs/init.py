"""``bundle init``: make a publisher, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization.json import JSONSerializer

from bundler import config
from bundler.config import Expiries
from bundler.home import Home
from bundler.keys import keyring as keys
from bundler.repository.repository import Repository
from manifests.disk import durable
from manifests.disk.new_home import build_home, refuse_existing
from manifests.errors import MalformedError, UsageError
from manifests.names import check_publisher_name
from manifests.text import count_text

ONLINE_ROLES = ("targets", "snapshot", "timestamp")
MAX_ROOT_KEYS = 64
"""More people than ever signed one root; each key costs every agent bytes."""
_TODO = "bundle --home OTHER init, or go on with this one: bundle keys list"


@dataclass(frozen=True)
class NewPublisher:
    """What publisher the operator asked for.

    Args:
        publisher: The name that bundles begin with.
        root_keys: How many root keys to make.
        threshold: How many of them must sign a root.
        passphrase: Encrypts the private keys; None leaves them open.
        expiries: How long signatures are good for; written to the configuration where they are not the defaults.
    """

    publisher: str
    root_keys: int = 1
    threshold: int = 1
    passphrase: bytes | None = None
    expiries: Expiries = field(default_factory=Expiries)

    def root_expires_at(self, now: datetime) -> datetime:
        """Return when the first root ends that is signed at ``now``."""
        return self.expiries.end_of(Root.type, now)


def create_publisher(path: Path, wanted: NewPublisher, now: datetime) -> Home:
    """Make a publisher: its home, its keys, the first signed root and a commented configuration; all or nothing.

    Args:
        path: Where; must not exist, or be an empty directory.
        wanted: What.
        now: The moment that the first root's expiry counts from.

    Raises:
        ConfigurationError: ``home.exists``; ``config.value``: expiries that no bundle could keep to.
        UsageError: ``init.publisher``, ``init.threshold``.
        StorageError: The disk is full, read-only or failing.
    """
    check_new_publisher(path, wanted)
    with build_home(path, todo=_TODO) as fresh:
        home = Home(fresh)
        for directory in (home.metadata, home.sources):
            durable.make_directory(directory)
        durable.make_directory(home.keys, mode=0o700)
        home.store().create()
        _write_root(home, wanted, now)
        durable.write_file(home.config, configuration_text(wanted.publisher, wanted.expiries).encode("utf-8"))
        config.load_config(home.config)
    return Home(path)


def check_new_publisher(path: Path, wanted: NewPublisher) -> None:
    """Refuse what could not be made, before anybody is asked for a passphrase.

    Raises:
        ConfigurationError: ``home.exists``; ``config.value``: expiries that no bundle could keep to.
        UsageError: ``init.publisher``, ``init.threshold``.
    """
    try:
        check_publisher_name(wanted.publisher)
    except MalformedError as error:
        raise UsageError("init.publisher", f"--publisher: {error.what}", need=error.need) from None
    if not 1 <= wanted.threshold <= wanted.root_keys <= MAX_ROOT_KEYS:
        raise UsageError(
            "init.threshold",
            _wrong_numbers(wanted.threshold, wanted.root_keys),
            need=f"1 to {MAX_ROOT_KEYS} root keys, and a threshold from 1 to their number",
        )
    for wrong in config.wrong_days(config.Config(wanted.publisher, expiries=wanted.expiries), Home(path).config):
        raise wrong
    refuse_existing(path, _TODO)


def configuration_text(publisher: str, expiries: Expiries) -> str:
    """Return the commented ``bundler.toml`` of a new publisher; what is not a default stands without its ``#``."""
    text = files("bundler").joinpath("data", "bundler.example.toml").read_text("utf-8")
    text = text.replace("@PUBLISHER@", publisher)
    for role, days in asdict(expiries).items():
        default = getattr(Expiries, role)
        if days != default:
            text = text.replace("#[expiry_days]", "[expiry_days]")
            text = text.replace(f"\n#{role} = {default}\n", f"\n{role} = {days}\n")
    return text


def sign_first_root(
    role_keys: Mapping[str, Sequence[Key]], threshold: int, expires: datetime, signers: Sequence[Signer]
) -> bytes:
    """Return version 1 of root, signed.

    Args:
        role_keys: The keys of root, targets, snapshot and timestamp.
        threshold: How many root keys must sign a root; the other roles need one.
        expires: When it ends.
        signers: The root keys that sign.
    """
    root = Root(1, expires=expires, consistent_snapshot=True)
    for role, role_key in ((role, key) for role, group in role_keys.items() for key in group):
        root.add_key(role_key, role)
    root.roles[Root.type].threshold = threshold
    metadata = Metadata(root)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def _write_root(home: Home, wanted: NewPublisher, now: datetime) -> None:
    made = {
        role: [
            keys.generate_role_key_files(role, home.keys, wanted.passphrase)
            for _ in range(wanted.root_keys if role == Root.type else 1)
        ]
        for role in (Root.type, *ONLINE_ROLES)
    }
    signers = [entry.signer for entry in made[Root.type]]
    role_keys = {role: [entry.entry.key for entry in group] for role, group in made.items()}
    data = sign_first_root(role_keys, wanted.threshold, wanted.root_expires_at(now), signers)
    durable.write_file(home.metadata / "1.root.json", data)
    Repository.load(home.metadata)


def _wrong_numbers(threshold: int, root_keys: int) -> str:
    if not 1 <= root_keys <= MAX_ROOT_KEYS:
        return f"{count_text(root_keys, 'root key')} cannot be made"
    if threshold < 1:
        return f"The threshold ({threshold}) is smaller than 1"
    return f"The threshold ({threshold}) is larger than the number of root keys ({root_keys})"
