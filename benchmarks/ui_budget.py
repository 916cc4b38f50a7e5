"""Row U1: the gzip size of the built web interface: the first load, the largest route, everything."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any, Final

from harness import REPOSITORY, Row, Series, print_table, write_results

STATIC: Final = REPOSITORY / "src" / "nexus" / "server" / "static"
INITIAL_KB: Final = 230
ROUTE_KB: Final = 180
TOTAL_KB: Final = 700
_SCRIPT: Final = re.compile(r"""<(?:script|link)\b[^>]*\b(?:src|href)=["']?([^"'\s>]+\.m?js)["'\s>]""", re.IGNORECASE)
_STATIC_IMPORT: Final = re.compile(r"""(?:\bfrom|\bimport)\s*["']\.{1,2}/([^"']+\.js)["']""")
_DYNAMIC_IMPORT: Final = re.compile(r"""\bimport\(\s*["'`]\.{1,2}/([^"'`]+\.js)["'`]""")


def _with_imports(names: set[str], texts: dict[str, str]) -> set[str]:
    """Return the chunks with everything that they import statically."""
    todo, done = list(names), set[str]()
    while todo:
        name = todo.pop()
        if name in texts and name not in done:
            done.add(name)
            todo += [Path(found).name for found in _STATIC_IMPORT.findall(texts[name])]
    return done


def measure(static: Path = STATIC) -> dict[str, Any] | None:
    """Gzip bytes of the first load, of every lazily loaded chunk with its own imports, and of all; None if unbuilt.

    The first load is what index.html references (scripts and module preloads) and what that imports statically.
    """
    index = static / "index.html"
    files = sorted((static / "assets").rglob("*.js"))
    if not index.exists() or not files:
        return None
    texts = {path.name: path.read_text(errors="replace") for path in files}
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in files}
    initial = _with_imports({Path(link).name for link in _SCRIPT.findall(index.read_text())}, texts)
    lazy = {Path(found).name for text in texts.values() for found in _DYNAMIC_IMPORT.findall(text)} & texts.keys()
    routes = {name: sum(sizes[part] for part in _with_imports({name}, texts) - initial) for name in lazy - initial}
    return {
        "initial": sum(sizes[name] for name in initial),
        "routes": dict(sorted(routes.items(), key=lambda item: -item[1])),
        "total": sum(sizes.values()),
    }


def rows(static: Path = STATIC) -> list[Row]:
    """Return the three lines of row U1."""
    found = measure(static)
    limits = {"first load": INITIAL_KB, "largest route": ROUTE_KB, "total": TOTAL_KB}
    if found is None:
        return [Row(f"U1 {name}", "KB gzip", limit=limit, absolute=True, note="not built") for name, limit in limits.items()]
    values = {
        "first load": found["initial"],
        "largest route": max(found["routes"].values(), default=0),
        "total": found["total"],
    }
    return [
        Row(
            f"U1 {name}",
            "KB gzip",
            Series((values[name] / 1000,)),
            limit=limit,
            absolute=True,
            details={"routes": found["routes"]} if name == "largest route" else {},
        )
        for name, limit in limits.items()
    ]


def main() -> None:
    """Print and record the sizes."""
    table = rows()
    print_table(table, "-")
    write_results("ui_budget", table, {})


if __name__ == "__main__":
    main()
