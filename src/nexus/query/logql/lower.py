"""Syntax tree of LogQL to what the engine is asked and to what the native module does.

The selector and line filters at the head of the pipeline become a predicate (`pushed`), so that indexes help; the whole
pipeline becomes a *program* (JSON, see `crates/nexus-core/src/logql`), which judges every row again. A predicate may let
through more than the query does, unless it says that it is exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nexus.query import plan
from nexus.query.logql.ast import (
    AndFilter,
    Binary,
    Decolorize,
    Drop,
    Grouping,
    IpFilter,
    JsonParser,
    Keep,
    LabelFilter,
    LabelFormat,
    LabelReplace,
    LabelStage,
    LineFilter,
    LineFormat,
    LogfmtParser,
    LogQuery,
    Matcher,
    Metric,
    Number,
    NumberFilter,
    OrFilter,
    PatternParser,
    Query,
    RangeAggregation,
    RegexpParser,
    Stage,
    TextFilter,
    Unpack,
    Vector,
    VectorAggregation,
)
from nexus.query.plan import CompareOp, Field, FieldKind, Predicate

SERVICE: Final = "service_name"
UNKNOWN: Final = "unknown_service"
LEVELS: Final = frozenset({"level", "detected_level"})
RESERVED: Final = frozenset({"__error__", "__error_details__"})
TALLIED: Final = frozenset({"count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time"})
"""Range aggregations that need no more than counts and bytes."""

_BODY: Final = Field(FieldKind.COLUMN, "body")
_SERVICE: Final = Field(FieldKind.COLUMN, "service")
_SEVERITY: Final = Field(FieldKind.COLUMN, "severity")
_WORD: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
_ANYTHING: Final = frozenset({".+", ".*", "(.+)", "(.*)"})
_PLAIN: Final = re.compile(r"(?:[\w\-/:@ ]|\\[.\-+/]|\|)*", re.ASCII)
"""Letters that mean themselves, and `|` between them. An escaped `|` is none of them."""
_ESCAPED: Final = re.compile(r"\\(.)")
_INLINE_FLAGS: Final = re.compile(r"\(\?[a-zA-Z]*[-a-zA-Z]*\)")


@dataclass(frozen=True, slots=True)
class Pushed:
    """A condition for the engine. `exact`: no stage of the pipeline refuses what it lets through."""

    where: Predicate
    exact: bool


def pushed(query: LogQuery) -> Pushed:
    """What the engine can tell of the stages, without the selector."""
    parts: list[Predicate] = []
    exact = True
    line_kept = labels_kept = True
    for stage in query.stages:
        match stage:
            case LineFilter() if line_kept:
                found, whole = _line_filter(stage)
                parts.append(found)
                exact = exact and whole
            case LabelStage(one) if labels_kept and (ids := _label_filter(one)) is not None:
                # The engine's answer is right for records whose stream has no such label; the program judges again.
                parts.append(ids)
                exact = False
            case Drop(targets) if all(target.name in RESERVED for target in targets):
                pass
            case LineFormat() | Unpack() | Decolorize():
                line_kept = False
                labels_kept = labels_kept and not isinstance(stage, Unpack)
                exact = exact and not isinstance(stage, Unpack)
            case JsonParser() | LogfmtParser() | RegexpParser() | PatternParser():
                # A parser refuses no line and cannot replace the labels that a record came with.
                pass
            case LabelFormat() | Drop() | Keep():
                labels_kept = False
            case _:
                exact = False
    return Pushed(plan.And(tuple(parts)) if parts else plan.All(), exact)


def selector(matchers: tuple[Matcher, ...]) -> Pushed:
    """What the engine can tell of a selector by the service alone."""
    parts: list[Predicate] = []
    exact = True
    for one in matchers:
        if one.name != SERVICE:
            exact = False
        elif one.op in ("=", "!="):
            values = ["", UNKNOWN] if one.value in ("", UNKNOWN) else [one.value]
            if one.value == "":
                # No stream is without a service name.
                parts.append(plan.Or(()) if one.op == "=" else plan.All())
                continue
            parts.append(_services(values, one.op))
        elif one.value in _ANYTHING:
            # Every stream has a service name.
            parts += [plan.Or(())] * (one.op == "!~")
        elif (names := _alternatives(one.value)) is not None:
            known = [name for name in names if name]
            parts.append(_services(["", *known] if UNKNOWN in known else known, "=" if one.op == "=~" else "!="))
        else:
            exact = False
    return Pushed(plan.And(tuple(parts)) if parts else plan.All(), exact)


def _services(names: list[str], op: str) -> Predicate:
    found = plan.Or(tuple(plan.Compare(_SERVICE, CompareOp.EQ, name) for name in names))
    return found if op == "=" else plan.Not(found)


def _alternatives(pattern: str) -> list[str] | None:
    """The texts that an expression like `a|b\\.c` or `(a|b)` matches; None when it is not such a one."""
    texts = pattern[1:-1] if pattern.startswith("(") and pattern.endswith(")") else pattern
    if not _PLAIN.fullmatch(texts):
        return None
    return [_ESCAPED.sub(r"\1", text) for text in texts.split("|")]


def _line_filter(stage: LineFilter) -> tuple[Predicate, bool]:
    parts: list[Predicate] = []
    for needle in stage.needles:
        if needle.ip:
            return plan.All(), False
        match stage.op:
            case "|=" | "!=":
                parts.append(contains(needle.value))
            case "|~" | "!~":
                parts.append(plan.Regex(_BODY, f"(?-s:{needle.value})"))
            case "|>":
                literals = [text for text in re.split(r"<_>", needle.value) if text]
                parts.append(plan.And(tuple(contains(text) for text in literals)))
            case _:
                return plan.All(), False
    found: Predicate = parts[0] if len(parts) == 1 else plan.Or(tuple(parts))
    exact = stage.op in ("|=", "!=", "|~", "!~")
    return (plan.Not(found) if stage.op.startswith("!") else found), exact


def contains(text: str) -> Predicate:
    """The body holds the text, letter by letter; words that lie wholly inside it help the engine to find them."""
    if not text:
        return plan.All()
    inner = [found[0] for found in _WORD.finditer(text) if found.start() > 0 and found.end() < len(text)]
    exact = plan.Contains(_BODY, text)
    return plan.And((*(plan.Word(word) for word in dict.fromkeys(inner)), exact)) if inner else exact


def _label_filter(one: LabelFilter) -> Predicate | None:
    """An id that is looked for, in its column and wherever else a sender may have put it."""
    match one:
        case TextFilter("trace_id" | "span_id" as name, "=", value) if value:
            places = [Field(FieldKind.COLUMN, name)] if re.fullmatch("[0-9a-f]+", value) else []
            kind = name.removesuffix("_id")
            places += [Field(FieldKind.ANYWHERE, f"{kind}{gap}id") for gap in "_."]
            places += [Field(FieldKind.ATTRIBUTE, f"{kind}{gap}id") for gap in "-/: "]
            return plan.Or(tuple(plan.Compare(place, CompareOp.EQ, value) for place in places))
        case _:
            return None


# -------------------------------------------------------------------------------------------------------------- programs


def program(query: LogQuery, metric: RangeAggregation | None = None, grouping: Grouping | None = None) -> str:
    """The program of a log query, or of a range aggregation; `grouping` is what an outer sum groups by."""
    made: dict[str, Any] = {
        "matchers": [{"name": one.name, "op": one.op, "value": one.value} for one in query.matchers],
        "stages": [_stage(stage) for stage in query.stages],
    }
    named = set(mentioned(query))
    if metric is not None:
        group = grouping or metric.grouping
        named |= set(group.labels) if group else set()
        if metric.unwrap is not None:
            filters = [_filter(one) for one in metric.unwrap.filters]
            made["unwrap"] = {"label": metric.unwrap.label, "as": metric.unwrap.conversion, "filters": filters}
            named.add(metric.unwrap.label)
        made["range"] = {
            "op": metric.op,
            "ns": metric.range,
            "offset": metric.offset,
            "param": metric.parameter,
            "grouping": _grouping(group),
            "absent": {one.name: one.value for one in query.matchers if one.op == "=" and one.value},
        }
    if "template_id" in named:
        made["template_id"] = True
    return json.dumps(made, ensure_ascii=False)


def _grouping(grouping: Grouping | None) -> dict[str, Any] | None:
    return None if grouping is None else {"without": grouping.without, "labels": list(grouping.labels)}


def _stage(stage: Stage) -> dict[str, Any]:
    match stage:
        case LineFilter(op, needles):
            return {"t": "lines", "op": op, "any": [{"ip" if one.ip else "text": one.value} for one in needles]}
        case JsonParser(wanted):
            return {"t": "json", "wanted": [[name, list(path)] for name, path in wanted]}
        case LogfmtParser(wanted, strict, keep_empty):
            return {"t": "logfmt", "wanted": [list(one) for one in wanted], "strict": strict, "keep_empty": keep_empty}
        case RegexpParser(pattern):
            return {"t": "regexp", "pattern": pattern}
        case PatternParser(pattern):
            return {"t": "pattern", "pattern": pattern}
        case Unpack():
            return {"t": "unpack"}
        case LabelStage(one):
            return {"t": "labels", "filter": _filter(one)}
        case LineFormat(template):
            return {"t": "line_format", "template": template}
        case LabelFormat(formats):
            return {
                "t": "label_format",
                "formats": [
                    {"name": name, "template" if is_template else "from": text} for name, text, is_template in formats
                ],
            }
        case Decolorize():
            return {"t": "decolorize"}
        case Drop(targets) | Keep(targets):
            labels = [
                {"name": one.name, "op": one.op, "value": one.value} if one.op else {"name": one.name} for one in targets
            ]
            return {"t": "drop" if isinstance(stage, Drop) else "keep", "labels": labels}


def _filter(one: LabelFilter) -> dict[str, Any]:
    match one:
        case TextFilter(name, op, value):
            return {"t": "text", "name": name, "op": op, "value": value}
        case NumberFilter(name, op, value, unit):
            return {"t": unit, "name": name, "op": op, "value": value}
        case IpFilter(name, op, value):
            return {"t": "ip", "name": name, "op": op, "value": value}
        case AndFilter(left, right):
            return {"t": "and", "l": _filter(left), "r": _filter(right)}
        case OrFilter(left, right):
            return {"t": "or", "l": _filter(left), "r": _filter(right)}


def mentioned(query: LogQuery) -> Iterator[str]:
    """Label names that the stages read."""
    for stage in query.stages:
        match stage:
            case LabelStage(one):
                yield from filtered(one)
            case LabelFormat(formats):
                for _, text, is_template in formats:
                    yield from re.findall(r"\w+", text) if is_template else (text,)
            case LineFormat(template):
                yield from re.findall(r"\w+", template)
            case Keep(targets):
                yield from (target.name for target in targets)


def filtered(one: LabelFilter) -> Iterator[str]:
    """Label names that a filter reads."""
    match one:
        case AndFilter(left, right) | OrFilter(left, right):
            yield from filtered(left)
            yield from filtered(right)
        case _:
            yield one.name


# ------------------------------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True)
class Leaf:
    """A range aggregation of an expression, and what the sum around it groups by."""

    metric: RangeAggregation
    grouping: Grouping | None = None

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels that the series have at most; None when any record may add to them."""
        group = self.grouping or self.metric.grouping
        if self.metric.op == "absent_over_time":
            return ()
        return None if group is None or group.without else group.labels

    def tallied(self) -> tuple[str, ...] | None:
        """The labels to count by, when counts are all that is needed; else None."""
        labels = self.labels
        if self.metric.op not in TALLIED or self.metric.unwrap is not None or labels is None:
            return None
        if not pushed(LogQuery(self.metric.query.matchers, tuple(_without_levels(self.metric.query.stages)))).exact:
            return None
        for stage in self.metric.query.stages:
            match stage:
                case LineFilter():
                    pass
                case LabelStage(one) if all(name in LEVELS or name in RESERVED for name in filtered(one)):
                    pass
                case Drop(targets) if all(target.name in RESERVED for target in targets):
                    pass
                case _:
                    return None
        return labels


def _without_levels(stages: tuple[Stage, ...]) -> Iterator[Stage]:
    """The stages but filters that a tally by severity can judge."""
    for stage in stages:
        if not (isinstance(stage, LabelStage) and all(name in LEVELS | RESERVED for name in filtered(stage.filter))):
            yield stage


def expression(query: Metric, leaves: list[Leaf]) -> dict[str, Any]:
    """The expression over leaves, which are appended to `leaves`."""
    match query:
        case RangeAggregation():
            leaves.append(Leaf(query))
            return {"t": "leaf", "i": len(leaves) - 1}
        case VectorAggregation("sum", RangeAggregation() as inner, grouping, None) if _sums(inner):
            # The sum of sums by other labels is the sum by the outer ones.
            leaves.append(Leaf(inner, grouping or Grouping(False, ())))
            return {"t": "leaf", "i": len(leaves) - 1}
        case VectorAggregation(op, inner, grouping, parameter):
            made = expression(inner, leaves)
            return {"t": "agg", "op": op, "k": parameter, "grouping": _grouping(grouping), "e": made}
        case Number(value):
            return {"t": "num", "v": _number(value)}
        case Vector(value):
            return {"t": "vector", "v": _number(value)}
        case LabelReplace(inner, target, replacement, source, regex):
            made = expression(inner, leaves)
            return {
                "t": "label_replace", "dst": target, "replacement": replacement, "src": source, "regex": regex, "e": made
            }  # fmt: skip
        case Binary(op, left, right, as_bool, matching):
            on = None
            if matching is not None:
                on = {"without": not matching.on, "labels": list(matching.labels)}
            return {
                "t": "bin",
                "op": op,
                "bool": as_bool,
                "on": on,
                "card": matching.card if matching else "",
                "include": list(matching.include) if matching else [],
                "l": expression(left, leaves),
                "r": expression(right, leaves),
            }


def _sums(inner: RangeAggregation) -> bool:
    if inner.op in ("count_over_time", "rate", "bytes_over_time", "bytes_rate"):
        return inner.grouping is None
    return inner.op == "sum_over_time"


def _number(value: float) -> float | str:
    return value if value == value and abs(value) != float("inf") else str(value)


def literal(query: Query) -> float | None:
    """The value of an expression of numbers alone, else None."""
    match query:
        case Number(value):
            return value
        case Binary(_, left, right) if literal(left) is not None and literal(right) is not None:
            return literal_value(query)
        case _:
            return None


def literal_value(query: Query) -> float:
    """The value of an expression of numbers."""
    if isinstance(query, Number):
        return query.value
    assert isinstance(query, Binary)
    left, right = literal_value(query.left), literal_value(query.right)
    try:
        match query.op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "%":
                import math

                return math.fmod(left, right)
            case "^":
                power = left**right
                return power if isinstance(power, float | int) else float("nan")
            case op:
                holds = {
                    "==": left == right, "!=": left != right, ">": left > right,
                    ">=": left >= right, "<": left < right, "<=": left <= right,
                }  # fmt: skip
                return float(holds[op])
    except (ZeroDivisionError, OverflowError, ValueError):
        return float("nan") if left == 0 or query.op == "%" else float("inf")
