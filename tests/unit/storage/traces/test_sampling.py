"""Tail sampling on the real engine: what is decided, what is left to see, and that no kill changes either."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nexus.query.plan import All, Compare, CompareOp, Field, FieldKind, Limits, Predicate, Scoped
from nexus.query.policy import scope
from nexus.query.trace_plan import (
    FindTraces,
    GetTrace,
    Place,
    SamplingPolicy,
    SamplingPreview,
    SpanCount,
    SpanFacets,
    SpanField,
    SpanScan,
    TimeRange,
)
from nexus.query.traces.sampling import WrittenPolicy, WrittenRule, lower_policy
from nexus.storage.api import RetentionPolicy
from nexus.storage.clickhouse.attributes import LearnedColumn
from nexus.storage.clickhouse.connection import Connection
from nexus.storage.clickhouse.disk import DiskGuard
from nexus.storage.clickhouse.engine import Engine
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.maintenance import Maintenance
from nexus.storage.clickhouse.migrate import EMBEDDED, migrate
from nexus.storage.clickhouse.options import SamplingOptions, StoreOptions
from nexus.storage.clickhouse.queries import QueryPool
from nexus.storage.clickhouse.traces.sampling.sampler import Sampler
from nexus.storage.clickhouse.traces.store import EmbeddedTraceStore
from oracles.spans import LEARNED, Span, insert_statement, letter_of, random_spans

NOW = int(time.time()) // 30 * 30
KEEP_ALL = WrittenRule("all", where="{ }", probability=1)
ERRORS = WrittenRule("errors", where="{ status = error }", probability=1)


def policy(*rules: WrittenRule, otherwise: float = 1.0) -> SamplingPolicy:
    """As the store is told of it."""
    return lower_policy(WrittenPolicy(rules, otherwise))


class Killed(Exception):
    """The process ends here."""


class Dying:
    """A connection and a journal that die before their n-th effect; 0 never."""

    def __init__(self, connection: Connection, at: int = 0) -> None:
        self.connection = connection
        self.at = at
        self.done = 0

    def effect(self) -> None:
        """Something is about to change."""
        self.done += 1
        if self.done == self.at:
            raise Killed

    def execute(self, sql: str) -> None:
        """As `Connection.execute`."""
        self.effect()
        self.connection.execute(sql)

    def rows(self, sql: str) -> list[list[Any]]:
        """As `Connection.rows`."""
        return self.connection.rows(sql)


@dataclass
class Rig:
    """A store of traces whose sampler does what it is told, by a clock of its own."""

    path: Path
    policies: dict[str, SamplingPolicy]
    options: SamplingOptions = field(default_factory=SamplingOptions)
    now: float = NOW - 1

    def __post_init__(self) -> None:
        self._options = StoreOptions(self.path / "data", disk_reserve_bytes=1, sampling=self.options)
        self.engine = Engine.open(self._options)
        self.connection = self.engine.connect()
        migrate(self.connection, EMBEDDED, self.engine.save_schema)
        self._open()
        self.now = NOW

    def _open(self) -> None:
        engine, data = self.engine, self._options.data_dir
        self.database = IngestDatabase(data)
        self.maintenance = Maintenance(engine)
        self.pool = QueryPool(engine, 2, 8)
        self.pool.start()
        self.store = EmbeddedTraceStore(
            engine, self.connection, self.database, self.maintenance, DiskGuard(data, 1), self.pool,
            lambda: 0, lambda: dict[str, RetentionPolicy](), lambda: self.policies, lambda: self.now,
        )  # fmt: skip
        self.store.ingest.writer.start()

    def _close(self) -> None:
        self.maintenance.stop()
        self.store.ingest.writer.stop()
        self.pool.stop()
        self.database.close()

    def restart(self, forget: str = "") -> None:
        """Begin anew with what is on disk, without what the journal has under names like this."""
        if forget:
            with self.database.transaction() as write:
                write.execute("DELETE FROM state WHERE name LIKE ?", (forget,))
        self._close()
        self._open()

    def clear(self) -> None:
        """As if nothing had ever come."""
        for table in ("spans", "trace_decisions", "trace_baselines"):
            self.connection.execute(f"TRUNCATE TABLE nexus.{table}")
        self.now = NOW - 1
        self.restart(forget="sampling%")
        self.now = NOW

    def close(self) -> None:
        """Stop."""
        self._close()
        self.engine.release(self.connection)
        self.engine.close()

    @property
    def sampler(self) -> Sampler:
        """Of the store."""
        return self.store.sampler

    def add(self, spans: list[Span], pending: int = 0) -> None:
        """Spans arrive; `pending` is their slice."""
        learned = self.store.ingest.learned
        if not learned.columns:
            columns = [LearnedColumn(key, letter, name, kind) for (key, letter), (name, kind) in LEARNED.items()]
            learned._add(self.connection, columns)
        pairs = {(key, letter_of(held)) for span in spans for key, held in span.attributes.items()}
        learned._seen.note(pairs - set(LEARNED))
        self.run(insert_statement(spans, pending), spans[0].tenant)

    def run(self, sql: str, tenant: str = "acme") -> None:
        """Something is stored beside the writer."""
        self.sampler.visibility.include(frozenset({tenant}))
        self.connection.execute(sql)
        self.store.ingest.changed()

    def settle(self, connection: Any = None) -> int:
        """Whatever is due."""
        return self.sampler.look(connection or self.connection)

    def scoped(self, plan: Any, tenant: str = "acme", policy: Predicate | None = None) -> Scoped:
        """A plan of the tenant."""
        return scope(plan, tenant=tenant, policy=policy or All(), limits=Limits(), query_id="q")

    async def count(self, tenant: str = "acme", policy: Predicate | None = None) -> tuple[int, int]:
        """Spans and traces that are seen."""
        ((spans, traces),) = (await self.store.table(self.scoped(SpanCount(SpanScan()), tenant, policy))).rows
        return int(spans), int(traces)

    async def facets(self, *names: str, tenant: str = "acme") -> dict[tuple[str, Any], float]:
        """Weighted counts by values."""
        fields = tuple(SpanField(Place.INTRINSIC, name) for name in names)
        rows = (await self.store.table(self.scoped(SpanFacets(SpanScan(), fields, 1000), tenant))).rows
        return {(field, value): float(spans) for field, value, spans in rows}

    def decisions(self) -> dict[str, tuple[str, float]]:
        """Rule and weight by trace id."""
        rows = self.connection.rows("SELECT lower(hex(trace_id)), rule, weight FROM nexus.trace_decisions")
        assert len(rows) == len({id for id, _, _ in rows}), "a trace was decided twice"
        return {id: (rule, float(weight)) for id, rule, weight in rows}

    def left(self) -> list[tuple[str, str, float]]:
        """Trace, span and weight of everything that stays."""
        rows = self.connection.rows(
            "SELECT lower(hex(trace_id)), lower(hex(span_id)), weight FROM nexus.spans WHERE pending = 0 ORDER BY ALL"
        )
        return [(trace, span, float(weight)) for trace, span, weight in rows]

    def pending(self) -> int:
        """Spans that are pending."""
        return int(self.connection.rows("SELECT count() FROM nexus.spans WHERE pending > 0")[0][0])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Opens stores with policies."""
    opened: list[Rig] = []

    def make(policies: dict[str, SamplingPolicy], **options: Any) -> Rig:
        opened.append(Rig(tmp_path, policies, SamplingOptions(**options)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def spans_of(dice: random.Random, traces: int, tenant: str = "acme") -> list[Span]:
    """Random traces, few with errors."""
    return [
        replace(span, weight=1.0, status=2 if span.status == 2 and dice.random() < 0.2 else span.status % 2)
        for span in random_spans(dice, traces, tenant)
    ]


def by_trace(spans: list[Span]) -> dict[str, list[Span]]:
    """Spans of each trace, by its id in hex."""
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span.trace_id.hex(), []).append(span)
    return found


# ------------------------------------------------------------------------------------------------------------ decisions


async def test_spans_are_seen_at_once_and_decided_later(rig: Callable[..., Rig]) -> None:
    """All of them until their slice is due, then those of traces that are kept."""
    store = rig({"acme": policy(ERRORS, otherwise=0)})
    spans = spans_of(random.Random(1), 60)
    store.add(spans, NOW)
    traces = by_trace(spans)
    assert await store.count() == (len(spans), len(traces))
    assert store.settle() == 0
    store.now += 60
    assert store.settle() == 1
    failed = {id for id, some in traces.items() if any(span.status == 2 for span in some)}
    assert 0 < len(failed) < len(traces)
    assert await store.count() == (sum(len(traces[id]) for id in failed), len(failed))
    assert store.pending() == 0 and store.settle() == 0
    expected = {id: ("errors", 1.0) if id in failed else ("", 0.0) for id in traces}
    assert store.decisions() == expected
    statistics = store.sampler.statistics
    assert statistics.traces["acme", "errors", True] == len(failed)
    assert statistics.traces["acme", "", False] == len(traces) - len(failed)
    assert statistics.spans["acme", "", False] == len(spans) - sum(len(traces[id]) for id in failed)


async def test_a_trace_waits_for_its_spans_of_later_slices(rig: Callable[..., Rig]) -> None:
    """An error that arrives before the trace is decided counts."""
    store = rig({"acme": policy(ERRORS, otherwise=0)})
    (span, *_) = spans_of(random.Random(2), 1)
    store.add([replace(span, status=0)], NOW)
    store.add([replace(span, status=2, span_id=b"12345678")], NOW + 60)
    store.now += 60
    assert store.settle() == 1
    assert await store.count() == (2, 1)
    store.now += 60
    assert store.settle() == 1
    assert [weight for *_, weight in store.left()] == [1.0, 1.0] and len(store.decisions()) == 1


@pytest.mark.parametrize("age", [60, 3600, 2 * 86_400])
async def test_late_spans_follow(rig: Callable[..., Rig], age: int) -> None:
    """Whatever they say themselves, and whatever the rules are by then."""
    store = rig({"acme": policy(ERRORS, otherwise=0.5)})
    spans = [replace(span, status=0) for span in spans_of(random.Random(3), 200)]
    store.add(spans, NOW)
    store.now += 60
    store.settle()
    decided = store.decisions()
    store.policies = {"acme": policy(otherwise=0)}
    store.sampler.follow()
    traces = by_trace(spans)
    late = [
        replace(some[0], status=2, span_id=id.encode()[:8], start=(NOW + age) * 10**9, parent=b"parentid")
        for id, some in traces.items()
    ]
    store.now = NOW + age + 60
    store.add(late, NOW + age)
    assert store.settle() == 1
    kept = Counter(trace for trace, _, _ in store.left())
    assert kept == {id: len(some) + 1 for id, some in traces.items() if decided[id][1] > 0}
    assert {weight for *_, weight in store.left()} == {2.0} and store.decisions() == decided


async def test_the_first_rule_that_matches_decides(rig: Callable[..., Rig]) -> None:
    """Conditions are about any span, attributes and whole traces included."""
    first = WrittenRule("one", where='{ .http.route = "/" || span.http.route =~ "/cart/.*" }', probability=1)
    long = WrittenRule("long", where="{ traceDuration > 8s }", probability=1)
    named = WrittenRule("root", where='{ rootName = "charge" && .flag = true }', probability=1)
    store = rig({"acme": policy(first, long, ERRORS, named, otherwise=0)})
    spans = spans_of(random.Random(4), 300)
    store.add(spans, NOW)
    store.now += 60
    store.settle()
    found = Counter(rule for rule, _ in store.decisions().values())
    by_hand: Counter[str] = Counter()
    for some in by_trace(spans).values():
        start = min(span.start for span in some)
        end = max(span.start + span.duration for span in some)
        roots = sorted((span.start, span.name) for span in some if span.root)
        if any(isinstance(r := s.attributes.get("http.route", s.resource.get("http.route")), str)
               and (r == "/" or r.startswith("/cart/")) for s in some):  # fmt: skip
            by_hand["one"] += 1
        elif end - start > 8 * 10**9:
            by_hand["long"] += 1
        elif any(span.status == 2 for span in some):
            by_hand["errors"] += 1
        elif roots and roots[0][1] == "charge" and any(s.attributes.get("flag") is True for s in some):
            by_hand["root"] += 1
        else:
            by_hand[""] += 1
    assert found == by_hand and len(by_hand) >= 4


async def test_a_rate_keeps_so_many_and_they_stand_for_all(rig: Callable[..., Rig]) -> None:
    """Two a second are sixty of a slice."""
    store = rig({"acme": policy(WrittenRule("some", where="{ }", per_second=2.0))})
    spans = spans_of(random.Random(5), 400)
    store.add(spans, NOW)
    store.now += 60
    store.settle()
    kept = [weight for _, weight in store.decisions().values() if weight]
    assert len(kept) == 60 and sum(kept) == pytest.approx(400)
    store.add(spans_of(random.Random(6), 50), NOW + 90)
    store.now += 120
    store.settle()
    assert sum(weight == 1 for _, weight in store.decisions().values()) == 50


async def test_a_rate_of_less_than_one_a_slice_is_right_in_the_long_run(rig: Callable[..., Rig]) -> None:
    """One in ten slices keeps one that stands for those of ten."""
    store = rig({"acme": policy(WrittenRule("few", where="{ }", per_second=1 / 30))}, slice_seconds=10)
    dice = random.Random(7)
    for number in range(60):
        store.add(spans_of(dice, 4), NOW + 10 * number)
    store.now += 700
    assert store.settle() == 60
    weights = [weight for _, weight in store.decisions().values() if weight]
    assert 10 <= len(weights) <= 30 and set(weights) == {12.0}


async def test_what_is_slow_is_told_by_the_last_hour_of_the_operation(rig: Callable[..., Rig]) -> None:
    """A quantile of each operation, over all of its spans, kept or not."""
    slow = WrittenRule("slow", slow=0.9, probability=1)
    store = rig({"acme": policy(slow, otherwise=0)})
    dice = random.Random(8)
    truth: dict[str, list[int]] = {"fast": [], "steady": []}
    kept: dict[str, int] = {"fast": 0, "steady": 0}
    for number in range(3):
        spans = []
        for _ in range(400):
            name = dice.choice(["fast", "steady"])
            duration = int(dice.expovariate(1.0) * (10**6 if name == "fast" else 10**9)) + 1
            truth[name].append(duration)
            spans.append(Span(dice.randbytes(16), dice.randbytes(8), bytes(8), NOW * 10**9, duration, name, kind=2))
        spans.append(Span(dice.randbytes(16), dice.randbytes(8), bytes(8), NOW * 10**9, 10**15, "rare", kind=2))
        store.add(spans, NOW + 30 * number)
        store.now = NOW + 30 * number + 60
        assert store.settle() == 1
        decisions = store.decisions()
        for name in truth:
            threshold = sorted(truth[name])[int(len(truth[name]) * 0.9)]
            kept[name] += sum(
                decisions[s.trace_id.hex()][0] == "slow" for s in spans if s.name == name and s.duration > threshold * 1.03
            )
            wrong = [s for s in spans if s.name == name and s.duration < threshold * 0.97]
            assert all(decisions[s.trace_id.hex()][0] == "" for s in wrong), "slower than most is not slow"
    assert min(kept.values()) > 20
    rows = store.connection.rows("SELECT count() FROM nexus.spans WHERE name = 'rare'")
    assert rows == [[0]], "of an operation with so few spans nothing is slow"


@pytest.mark.parametrize("rate", [False, True])
async def test_weighted_counts_are_close_to_the_truth(rig: Callable[..., Rig], rate: bool) -> None:
    """Within 2 % for large groups; all errors are there."""
    rest = WrittenRule("rest", where="{ }", per_second=2000.0) if rate else None
    store = rig({"acme": policy(ERRORS, *([rest] if rest else []), otherwise=0.25)}, chunk_bytes=16 << 20)
    traces, each = 240_000, 3
    store.run(
        "INSERT INTO nexus.spans (tenant, slot, trace_id, timestamp, duration, ids, root, name, kind, status, service, "
        "weight, expires_on, pending) "
        f"SELECT 'acme', intDiv({NOW}, 300), unhex(hex(sipHash128('trace', intDiv(number, {each})))), "
        f"toDateTime64({NOW}, 9, 'UTC'), 1000, unhex(hex(sipHash128('span', number))), number % {each} = 0, "
        f"concat('op', toString(intDiv(number, {each}) % 7)), 2, if(cityHash64(intDiv(number, {each})) % 50 = 0, 2, 0), "
        f"concat('service', toString(cityHash64('s', number) % 5)), 1, '2149-01-01', {NOW} FROM numbers({traces * each}) "
        "SETTINGS max_partitions_per_insert_block = 0"
    )
    truth = await store.facets("service", "name", "status")
    assert len(truth) == 14 and min(truth.values()) > 10_000
    store.now += 60
    assert store.settle() == 1
    found = await store.facets("service", "name", "status")
    assert (await store.count())[0] < 0.35 * traces * each
    assert found.keys() == truth.keys()
    for key, spans in truth.items():
        assert found[key] == pytest.approx(spans, rel=0.02), key
    assert found["status", "error"] == truth["status", "error"]


async def test_spans_of_tenants_that_do_not_sample_stay_at_once(rig: Callable[..., Rig]) -> None:
    """And those of one that does not sample any more are kept."""
    store = rig({"acme": policy(otherwise=0), "other": policy(otherwise=0)})
    spans = spans_of(random.Random(9), 30)
    store.add(spans, NOW)
    store.add(spans_of(random.Random(10), 30, "other"), NOW)
    del store.policies["acme"]
    store.sampler.follow()
    store.now += 60
    store.settle()
    assert (await store.count())[0] == len(spans) and await store.count("other") == (0, 0)
    assert not store.sampler.arrivals.pends("acme")


async def test_too_much_that_is_pending_is_decided_early(rig: Callable[..., Rig]) -> None:
    """Once nothing comes into its slice any more."""
    store = rig({"acme": policy(otherwise=0)}, pending_bytes=1000)
    store.add(spans_of(random.Random(11), 50), NOW)
    with store.sampler.arrivals.arriving(frozenset({"acme"})) as slice:
        assert slice == NOW + 30
        store.add(spans_of(random.Random(12), 50), slice)
        assert store.settle() == 1
        store.now += 31
        assert store.settle() == 0, "an insert of the slice is under way"
    assert store.settle() == 1
    assert store.sampler.statistics.early == 2 and store.pending() == 0


# ---------------------------------------------------------------------------------------------------------------- kills


@pytest.mark.parametrize("chunk_bytes", [1 << 30, 20_000])
async def test_a_kill_between_any_two_steps_changes_nothing(
    rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    """Nothing lost, doubled or decided otherwise, and every span is seen once at any time."""
    rules = policy(ERRORS, WrittenRule("slow", slow=0.5, per_second=0.5), otherwise=0.3)
    dice = random.Random(13)
    spans = spans_of(dice, 150)
    late = [replace(span, span_id=dice.randbytes(8)) for span in spans[::3]]
    store = rig({"acme": rules}, chunk_bytes=chunk_bytes)

    def arrive(at: int) -> Dying:
        store.add(spans, NOW)
        store.add(late, NOW + 30)
        dying = Dying(store.connection, at)
        _watch(monkeypatch, store, dying)
        return dying

    dying = arrive(0)
    whole = await store.count()
    store.now = NOW + 60
    store.settle(dying)
    first, between = dying.done, await store.count()
    store.now = NOW + 120
    store.settle(dying)
    expected, decisions, after = store.left(), store.decisions(), await store.count()
    assert dying.done > first > 4 and 0 < len(expected) < len(spans)
    for at in range(1, dying.done + 1):
        store.clear()
        killed = arrive(at)
        store.now = NOW + 60 if at <= first else NOW + 120
        with pytest.raises(Killed):
            store.settle(killed)
        store.restart()
        assert await store.count() in (whole, between, after)
        store.now = NOW + 60
        store.settle()
        assert await store.count() in (between, after)
        store.now = NOW + 120
        store.settle()
        assert store.left() == expected and store.decisions() == decisions and store.pending() == 0
        assert await store.count() == after


def _watch(monkeypatch: pytest.MonkeyPatch, store: Rig, dying: Dying) -> None:
    """Let the journal die, too."""
    journal = store.sampler._journal
    move, settle = journal.move, journal.settle

    def moving(slice: int, chunks: int) -> None:
        dying.effect()
        move(slice, chunks)

    def settling(slice: int) -> None:
        dying.effect()
        settle(slice)

    monkeypatch.setattr(journal, "move", moving)
    monkeypatch.setattr(journal, "settle", settling)


@pytest.mark.parametrize("at", range(1, 7))
async def test_a_lost_journal_is_found_again_in_the_table(
    rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """A power cut may take what `ingest.sqlite` was told last."""
    store = rig({"acme": policy(ERRORS, otherwise=0.5)}, chunk_bytes=20_000)
    spans = spans_of(random.Random(14), 100)
    store.add(spans, NOW)
    dying = Dying(store.connection, at)
    _watch(monkeypatch, store, dying)
    store.now += 60
    with pytest.raises(Killed):
        store.settle(dying)
    store.restart(forget="sampling%")
    store.settle()
    decisions = store.decisions()
    kept = {id for id, (_, weight) in decisions.items() if weight}
    assert len(store.left()) == sum(span.trace_id.hex() in kept for span in spans) and store.pending() == 0
    assert await store.count() == (len(store.left()), len(kept))


async def test_whoever_reads_sees_each_span_once(rig: Callable[..., Rig]) -> None:
    """A query that began before spans moved goes on as it began, and keeps what it needs from being dropped."""
    store = rig({"acme": policy(otherwise=1)})
    spans = spans_of(random.Random(15), 100)
    store.add(spans, NOW)
    store.now += 60
    visibility = store.sampler.visibility
    with visibility.reading() as before:
        assert store.settle() == 1
        assert store.pending() == len(spans), "somebody reads them"
        ((seen,),) = store.connection.rows(
            f"SELECT count() FROM nexus.spans WHERE tenant = 'acme' AND {before.conditions('acme')[0]}"
        )
        assert seen == len(spans) == (await store.count())[0]
        store.add(spans_of(random.Random(16), 10), NOW + 30)
        store.now += 60
        assert store.settle() == 0, "a second slice waits for the reader"
    assert store.settle() == 1 and store.pending() == 0


async def test_questions_while_spans_move(rig: Callable[..., Rig]) -> None:
    """Counts of a tenant that keeps everything never change, whenever they are asked."""
    store = rig({"acme": policy(KEEP_ALL)}, chunk_bytes=20_000)
    spans = spans_of(random.Random(17), 400)
    traces = len(by_trace(spans))
    for number in range(8):
        store.add(spans[number::8], NOW + 30 * number)
    store.now += 400
    moving = asyncio.create_task(asyncio.to_thread(store.settle))
    asked = 0
    while not moving.done() or asked < 5:
        assert await store.count() == (len(spans), traces)
        asked += 1
    await moving
    store.settle()
    assert store.pending() == 0 and await store.count() == (len(spans), traces)


# ------------------------------------------------------------------------------------------------------------- lifecycle


async def test_row_policies_hold_for_pending_spans(rig: Callable[..., Rig]) -> None:
    """Whoever may see one service sees the same before and after."""
    store = rig({"acme": policy(KEEP_ALL)})
    spans = spans_of(random.Random(18), 60)
    store.add(spans, NOW)
    service = next(span.service for span in spans if span.service)
    only = Compare(Field(FieldKind.COLUMN, "service"), CompareOp.EQ, service)
    before = await store.count(policy=only)
    assert before[0] == sum(span.service == service for span in spans)
    store.now += 60
    store.settle()
    assert await store.count(policy=only) == before


@pytest.mark.parametrize("when", ["pending", "moved"])
async def test_erased_spans_do_not_come_back(rig: Callable[..., Rig], when: str) -> None:
    """Also when the engine has not done with the erasure while they move."""
    store = rig({"acme": policy(KEEP_ALL)})
    spans = spans_of(random.Random(19), 60)
    store.add(spans, NOW)
    store.now += 60
    service = next(span.service for span in spans if span.service)
    left = sum(span.service != service for span in spans)
    where = Compare(Field(FieldKind.COLUMN, "service"), CompareOp.EQ, service)
    query = store.scoped(SpanCount(SpanScan()), policy=where)
    if when == "pending":
        store.connection.execute("SYSTEM STOP MERGES nexus.spans")
        await store.store.erase("e", query)
        assert store.settle() == 1
        store.connection.execute("SYSTEM START MERGES nexus.spans")
    else:
        with store.sampler.visibility.reading():
            store.settle()
            await store.store.erase("e", query)
    while True:
        progress = await store.store.erasure_progress("e")
        if (progress is None or progress.done) and not (await store.store.erased("e", query)).parts_left:
            break
        await asyncio.sleep(0.1)
    store.settle()
    assert (await store.count())[0] == left == len(store.left()) and store.pending() == 0


async def test_a_tenant_that_goes_leaves_nothing(rig: Callable[..., Rig]) -> None:
    """Neither pending spans nor decisions nor baselines."""
    slow = WrittenRule("slow", slow=0.9, probability=1)
    store = rig({"acme": policy(slow, otherwise=0.5), "other": policy(slow)})
    for tenant in ("acme", "other"):
        store.add(spans_of(random.Random(20), 40, tenant), NOW)
        store.add(spans_of(random.Random(21), 40, tenant), NOW + 90)
    store.now += 60
    store.settle()
    del store.policies["acme"]
    await store.store.forget_tenant("acme")
    for table in ("spans", "trace_decisions", "trace_baselines"):
        rows = store.connection.rows(f"SELECT DISTINCT tenant FROM nexus.{table}")
        assert rows == [["other"]], table


async def test_traces_are_found_whole_while_pending_and_after(rig: Callable[..., Rig]) -> None:
    """By id and by search."""
    store = rig({"acme": policy(KEEP_ALL)})
    spans = spans_of(random.Random(22), 40)
    store.add(spans[::2])
    store.add(spans[1::2], NOW)

    async def looked() -> Any:
        hits = (await store.store.find(store.scoped(FindTraces(TimeRange(), limit=100)))).hits
        whole = [(await store.store.spans(store.scoped(GetTrace(span.trace_id)))).data for span in spans[:10]]
        return sorted((hit.trace_id, hit.spans, hit.errors) for hit in hits), whole

    before = await looked()
    store.now += 60
    store.settle()
    assert await looked() == before


async def test_preview(rig: Callable[..., Rig]) -> None:
    """What rules would have kept of what is stored."""
    store = rig({})
    spans = spans_of(random.Random(23), 200)
    store.add(spans)
    first = min(span.start for span in spans)
    last = max(span.start for span in spans) + 1
    rules = policy(ERRORS, WrittenRule("some", where="{ .flag = true }", probability=0.5), otherwise=0.1)
    plan = SamplingPreview(TimeRange(first, last), rules)
    rows = (await store.store.table(store.scoped(plan))).rows
    by_rule: dict[str, list[int]] = {"errors": [0, 0], "some": [0, 0], "": [0, 0]}
    for some in by_trace(spans).values():
        flagged = any(span.attributes.get("flag", span.resource.get("flag")) is True for span in some)
        rule = "errors" if any(span.status == 2 for span in some) else "some" if flagged else ""
        by_rule[rule][0] += 1
        by_rule[rule][1] += len(some)
    share = {"errors": 1.0, "some": 0.5, "": 0.1}
    assert [row[0] for row in rows] == list(by_rule)
    for rule, traces, kept, count, kept_spans in rows:
        assert [traces, count] == by_rule[rule]
        assert kept == pytest.approx(traces * share[rule]) and kept_spans == pytest.approx(count * share[rule])
