"""Native blocks: against their slow twin, and through the real engine and back."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import native_block as oracle
from tests.oracles.engine import Engine

from nexus import _native

NOW = 1_780_315_200_000_000_000
LOW = "LowCardinality(Nullable(String))"
COLUMNS = [
    oracle.Column("k", "s", "s_k", LOW),
    oracle.Column("id", "s", "s_id", "Nullable(String)"),
    oracle.Column("n", "i", "i_n", "Nullable(Int64)"),
    oracle.Column("n", "f", "f_n", "Nullable(Float64)"),
    oracle.Column("ok", "b", "b_ok", "Nullable(Bool)"),
    oracle.Column("never", "s", "s_never", LOW),
]
WORDS = st.sampled_from(["took 5 ms", "took 77 ms", "", "A é 1", "x" * 300, "y " * 700]) | st.text(max_size=20)
MORE = st.integers() | st.text(max_size=4) | st.booleans() | st.lists(st.integers(), max_size=2)
RECORDS = st.fixed_dictionaries(
    {"_time": st.integers(0, 2**63 - 1) | st.integers(NOW // 10**9, NOW // 10**9 + 200_000), "_msg": WORDS},
    optional={
        "service": st.sampled_from(["a", "b", "é"]),
        "level": st.sampled_from(["info", "warn", "odd", "fatal"]),
        "host": st.sampled_from(["h1", "h2"]),
        "k": st.sampled_from(["", "v", "w"]) | st.integers(0, 3),
        "id": st.text(max_size=5),
        "n": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
        "ok": st.booleans() | st.text(max_size=3),
        "more": st.dictionaries(st.text(max_size=4), MORE, max_size=4),
        "trace_id": st.sampled_from(["0123456789abcdef" * 2]),
        "span_id": st.sampled_from(["0123456789abcdef"]),
    },
)  # fmt: skip
BATCHES = st.lists(RECORDS, max_size=30)


def batch_of(records: list[dict[str, Any]]) -> _native.LogBatch:
    body = "\n".join(json.dumps(record) for record in records).encode()
    return _native.decode_json_lines(body, now_ns=NOW, stream_fields=["host"]).batch


def normal(rows: list[dict[str, Any]]) -> list[str]:
    """Rows to compare without regard to order."""
    return sorted(repr(sorted(row.items())) for row in rows)


def encode(batch: _native.LogBatch, columns: list[oracle.Column], day: int | None, retention: int) -> bytes:
    block, plain = _native.encode_native(
        batch, tenant="t1", commit_id=2**63 + 5, retention_days=retention, now_ns=NOW, day=day,
        promoted=[column.promotion for column in columns],
    )  # fmt: skip
    assert plain == sum(not row["skeleton"] for row in oracle.read(block)[1])
    return block


def check(batch: _native.LogBatch, columns: list[oracle.Column], day: int | None, retention: int) -> bytes:
    block = encode(batch, columns, day, retention)
    types, rows = oracle.read(block)
    expected = oracle.expected(
        batch, tenant="t1", commit_id=2**63 + 5, retention_days=retention, now_ns=NOW, day=day, columns=columns
    )  # fmt: skip
    assert normal(rows) == normal(expected)
    assert [oracle.order(row) for row in rows] == sorted(oracle.order(row) for row in rows)
    assert len(types) == (26 + len(columns) if rows else 0)
    return block


@settings(max_examples=300, deadline=None)
@given(BATCHES, st.lists(st.sampled_from(COLUMNS), unique=True), st.sampled_from([0, 30, 10**6]))
def test_blocks_hold_what_the_twin_says(records: list[dict[str, Any]], columns: list[oracle.Column], retention: int) -> None:
    batch = batch_of(records)
    check(batch, columns, None, retention)
    for day, count in batch.days():
        _, rows = oracle.read(check(batch, columns, day, retention))
        assert len(rows) == count


@settings(max_examples=100, deadline=None)
@given(BATCHES)
def test_envelopes_keep_everything(records: list[dict[str, Any]]) -> None:
    batch = batch_of(records)
    again = _native.LogBatch.from_ipc(batch.to_ipc())
    assert encode(again, COLUMNS, None, 30) == encode(batch, COLUMNS, None, 30)
    assert (again.days(), again.services()) == (batch.days(), batch.services())


@settings(max_examples=100, deadline=None)
@given(st.lists(BATCHES, max_size=4))
def test_batches_put_together(parts: list[list[dict[str, Any]]]) -> None:
    """The same as if they had come in one body."""
    whole = _native.LogBatch.concat([batch_of(part) for part in parts])
    one = batch_of([record for part in parts for record in part])
    assert check(whole, COLUMNS, None, 30) == encode(one, COLUMNS, None, 30)
    assert (whole.days(), whole.services()) == (one.days(), one.services())
    assert sorted(whole.attribute_stats()) == sorted(one.attribute_stats())
    assert _native.LogBatch.from_ipc(whole.to_ipc()).num_rows == one.num_rows


def test_many_distinct_values() -> None:
    """Dictionaries of one, two and four bytes an index."""
    for count in (256, 257, 65_537):
        batch = batch_of(
            [{"_time": 1, "_msg": "m", "k": str(number), "service": str(number % 300)} for number in range(count)]
        )
        check(batch, COLUMNS[:1], None, 0)


def test_rare_skeletons_are_written_within_a_budget_and_common_ones_always() -> None:
    memory = _native.SkeletonMemory()

    def written(bodies: list[str]) -> list[bytes]:
        batch = batch_of([{"_time": 1, "_msg": body} for body in bodies])
        options = {"tenant": "t", "commit_id": 1, "retention_days": 0, "now_ns": NOW, "skeletons": memory}
        block, plain = _native.encode_native(batch, **options)
        found = [row["skeleton"] for row in oracle.read(block)[1]]
        assert plain == found.count(b"")
        return found

    letters = string.ascii_lowercase
    unique = [f"{a}{b}{c}" for a in letters for b in letters for c in letters[:8]]
    assert written(["took 1 ms", "took 2 ms"]) == [b"took * ms"] * 2
    assert sorted(written(unique))[: len(unique) // 2] == [b""] * (len(unique) // 2)
    assert written(["spent 1 ms", "spent 2 ms"]) == [b"", b""]
    assert written(["spent 1 ms", "spent 2 ms"]) == [b"spent * ms"] * 2


def test_unfit_columns_are_refused() -> None:
    batch = batch_of([])
    for promotion in [("k", "s", "c", "Nullable(Int64)"), ("k", "x", "c", "String"), ("k", "j", "c", "Nullable(String)")]:
        with pytest.raises(ValueError, match="type"):
            _native.encode_native(batch, tenant="t", commit_id=1, retention_days=0, now_ns=NOW, promoted=[promotion])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    directory: Path = tmp_path_factory.mktemp("engine") / "data"
    with Engine(directory, {column.name: column.type for column in COLUMNS}) as engine:
        yield engine


@settings(max_examples=25, deadline=None)
@given(st.lists(BATCHES, min_size=1, max_size=3))
def test_the_engine_gives_back_what_was_written(engine: Engine, parts: list[list[dict[str, Any]]]) -> None:
    # The table's partitions end where the engine's dates do.
    batches = [batch_of([{**record, "_time": record["_time"] % (5 * 10**9)} for record in part]) for part in parts]
    blocks = [encode(batch, COLUMNS, None, 0) for batch in batches]
    engine.query("TRUNCATE TABLE nexus.logs")
    assert engine.insert(*blocks) == sum(batch.num_rows for batch in batches)
    _, stored = oracle.read(engine.query("SELECT * FROM nexus.logs"))
    written = [row for block in blocks for row in oracle.read(block)[1]]
    assert normal(stored) == normal(written)


def test_types_are_those_of_the_table(engine: Engine) -> None:
    types, _ = oracle.read(encode(batch_of([{"_time": 1, "_msg": "x"}]), COLUMNS, None, 0))
    described = json.loads(engine.query("DESCRIBE TABLE nexus.logs", "JSON"))["data"]
    assert types == {column["name"]: column["type"] for column in described}
