"""The examples in docs/reference/search-language.md, for tests that run them."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "search-language.md").read_text()


def rows(kind: str) -> list[tuple[str, ...]]:
    """The three cells of each row of the tables marked with this kind."""
    found = []
    for table in re.findall(rf"<!-- test: {kind} -->\n((?:\|.*\n)+)", PAGE):
        for line in table.splitlines()[2:]:
            # A bar inside backquotes does not end a cell.
            cells = re.findall(r"\|\s*((?:`[^`]*`|[^|`])*)", line)
            found.append(tuple(cell.strip() for cell in cells[:3]))
    return found


def code(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]*)`", cell)


def queries() -> list[str]:
    """The queries in blocks of their own, one a line."""
    return [line for block in re.findall(r"```search\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
