"""Exports on a real engine: every record once, in order, in each format; and the windows that the range is cut into."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.storage.batches import DAY, NOON, batch, numbered
from tests.unit.storage.conftest import OpenStore
from tests.unit.storage.test_reader import asked
from tests.unit.storage.test_writer import rows

from nexus.errors import LimitExceeded
from nexus.query.fields import resolve
from nexus.query.logs import lower, parse
from nexus.query.plan import Export, Field, FieldKind, LogScan, Search, TimeRange
from nexus.storage.clickhouse import export
from nexus.storage.clickhouse.export import STEPS, Window, windows
from nexus.storage.clickhouse.store import ClickHouseStore

HOUR = DAY // 24


def columns(*names: str) -> tuple[tuple[str, Field], ...]:
    return tuple(
        (name, Field(FieldKind.COLUMN, name) if name in ("id", "attributes", "resource") else resolve(name))
        for name in names
    )


async def exported(store: ClickHouseStore, query: str = "", time: TimeRange = TimeRange(), **options: Any) -> bytes:
    plan = Export(LogScan(time, lower(parse(query).root)), **options)
    return b"".join([piece async for piece in store.export(asked(plan))])


def parquet(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


def odd_records() -> list[dict[str, Any]]:
    return [
        {"_time": str(NOON + n // 3), "_msg": f'line {n}, "quoted"\nsecond = \u00e4', "service": "s", "n": n,
         "ok": n % 2 == 0, "ratio": n / 4, "mixed": n if n % 2 else f"t{n}", "list": [n], "level": "warn"}
        for n in range(100)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- formats


async def test_whole_records_are_those_of_a_search(open_store: OpenStore) -> None:
    """Byte for byte, in time order."""
    store = open_store()
    await store.append("t", batch(odd_records()))
    page = await store.search(asked(Search(LogScan(), "desc", 1000)))
    for order, expected in (("desc", page.records), ("asc", page.records[::-1])):
        lines = (await exported(store, order=order)).splitlines()
        assert sorted(lines) == sorted(expected)
        assert [json.loads(line)["timestamp"] for line in lines] == [json.loads(r)["timestamp"] for r in expected]


async def test_chosen_columns(open_store: OpenStore) -> None:
    """The same values in every format, with their types where the format has them."""
    store = open_store()
    await store.append("t", batch(odd_records()))
    names = ("id", "timestamp", "severity", "severity_number", "body", "trace_id", "attributes.n", "attributes.ok",
             "attributes.ratio", "attributes.mixed", "attributes.nothing", "attributes", "resource", "resource.service.name")  # fmt: skip
    found = {r["id"]: r for r in map(json.loads, (await exported(store)).splitlines())}
    chosen = [json.loads(line) for line in (await exported(store, format="ndjson", columns=columns(*names))).splitlines()]
    table = parquet(await exported(store, format="parquet", columns=columns(*names)))
    text = (await exported(store, format="csv", columns=columns(*names))).decode()
    assert text.startswith(",".join(names) + "\r\n")
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(chosen) == len(lines) == table.num_rows == 100
    assert table.schema.names == list(names)
    types = {name: str(table.schema.field(name).type) for name in names}
    assert types["timestamp"] == "timestamp[ns, tz=UTC]"
    assert (types["attributes.n"], types["attributes.ok"], types["attributes.ratio"]) == ("int64", "bool", "double")
    assert (types["attributes.mixed"], types["severity_number"]) == ("string", "uint8")
    for record, line, row in zip(chosen, lines, table.to_pylist(), strict=True):
        whole = found.pop(record["id"])
        held = whole["attributes"]
        mixed = str(held["mixed"])
        assert record["timestamp"] == whole["timestamp"]
        assert (record["attributes.n"], record["attributes.ok"], record["attributes.ratio"]) == (
            held["n"],
            held["ok"],
            held["ratio"],
        )
        assert record["attributes.mixed"] == mixed and record["attributes.nothing"] is None
        assert record["attributes"]["n"] == str(held["n"]) and record["body"] == whole["body"]
        assert (
            line["body"] == whole["body"] and line["severity"] == "warn" and line["attributes.ok"] == str(held["ok"]).lower()
        )
        assert json.loads(line["attributes"])["mixed"] == mixed and json.loads(line["resource"]) == whole["resource"]
        assert line["timestamp"].startswith("2026-") and line["timestamp"].endswith("Z")
        assert line["attributes.nothing"] == "" and line["attributes.n"] == str(held["n"])
        assert row["timestamp"].value == int(whole["timestamp"])
        assert (row["attributes.n"], row["attributes.ok"], row["attributes.ratio"]) == (held["n"], held["ok"], held["ratio"])
        assert row["attributes.mixed"] == mixed and row["attributes.nothing"] is None
        assert dict(row["attributes"])["n"] == str(held["n"]) and row["resource.service.name"] == "s"
    assert not found


async def test_formulas_are_defused_when_asked(open_store: OpenStore) -> None:
    """Only then: a log is not to be changed."""
    store = open_store()
    texts = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\tx", "plain = 5", "'quoted"]
    await store.append("t", batch({"_time": str(NOON + n), "_msg": text, "a": text} for n, text in enumerate(texts)))
    for spreadsheet in (False, True):
        data = await exported(
            store, format="csv", order="asc", columns=columns("body", "attributes.a"), spreadsheet=spreadsheet
        )
        found = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
        wanted = ["'" + text if spreadsheet and text[0] in "=+-@\t" else text for text in texts]
        assert found == [[text, text] for text in wanted]


async def test_nothing_found(open_store: OpenStore) -> None:
    """Files that are right and empty, also of a store without records."""
    store = open_store()
    for _ in range(2):
        assert await exported(store, "nothing") == b""
        assert (await exported(store, "nothing", format="csv")).startswith(b"timestamp,observed_timestamp,service,")
        table = parquet(await exported(store, "nothing", format="parquet"))
        assert (table.num_rows, table.schema.field("timestamp").type) == (0, pa.timestamp("ns", "UTC"))
        await store.append("t", numbered(3))


# --------------------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
async def test_every_record_once_in_small_pages(open_store: OpenStore, format: Any) -> None:
    """Over days, hours, seconds, and many in one nanosecond; with a limit; while more are stored."""
    store = open_store()
    records = [
        {"_time": str(NOON + day * DAY + n * HOUR // 40), "_msg": f"d{day} n{n}"} for day in range(3) for n in range(150)
    ]
    records += [{"_time": str(NOON + 7), "_msg": f"same {n}"} for n in range(130)]
    for start in range(0, len(records), 60):
        await store.append("t", batch(records[start : start + 60]))

    def read(data: bytes) -> list[str]:
        if format == "parquet":
            return [str(body) for body in parquet(data).column("body").to_pylist()]
        if format == "csv":
            return [row["body"] for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
        return [json.loads(line)["body"] for line in data.splitlines()]

    plan = Export(LogScan(), format)
    pieces = []
    number = 0
    async for piece in export.Exporter(asked(plan), plan, store._reader, 40).pieces():
        pieces.append(piece)
        number += 1
        await store.append("t", batch([{"_time": str(NOON - 20 * DAY - number), "_msg": f"late {number}"}]))
    found = [body for body in read(b"".join(pieces)) if not body.startswith("late")]
    assert sorted(found) == sorted(record["_msg"] for record in records)
    assert len(pieces) > 12
    ordered = sorted(records, key=lambda record: -int(record["_time"]))
    plan = Export(LogScan(), format, limit=137)
    few = [piece async for piece in export.Exporter(asked(plan), plan, store._reader, 40).pieces()]
    assert read(b"".join(few)) == [record["_msg"] for record in ordered[:137]]


async def test_a_page_that_is_too_large_is_cut(open_store: OpenStore, monkeypatch: Any) -> None:
    """By its bytes; a record that is larger than a page may be is told."""
    monkeypatch.setattr(export, "RESULT_BYTES", 300_000)
    store = open_store()
    await store.append("t", batch({"_time": str(NOON + n // 5), "_msg": f"{n} " + "x" * 20_000} for n in range(100)))
    lines = (await exported(store, order="asc")).splitlines()
    assert sorted(int(json.loads(line)["body"].split()[0]) for line in lines) == list(range(100))
    assert len((await exported(store, order="asc", limit=33)).splitlines()) == 33
    await store.append("t", batch([{"_time": str(NOON + 50), "_msg": "y" * 400_000}]))
    with pytest.raises(LimitExceeded):
        await exported(store)


async def test_an_export_can_be_cancelled(open_store: OpenStore) -> None:
    """Between pages and within one."""
    store = open_store()
    await store.append("t", numbered(100))
    pieces = store.export(asked(Export(LogScan())))
    assert await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    assert store.running("t") == []


# ------------------------------------------------------------------------------------------------------------- windows


@given(
    st.lists(st.one_of(st.integers(0, 3 * DAY), st.integers(DAY, DAY + 50), st.just(DAY + 7)), max_size=120),
    st.sampled_from(["asc", "desc"]),
    st.integers(1, 30),
)
def test_windows_hold_each_time_once(times: list[int], order: str, page: int) -> None:
    """In order, none with more than a page."""

    async def count(start: int, end: int, level: int) -> list[Window]:
        step = STEPS[level]
        found: dict[int, int] = {}
        for time in times:
            if start <= time < end:
                found[time // step] = found.get(time // step, 0) + 1
        rows = [[bucket, number] for bucket, number in sorted(found.items(), reverse=order == "desc")]
        return export.buckets_of(rows, level, start, end)

    async def collect() -> list[Window]:
        groups = [(0, 2 * DAY), (2 * DAY, 4 * DAY)]
        found: AsyncIterator[Window] = windows(iter(groups if order == "asc" else groups[::-1]), count, page)
        return [window async for window in found]

    made = asyncio.run(collect())
    for time in times:
        assert sum(w.start <= time < w.end for w in made if w.remainder == 0) == 1
    assert all(window.count <= page for window in made)
    plain = [window for window in made if window.remainder == 0]
    assert sum(w.count if w.slices == 1 else sum(w.start <= t < w.end for t in times) for w in plain) == len(times)
    for first, second in pairwise(plain):
        assert first.end <= second.start if order == "asc" else first.start >= second.end
    for window in made:
        assert window.slices == 1 or window.end - window.start == 1


async def test_the_engine_reads_its_own_parquet(open_store: OpenStore, tmp_path: Any) -> None:
    """With the types that were meant."""
    store = open_store()
    await store.append("t", batch(odd_records()))
    data = await exported(store, format="parquet", columns=columns("timestamp", "body", "attributes.n", "attributes"))
    file = tmp_path / "data" / "engine" / "user_files" / "x.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    found = rows(
        store,
        "SELECT count(), sum(`attributes.n`), toTypeName(any(timestamp)), any(attributes['ratio'] != ''), uniq(body) "
        f"FROM file('{file}', Parquet)",
    )
    assert found == [[100, 4950, "DateTime64(9, 'UTC')", 1, 100]] or found == [
        [100, 4950, "Nullable(DateTime64(9, 'UTC'))", 1, 100]
    ]
