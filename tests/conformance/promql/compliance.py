"""The query list of prometheus/compliance, read from its source, with its variants filled in."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import yaml

_LIST = re.compile(r'"(\w+)":\s*\{((?:\s*"[^"]*",?)+)\s*\}')


def queries(source: Path) -> list[tuple[str, bool]]:
    """Queries of a checkout, and whether each must fail."""
    code = (source / "promql/testcases/expand.go").read_text()
    variants = {name: re.findall(r'"([^"]*)"', values) for name, values in _LIST.findall(code)}
    found = []
    for case in yaml.safe_load((source / "promql/promql-test-queries.yml").read_text())["test_cases"]:
        names = case.get("variant_args", [])
        for values in itertools.product(*(variants[name] for name in names)):
            filled = _filled(case["query"], dict(zip(names, values, strict=True)))
            found.append((filled, bool(case.get("should_fail"))))
    return found


def _filled(query: Any, values: dict[str, str]) -> str:
    return re.sub(r"\{\{\.(\w+)\}\}", lambda found: values[found[1]], str(query))
