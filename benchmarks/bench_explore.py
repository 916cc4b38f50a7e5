"""Latencies of exploring logs on a store that is there already: patterns, compare, context, field statistics.

``bench_logs.py --reuse`` leaves such a store in its cache. Start nothing else on it meanwhile:

    python benchmarks/bench_explore.py /path/to/store --tenant default

Prints, per question, the median, the slowest and the fewest milliseconds of several runs without the engine's cache of
conditions. The questions go through the store as the server asks them, without HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from nexus.model.time import NS_PER_HOUR
from nexus.query.compare import Counts, score
from nexus.query.fields import resolve
from nexus.query.logs import lower, parse
from nexus.query.plan import (
    Bounds,
    Context,
    Contrast,
    Facets,
    Field,
    FieldKind,
    FieldSummary,
    LogScan,
    Patterns,
    Plan,
    Profile,
    Scoped,
    Search,
    TimeRange,
)
from nexus.query.policy import scope
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.storage.clickhouse.options import ReaderOptions, StoreOptions
from nexus.storage.clickhouse.store import ClickHouseStore


async def measure(store: ClickHouseStore, tenant: str, runs: int) -> None:
    """Ask everything and print."""

    def asked(plan: Plan) -> Scoped:
        return scope(plan, tenant=tenant, query_id="bench")

    async def timed(name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        times, answer = [], None
        for _ in range(runs):
            began = time.perf_counter()
            answer = await ask()
            times.append((time.perf_counter() - began) * 1000)
        print(f"{name:<56} {statistics.median(times):8.0f} {max(times):8.0f} {min(times):8.0f}", flush=True)
        return answer

    def scan(query: str = "", time: TimeRange | None = None) -> LogScan:
        return LogScan(time or TimeRange(), lower(parse(query).root))

    first, last, total = map(int, (await store.table(asked(Bounds(LogScan())))).rows[0])
    print(f"{total:,} records in {(last - first) / NS_PER_HOUR:.1f} h\n{'':<56} {'median':>8} {'max':>8} {'min':>8} ms")
    whole = TimeRange(first, last + 1)
    hour = TimeRange(last - NS_PER_HOUR, last + 1)
    for name, query, time_range in (
        ("everything", "", whole),
        ("last hour", "", hour),
        ("level:error", "level:error", whole),
        ("a common word", "completed", whole),
    ):
        step = choose_step(time_range.start or 0, time_range.end or 0, 30)
        plan = Patterns(scan(query, time_range), step)
        found = await timed(f"patterns, {name}", lambda plan=plan: store.patterns(asked(plan)))
        assert sum(row.count for row in found.rows) <= found.total
    newest = Patterns(scan("", whole), choose_step(first, last + 1, 30), 100, "newest")
    await timed("patterns, everything, newest first", lambda: store.patterns(asked(newest)))
    for name, query in (("any record", ""), ("an error", "level:error")):
        middle = Search(scan(query, TimeRange(first, (first + last) // 2)), "desc", 1)
        (record,) = (await store.search(asked(middle))).records
        moment, _, mark = str(json.loads(record)["id"]).partition("-")
        for same in ("stream", "service"):
            around = Context(int(moment), int(mark, 16), 50, 50, same)  # type: ignore[arg-type]
            await timed(f"context of {name}, 50 + 50, same {same}", lambda around=around: store.context(asked(around)))
    for name, query in (("level:error and everything else", "level:error"), ("a service and everything", "service:cart")):
        one = scan(query, whole)
        other = scan(f"NOT {query}", whole) if "else" in name else scan("", whole)
        shares = (max(total // 30 // 100_000, 1), -(-total // 100_000))
        plan = Profile(one, other, shares, 50)
        table = await timed(f"compare {name}: find", lambda plan=plan: store.table(asked(plan)))
        counts: dict[tuple[str, str], Counts] = {}
        seen = (0, 0)
        for kind, field, value, a, b, of_a, of_b, distinct in table.rows:
            if kind:
                counts.setdefault((kind, field), Counts(present=(of_a, of_b), distinct=distinct)).values[value] = a, b
            else:
                seen = a, b
        best = sorted(counts, key=lambda key: -score(counts[key], *seen))[:10]
        fields = tuple(Field(FieldKind(kind), name) for kind, name in best if counts[kind, name].distinct <= 1000)
        exact = Contrast(one, other, fields)
        await timed(f"compare {name}: count", lambda exact=exact: store.table(asked(exact)))
        print("   ", ", ".join(f"{field} {score(counts[kind, field], *seen):.2f}" for kind, field in best))
    for name in ("duration_ms", "path", "service", "user_id"):
        field = resolve(name)

        async def both(field: Any = field) -> Any:
            await store.table(asked(FieldSummary(scan(), field)))
            return await store.table(asked(Facets(scan(), (field,), 20)))

        await timed(f"field {name}", both)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tenant", default="default")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    store = ClickHouseStore.open(StoreOptions(options.folder, reader=ReaderOptions(condition_cache=False)))
    try:
        asyncio.run(measure(store, options.tenant, options.runs))
    finally:
        store.close()


if __name__ == "__main__":
    main()
