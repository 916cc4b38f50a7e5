"""Rows and tallies for native code, as SQL whose result types are fixed (`FORMAT RowBinary`). Pure."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import NotTallied
from nexus.query.plan import LogScan, Scoped, Tally
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.records import columns
from nexus.storage.clickhouse.scan import scan_of
from nexus.storage.clickhouse.slices import HOUR

_COLUMNS: Final = ("event_name", "scope_name", "scope_version", "trace_id", "span_id", "template_id")
_NEVER: Final = frozenset({"level", "detected_level", "service_name"})
"""Labels that come with the stream or the severity, never from an attribute."""


def compile_rows(scoped: Scoped, scan: LogScan, catalog: Catalog) -> str:
    """The rows of a scan, columns as pages have them, in no order."""
    return scan_of(scoped, scan, catalog).union(columns(catalog))


def compile_tally(scoped: Scoped, plan: Tally, catalog: Catalog) -> str:
    """The groups of a tally. Raises `NotTallied`."""
    labels = [label_text(name, catalog) for name in plan.labels]
    keys = {
        "b": _bucket(plan),
        # Grouping by hashes is twice as fast as by texts: those of texts with a dictionary are made once for each text.
        "s": "cityHash64(service)" if {"stream", "service"} & set(plan.keys) else "",
        "r": "cityHash64(resource)" if "stream" in plan.keys else "",
        "n": "severity_number" if "severity" in plan.keys else "",
        "t": "template_id" if "template" in plan.keys else "",
        **{f"l{number}": text for number, text in enumerate(labels)},
    }
    grouped = {name: text for name, text in keys.items() if text}
    inner_columns = [f"{text} AS {name}" for name, text in grouped.items()] + ["count() AS c"]
    inner_columns += ["any(service) AS sv"] * bool(keys["s"]) + ["any(resource) AS rv"] * bool(keys["r"])
    inner_columns += ["sum(length(body)) AS y"] * plan.bytes + ["any(body) AS x"] * plan.sample
    tail = f"\nGROUP BY {', '.join(grouped)}" if grouped else ""
    inner = scan_of(scoped, plan.scan, catalog).union(", ".join(inner_columns), tail)
    outer = [
        f"toInt64({'b' if keys['b'] else plan.origin})",
        "CAST(any(sv), 'String')" if keys["s"] else "''",
        "CAST(any(rv), 'String')" if keys["r"] else "''",
        "toUInt8(n)" if keys["n"] else "toUInt8(0)",
        "toUInt64(t)" if keys["t"] else "toUInt64(0)",
        "toUInt64(sum(c))",
        "toUInt64(sum(y))" if plan.bytes else "toUInt64(0)",
        "CAST(any(x), 'String')" if plan.sample else "''",
        *(f"CAST(ifNull(l{number}, ''), 'String')" if text else "''" for number, text in enumerate(labels)),
    ]
    # Without a key there would be a row even where there is no record.
    having = "\nHAVING sum(c) > 0"
    return f"SELECT {', '.join(outer)} FROM (\n{inner}\n){tail}{having}"


def _bucket(plan: Tally) -> str:
    if not plan.step:
        return ""
    if plan.step % HOUR == 0 and (plan.origin + 1) % HOUR == 0:
        since = f"intDiv(toInt64(hour) - {(plan.origin + 1) // HOUR}, {plan.step // HOUR})"
        return f"{plan.origin} + {plan.step} * ({since} + 1)"
    ahead = plan.step - 1 - plan.origin
    shifted = f"toUnixTimestamp64Nano(timestamp) {'+' if ahead >= 0 else '-'} {abs(ahead)}"
    return f"{plan.origin} + {plan.step} * intDiv({shifted}, {plan.step})"


def label_text(name: str, catalog: Catalog) -> str:
    """Structured metadata by its LogQL name, as an expression; '' when no record has it. Raises `NotTallied`."""
    if name in _NEVER:
        return ""
    if name in _COLUMNS:
        return fields.TEXT_COLUMNS[name]
    if catalog.in_maps is None or name.endswith("_extracted"):
        raise NotTallied(f"which attributes {name} means is not known.")
    known = {column.key for column in catalog.columns} | {key for key, _ in catalog.in_maps}
    keys = sorted(key for key in known if valid_name(key) == name)
    if not keys:
        return ""
    if len(keys) > 1:
        # Of several attributes the first of a record counts, in the order in which it has them.
        raise NotTallied(f"{name} means several attributes.")
    return f"ifNull(toString({fields.attribute_text(keys[0], catalog)}), '')"


def valid_name(key: str) -> str:
    """A key as a label name; as in `crates/nexus-core/src/logql/entry.rs`."""
    name = re.sub(r"[^a-zA-Z0-9_]", "_", key)
    return f"_{name}" if name[:1].isdigit() else name
