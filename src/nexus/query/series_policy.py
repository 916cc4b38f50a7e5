"""Row policies and masks, which are written over fields of log records, for series of metrics.

A field names the label of its name, or the one that OpenTelemetry's rules make of it (`k8s.pod.name`, `k8s_pod_name`): the
first that a series has. The service is `service_name`, `service`, or `job`, which also holds it behind a namespace and a
slash. What a series cannot tell (words of a body, severities, times, orders of texts) lets no series through, denied or not:
a policy fails closed. Pure.

Two forms: JSON for the native store (`crates/nexus-series/src/policy.rs`), and selectors for VictoriaMetrics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from nexus.errors import MaskedField, PermissionDenied
from nexus.query.plan import (
    MASK,
    All,
    And,
    Compare,
    CompareOp,
    Contains,
    Exists,
    Field,
    FieldKind,
    LabelMatcher,
    Not,
    OfResources,
    Or,
    Phrase,
    Plan,
    Predicate,
    PromQuery,
    Regex,
    Scoped,
    SeriesScan,
    Wildcard,
    Word,
)
from nexus.query.promql.lexer import quote
from nexus.query.promql.printer import label
from nexus.query.values import number_of, text_of

SERVICE: Final = ("service_name", "service", "job")
"""Labels that hold the service, the first that is there."""
MAX_SELECTORS: Final = 64
"""Most selectors that a policy may become."""

_OF_COLUMNS: Final = {
    "service": SERVICE,
    "trace_id": ("trace_id", "traceID"),
    "span_id": ("span_id", "spanID"),
    "event_name": ("event_name",),
    "scope_name": ("otel_scope_name", "scope_name"),
    "scope_version": ("otel_scope_version", "scope_version"),
}
_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


# ------------------------------------------------------------------------------------------------------------ conditions


@dataclass(frozen=True, slots=True)
class _Label:
    """The first label there is of `names` matches; a series without any has none that does."""

    names: tuple[str, ...]
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class _Number:
    names: tuple[str, ...]
    op: str
    value: float


@dataclass(frozen=True, slots=True)
class _Has:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Every part (`all`), or some."""

    parts: tuple[_Condition, ...]
    all: bool


@dataclass(frozen=True, slots=True)
class _Denied:
    part: _Label | _Number | _Has


_Condition = _Label | _Number | _Has | _Parts | _Denied
_EVERY: Final = _Parts((), True)
_NONE: Final = _Parts((), False)


def labels_of(field: Field) -> tuple[str, ...]:
    """The labels that may hold the value of a field, the first that a series has first; none for what series do not hold."""
    if field.kind is FieldKind.COLUMN:
        return _OF_COLUMNS.get(field.name, ())
    if field.name == "service.name" and field.kind is not FieldKind.ATTRIBUTE:
        return SERVICE
    translated = re.sub(r"[^A-Za-z0-9_]", "_", field.name)
    names = [field.name, field.name.replace(".", "_"), translated]
    if translated[:1].isdigit():
        names.append(f"key_{translated}")
    return tuple(dict.fromkeys(names))


def sight(policy: Predicate, masked: frozenset[Field]) -> str:
    """What is seen, as JSON for the native store; `masked` is complete (`masks.complete`)."""
    shown: dict[str, Any] = {"masked": sorted(hidden_labels(masked)), "mask": MASK}
    if not isinstance(policy, All):
        shown["policy"] = _json(_condition(policy, False))
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def encode_sight(query: Scoped) -> bytes:
    """What a closed plan sees, as JSON for the native store."""
    return sight(query.policy, query.masked).encode(errors="replace")


def hidden_labels(masked: Iterable[Field]) -> frozenset[str]:
    """Every label that may hold the value of a masked field."""
    return frozenset(name for field in masked for name in labels_of(field))


def _condition(predicate: Predicate, denied: bool) -> _Condition:
    """The condition, or (`denied`) its opposite."""
    match predicate:
        case All():
            return _NONE if denied else _EVERY
        case And(parts):
            return _Parts(tuple(_condition(part, denied) for part in parts), not denied)
        case Or(parts):
            return _Parts(tuple(_condition(part, denied) for part in parts), denied)
        case Not(part):
            return _condition(part, not denied)
        case Word() | Phrase() | OfResources():
            return _NONE
        case Exists(field):
            names = labels_of(field)
            return _leaf(_Has(names), denied) if names else _NONE
        case Compare(field, op, value):
            return _compare(field, op, text_of(value), number_of(value), denied)
        case Wildcard(field, pieces):
            flags = "i" if field.kind is FieldKind.COLUMN else ""
            return _text(field, f"(?{flags}:{'.*'.join(map(quoted, pieces))})", denied)
        case Regex(field, pattern):
            return _text(field, f".*(?-s:{pattern}).*", denied)
        case Contains(field, text):
            return _text(field, f".*{quoted(text)}.*", denied)


def _leaf(leaf: _Label | _Number | _Has, denied: bool) -> _Condition:
    return _Denied(leaf) if denied else leaf


def _compare(field: Field, op: CompareOp, text: str, number: float | None, denied: bool) -> _Condition:
    names = labels_of(field)
    if not names:
        return _NONE
    if op is CompareOp.EQ:
        return _text(field, text, denied, exact=True)
    if op is CompareOp.NE:
        # A record without the field matches no comparison.
        other = _text(field, text, not denied, exact=True)
        return _Parts((_leaf(_Has(names), denied), other), not denied)
    return _NONE if number is None else _leaf(_Number(names, op.value, float(number)), denied)


def _text(field: Field, pattern: str, denied: bool, *, exact: bool = False) -> _Condition:
    """The field has a value, which is this text (`exact`) or matches the expression as a whole."""
    names = labels_of(field)
    if not names:
        return _NONE
    found = _leaf(_Label(names, "=" if exact else "=~", pattern), denied)
    if names is not SERVICE:
        return found
    expression = f".+/(?:{quoted(pattern) if exact else pattern})"
    # OpenTelemetry's job is the namespace of a service, a slash and its name.
    named = _leaf(_Has(SERVICE[:2]), not denied)
    spaced = _Parts((named, _leaf(_Label(SERVICE[2:], "=~", expression), denied)), not denied)
    return _Parts((found, spaced), denied)


def quoted(text: str) -> str:
    """A text as an expression that matches it alone."""
    return _META.sub(lambda found: "\\" + found[0], text)


def _json(condition: _Condition) -> dict[str, Any]:
    match condition:
        case _Label(names, op, value):
            matches = {"label": {"names": names, "matcher": {"name": "", "op": op, "value": value}}}
            return {"and": [{"exists": {"names": names}}, matches]}
        case _Number(names, op, number):
            return {"number": {"names": names, "op": op, "value": number}}
        case _Has(names):
            return {"exists": {"names": names}}
        case _Denied(part):
            return {"not": _json(part)}
        case _Parts((), all_of):
            return {"constant": all_of}
        case _Parts(parts, all_of):
            return {"and" if all_of else "or": [_json(part) for part in parts]}


# ---------------------------------------------------------------------------------------------------------------- masks


def check_matchers(plan: Plan, hidden: frozenset[Field]) -> None:
    """Refuse matchers that ask for the value of a hidden label; that there is one may be asked. Grouping sees the mask.
    Raises `MaskedField`."""
    labels = hidden_labels(hidden)
    for scan in scans_of(plan):
        for matcher in (one for matchers in scan.matchers for one in matchers):
            asks = matcher.op not in ("=", "!=") or matcher.value != ""
            if matcher.name in labels and asks:
                raise MaskedField(
                    f"the label {matcher.name} is masked for you, so no query of yours can ask for its value.",
                    hint=f'{{{matcher.name}!=""}} finds the series that have one; an administrator can give you a role that '
                    "shows it.",
                )


def scans_of(plan: Plan) -> Iterator[SeriesScan]:
    """The scans of a plan over series."""
    if isinstance(plan, PromQuery):
        yield from plan.selectors
    elif isinstance(found := getattr(plan, "scan", None), SeriesScan):
        yield found


# ------------------------------------------------------------------------------------------------------ VictoriaMetrics

_Conjunction = tuple[LabelMatcher, ...]


def extra_filters(policy: Predicate, masked: frozenset[Field] = frozenset()) -> tuple[str, ...]:
    """A policy as selectors of which a series must match one, for `extra_filters[]`; none when everything is seen.

    Raises `PermissionDenied` for what they cannot say exactly: comparisons of numbers, masks, too many alternatives.
    """
    if hidden_labels(masked):
        raise _inexpressible("masked fields")
    if isinstance(policy, All):
        return ()
    found = _alternatives(_condition(policy, False))
    if not found:
        found = [(LabelMatcher("__name__", "=", ""), LabelMatcher("__name__", "!=", ""))]
    if () in found:
        return ()
    return tuple(dict.fromkeys("{" + ",".join(map(_matcher, one)) + "}" for one in found))


def _alternatives(condition: _Condition) -> list[_Conjunction]:
    """Sets of matchers of which a series matches all of one."""
    match condition:
        case _Label(names, op, value):
            return _first(names, lambda name: (LabelMatcher(name, op, value), LabelMatcher(name, "!=", "")))  # type: ignore[arg-type]
        case _Has(names):
            return _first(names, lambda name: (LabelMatcher(name, "!=", ""),))
        case _Denied(_Label(names, op, value)):
            denied = "!=" if op == "=" else "!~"
            some = _first(names, lambda name: (LabelMatcher(name, denied, value), LabelMatcher(name, "!=", "")))  # type: ignore[arg-type]
            return [*some, _without(names)]
        case _Denied(_Has(names)):
            return [_without(names)]
        case _Number() | _Denied():
            raise _inexpressible("comparisons of numbers")
        case _Parts(parts, all_of):
            return _joined([_alternatives(part) for part in parts], all_of)


def _first(names: tuple[str, ...], matchers: Callable[[str], _Conjunction]) -> list[_Conjunction]:
    return [(*_without(names[:place]), *matchers(name)) for place, name in enumerate(names)]


def _without(names: tuple[str, ...]) -> _Conjunction:
    return tuple(LabelMatcher(name, "=", "") for name in names)


def _joined(parts: list[list[_Conjunction]], all_of: bool) -> list[_Conjunction]:
    if not all_of:
        found = [one for part in parts for one in part]
    else:
        size = 1
        for part in parts:
            size *= len(part)
            _check_size(size)
        found = [tuple(dict.fromkeys(one for part in chosen for one in part)) for chosen in product(*parts)]
    _check_size(len(found))
    return found


def _check_size(size: int) -> None:
    if size > MAX_SELECTORS:
        raise _inexpressible(f"more than {MAX_SELECTORS} alternatives")


def _inexpressible(what: str) -> PermissionDenied:
    return PermissionDenied(
        f"your row policy has {what}, which the tenant's metric store cannot apply.",
        hint="An administrator can write it with labels and equality, or keep this tenant's metrics in the embedded store.",
    )


def _matcher(one: LabelMatcher) -> str:
    return f"{label(one.name)}{one.op}{quote(one.value)}"
