"""Predicates as JSON-ready values and back, for what the store has to remember: a node is a list of its class and fields."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from nexus.query import plan
from nexus.query.plan import CompareOp, Field, FieldKind, Predicate

_NODES: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        *(plan.All, plan.Word, plan.Phrase, plan.Compare, plan.Wildcard, plan.Regex),
        *(plan.Exists, plan.And, plan.Or, plan.Not, Field),
    )
}


def dump(predicate: Predicate | Field) -> list[Any]:
    """The value of a predicate."""
    return [type(predicate).__name__, *(_value(getattr(predicate, field.name)) for field in fields(predicate))]


def _value(value: Any) -> Any:
    if type(value).__name__ in _NODES:
        return dump(value)
    if isinstance(value, tuple):
        return {"tuple": [_value(part) for part in value]}
    if isinstance(value, CompareOp | FieldKind):
        return str(value)
    return value


def load(value: list[Any]) -> Any:
    """The predicate of a value that `dump` made."""
    name, *parts = value
    read = [_read(part) for part in parts]
    if name == "Field":
        read[0] = FieldKind(read[0])
    elif name == "Compare":
        read[1] = CompareOp(read[1])
    return _NODES[name](*read)


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return load(value)
    if isinstance(value, dict):
        return tuple(_read(part) for part in value["tuple"])
    return value
