"""What a native batch holds, as plain rows, read through its Arrow envelope."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from nexus import _native

MAPS = {"s": "string", "i": "int", "f": "float", "b": "bool", "j": "json"}


def rows(batch: _native.LogBatch) -> list[dict[str, Any]]:
    """One dict per record; `attributes` maps (type letter, key) to the value. Equal keys of one type would be an error."""
    found = []
    for row in pa.record_batch(batch).to_pylist():  # type: ignore[call-overload]
        attributes = {}
        for letter, name in MAPS.items():
            entries = row.pop(f"attributes_{name}")
            attributes |= {(letter, key): value for key, value in entries}
            assert len({key for key, _ in entries}) == len(entries)
        found.append(row | {"attributes": attributes})
    return found
