"""SQL of tail sampling. Pure text.

A trace is decided when the slice of its first spans is due, from all of its spans that are pending by then. What was decided
before holds: such traces are left out of `decide`, and `move` treats their late spans alike.

Chance is a hash of the trace id (`sipHash64`, which has nothing to do with bits of ids by which SDKs may have sampled
before), so a decision that is made again is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.query.plan import Scoped
from nexus.query.trace_plan import SamplingPolicy, SamplingPreview, SamplingRule
from nexus.storage.clickhouse.catalog import Catalog, first_move
from nexus.storage.clickhouse.literals import identifier, quote
from nexus.storage.clickhouse.signal_tables import SPANS
from nexus.storage.clickhouse.traces.expressions import Expressions, of_traces
from nexus.storage.clickhouse.traces.scan import joins_of, spans_of

DECISIONS: Final = "trace_decisions"
BASELINES: Final = "trace_baselines"
MAX_CHUNKS: Final = 4095

_SECOND: Final = 1_000_000_000
RECENT: Final = 600
"""A trace whose root began in this many s before its slice cannot have been decided long before (see `decided`)."""
BASELINE_SECONDS: Final = 3600
_LARGEST: Final = "18446744073709551616"
_ONE_PART: Final = (
    "max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000, "
    "max_partitions_per_insert_block = 0"
)
"""All rows of an insert become one block, hence one part of each partition, which is there as a whole or not at all."""
_AS_CHANGED: Final = "apply_mutations_on_fly = 1"
"""An erasure that goes on in the background holds for what is read here."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Spans that arrived in the `length` s before `end` (s since the epoch)."""

    end: int
    length: int

    @property
    def began(self) -> int:
        """Its first second."""
        return self.end - self.length


# ------------------------------------------------------------------------------------------------------------ decisions


def _new(tenant: str, slice: Slice, which: str = "") -> str:
    """Traces with spans in the slice; `which` is a HAVING over (rooted, began)."""
    return (
        f"SELECT trace_id FROM {SPANS.path} WHERE tenant = {quote(tenant)} AND pending = {slice.end} GROUP BY trace_id"
        + (f" HAVING {which}" if which else "")
    )


def decided(tenant: str, slice: Slice) -> str:
    """(trace_id, rule, weight) of traces of the slice that are decided.

    Of most traces only the newest decisions are read. A trace with a root that began lately began lately itself, so nothing
    was decided of it before; decisions of any age are asked for the others, which are few: the key finds them.
    """
    recent = slice.began - 2 * RECENT
    fresh = f"max(root) AND min(timestamp) >= toDateTime64({slice.began - RECENT}, 9, 'UTC')"
    whose = f"tenant = {quote(tenant)}"
    columns = "trace_id, argMin(rule, decided_at) AS rule, argMin(weight, decided_at) AS weight"
    parts = [
        f"SELECT trace_id, rule, weight, decided_at FROM nexus.{DECISIONS} WHERE {whose} AND decided_at {side} "
        f"toDateTime({recent}, 'UTC') AND trace_id IN ({traces})"
        for side, traces in ((">=", _new(tenant, slice)), ("<", _new(tenant, slice, f"NOT ({fresh})")))
    ]
    return f"SELECT {columns} FROM (\n{parts[0]}\nUNION ALL\n{parts[1]}\n) GROUP BY trace_id"


def decide(tenant: str, slice: Slice, policy: SamplingPolicy, catalog: Catalog, now: int, expires: int) -> str:
    """Decide the traces of a tenant in a slice that were not decided before. All of it becomes one part."""
    whose = f"tenant = {quote(tenant)}"
    pending = f"{whose} AND pending >= {slice.end}"
    traces = f"trace_id IN ({_new(tenant, slice)})"

    def read(columns: str, *extra: str) -> str:
        return f"SELECT {columns} FROM {SPANS.path} WHERE {' AND '.join((pending, *extra, traces))}"

    conditions = Expressions(catalog)
    rules = [_meets(conditions.condition(rule.where), rule, number) for number, rule in enumerate(policy.rules)]
    source = SPANS.path + joins_of(of_traces(iter([rule.where for rule in policy.rules])), read)
    source += _baseline_join(baselines(tenant, slice, policy))
    inner = (
        f"SELECT trace_id, {_first_rule(rules)} AS r\nFROM {source}\nWHERE {pending}\n  AND {traces}\n"
        f"  AND trace_id NOT IN (SELECT trace_id FROM (\n{decided(tenant, slice)}\n))\nGROUP BY trace_id"
    )
    names = ", ".join(quote(name) for name in (*(rule.name for rule in policy.rules), ""))
    return (
        f"INSERT INTO nexus.{DECISIONS} (tenant, trace_id, rule, weight, slice, decided_at, expires_at)\n"
        f"SELECT {quote(tenant)}, trace_id, arrayElement([{names}], r + 1), {_weights(tenant, slice, policy)}, {slice.end}, "
        f"toDateTime({now}, 'UTC'), toDateTime({expires}, 'UTC')\nFROM (\n{_ranked(inner, policy)}\n)\n"
        f"SETTINGS {_ONE_PART}, {_AS_CHANGED}"
    )


def _meets(where: str, rule: SamplingRule, number: int) -> str:
    """Whether a span that meets the rule's condition makes its trace one of the rule's."""
    if rule.slow is None:
        return where
    slow = f"(kind = 2 OR root) AND _based = 1 AND duration > _slow_{number}"
    return slow if where == "1" else f"{where} AND {slow}"


def _first_rule(conditions: Sequence[str]) -> str:
    """The number of the first rule that some span of a trace meets, their number when there is none."""
    branches = "".join(f"max(ifNull({condition}, 0)), {number}, " for number, condition in enumerate(conditions))
    return f"toUInt8(multiIf({branches}{len(conditions)}))" if branches else "toUInt8(0)"


def _ranked(inner: str, policy: SamplingPolicy) -> str:
    """Traces with their hash, and with number and place among those of their rule where a rate needs them."""
    if not any(rule.per_second is not None for rule in policy.rules):
        return f"SELECT trace_id, r, sipHash64(trace_id) AS h FROM (\n{inner}\n)"
    places = "count() OVER (PARTITION BY r) AS n, row_number() OVER (PARTITION BY r ORDER BY h, trace_id) AS k"
    return f"SELECT *, {places} FROM (\nSELECT trace_id, r, sipHash64(trace_id) AS h FROM (\n{inner}\n)\n)"


def _weights(tenant: str, slice: Slice, policy: SamplingPolicy) -> str:
    """How many traces one stands for, 0 when it is dropped."""
    branches = []
    for number, rule in enumerate(policy.rules):
        if rule.per_second is not None:
            weight = _weight_of_rate(rule.per_second * slice.length, chance(tenant, rule.name, slice.end))
        else:
            weight = _weight_of_share(rule.probability or 0.0)
        branches.append(f"r = {number}, {weight}")
    rest = _weight_of_share(policy.otherwise)
    return f"multiIf({', '.join([*branches, rest])})" if branches else rest


def _weight_of_share(share: float) -> str:
    if share >= 1:
        return "1."
    return "0." if share <= 0 else f"if(toFloat64(h) / {_LARGEST} < {share!r}, {1 / share!r}, 0.)"


def _weight_of_rate(wanted: float, chance: float) -> str:
    """`wanted` traces of a slice, whole or not: the fraction is kept by `chance`. Those kept stand for all."""
    kept = int(wanted + chance)
    if not kept:
        return "0."
    stands = f"n / {kept}" if wanted >= 1 else f"n / {wanted!r}"
    few = f"n <= {kept}, 1., " if wanted >= 1 else ""
    return f"multiIf({few}k <= {kept}, {stands}, 0.)"


def chance(*of: object) -> float:
    """A number from 0 to 1 that is always the same for the same things."""
    digest = hashlib.blake2b("\0".join(map(str, of)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


# ------------------------------------------------------------------------------------------------------------ baselines


def count_baseline(tenant: str, slice: Slice, now: int) -> str:
    """Note how long the operations of a tenant took in a slice. May be repeated."""
    return (
        f"INSERT INTO nexus.{BASELINES} (tenant, slice, service, name, durations, spans, counted_at)\n"
        f"SELECT {quote(tenant)}, {slice.end}, service, name, quantileDDState(0.01, 0.5)(duration), count(), "
        f"toDateTime({now}, 'UTC')\nFROM {SPANS.path}\nWHERE tenant = {quote(tenant)} AND pending = {slice.end} "
        f"AND (kind = 2 OR root)\nGROUP BY service, name\nORDER BY count() DESC\nLIMIT 10000\nSETTINGS {_AS_CHANGED}"
    )


def baselines(tenant: str, slice: Slice, policy: SamplingPolicy) -> str:
    """(_bs, _bn, a threshold for each quantile) by service and operation over the last hour. Where there are too few spans
    for a quantile nothing is slow."""
    return _thresholds(
        policy,
        "quantileDDMerge(0.01, {quantile})(durations)",
        "sum(spans)",
        f"(SELECT * FROM nexus.{BASELINES} FINAL WHERE tenant = {quote(tenant)} AND slice > {slice.end - BASELINE_SECONDS} "
        f"AND slice <= {slice.end})",
    )


def _thresholds(policy: SamplingPolicy, quantile: str, spans: str, source: str) -> str:
    columns = [
        f"if({spans} >= {1 / (1 - rule.slow):.4f}, {quantile.format(quantile=repr(rule.slow))}, inf) AS _slow_{number}"
        for number, rule in enumerate(policy.rules)
        if rule.slow is not None
    ]
    if not columns:
        return ""
    return f"SELECT service AS _bs, name AS _bn, 1 AS _based, {', '.join(columns)}\nFROM {source}\nGROUP BY service, name"


def _baseline_join(thresholds: str) -> str:
    return f"\nANY LEFT JOIN (\n{thresholds}\n) AS _b ON service = _bs AND name = _bn" if thresholds else ""


# ---------------------------------------------------------------------------------------------------------------- moves


def move_id(slice: int, chunks: int, chunk: int) -> int:
    """The commit id of a chunk that moves; it tells of how many. Unlike those of writers it has the highest bit."""
    return first_move(slice) | chunks << 12 | chunk


def _decisions(tenants: Iterable[str], slice: Slice) -> str:
    return "\nUNION ALL\n".join(
        f"SELECT {quote(tenant)} AS _dt, trace_id AS _di, rule AS _dr, weight AS _dw, 1 AS _decided FROM (\n"
        f"{decided(tenant, slice)}\n)"
        for tenant in tenants
    )


def tally(tenants: Sequence[str], slice: Slice) -> str:
    """(tenant, rule, kept, spans, traces) of a slice, after it was decided."""
    return (
        "SELECT tenant, _dr, (_decided = 0 OR _dw > 0) AS kept, count(), uniq(trace_id)\n"
        f"FROM {SPANS.path} ANY LEFT JOIN (\n{_decisions(tenants, slice)}\n) AS _d ON tenant = _dt AND trace_id = _di\n"
        f"WHERE pending = {slice.end}\nGROUP BY tenant, _dr, kept\nORDER BY tenant, _dr, kept\nSETTINGS {_AS_CHANGED}"
    )


def move(
    columns: Sequence[str], tenants: Sequence[str], slice: Slice, chunk: int, chunks: int, stored_days: Iterable[int]
) -> str:
    """Store the spans of a slice that are kept, one chunk of several; all of it becomes one part a day. Days that are stored
    already are left out."""
    changed = {
        "weight": "if(_decided = 1, toFloat32(weight * _dw), weight)",
        "commit_id": str(move_id(slice.end, chunks, chunk)),
        "pending": "0",
    }
    values = ", ".join(changed.get(column, identifier(column)) for column in columns)
    conditions = [f"pending = {slice.end}", "(_decided = 0 OR _dw > 0)"]
    if chunks > 1:
        conditions.append(f"cityHash64(trace_id) % {chunks} = {chunk}")
    if days := sorted(stored_days):
        conditions.append(f"{SPANS.day} NOT IN ({', '.join(map(str, days))})")
    return (
        f"INSERT INTO {SPANS.path} ({', '.join(map(identifier, columns))})\nSELECT {values}\n"
        f"FROM {SPANS.path} ANY LEFT JOIN (\n{_decisions(tenants, slice)}\n) AS _d ON tenant = _dt AND trace_id = _di\n"
        f"WHERE {' AND '.join(conditions)}\n"
        f"SETTINGS {_ONE_PART}, {_AS_CHANGED}, materialize_skip_indexes_on_insert = 0, optimize_on_insert = 0"
    )


# -------------------------------------------------------------------------------------------------------------- preview


def preview(scoped: Scoped, plan: SamplingPreview, catalog: Catalog, extra: tuple[str, ...] = ()) -> str:
    """(number of the rule, traces, spans) of what is stored of a range, by weight."""
    policy = plan.policy
    wheres = [rule.where for rule in policy.rules]
    met = "".join(f", ifNull({Expressions(catalog).condition(where)}, 0) AS _w{n}" for n, where in enumerate(wheres))
    inner = spans_of(scoped, plan.time, catalog, extra=extra, asked=wheres).union(
        f"trace_id, service, name, kind, root, duration, weight AS w{met}"
    )
    timed = spans_of(scoped, plan.time, catalog, extra=(*extra, "(kind = 2 OR root)")).union("service, name, duration")
    thresholds = _thresholds(policy, "quantileDD(0.01, {quantile})(duration)", "count()", f"(\n{timed}\n)")
    rules = [_meets(f"_w{number}", rule, number) for number, rule in enumerate(policy.rules)]
    traces = (
        f"SELECT trace_id, {_first_rule(rules)} AS r, max(w) AS t, sum(w) AS s\nFROM (\n{inner}\n) AS _i"
        f"{_baseline_join(thresholds)}\nGROUP BY trace_id"
    )
    return f"SELECT r, sum(t), sum(s) FROM (\n{traces}\n)\nGROUP BY r\nORDER BY r"


def previewed(plan: SamplingPreview, rows: Iterable[Sequence[float]]) -> list[list[object]]:
    """Rows of the plan from those of `preview`."""
    policy = plan.policy
    seconds = max(((plan.time.end or 0) - (plan.time.start or 0)) / _SECOND, 1.0)
    found = {int(rule): (float(traces), float(spans)) for rule, traces, spans in rows}
    answer: list[list[object]] = []
    for number, name in enumerate((*(rule.name for rule in policy.rules), "")):
        traces, spans = found.get(number, (0.0, 0.0))
        rule = policy.rules[number] if number < len(policy.rules) else None
        share = policy.otherwise if rule is None else rule.probability
        if rule is not None and rule.per_second is not None:
            share = min(1.0, rule.per_second * seconds / traces) if traces else 1.0
        kept = share if share is not None else 0.0
        answer.append([name, traces, traces * kept, spans, spans * kept])
    return answer
