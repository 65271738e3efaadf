"""A TUF publisher in memory that does everything right until a test makes it misbehave.

``TufSimulator`` holds the live metadata objects; ``publish*`` signs what they say at that moment into
``files``, which is what clients see. A test may change the objects, the signers or ``files`` itself.
``TufServer`` serves the same files over loopback HTTP(S) and logs every request.
"""

from __future__ import annotations

import copy
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key, Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from manifests.clock import instant_text

TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")


@cache
def signer(name: str) -> CryptoSigner:
    """Return the Ed25519 signer of this name: the same key in every run."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def public_key(name: str) -> Key:
    """Return a copy of the public key of the signer of this name, free to be spoiled."""
    return copy.deepcopy(signer(name).public_key)


class TufSimulator:
    """A publisher with one key per role, signed state already published at version 1.

    Args:
        now: Its clock; everything expires ``lifetime`` later.
        extension: Whether timestamps carry ``x-sealift``.
        hashes: Whether timestamp and snapshot give lengths and digests of what they list.
        consistent: Whether file names carry versions and digests.
    """

    def __init__(
        self,
        now: datetime,
        *,
        lifetime: timedelta = timedelta(days=30),
        extension: bool = False,
        hashes: bool = False,
        consistent: bool = True,
    ) -> None:
        self.now = now
        self.extension = extension
        self.hashes = hashes
        self.files: dict[str, bytes] = {}
        self.contents: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.signers: dict[str, list[Signer]] = {role: [signer(f"{role}-1")] for role in TOP_LEVEL}
        self.delegated: dict[str, Targets] = {}
        expires = now + lifetime
        self.root = Root(version=1, expires=expires, consistent_snapshot=consistent)
        for role in TOP_LEVEL:
            self.root.add_key(public_key(f"{role}-1"), role)
        self.targets = Targets(version=1, expires=expires)
        self.snapshot = Snapshot(version=1, expires=expires)
        self.timestamp = Timestamp(version=1, expires=expires)
        self.publish_root(bump=False)
        self.publish_targets("targets", bump=False)
        self.publish_snapshot(bump=False)
        self.publish_timestamp(bump=False)

    # --- signing and publishing --------------------------------------------------------------------

    def signed(self, role: str) -> Signed:
        """Return a role's live object."""
        return self.delegated[role] if role in self.delegated else getattr(self, role)

    def sign(self, role: str, signed: Signed | None = None) -> bytes:
        """Sign a role as it is now with the role's signers."""
        metadata: Metadata[Any] = Metadata(copy.deepcopy(signed or self.signed(role)))
        for one in self.signers[role]:
            metadata.sign(one, append=True)
        return metadata.to_bytes(JSONSerializer(compact=True))

    def file_name(self, role: str) -> str:
        """Return the name a role is published under now."""
        name = f"{quote(role, safe='')}.json"
        if role == "timestamp" or (role != "root" and not self.root.consistent_snapshot):
            return name
        return f"{self.signed(role).version}.{name}"

    def publish_root(self, *, bump: bool = True, signers: Iterable[Signer] = ()) -> None:
        """Publish a root, signed by the current root keys and any extra signers."""
        self.root.version += int(bump)
        own = list(self.signers["root"])
        self.signers["root"] = [*own, *(one for one in signers if one not in own)]
        self.files[self.file_name("root")] = self.sign("root")
        self.signers["root"] = own

    def publish_targets(self, role: str = "targets", *, bump: bool = True) -> None:
        """Publish one targets role and list it in the live snapshot."""
        self.signed(role).version += int(bump)
        data = self.files[self.file_name(role)] = self.sign(role)
        self.snapshot.meta[f"{role}.json"] = self._meta(self.signed(role).version, data)

    def publish_snapshot(self, *, bump: bool = True) -> None:
        """Publish the snapshot and name it in the live timestamp."""
        self.snapshot.version += int(bump)
        data = self.files[self.file_name("snapshot")] = self.sign("snapshot")
        self.timestamp.snapshot_meta = self._meta(self.snapshot.version, data)

    def publish_timestamp(self, *, bump: bool = True) -> None:
        """Publish the timestamp."""
        self.timestamp.version += int(bump)
        if self.extension:
            self.timestamp.unrecognized_fields["x-sealift"] = {
                "created": instant_text(self.now),
                "root_version": self.root.version,
            }
        self.files["timestamp.json"] = self.sign("timestamp")

    def publish(self, *roles: str) -> None:
        """Publish the given targets roles (top-level if none), then snapshot and timestamp."""
        for role in roles or ("targets",):
            self.publish_targets(role)
        self.publish_snapshot()
        self.publish_timestamp()

    def _meta(self, version: int, data: bytes) -> MetaFile:
        if not self.hashes:
            return MetaFile(version)
        return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})

    # --- content, delegations, keys ----------------------------------------------------------------

    def add_target(self, path: str, content: bytes, role: str = "targets") -> None:
        """List a target in a role and offer its content; publish afterwards."""
        target = TargetFile.from_data(path, content, ["sha256"])
        self.signed(role).targets[path] = target
        names = target.get_prefixed_paths() if self.root.consistent_snapshot else [path]
        self.contents.update(dict.fromkeys(names, content))

    def delegate(
        self,
        name: str,
        paths: list[str] | None = None,
        *,
        parent: str = "targets",
        terminating: bool = False,
        prefixes: list[str] | None = None,
        threshold: int = 1,
        keys: Iterable[str] = (),
    ) -> Targets:
        """Delegate to a role (made when it is new) from ``parent``; publish both afterwards."""
        names = list(keys) or [f"{name}-1"]
        delegations = self._delegations(parent)
        for key in names:
            delegations.keys[public_key(key).keyid] = public_key(key)
        roles = delegations.roles if delegations.roles is not None else {}
        roles[name] = DelegatedRole(
            name, [public_key(key).keyid for key in names], threshold, terminating, paths, prefixes
        )
        return self._new_role(name, names)

    def delegate_bins(self, prefix: str, bit_length: int) -> list[str]:
        """Delegate everything to succinct hash bins; publish them and ``targets`` afterwards."""
        key = public_key(f"{prefix}-bins")
        bins = SuccinctRoles([key.keyid], 1, bit_length, prefix)
        self.targets.delegations = Delegations({key.keyid: key}, succinct_roles=bins)
        for name in bins.get_roles():
            self._new_role(name, [f"{prefix}-bins"])
        return list(bins.get_roles())

    def rotate(self, role: str, generation: int) -> None:
        """Give a top-level role one new key in the live root; publish the root and the role afterwards."""
        for keyid in list(self.root.roles[role].keyids):
            self.root.revoke_key(keyid, role)
        name = f"{role}-{generation}"
        self.root.add_key(public_key(name), role)
        self.signers[role] = [signer(name)]

    def _delegations(self, parent: str) -> Delegations:
        targets = self.signed(parent)
        if targets.delegations is None:
            targets.delegations = Delegations({}, roles={})
        return targets.delegations

    def _new_role(self, name: str, keys: list[str]) -> Targets:
        if name not in self.delegated:
            self.delegated[name] = Targets(version=1, expires=self.targets.expires)
            self.signers[name] = [signer(key) for key in keys]
        return self.delegated[name]

    def fork(self) -> TufSimulator:
        """Return a copy that can be spoiled without spoiling this one."""
        twin = copy.copy(self)
        for role in TOP_LEVEL:
            setattr(twin, role, copy.deepcopy(self.signed(role)))
        twin.delegated = copy.deepcopy(self.delegated)
        twin.files, twin.contents = dict(self.files), dict(self.contents)
        twin.signers = {role: list(signers) for role, signers in self.signers.items()}
        return twin

    # --- what clients see --------------------------------------------------------------------------

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Give a metadata file: a ``MetadataReader``."""
        self.requests.append(name)
        data = self.files.get(name)
        return None if data is None else data[: max_bytes + 1]


def resigned(data: bytes, change: Callable[[dict[str, Any]], None], signers: Iterable[Signer]) -> bytes:
    """Change a document's ``signed`` part as JSON and sign it again: for what the objects cannot express."""
    from securesystemslib.formats import encode_canonical

    value = json.loads(data)
    change(value["signed"])
    payload = (encode_canonical(value["signed"]) or "").encode()
    value["signatures"] = [one.sign(payload).to_dict() for one in signers]
    return json.dumps(value).encode()


class TufServer:
    """Serves a simulator below ``/metadata/`` and ``/targets/``.

    ``answers`` overrides a path with ``(status, body, headers)``; ``truncated`` paths lose their last byte
    while the length promises it.
    """

    def __init__(self, simulator: TufSimulator, base: str) -> None:
        self.simulator = simulator
        self.base = base
        self.requests: list[str] = []
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.endless: set[str] = set()
        self.truncated: set[str] = set()

    @property
    def metadata_url(self) -> str:
        return f"{self.base}/metadata"

    @property
    def targets_url(self) -> str:
        return f"{self.base}/targets"

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if path in self.answers:
            return self.answers[path]
        kind, _, name = path.removeprefix("/").partition("/")
        data = self.simulator.files.get(name) if kind == "metadata" else self.simulator.contents.get(unquote(name))
        return (404, b"", {}) if data is None else (200, data, {})


@contextmanager
def served(simulator: TufSimulator, tls: ssl.SSLContext | None = None) -> Iterator[TufServer]:
    """Serve a simulator on a free loopback port for the block."""
    handler = type("Handler", (_Handler,), {})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    scheme = "http"
    if tls is not None:
        httpd.socket = tls.wrap_socket(httpd.socket, server_side=True)
        scheme = "https"
    server = TufServer(simulator, f"{scheme}://localhost:{httpd.server_address[1]}")
    handler.server_of_test = server
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of_test: TufServer

    def do_GET(self) -> None:
        server = self.server_of_test
        server.requests.append(self.path)
        status, body, headers = server.answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.path in server.endless:
            self.end_headers()
            self._pour()
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-1] if self.path in server.truncated else body)

    def _pour(self) -> None:
        try:
            while True:
                self.wfile.write(b"\x00" * 65536)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def at(days: float = 0) -> datetime:
    """Return an instant, in days after the simulated publisher's usual beginning."""
    return datetime(2031, 3, 1, 12, 0, 0, tzinfo=UTC) + timedelta(days=days)
