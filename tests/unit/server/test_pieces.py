"""Histogram arithmetic, cursors, ids, static files, running queries: the pure pieces of the server."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import InvalidRequest, NotFound
from nexus.model.time import MAX_TIME
from nexus.query.fields import resolve
from nexus.query.logs import parse
from nexus.server.api.nexus_v1.answers import facets_of, record_id, terms_of
from nexus.server.api.nexus_v1.buckets import STEPS, choose_step, fill, grid
from nexus.server.api.nexus_v1.cursor import decode_cursor, encode_cursor
from nexus.server.api.nexus_v1.schema import SearchRequest
from nexus.server.call import parse_payload
from nexus.server.queries import QueryCancelled, RunningQueries, checked_id
from nexus.server.static import StaticFiles
from nexus.storage.api import Table

SECOND = 10**9
MINUTE = 60 * SECOND


@pytest.mark.parametrize(
    ("length", "wish", "step"),
    [
        (15 * MINUTE, 60, 15 * SECOND),
        (60 * MINUTE, 60, MINUTE),
        (24 * 60 * MINUTE, 60, 30 * MINUTE),
        (10, 60, 1),
        (90 * SECOND, 10, 10 * SECOND),
        (56 * 365 * 24 * 60 * MINUTE, 60, 365 * 24 * 60 * MINUTE),
    ],
)
def test_steps_are_pleasant(length: int, wish: int, step: int) -> None:
    assert choose_step(0, length, wish) == step


@given(st.integers(0, MAX_TIME), st.integers(0, MAX_TIME), st.integers(1, 2000))
def test_the_grid_covers_the_range_in_about_as_many_buckets(a: int, b: int, wish: int) -> None:
    start, end = min(a, b), max(a, b)
    step = choose_step(start, end, wish)
    first, buckets = grid(start, end, step)
    assert first <= start
    assert first % step == 0
    assert first + buckets * step >= end
    assert first + (buckets - 1) * step <= max(end, start)
    assert buckets <= wish + 1
    assert step in STEPS or step % STEPS[-1] == 0


def test_empty_buckets_are_filled() -> None:
    series = fill([(0, "a", 1), (20, "a", 2), (10, "b", 9), (99, "b", 1)], 0, 10, 3)
    assert [(one.key, one.counts) for one in series] == [("b", [0, 9, 0]), ("a", [1, 0, 2])]


@given(st.integers(0, MAX_TIME), st.integers(0, 2**64 - 1), st.integers(-1, 2**31 - 1))
def test_cursors_come_back(timestamp: int, mark: int, skip: int) -> None:
    cursor = decode_cursor(encode_cursor((timestamp, mark, skip)))
    assert cursor is not None
    assert (cursor.timestamp, cursor.hash, cursor.skip) == (timestamp, mark, skip)


def test_no_cursor() -> None:
    assert encode_cursor(None) == ""
    assert decode_cursor("") is None


@given(st.text(max_size=60))
def test_foreign_cursors_are_refused(text: str) -> None:
    try:
        decode_cursor(text)
    except InvalidRequest:
        pass


def test_record_ids() -> None:
    assert record_id("1700000000000000001-00ff") == (1_700_000_000_000_000_001, 255)
    for text in ("", "1", "-1-ff", "1-", "1-xyz", "1-" + "f" * 17, "9" * 30 + "-1"):
        with pytest.raises(InvalidRequest):
            record_id(text)


def test_facets_keep_the_order_asked_for() -> None:
    rows = [["service", "b", 1, 4], ["service", "a", 3, 4], ["http.method", "GET", 2, 2], ["service", "c", 1, 4]]
    asked = (resolve("service"), resolve("nothing"), resolve("http.method"))
    service, nothing, method = facets_of(Table([], rows), asked, 2)
    assert (service.name, service.kind, service.records, service.more) == ("service", "column", 4, True)
    assert [(value.value, value.count) for value in service.values] == [("a", 3), ("b", 1)]
    assert (nothing.name, nothing.records, nothing.values) == ("nothing", 0, [])
    assert (method.kind, method.more) == ("attribute", False)


def test_terms_can_be_cut_out() -> None:
    text = "timeout AND service:shop -level:info status:>=500"
    terms = terms_of(parse(text))
    assert [(term.text, term.field, term.negated) for term in terms] == [
        ("timeout", "", False), ("service:shop", "service", False), ("-level:info", "level", True),
        ("status:>=500", "status", False),
    ]  # fmt: skip
    for number, term in enumerate(terms):
        rest = text[: term.offset] + text[term.offset + term.length :]
        assert [other.text for other in terms_of(parse(rest))] == [
            other.text for position, other in enumerate(terms) if position != number
        ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b'{"limit": "ten"}', r"\$.limit"),
        (b'{"limit": 0}', r"\$.limit"),
        (b'{"surprise": 1}', "surprise"),
        (b"[]", "object"),
        (b'{"query": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "."),
        (b'{"query": "\xff"}', "."),
    ],
)
def test_payloads_that_are_wrong(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_payload(body, SearchRequest)


def test_an_empty_payload_is_an_empty_object() -> None:
    assert parse_payload(b"", SearchRequest) == SearchRequest()


# ---------------------------------------------------------------------------------------------------- static files


@pytest.fixture
def ui(tmp_path: Path) -> StaticFiles:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<meta name="csp-nonce" content="__CSP_NONCE__">')
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "app-Abc12345.js").write_text("let a = 1")
    (tmp_path / "assets" / "app-Abc12345.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (tmp_path / "secret").symlink_to("/etc/passwd")
    return StaticFiles(tmp_path)


async def test_hashed_files_are_for_ever_and_compressed(ui: StaticFiles) -> None:
    plain = await ui.file("/assets/app-Abc12345.js", {})
    assert plain is not None
    assert plain.body == b"let a = 1"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    packed = await ui.file("/assets/app-Abc12345.js", {"accept-encoding": "br, gzip;q=0.8"})
    assert packed is not None
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(packed.body)) == b"let a = 1"
    same = await ui.file("/assets/app-Abc12345.js", {"if-none-match": plain.headers["etag"]})
    assert same is not None
    assert (same.status_code, same.body) == (304, b"")
    declined = await ui.file("/assets/app-Abc12345.js", {"accept-encoding": "gzip;q=0"})
    assert declined is not None
    assert "content-encoding" not in declined.headers


async def test_other_files_are_asked_for_again(ui: StaticFiles) -> None:
    icon = await ui.file("/favicon.svg", {})
    assert icon is not None
    assert icon.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/../x", "/assets/../index.html", "/assets/app-Abc12345.js.gz", "/index.html", "//favicon.svg", "/assets"]
)
async def test_only_files_that_were_found_are_served(ui: StaticFiles, path: str) -> None:
    assert await ui.file(path, {}) is None


def test_the_page_carries_a_fresh_nonce(ui: StaticFiles) -> None:
    first, second = ui.index(), ui.index()
    assert first is not None and second is not None
    policy = first.headers["content-security-policy"]
    nonce = bytes(first.body).split(b'content="')[1].split(b'"')[0].decode()
    assert f"style-src 'self' 'nonce-{nonce}'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert first.body != second.body


def test_no_ui(tmp_path: Path) -> None:
    assert StaticFiles(tmp_path / "nothing").index() is None


# --------------------------------------------------------------------------------------------------- running queries


async def test_queries_are_listed_and_cancelled() -> None:
    queries = RunningQueries()
    task = asyncio.create_task(queries.run("t", "q", asyncio.sleep(60)))
    await asyncio.sleep(0)
    assert list(queries.elapsed("t")) == ["q"]
    assert queries.elapsed("other") == {}
    with pytest.raises(InvalidRequest, match="running already"):
        await queries.run("t", "q", asyncio.sleep(0))
    with pytest.raises(NotFound):
        queries.cancel("other", "q")
    queries.cancel("t", "q")
    with pytest.raises(QueryCancelled):
        await task
    assert len(queries) == 0


async def test_a_caller_that_leaves_cancels_its_query() -> None:
    queries = RunningQueries()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(queries.run("t", "q", work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert len(queries) == 0


def test_query_ids() -> None:
    assert checked_id("ui-12.a:b_c") == "ui-12.a:b_c"
    assert len(checked_id("")) == 16
    for text in ("a b", "x" * 65, "ä", "a/b"):
        with pytest.raises(InvalidRequest):
            checked_id(text)
