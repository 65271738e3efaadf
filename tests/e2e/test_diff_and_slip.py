"""What changed, said by the real command over real rule sets; figures counted by other means."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bundler.home import open_home
from bundler.report.slip import files as slips
from bundler.seal.companions import SealedFile
from manifests.bundle.claimed import claimed_manifest
from manifests.bundle.opening import open_bundle
from tests.support.content import DATA, lay_out
from tests.support.publisher import Publisher

pytestmark = pytest.mark.needs("shared/data")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Publisher, list[Path]]:
    """A publisher whose three bundles carry the rule sets of three dates."""
    base = tmp_path_factory.mktemp("rules")
    publisher = Publisher.found(base / "dmz", "clamav", "custom", "suricata", "signature-base", "sigma")
    sealed = []
    for date in (1, 2, 3):
        lay_out(publisher.content, date)
        sealed.append(publisher.create())
    return publisher, sealed


def counted(source: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {r["format"]: (len(r["added"]), len(r["updated"]), len(r["removed"])) for r in source["rules"]}


def test_rule_changes_between_real_dates_are_those_that_yaml_and_yara_parsers_count(
    bundles: tuple[Publisher, list[Path]],
) -> None:
    """Sigma by PyYAML (one of the three updates of the second step is in comments only), YARA by libyara and diff."""
    publisher, (first, second, third) = bundles
    step, small = (
        {
            source["name"]: source
            for source in json.loads(publisher.bundle("diff", "-o", "json", *pair).stdout)["sources"]
        }
        for pair in ((first, second), (second, third))
    )
    assert counted(step["sigma"]) == {"Sigma": (12, 117, 7)}
    assert counted(step["signature-base"]) == {"YARA": (6, 3, 2)}
    assert counted(small["sigma"]) == {"Sigma": (4, 3, 0)}
    assert counted(small["signature-base"]) == {"YARA": (1, 0, 0)}
    assert (step["sigma"]["added"], step["sigma"]["changed"], step["sigma"]["removed"]) == (21, 108, 16)
    assert counted(step["suricata"]) == counted(step["clamav"]) == {}
    assert all(source["not_compared"] == [] for source in (*step.values(), *small.values()))


def test_the_text_is_a_table_of_80_columns_and_lists_when_asked(bundles: tuple[Publisher, list[Path]]) -> None:
    publisher, (_, second, third) = bundles
    brief = publisher.bundle("diff", second, third).stdout
    assert "sigma                 5        2        1           +9,704\n" in brief
    assert "  Sigma rules         4        3        0\n" in brief
    assert brief.endswith("unchanged: suricata\n")
    assert max(len(line) for line in brief.splitlines()) <= 80
    listed = publisher.bundle("diff", "--rules", second, third).stdout
    assert listed.startswith(brief)
    assert "+ HKTL_BlueHammer_Apr26\n    Detects Nightmare-Eclipse/BlueHammer" in listed
    assert (
        "~ 17d619c1-e020-4347-957e-1d1207455c93  2021-11-27 -> 2026-07-30\n"
        "    Active Directory Replication from Non Machine Account - DcSync Indicator\n"
    ) in listed
    assert "test-6.cdiff" not in listed
    assert "+ clamav/test-6.cdiff  973 bytes\n" in publisher.bundle("diff", "--targets", second, third).stdout
    assert max(len(line) for line in listed.splitlines()) <= 80


def sealed_file(bundle: Path) -> SealedFile:
    data = bundle.read_bytes()
    with open_bundle(bundle) as file:
        return SealedFile(bundle, bundle, len(data), hashlib.sha256(data).hexdigest(), claimed_manifest(file))


def test_the_slip_of_a_bundle_says_its_digest_its_key_and_what_changed(
    bundles: tuple[Publisher, list[Path]], tmp_path: Path
) -> None:
    publisher, (first, second, _) = bundles
    text, page = slips.slip_beside(open_home(publisher.home))([sealed_file(second)])
    assert (text.name, page.name) == ("plant-000002-full.slip.txt", "plant-000002-full.slip.html")
    text.write(tmp_path / "slip.txt")
    page.write(tmp_path / "slip.html")
    written = (tmp_path / "slip.txt").read_text("utf-8")
    digest = hashlib.sha256(second.read_bytes()).hexdigest()
    assert digest in written.replace(" ", "")
    rows = publisher.bundle("keys", "list", "-o", "json").stdout
    assert written.split("Signed by key ")[1][:64] in rows
    assert "files: 21 new, 108 updated, 16 removed; Sigma rules: 12 new, 117 updated," in written
    assert "files: 3 new, 4 updated; YARA rules: 6 new, 3 updated, 2 removed" in written
    html = (tmp_path / "slip.html").read_text("utf-8")
    assert "Sigma rules: 12 new, 117 updated, 7 removed" in html
    assert digest in html.replace("<span>", "").replace("</span>", "")
    (only, _) = slips.slip_beside(open_home(publisher.home))([sealed_file(first)])
    only.write(tmp_path / "first.txt")
    assert "changes since" not in (tmp_path / "first.txt").read_text("utf-8")


def test_a_suricata_archive_is_compared_rule_by_rule(bundles: tuple[Publisher, list[Path]]) -> None:
    """287 rules of the archive go (256 on, 31 off by grep), the 31 of the plain file come."""
    publisher, (*_, third) = bundles
    (publisher.content / "suricata" / "hunting.rules.tar.gz").unlink()
    (publisher.content / "suricata" / "pii.rules").write_bytes((DATA / "suricata" / "pii.rules").read_bytes())
    fourth = publisher.create()
    found = json.loads(publisher.bundle("diff", "-o", "json", third, fourth).stdout)
    (suricata,) = (source for source in found["sources"] if source["name"] == "suricata")
    assert counted(suricata) == {"Suricata": (31, 0, 287)}
    removed = suricata["rules"][0]["removed"]
    assert sum(change["from"]["enabled"] for change in removed) == 256
