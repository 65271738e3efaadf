"""The worked example of docs/format.md, made by the page's rules alone.

Nothing here comes from the product: a zip by ``zip_forge``, JSON and digests by the standard library,
Ed25519 by ``cryptography``. That the product takes it, and writes the same bytes, shows that the
page is enough to write bundles by.

    python -m tests.support.format_example docs/format.md    # bring the page's blocks up to date
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manifests.errors import exit_code_table
from manifests.limits import DEFAULT_LIMITS
from tests.support.zip_forge import CENTRAL, END, LOCAL, Entry, Forge

CREATED = "2026-09-01T12:00:00Z"
PULLED = "2026-09-01T11:59:00Z"
EXPIRES = "2027-09-01T12:00:00Z"
PAYLOAD_TYPE = b"application/vnd.sealift.manifest+json"
RULE = b"alert tcp any any -> any 4122 (sid:1;)\n"
ZEROS = b"0" * 99 + b"\n"
ZEROS_DEFLATED = bytes.fromhex("3330a039e00200")
NOTES = b"An example.\n"
SEEDS = {"root": b"\1" * 32, "timestamp": b"\2" * 32, "snapshot": b"\3" * 32, "targets": b"\4" * 32}
BLOCK = re.compile(r"(<!-- example: ([a-z-]+) -->\n```[a-z]*\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON as TUF signs it; enough for values in plain ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def document(value: Any) -> bytes:
    """Form of manifest.json and manifest.sig.json."""
    return lines(value, 0).encode() + b"\n"


def lines(value: Any, level: int) -> str:
    """One entry on a line for arrays and for what holds them."""
    rows = []
    if isinstance(value, dict) and any("[" in json.dumps(child) for child in value.values()):
        rows = [f"{json.dumps(key)}: {lines(value[key], level + 1)}" for key in sorted(value)]
    elif isinstance(value, list):
        rows = [lines(entry, level + 1) for entry in value]
    if not rows:
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    indent = "\n" + " " * level
    return opening + ",".join(indent + " " + row for row in rows) + indent + closing


def private_key(role: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[role])


def public_key(role: str) -> dict[str, Any]:
    public = private_key(role).public_key().public_bytes_raw().hex()
    return {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}


def key_id(role: str) -> str:
    return sha256(canonical(public_key(role)))


def signed(kind: str, key: str, version: int = 1, **fields: Any) -> bytes:
    """One TUF document, signed by the key of a role."""
    body = {"_type": kind, "spec_version": "1.0.31", "version": version, "expires": EXPIRES, **fields}
    signature = private_key(key).sign(canonical(body)).hex()
    return canonical({"signatures": [{"keyid": key_id(key), "sig": signature}], "signed": body})


def meta(data: bytes) -> dict[str, Any]:
    return {"version": 1, "length": len(data), "hashes": {"sha256": sha256(data)}}


@cache
def metadata() -> dict[str, bytes]:
    """The TUF part, by file name, in the order of the zip."""
    role = {"keyids": [key_id("targets")], "threshold": 1}
    root = signed(
        "root",
        "root",
        consistent_snapshot=True,
        keys={key_id(name): public_key(name) for name in SEEDS},
        roles={name: {"keyids": [key_id(name)], "threshold": 1} for name in SEEDS},
    )
    contents = {"demo/rule.rules": RULE, "demo/zeros.txt": ZEROS}
    demo = signed(
        "targets",
        "targets",
        targets={p: {"length": len(data), "hashes": {"sha256": sha256(data)}} for p, data in contents.items()},
        **{"x-sealift": {"pulled_at": PULLED}},
    )
    delegated = {"name": "demo", "paths": ["demo/*", "demo/*/*"], "terminating": True, **role}
    targets = signed(
        "targets",
        "targets",
        targets={},
        delegations={"keys": {key_id("targets"): public_key("targets")}, "roles": [delegated]},
        **{"x-sealift": {"sources": {"demo": {"fresh_days": 14}}}},
    )
    snapshot = signed("snapshot", "snapshot", meta={"targets.json": meta(targets), "demo.json": meta(demo)})
    timestamp = signed(
        "timestamp",
        "timestamp",
        meta={"snapshot.json": meta(snapshot)},
        **{"x-sealift": {"created": CREATED, "root_version": 1}},
    )
    return {
        "1.root.json": root,
        "timestamp.json": timestamp,
        "1.snapshot.json": snapshot,
        "1.targets.json": targets,
        "1.demo.json": demo,
    }


@cache
def manifest() -> bytes:
    documents = {f"tuf/{name}": data for name, data in metadata().items()} | {"notes.md": NOTES}
    stored = {"sha256": sha256(RULE), "length": len(RULE), "method": "stored"}
    deflated = {"sha256": sha256(ZEROS), "length": len(ZEROS), "method": "deflate"}
    return document(
        {
            "format": "sealift-bundle/1",
            "publisher": "plant",
            "snapshot_version": 1,
            "root_version": 1,
            "created": CREATED,
            "kind": "full",
            "volume": {"index": 1, "count": 1},
            "tool": "by hand",
            "sources": [
                {
                    "name": "demo",
                    "kind": "directory",
                    "state": "fresh",
                    "pulled_at": PULLED,
                    "verification": "none: a directory has no signature",
                    "licence": "made up",
                    "fresh_days": 14,
                    "items": [{"path": "demo/rule.rules", "label": "one rule", "facts": {"rules": 1}}],
                }
            ],
            "targets": [
                {"path": path, "length": len(data), "sha256": sha256(data), "arrives": "blob"}
                for path, data in (("demo/rule.rules", RULE), ("demo/zeros.txt", ZEROS))
            ],
            "documents": [
                {"name": name, "length": len(data), "sha256": sha256(data)} for name, data in documents.items()
            ],
            "blobs": [
                stored,
                {**deflated, "stored_sha256": sha256(ZEROS_DEFLATED), "stored_length": len(ZEROS_DEFLATED)},
            ],
            "patches": [],
            "parts": [],
        }
    )


def message() -> bytes:
    """What is signed: the pre-authentication encoding of the manifest."""
    data = manifest()
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(data), data)


@cache
def signature() -> bytes:
    row = {"keyid": key_id("timestamp"), "sig": private_key("timestamp").sign(message()).hex()}
    return document({"payloadType": PAYLOAD_TYPE.decode(), "signatures": [row]})


def entries() -> list[Entry]:
    members = {"manifest.json": manifest(), "manifest.sig.json": signature()}
    members |= {f"tuf/{name}": data for name, data in metadata().items()} | {"notes.md": NOTES}
    members[f"blobs/{sha256(RULE)}"] = RULE
    deflated = Entry(f"blobs/{sha256(ZEROS)}".encode(), ZEROS, deflated=True, data=ZEROS_DEFLATED)
    return [*(Entry(name.encode(), data) for name, data in members.items()), deflated]


def container() -> bytes:
    """The whole bundle."""
    return Forge(entries()).build()


# The page's blocks


def readable(data: bytes) -> str:
    return json.dumps(json.loads(data), indent=1, sort_keys=True) + "\n"


def rows(table: list[tuple[object, ...]]) -> str:
    """Columns of text, numbers to the right."""
    widths = [max(len(str(row[column])) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            str(cell).rjust(width) if isinstance(cell, int) else str(cell).ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]
    return "\n".join(lines) + "\n"


def members_block() -> str:
    table: list[tuple[object, ...]] = [("header", "data", "stored", "length", "crc32", "name")]
    offset = 0
    for entry in entries():
        start = offset + len(entry.local_header())
        name = entry.name.decode()
        shown = name if len(name) < 40 else name[:14] + "…"
        table.append((offset, start, len(entry.stored), len(entry.content), f"{entry.common()['crc']:08x}", shown))
        offset = start + len(entry.stored)
    return rows(table) + f"{offset:>6}  the central directory begins\n"


def record_block(form: dict[str, str], data: bytes, variable: list[tuple[str, int]]) -> str:
    """One record: offset in it, bytes, field."""
    table: list[tuple[object, ...]] = []
    offset = 0
    for name, length in [*((name, {"4s": 4, "H": 2, "I": 4, "Q": 8}[code]) for name, code in form.items()), *variable]:
        table.append((offset, data[offset : offset + length].hex(" "), name))
        offset += length
    return rows(table)


def records() -> dict[str, str]:
    first = entries()[0]
    name = [("name: manifest.json", len(first.name))]
    return {
        "local-header": record_block(LOCAL, first.local_header(), name),
        "central-record": record_block(CENTRAL, first.central_record(0), name),
        "end-record": record_block(END, container()[-22:], []),
    }


def pae_block() -> str:
    public = public_key("timestamp")["keyval"]["public"]
    return (
        f"message     {message()[:60]!r}…\n"
        f"  length    {len(message())} bytes\n"
        f"  sha256    {sha256(message())}\n"
        f"public key  {public} (Ed25519)\n"
        f"key id      {key_id('timestamp')}\n"
    )


def blocks() -> dict[str, str]:
    """Every block of the page that is marked as example, by its name."""
    whole = container()
    limits = [
        ("value", "limit"),
        *((getattr(DEFAULT_LIMITS, f.name), f.name) for f in dataclasses.fields(DEFAULT_LIMITS)),
    ]
    return {
        "keys": rows([(name, SEEDS[name].hex(), key_id(name)[:16] + "…") for name in SEEDS]),
        "file": f"name    plant-000001-full.zip\nlength  {len(whole)}\nsha256  {sha256(whole)}\n",
        "members": members_block(),
        "manifest": manifest().decode(),
        "signature": signature().decode(),
        "pae": pae_block(),
        "timestamp": readable(metadata()["timestamp.json"]),
        "targets": readable(metadata()["1.targets.json"]),
        "delegated": readable(metadata()["1.demo.json"]),
        "deflated": f"{ZEROS_DEFLATED.hex(' ')}\n",
        "limits": rows([(str(value).rjust(11), name) for value, name in limits]),
        "exit-codes": rows([(code, meaning) for code, meaning in exit_code_table()]),
        **records(),
    }


def refresh(page: str) -> str:
    """Return a page with its blocks brought up to date."""
    current = blocks()
    return BLOCK.sub(lambda found: found[1] + current[found[2]] + found[4], page)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(refresh(target.read_text("utf-8")), "utf-8")
