"""docs/operators.md names exit codes and reasons that exist, all of the former."""

from __future__ import annotations

import re
from pathlib import Path

from manifests.errors import exit_code_table

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "operators.md").read_text("utf-8")


def table(mark: str) -> list[list[str]]:
    """The rows of the table below a mark, without its head."""
    rows = PAGE.partition(f"<!-- {mark} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    assert tuple((int(code), meaning) for code, meaning, _ in table("exit codes")) == exit_code_table()


def test_every_reason_code_on_the_page_is_one_of_the_products() -> None:
    sources = [
        path.read_text("utf-8")
        for package in ("manifests", "bundler", "relay")
        for path in (REPOSITORY / package).rglob("*.py")
    ]
    codes = [code for row in table("reason codes") for code in re.findall(r"`([a-z0-9.-]+)`", row[0])]
    assert len(codes) > 10
    for code in codes:
        family, _, reason = code.rpartition(".")
        wanted = (f'"{code}"', f'"{family}.{{', f"``{family}.*``", f"``{family}.<role>``")
        assert any(form in source for source in sources for form in wanted), (family, reason)


def test_the_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([a-z./-]+)\)", PAGE):
        assert (REPOSITORY / "docs" / link).exists(), link
