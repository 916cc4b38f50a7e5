"""Searches on a real engine find what the oracle finds, whatever the query, the time range and the place of the data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.oracles import page
from tests.oracles.filled_store import Store, filled_store
from tests.oracles.records import FIRST_DAY, HOUR
from tests.strategies.search_queries import queries

from nexus.errors import QuerySyntaxError
from nexus.query.plan import Count, TimeRange
from nexus.storage.clickhouse.catalog import Catalog
from nexus.storage.clickhouse.compile import compile_table


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with filled_store(tmp_path_factory.mktemp("semantics")) as filled:
        yield filled


_instants = st.none() | st.builds(
    lambda hour, offset: FIRST_DAY + hour * HOUR + offset,
    st.integers(-2, 74),
    st.sampled_from([0, 0, 1, -1, HOUR // 2]),
)
_SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(_SETTINGS, max_examples=300)
@given(query=queries)
@example(query="template_id:00*")
@example(query='"*"')
@example(query='"{id}"')
@example(query="host.name:[1 TO 500}")
@example(query="-payment")
@example(query="level:!=error")
@example(query="level:<info")
@example(query="status:!=500")
@example(query="NOT status:>=200")
@example(query="école")
@example(query="*ÉCOLE*")
@example(query="body:=payment")
@example(query="user*")
@example(query="*ser4*")
def test_finds_what_the_oracle_finds(store: Store, query: str) -> None:
    try:
        expected = store.expected(query)
    except QuerySyntaxError:
        return
    assert store.numbers(query) == expected


@settings(_SETTINGS, max_examples=100)
@given(query=queries, start=_instants, end=_instants)
def test_finds_it_in_any_time_range(store: Store, query: str, start: int | None, end: int | None) -> None:
    time = TimeRange(start, end)
    assert store.numbers(query, time) == store.expected(query, time)


@settings(_SETTINGS, max_examples=60)
@given(query=queries)
def test_knowing_less_of_the_maps_changes_nothing(store: Store, query: str) -> None:
    unknown = Catalog(store.catalog.columns, store.catalog.partitions, None)
    assert store.numbers(query, catalog=unknown) == store.expected(query)


@pytest.mark.parametrize("query", [page.code(row[0])[0] for kind in ("bodies", "attributes") for row in page.rows(kind)])
def test_finds_what_the_reference_page_says(store: Store, query: str) -> None:
    assert store.numbers(query) == store.expected(query)


@pytest.mark.parametrize("query", ["", "payment", "level:error OR -payment"])
def test_counts(store: Store, query: str) -> None:
    sql = compile_table(store.scoped(Count(store.scan(query))), store.catalog)
    assert store.table(sql) == [[len(store.expected(query))]]
