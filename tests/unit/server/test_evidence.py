"""What the documents about security name is there: files, and tests by their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [*(ROOT / "docs" / "security").glob("*.md"), ROOT / "SECURITY.md"]
_NAMED = re.compile(
    r"`((?:e2e|unit|tests|nexus|src|docs|ui|crates|requirements|\.ci)/[^`\s]*|[A-Z][\w-]*\.md|Makefile|Cargo\.\w+)`"
)


def place(name: str) -> Path:
    """The file or folder that a name in a document stands for."""
    first = name.partition("/")[0]
    return ROOT / {"e2e": "tests", "unit": "tests", "nexus": "src"}.get(first, "") / name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_named_exists(document: Path) -> None:
    text = document.read_text()
    named = _NAMED.findall(text)
    linked = [document.parent / link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    assert named or linked
    for path in linked:
        assert path.exists(), f"{document.name} links to {path}"
    for name in named:
        path, _, test = name.partition("::")
        assert place(path).exists(), f"{document.name} names {path}"
        if test:
            assert re.search(rf"^(async )?def {re.escape(test)}\(", place(path).read_text(), re.MULTILINE), name


def test_every_line_of_the_table_has_a_status_and_evidence() -> None:
    rows = [line for line in (ROOT / "docs/security/asvs.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 150
    for row in rows:
        _, numbers, what, status, evidence, _ = (cell.strip() for cell in row.split("|"))
        assert status in ("met", "partly", "not met", "n/a"), row
        assert numbers and what and evidence, row
        if status == "met":
            assert "`" in evidence, row
