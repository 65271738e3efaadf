"""docs/format.md is true: its example is rebuilt from its rules, the product takes it, its codes are all there are."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from manifests import manifest as manifest_format
from manifests.bundle import verify as bundle
from manifests.container import ContainerWriter, MemberReader, read_directory
from manifests.manifest import signature
from manifests.trust import trusted_root
from tests.support import format_example as example

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "format.md").read_text("utf-8")
NOW = datetime(2026, 9, 2, tzinfo=UTC)
READERS = (
    "container/*.py",
    "bundle/*.py",
    "manifest/*.py",
    "schemas/strictjson.py",
    "names.py",
    "clock.py",
    "disk/blobs.py",
)
CODE = re.compile(r"(?:zip|bundle|manifest|signature|json|name|path|time|blob)\.[a-z0-9-]+")


def test_the_page_shows_the_example_as_it_is_built():
    shown = {found[2]: found[3] for found in example.BLOCK.finditer(PAGE)}
    assert shown == example.blocks(), "python -m tests.support.format_example docs/format.md"


def test_the_product_believes_a_bundle_that_was_built_from_the_page_alone():
    file = io.BytesIO(example.container())
    verified = bundle.verify_bundle(file, trusted_root(example.metadata()["1.root.json"]), NOW)
    content = {blob.sha256: b"".join(verified.content(blob)) for blob in verified.manifest.blobs}
    assert verified.manifest.file_name == "plant-000001-full.zip"
    assert verified.notes == "An example.\n"
    assert {target.path: content[target.sha256] for target in verified.manifest.targets} == {
        "demo/rule.rules": example.RULE,
        "demo/zeros.txt": example.ZEROS,
    }
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in content.items())
    assert zlib.decompress(example.ZEROS_DEFLATED, -15) == example.ZEROS


def test_the_product_writes_the_same_bytes():
    data = example.container()
    source, target = io.BytesIO(data), io.BytesIO()
    writer = ContainerWriter(target)
    for member in read_directory(source):
        stored = data[member.data_offset : member.data_end]
        if member.method == "stored":
            writer.add(member.name, MemberReader(source, member), length=member.length)
        else:
            writer.add_deflated(
                member.name,
                [stored],
                length=member.length,
                stored_length=member.stored_length,
                crc32=member.crc32,
            )
    writer.finish()
    signer = CryptoSigner(example.private_key("timestamp"))
    assert target.getvalue() == data
    assert manifest_format.encode_manifest(manifest_format.decode_manifest(example.manifest())) == example.manifest()
    assert signer.public_key.keyid == example.key_id("timestamp")
    assert signature.sign_manifest(example.manifest(), [signer]) == example.signature()


def test_an_ordinary_tool_opens_the_example():
    with zipfile.ZipFile(io.BytesIO(example.container())) as other:
        assert other.testzip() is None
        assert other.read("notes.md") == example.NOTES


def test_the_page_names_every_refusal_and_no_other():
    sources = [path.read_text("utf-8") for pattern in READERS for path in (REPOSITORY / "manifests").glob(pattern)]
    known = {code for text in sources for code in re.findall(rf'(?<=")({CODE.pattern})(?=")', text)}
    known |= {f"zip.local-{field}" for text in sources for field in re.findall(r'\("([a-z-]+)", "4\.[34]\.', text)}
    known |= {"zip.local-extra", "zip.local-name", "manifest.schema", "signature.schema"}
    refusals = (REPOSITORY / "manifests" / "trust" / "refusals.py").read_text("utf-8")
    known |= {f"tuf.{reason}.<role>" for reason in re.findall(r'code\("([a-z-]+)", role\)', refusals)}
    known |= set(re.findall(r'"(tuf\.[a-z-]+)"', refusals))
    known -= {"manifest.json", "name.publisher", "tuf.no-such-target"}  # a file, arguments, a question
    section = PAGE.partition("## 9.")[2].partition("## 10.")[0]
    named = set(re.findall(rf"`({CODE.pattern}|tuf\.[a-z-]+(?:\.<role>)?)`", section))
    assert named == known
