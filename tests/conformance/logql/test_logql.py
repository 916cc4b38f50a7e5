"""LogQL's constructs as scripts (`*.test`, language in `script.py`) on the embedded store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.logql.script import (
    START,
    Case,
    at,
    batch,
    compare_logs,
    compare_series,
    read,
    scripts,
    steps_of,
)

from nexus.errors import InvalidRequest
from nexus.model.time import NS_PER_HOUR
from nexus.query.logql import parse, print_query
from nexus.query.logql.ast import LogQuery
from nexus.query.logql.lexer import nanoseconds
from nexus.query.plan import Plan, TimeRange
from nexus.query.policy import scope
from nexus.server.api.loki.engine import Engine
from nexus.storage.api import RawRows
from nexus.storage.clickhouse.options import StoreOptions, WriterOptions
from nexus.storage.clickhouse.store import ClickHouseStore

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    """One store; each script has a tenant of its own."""
    options = StoreOptions(
        tmp_path_factory.mktemp("logql") / "data",
        disk_reserve_bytes=1,
        writer=WriterOptions(interval=0.0, busy_interval=0.0),
    )
    opened = ClickHouseStore.open(options)
    yield opened
    opened.close()


def engine(store: ClickHouseStore, tenant: str) -> Engine:
    """An engine over a tenant."""

    async def ask(plan: Plan) -> RawRows:
        return await store.raw(scope(plan, tenant=tenant, query_id="q"))

    return Engine(ask)


async def run(store: ClickHouseStore, tenant: str, case: Case) -> None:
    """Run a case and compare."""
    if case.kind == "fails":
        with pytest.raises(InvalidRequest) as caught:
            tree = parse(case.query)
            await answer(store, tenant, tree, case, [START + 3600 * 10**9])
        assert case.expected[0] in str(caught.value), (case.place, str(caught.value))
        return
    tree = parse(case.query)
    assert parse(print_query(tree)) == tree, case.place
    if case.kind == "prints":
        assert print_query(tree) == case.expected[0], case.place
    elif case.kind == "logs":
        compare_logs(case, await answer(store, tenant, tree, case, []), "forward" in case.options)
    else:
        steps = steps_of(case)
        compare_series(case, await answer(store, tenant, tree, case, steps), steps)


async def answer(store: ClickHouseStore, tenant: str, tree: Any, case: Case, steps: list[int]) -> Any:
    """Streams or series of a query, decoded."""
    asked = engine(store, tenant)
    if isinstance(tree, LogQuery):
        span = TimeRange(at(case.options.get("from", "-1h")), at(case.options.get("to", "2h")))
        encoded = await asked.entries(
            tree,
            span,
            limit=int(case.options.get("limit", "1000")),
            forward="forward" in case.options,
            interval=nanoseconds(case.options.get("interval", "0s")),
        )
        return json.loads(encoded)
    step = steps[1] - steps[0] if len(steps) > 1 else NS_PER_HOUR
    matrix = await asked.metric(tree, steps[0], steps[-1], step)
    return json.loads(matrix.encode(case.kind == "instant"))


@pytest.mark.parametrize("path", scripts(FOLDER), ids=lambda path: path.stem)
def test_script(store: ClickHouseStore, path: Path) -> None:
    """Every case of a script."""
    script = read(path)
    assert script.cases

    async def whole() -> list[str]:
        faults = []
        if b"timeUnixNano" in script.records:
            await store.append(path.stem, batch(script))
        for case in script.cases:
            try:
                await run(store, path.stem, case)
            except (Exception, pytest.fail.Exception) as error:
                faults.append(f"{case.place}: {case.query}\n  {error}")
        return faults

    faults = asyncio.run(whole())
    assert not faults, "\n".join(faults)
