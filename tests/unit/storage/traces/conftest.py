"""A store with random spans, and what is known of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.filled_spans import fill
from tests.oracles.spans import Oracle, Span, random_spans

from nexus.query.plan import All, Field, Predicate
from nexus.query.policy import scope
from nexus.storage.clickhouse.options import StoreOptions
from nexus.storage.clickhouse.store import ClickHouseStore


@dataclass
class Filled:
    """A store and the spans in it."""

    store: ClickHouseStore
    spans: list[Span]
    oracle: Oracle

    def scoped(self, plan: Any, policy: Predicate | None = None, masked: frozenset[Field] = frozenset()) -> Any:
        """A plan of the tenant."""
        return scope(plan, tenant="acme", policy=policy or All(), masked=masked, query_id="q")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Random spans of a tenant beside those of another."""
    path: Path = tmp_path_factory.mktemp("spans")
    store = ClickHouseStore.open(StoreOptions(path / "data", disk_reserve_bytes=1))
    try:
        chance = random.Random(20_700)
        spans = random_spans(chance, 120)
        fill(store, [*spans, *random_spans(chance, 20, "other")])
        yield Filled(store, spans, Oracle(spans))
    finally:
        store.close()
