from __future__ import annotations

import io
from pathlib import Path

import pytest

from bundler.diff.content import ClaimedBundle, ClaimedContent
from bundler.diff.rules import compare_rules
from bundler.diff.targets import compare_targets
from bundler.report.slip import (
    ChangeCounts,
    SlipVolume,
    SourceLine,
    prepare_slip,
)
from manifests.bundle.claimed import claimed_documents
from manifests.errors import MalformedError
from manifests.text import size_text
from tests.support.relay_bundles import BundleForge
from tests.support.slips import SHA256


def test_sizes_are_decimal() -> None:
    assert [size_text(length) for length in (999, 1000, 1_500_000, 4_294_967_296)] == [
        "999 bytes",
        "1.00 kB",
        "1.50 MB",
        "4.29 GB",
    ]


def sealed(tmp_path: Path, forge: BundleForge, name: str, **options: object) -> tuple[ClaimedBundle, dict[str, bytes]]:
    data = forge.seal(tmp_path / name, **options).read_bytes()  # type: ignore[arg-type]
    bundle = ClaimedBundle(io.BytesIO(data))
    return bundle, claimed_documents(io.BytesIO(data))


def test_a_slip_is_prepared_from_what_was_sealed(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"s/a.yml": b"title: A\nid: a\ndetection: {}\n", "t/x": b"x"}
    forge.said = {"s": {"licence": "DRL 1.1"}}
    one, _ = sealed(tmp_path, forge, "1.zip")
    forge.rotate()
    forge.files["s/a.yml"] += b"level: high\n"
    notes = b"# Head\n\n" + b"".join(b"line %d\x1b\n" % n for n in range(20)) + b"z" * 500
    two, documents = sealed(tmp_path, forge, "2.zip", notes=notes)
    found = compare_targets(one.manifest, two.manifest)
    signature = documents.pop("manifest.sig.json")
    slip = prepare_slip(
        two.manifest,
        signature,
        documents.items(),
        [SlipVolume("2.zip", 1, SHA256)],
        difference=found,
        rules=compare_rules(found, ClaimedContent(one, two)),
    )
    assert (slip.publisher, slip.version, slip.previous, slip.tool) == (forge.publisher, 2, 1, "forge")
    assert slip.keyids == (forge.signers["timestamp"][0].public_key.keyid,)
    ends = {end.role: end.expires_at for end in slip.roles}
    assert ends.keys() == {"root", "timestamp", "snapshot", "targets", "s", "t"}
    assert ends["timestamp"] == forge.created() + forge.lifetime
    assert slip.roles[-1].role == "root"
    assert slip.notes == ("Head", *(f"line {n}" for n in range(7)))
    assert slip.more_notes == 14
    assert slip.sources[0] == SourceLine(
        "s", 1, 41, None, ChangeCounts(0, 1, 0), (("Sigma", ChangeCounts(0, 1, 0)),), "DRL 1.1"
    )
    assert slip.sources[1] == SourceLine("t", 1, 1, None, ChangeCounts(0, 0, 0))


def test_the_newest_root_counts_and_damaged_metadata_is_refused(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"t/x": b"x"}
    bundle, documents = sealed(tmp_path, forge, "1.zip")
    signature = documents.pop("manifest.sig.json")
    with pytest.raises(MalformedError) as caught:
        prepare_slip(bundle.manifest, signature, [*documents.items(), ("tuf/9.root.json", b"{}")], [])
    assert caught.value.code == "slip.metadata"
