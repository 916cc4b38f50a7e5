"""Conditions as TraceQL for a Tempo, as far as it means the same by them. Pure.

Source: https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from nexus.query.trace_plan import Place, SpanField
from nexus.storage.trace_backends.narrowing import Condition

_INTRINSICS: Final = {
    "name": "name", "status": "status", "kind": "kind", "duration": "duration", "statusMessage": "statusMessage",
    "service": "resource.service.name",
}  # fmt: skip
_PLACES: Final = {
    Place.SPAN: "span.", Place.RESOURCE: "resource.", Place.ANYWHERE: ".", Place.EVENT: "event.",
}  # fmt: skip
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/]*", re.ASCII)


def query_of(conditions: Iterable[Condition]) -> str:
    """A query for spans that meet all conditions, or for more; the newest first, where it can."""
    terms = dict.fromkeys(term for one in conditions if (term := _term(one)))
    return f"{{{' && '.join(terms)}}}"


def _term(condition: Condition) -> str:
    name, op, value = _name(condition.field), condition.op, condition.value.value
    if not name:
        return ""
    match condition.value.kind:
        case "nil":
            # Every span has intrinsics.
            return f"{name} != nil" if op == "!=" and condition.field.place is not Place.INTRINSIC else ""
        case "string":
            # What is anchored in one version is not in another; more than is wanted does no harm.
            return f"{name} {op} {json.dumps(value, ensure_ascii=False)}" if op in ("=", "!=", "=~") else ""
        case "bool" | "status" | "kind":
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return f"{name} {op} {text}" if op in ("=", "!=") else ""
        case "duration":
            return f"{name} {op} {int(value)}ns" if name == "duration" and op in ("<", "<=", ">", ">=") else ""
        case "int" if op in ("=", "<", "<=", ">", ">="):
            # Numbers of the other type compare with it, too.
            return f"({name} {op} {value} || {name} {op} {value}.0)"
    return ""


def _name(field: SpanField) -> str:
    if field.place is Place.INTRINSIC:
        return _INTRINSICS.get(field.name, "")
    prefix = _PLACES.get(field.place)
    if not prefix or not field.name:
        return ""
    return prefix + (field.name if _PLAIN.fullmatch(field.name) else json.dumps(field.name, ensure_ascii=False))
