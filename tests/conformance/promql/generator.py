"""Random PromQL over the synthetic series: a typed grammar over all functions, operators and modifiers."""

from __future__ import annotations

import random
from collections.abc import Callable

GAUGES = ("demo_memory_usage_bytes", "demo_disk_usage_bytes", "demo_num_cpus", "demo_odd", "demo_intermittent_metric")
COUNTERS = (
    "demo_cpu_usage_seconds_total",
    "demo_api_request_duration_seconds_count",
    "demo_api_request_duration_seconds_sum",
)
BUCKETS = "demo_api_request_duration_seconds_bucket"
NATIVE = ("demo_latency", "demo_latency", "demo_custom", "demo_queue", "demo_mixed")
LABELS = ("instance", "job", "type", "mode", "method", "status", "kind", "le", "nothing")
MATCHERS = (
    'instance="demo.promlabs.com:10000"',
    'instance!="demo.promlabs.com:10001"',
    'instance=~".*:1000[02]"',
    'instance!~".*1"',
    'type=~"free|used"',
    'type!="free"',
    'mode="user"',
    'method="GET"',
    'nothing=""',
    'kind!="reset"',
)
RANGES = ("30s", "45s", "1m", "90s", "5m", "10m", "31s")
SIMPLE = (
    "abs ceil floor exp sqrt ln log2 log10 sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh deg rad "
    "day_of_month day_of_week day_of_year days_in_month hour minute month year timestamp"
).split()
COUNTER_FUNCTIONS = ("rate", "increase", "irate", "resets")
RANGE_FUNCTIONS = (
    "delta idelta deriv changes avg_over_time sum_over_time count_over_time min_over_time max_over_time stddev_over_time "
    "stdvar_over_time last_over_time first_over_time present_over_time mad_over_time ts_of_min_over_time "
    "ts_of_max_over_time ts_of_last_over_time ts_of_first_over_time"
).split()
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
EXACT = ("+", "-", "*", "/", "^", "atan2")
"""Operators that make little of a difference in the last bits."""
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
HISTOGRAM_FUNCTIONS = ("histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar")


class Generator:
    """Queries of a seed, one after the other."""

    def __init__(self, seed: int) -> None:
        """Begin."""
        self._chance = random.Random(seed)

    def query(self) -> str:
        """The next one."""
        if self._chance.random() < 0.06:
            return self._scalar(3)
        return self._vector(self._chance.randrange(1, 4))

    def _pick(self, *options: str) -> str:
        return self._chance.choice(options)

    def _maybe(self, chance: float) -> bool:
        return self._chance.random() < chance

    # ------------------------------------------------------------------------------------------------------------ selectors

    def _selector(self, names: tuple[str, ...], suffix: str = "") -> str:
        matchers = self._chance.sample(MATCHERS, self._chance.choice((0, 0, 0, 1, 1, 2)))
        text = self._pick(*names) + (f"{{{','.join(matchers)}}}" if matchers else "") + suffix
        if self._maybe(0.12):
            text += f" offset {self._pick('30s', '5m', '-1m', '7s')}"
        if self._maybe(0.06):
            text += f" @ {self._pick('1760002000', '1760003333.5', 'start()', 'end()')}"
        return text

    def _range(self, names: tuple[str, ...], depth: int) -> str:
        if depth > 0 and self._maybe(0.15):
            inner = self._vector(depth - 1)
            text = f"({inner})[{self._pick('2m', '5m', '10m')}:{self._pick('', '15s', '20s', '1m')}]"
            return text + (f" offset {self._pick('1m', '33s')}" if self._maybe(0.1) else "")
        suffix = f"[{self._pick(*RANGES)}]"
        return self._selector(names, suffix)

    # -------------------------------------------------------------------------------------------------------------- scalars

    def _number(self) -> str:
        return self._pick("0", "1", "2", "-1", "0.5", "3.7", "100", "1e9", "NaN", "Inf", "-Inf", "0.1")

    def _scalar(self, depth: int) -> str:
        if depth <= 0 or self._maybe(0.4):
            return self._pick(self._number(), self._number(), "time()", "pi()")
        if self._maybe(0.3):
            return f"scalar({self._vector(depth - 1)})"
        if self._maybe(0.3):
            return f"({self._scalar(depth - 1)} {self._pick(*COMPARISONS)} bool {self._scalar(depth - 1)})"
        return f"({self._scalar(depth - 1)} {self._pick(*EXACT[:5])} {self._scalar(depth - 1)})"

    # -------------------------------------------------------------------------------------------------------------- vectors

    def _vector(self, depth: int) -> str:
        if depth <= 0:
            return self._selector(self._chance.choice((GAUGES, COUNTERS, NATIVE, (BUCKETS,))))
        forms: list[tuple[float, Callable[[int], str]]] = [
            (2, lambda _: self._selector(self._chance.choice((GAUGES, COUNTERS, NATIVE)))),
            (3, self._over_range),
            (2, self._counter),
            (2, self._simple),
            (3, self._aggregation),
            (3, self._binary),
            (3, self._histogram),
            (1, self._other),
            (0.2, lambda _: f"{self._selector(GAUGES[:4])} % {self._pick('7', '1000', '0.5', 'Inf', '0')}"),
            (0.6, self._labels),
        ]
        weights, makers = zip(*forms, strict=True)
        return str(self._chance.choices(makers, weights)[0](depth - 1))

    def _counter(self, depth: int) -> str:
        names = self._chance.choice((COUNTERS, COUNTERS, NATIVE[:3], (BUCKETS,)))
        return f"{self._pick(*COUNTER_FUNCTIONS)}({self._range(names, 0)})"

    def _over_range(self, depth: int) -> str:
        # `changes` of histograms is not asked for: Prometheus counts changes of the empty buckets it stores, too.
        names = self._chance.choice((GAUGES, GAUGES, COUNTERS, NATIVE))
        function = self._pick(*RANGE_FUNCTIONS)
        if function == "changes":
            names = GAUGES
        if self._maybe(0.15):
            window = self._range(names, depth)
            return self._pick(
                f"quantile_over_time({self._pick('0.5', '0.9', '-1', '2', '0')}, {window})",
                f"predict_linear({window}, {self._pick('600', '-60', '0')})",
                f"double_exponential_smoothing({window}, {self._pick('0.3', '0.9')}, {self._pick('0.2', '0.7')})",
                f"absent_over_time({window})",
            )
        # Of what rounding leaves of nearly equal values, resets, changes and slopes make all that they answer.
        steady = function.startswith(("avg", "sum", "count", "min", "max", "last", "first", "present"))
        return f"{function}({self._range(names, depth if steady else 0)})"

    def _simple(self, depth: int) -> str:
        inner = self._vector(depth)
        if self._maybe(0.3):
            low, high = self._number(), self._number()
            return self._pick(
                f"clamp({inner}, {low}, {high})",
                f"clamp_min({inner}, {low})",
                f"clamp_max({inner}, {high})",
                f"round({inner}, {self._pick('0.1', '5', '100')})",
                f"round({inner})",
                f"-{self._wrapped(inner)}",
            )
        return f"{self._pick(*SIMPLE)}({inner})"

    def _grouping(self) -> str:
        labels = ", ".join(self._chance.sample(LABELS, self._chance.randrange(3)))
        return self._pick("", f" by ({labels})", f" without ({labels})")

    def _aggregation(self, depth: int) -> str:
        inner, grouping = self._vector(depth), self._grouping()
        if self._maybe(0.25):
            return self._pick(
                # Which of equal values is in, Prometheus leaves to the order of its series.
                f"count(topk{grouping} ({self._pick('1', '2', '5')}, {inner}))",
                f"count(bottomk{grouping} ({self._pick('1', '3')}, {inner}))",
                f"topk(2, {self._selector(('demo_memory_usage_bytes',))})",
                f"bottomk{grouping} (1, {self._selector(('demo_disk_usage_bytes',))})",
                f"quantile{grouping} ({self._pick('0.5', '0.99', '-0.1', '1.1', '0')}, {inner})",
                f'count_values{grouping} ("value", {inner})',
                f"count(limitk{grouping} ({self._pick('1', '2')}, {inner}))",
                f"limit_ratio{grouping} ({self._pick('0.5', '-0.5', '1')}, {inner})",
            )
        return f"{self._pick(*AGGREGATIONS)}{grouping} ({inner})"

    def _binary(self, depth: int) -> str:
        left = self._wrapped(self._vector(depth))
        if self._maybe(0.4):
            right = self._scalar(depth)
            sides = (left, right) if self._maybe(0.6) else (right, left)
            if self._maybe(0.4):
                return f"{sides[0]} {self._pick(*COMPARISONS)} {self._pick('', 'bool ')}{sides[1]}"
            # The last bits of a side make all of a remainder: only numbers of the data are divided with one.
            return f"{sides[0]} {self._pick(*EXACT)} {sides[1]}"
        right = self._wrapped(self._vector(depth))
        if self._maybe(0.25):
            matching = self._pick("", " on (instance)", " ignoring (type, mode, le)", " on ()")
            return f"{left} {self._pick('and', 'or', 'unless')}{matching} {right}"
        operator = self._pick(*EXACT, *COMPARISONS)
        if operator in COMPARISONS and self._maybe(0.4):
            operator += " bool"
        if self._maybe(0.5):
            return (
                f"{left} {operator}{self._pick('', ' on (instance)', ' on (instance, type)', ' ignoring (nothing)')} {right}"
            )
        single = f"({self._pick('sum', 'max', 'avg')} by (instance) ({right}))"
        side = self._pick("group_left ()", "group_left (job)")
        return f"{left} {operator} on (instance) {side} {single}"

    def _histogram(self, depth: int) -> str:
        q = self._pick("0.5", "0.9", "0.99", "0", "1", "-1", "1.5", "NaN")
        classic = self._pick(
            self._selector((BUCKETS,)),
            f"rate({self._selector((BUCKETS,), '[5m]')})",
            f"sum by (le, method) (increase({self._selector((BUCKETS,), '[2m]')}))",
        )
        native = self._pick(
            self._selector(NATIVE),
            f"rate({self._selector(NATIVE[:3], '[2m]')})",
            f"sum by (instance) ({self._selector(NATIVE[:2])})",
            # Windows overlap: after a gap between windows, Prometheus does not know of a reset in it.
            f"{self._pick('sum', 'avg')}_over_time({self._selector(NATIVE, '[2m]')})",
            f"avg({self._selector(NATIVE[2:3])})",
            f"({self._selector(NATIVE)} {self._pick('*', '/')} {self._pick('2', '0.5', '-1', '0')})",
            f"({self._selector(NATIVE[:2])} {self._pick('+', '-')} {self._selector(NATIVE[:2])})",
            f"({self._selector(NATIVE)} {self._pick('</', '>/')} {self._pick('1', '0.3', '-1', '100')})",
        )
        if self._maybe(0.3):
            return native
        if self._maybe(0.5):
            return f"{self._pick(*HISTOGRAM_FUNCTIONS)}({native})"
        inner = self._pick(classic, native)
        low, high = self._pick("0", "0.1", "-Inf", "1"), self._pick("0.5", "2", "+Inf", "0.1")
        return self._pick(f"histogram_quantile({q}, {inner})", f"histogram_fraction({low}, {high}, {inner})")

    def _other(self, depth: int) -> str:
        inner = self._vector(depth)
        return self._pick(
            f"absent({inner})",
            f"vector({self._scalar(depth)})",
            f"sort({inner})",
            f"info({self._selector(GAUGES[:3])})",
            f"histogram_count({inner})",
            f"{self._selector(COUNTERS)} offset {self._pick('1m', '2m')}" if self._maybe(0.3) else inner,
        )

    def _labels(self, depth: int) -> str:
        inner = self._vector(depth)
        return self._pick(
            f'label_replace({inner}, "host", "$1", "instance", "(.*):.*")',
            f'label_replace({inner}, "job", "", "job", ".*")',
            f'label_join({inner}, "both", "-", "instance", "job")',
        )

    def _wrapped(self, text: str) -> str:
        return f"({text})"
