"""docs/threat-model.md names tests, pages and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "threat-model.md").read_text("utf-8")


def test_every_test_file_named_on_the_page_exists_and_holds_tests() -> None:
    names = set(re.findall(r"`(tests/[a-z0-9_/]+\.py)`", PAGE))
    assert len(names) > 20
    for name in sorted(names):
        assert "def test_" in (REPOSITORY / name).read_text("utf-8"), name


def test_every_claim_of_what_an_adversary_cannot_do_names_its_proof() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.count("|") >= 4]
    proofs = [row.rstrip(" |").rpartition("|")[2].strip() for row in rows]
    for row, proof in zip(rows, proofs, strict=True):
        assert "tests/" in proof or "by design" in proof or proof in {"shown by", "because"}, row


def test_the_links_lead_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in PAGE.splitlines()}
    for target, anchor in re.findall(r"\]\(([a-z0-9./-]*)#?([a-z0-9-]*)\)", PAGE):
        assert not target or (REPOSITORY / "docs" / target).exists(), target
        assert not anchor or target or anchor in headings, anchor
