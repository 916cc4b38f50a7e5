"""Syntax tree of PromQL to the program of the native evaluator (`crates/nexus-promql/src/plan.rs`), for one range of time.

What depends on the range only is settled here: duration expressions, `start()`, `end()`, `range()`, `step()`, `@ start()`
and `@ end()`; and for every selector, which samples the query can look at: the times at which it is evaluated, less its
window, shifted by offsets, through nested subqueries.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from nexus.errors import InvalidRequest
from nexus.query.plan import LabelMatcher, PromQuery, SeriesScan
from nexus.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    Matching,
    Matrix,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    Vector,
    children,
)
from nexus.query.promql.printer import print_query

LOOKBACK: Final = 300_000
"""ms that an instant selector looks back."""
MAX_SAMPLES: Final = 50_000_000
SUBQUERY_STEP: Final = 60_000
"""ms between the steps of a subquery that does not say it: Prometheus' `global.evaluation_interval` when it is not set."""

_LONGEST: Final = float(1 << 63) / 1e9
_INFO: Final = "target_info"


@dataclass(frozen=True, slots=True)
class Times:
    """The first and last time (ms) at which something is evaluated."""

    first: int
    last: int

    def shifted(self, at: int | None, offset: int) -> Times:
        """The times that a selector or subquery with these modifiers looks at."""
        first, last = (self.first, self.last) if at is None else (at, at)
        return Times(first - offset, last - offset)


def lower(
    tree: Expr,
    text: str,
    *,
    start: int,
    end: int,
    step: int = 0,
    lookback: int = LOOKBACK,
    max_samples: int = MAX_SAMPLES,
    subquery_step: int = SUBQUERY_STEP,
) -> PromQuery:
    """The program of a query as it was written. Times are ms; `step` 0 is an instant query at `start`.

    Raises `InvalidRequest` for durations that turn out not to be any.
    """
    lowering = _Lowering(start, end, step, lookback, subquery_step)
    root = lowering.node(tree, Times(start, end))
    program = {
        "text": text,
        "start": start,
        "end": end,
        "step": step,
        "lookback": lookback,
        "max_samples": max_samples,
        "selectors": [_selector(scan) for scan in lowering.selectors],
        "root": root,
    }
    return PromQuery(
        program=json.dumps(program, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        selectors=tuple(lowering.selectors),
        text=print_query(tree),
        start=start,
        end=end,
        step=step,
        lookback=lookback,
    )


def matchers_of(matchers: tuple[Matcher, ...]) -> tuple[LabelMatcher, ...]:
    """Matchers of the tree as the plan has them."""
    return tuple(LabelMatcher(one.name, one.op, one.value) for one in matchers)  # type: ignore[arg-type]


def info_matchers(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """Which series `info()` joins: `target_info`, unless the matchers say a name; names that are only refused are those of
    metrics that end in `_info`."""
    named = [one for one in matchers if one.name == "__name__"]
    if any(one.op in ("=", "=~") for one in named):
        return matchers
    default = Matcher("__name__", "=~", ".+_info") if named else Matcher("__name__", "=", _INFO)
    return (default, *matchers)


def written(value: float) -> str:
    """A number, exactly."""
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


class _Lowering:
    def __init__(self, start: int, end: int, step: int, lookback: int, subquery_step: int) -> None:
        self.start, self.end, self.step = start, end, step
        self.lookback = lookback
        self.subquery_step = subquery_step
        self.selectors: list[SeriesScan] = []

    def node(self, node: Expr, times: Times) -> dict[str, Any]:
        while isinstance(node, Paren):  # Messages point at what is inside.
            node = node.inner
        return {"pos": node.pos, "expr": self.expr(node, times)}

    def expr(self, node: Expr, times: Times) -> dict[str, Any]:
        match node:
            case Number(value):
                return {"number": written(value)}
            case String(value):
                return {"string": value}
            case Paren(inner):
                return self.expr(inner, times)
            case Unary(op, inner):
                return self.expr(inner, times) if op == "+" else {"negate": self.node(inner, times)}
            case Vector():
                return {"vector": self.vector(node, times)}
            case Matrix():
                return {"matrix": self.matrix(node, times)}
            case Subquery():
                return {"subquery": self.subquery(node, times)}
            case Call():
                return self.call(node, times)
            case Aggregate(op, inner, parameter, labels, without):
                return {
                    "aggregate": {
                        "op": op,
                        "inner": self.node(inner, times),
                        "parameter": None if parameter is None else self.node(parameter, times),
                        "labels": labels,
                        "without": without,
                    }
                }
            case Binary(op, left, right, as_bool, matching):
                return {
                    "binary": {
                        "op": op,
                        "left": self.node(left, times),
                        "right": self.node(right, times),
                        "bool": as_bool,
                        "matching": None if matching is None else _matching(matching),
                    }
                }

    def call(self, node: Call, times: Times) -> dict[str, Any]:
        known = {
            "start": self.start / 1000,
            "end": self.end / 1000,
            "range": (self.end - self.start) / 1000,
            "step": self.step / 1000 if self.start != self.end else 0.0,
        }
        if node.function in known:
            return {"number": written(known[node.function])}
        call: dict[str, Any] = {"function": node.function}
        arguments = node.arguments
        if node.function == "info":
            joined = arguments[1].matchers if len(arguments) > 1 and isinstance(arguments[1], Vector) else ()
            arguments = arguments[:1]
            call["arguments"] = [self.node(one, times) for one in arguments]
            call["info"] = {
                "selector": self.select(info_matchers(joined), self.info_times(node.arguments[0], times), self.lookback),
                "matchers": [_matcher(one) for one in matchers_of(joined)],
            }
        else:
            call["arguments"] = [self.node(one, times) for one in arguments]
        return {"call": call}

    # ------------------------------------------------------------------------------------------------------ selectors

    def select(self, matchers: tuple[Matcher, ...], times: Times, window: int, ahead: int = 0) -> int:
        """The number of a new selector, which looks at windows open to the left."""
        scan = SeriesScan((matchers_of(matchers),), times.first - window + 1, times.last + ahead)
        self.selectors.append(scan)
        return len(self.selectors) - 1

    def vector(self, node: Vector, times: Times) -> dict[str, Any]:
        at, offset = self.at(node), self.offset(node)
        ahead = self.lookback if node.smoothed else 0
        return {
            "selector": self.select(node.matchers, times.shifted(at, offset), self.lookback, ahead),
            "shift": {"offset": offset, "at": at},
            "extension": _extension(node),
        }

    def matrix(self, node: Matrix, times: Times) -> dict[str, Any]:
        vector = node.vector
        at, offset = self.at(vector), self.offset(vector)
        length = self.settle(node.range_expr) if node.range_expr else whole_ms(node.range)
        extended = vector.anchored or vector.smoothed
        window = length + (self.lookback if extended else 0)
        ahead = self.lookback if vector.smoothed else 0
        return {
            "selector": self.select(vector.matchers, times.shifted(at, offset), window, ahead),
            "range": length,
            "shift": {"offset": offset, "at": at},
            "extension": _extension(vector),
        }

    def subquery(self, node: Subquery, times: Times) -> dict[str, Any]:
        at, offset = self.at(node), self.offset(node)
        step = self.settle(node.step_expr) if node.step_expr else whole_ms(node.step)
        length = self.settle(node.range_expr) if node.range_expr else whole_ms(node.range)
        seen = times.shifted(at, offset)
        return {
            "inner": self.node(node.inner, Times(seen.first - length, seen.last)),
            "range": length,
            "step": step or self.subquery_step,
            "shift": {"offset": offset, "at": at},
        }

    def info_times(self, node: Expr, times: Times) -> Times:
        """When info series are looked at: as the first selector of what they are joined to is."""
        path: list[Vector | Subquery] = []
        found = _first_selector(node, path)
        if found is None:
            return times
        offset = 0
        for one in reversed(path):
            offset += self.offset(one)
            if (at := self.at(one)) is not None:
                return Times(at - offset, at - offset)
        return times.shifted(None, offset)

    # ------------------------------------------------------------------------------------------------------ durations

    def at(self, node: Vector | Subquery) -> int | None:
        return self.start if node.bound == "start" else self.end if node.bound == "end" else node.at

    def offset(self, node: Vector | Subquery) -> int:
        return self.settle(node.offset_expr, negative=True) if node.offset_expr else whole_ms(node.offset)

    def settle(self, node: Duration, *, negative: bool = False) -> int:
        """A duration expression in ms."""
        seconds = self.seconds(node)
        where = f"{node.pos[0]}:{node.pos[1]}"
        if not math.isfinite(seconds):
            raise InvalidRequest(f"{where}: duration is NaN or infinite")
        if seconds <= 0 and not negative:
            raise InvalidRequest(f"{where}: duration must be greater than 0")
        if abs(seconds) > _LONGEST:
            raise InvalidRequest(f"{where}: duration is out of range")
        return int(seconds * 1000)

    def seconds(self, node: Number | Duration | None) -> float:
        match node:
            case Number(value):
                return value
            case Duration("step"):
                return self.step / 1000
            case Duration("range"):
                return (self.end - self.start) / 1000
            case Duration(op, left, right):
                return _compute(node, op, self.seconds(left), self.seconds(right))
        return 0.0


def _compute(node: Duration, op: str, left: float, right: float) -> float:
    if op in "/%" and right == 0:
        what = "division" if op == "/" else "modulo"
        raise InvalidRequest(f"{node.pos[0]}:{node.pos[1]}: {what} by zero")
    match op:
        case "min_of" | "max_of":
            if math.isnan(left) or math.isnan(right):
                return math.nan
            return min(left, right) if op == "min_of" else max(left, right)
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
    try:
        return math.fmod(left, right) if op == "%" else math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _first_selector(node: Expr, path: list[Vector | Subquery]) -> Vector | None:
    """The first selector of a tree, and in `path` the subqueries around it and itself."""
    if isinstance(node, Vector):
        path.append(node)
        return node
    if isinstance(node, Subquery):
        path.append(node)
    for one in children(node):
        if (found := _first_selector(one, path)) is not None:
            return found
    if isinstance(node, Subquery):
        path.pop()
    return None


def whole_ms(ns: int) -> int:
    """Whole ms, towards zero."""
    return abs(ns) // 10**6 * (1 if ns >= 0 else -1)


def _extension(node: Vector) -> str:
    return "anchored" if node.anchored else "smoothed" if node.smoothed else "none"


def _matcher(one: LabelMatcher) -> dict[str, str]:
    return {"name": one.name, "op": one.op, "value": one.value}


def _selector(scan: SeriesScan) -> dict[str, Any]:
    return {"matchers": [_matcher(one) for one in scan.matchers[0]], "from": scan.start, "to": scan.end}


def _matching(one: Matching) -> dict[str, Any]:
    return {
        "cardinality": one.card.value,
        "labels": one.labels,
        "on": one.on,
        "include": one.include,
        "fill_left": None if one.fill_left is None else written(one.fill_left),
        "fill_right": None if one.fill_right is None else written(one.fill_right),
    }
