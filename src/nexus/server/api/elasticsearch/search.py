"""`_search`, `_msearch`, `_count` and scrolling. A scroll id holds the whole question and where it stands: no state here."""

from __future__ import annotations

import base64
import binascii
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, NexusError
from nexus.model.time import MAX_TIME
from nexus.query.elastic.aggs import Ask, read_aggregations
from nexus.query.elastic.aggs import answer as aggregations_of
from nexus.query.elastic.dates import read_date
from nexus.query.elastic.documents import document, fields_of, filtered, sort_value, source_filter
from nexus.query.elastic.dsl import lower_query, only_ids, scan_of
from nexus.query.elastic.names import INDEX, TIMESTAMP, selects_logs
from nexus.query.plan import Aggregate, Count, Cursor, GetRecord, LogScan, Search, TimeRange
from nexus.server.api.elasticsearch.answers import SHARDS, answer, error_of
from nexus.server.api.nexus_v1.answers import record_id
from nexus.server.api.nexus_v1.asking import ask, close_plan
from nexus.server.call import Call
from nexus.server.queries import checked_id

MAX_HITS: Final = 10_000
MAX_SEARCHES: Final = 100
MAX_SCROLL: Final = 256 << 10
_MAX_HASH: Final = (1 << 64) - 1
# What values of a type that the place has no use for raise: the JSON of a search has no schema to check it against.
_MALFORMED: Final = (TypeError, ValueError, AttributeError, KeyError, OverflowError)
_UNSORTED: Final = frozenset({"_doc", "_score", "_shard_doc", "_id"})


# ---------------------------------------------------------------------------------------------------------------- doors


async def search(call: Call) -> Response:
    """One search; with `?scroll=`, the first page of a scroll."""
    body = with_arguments(call, read_body(call.body))
    index = call.parameters.get("index", "")
    query_id = checked_id("")
    scroll = bool(call.argument("scroll"))
    ignore = call.argument("ignore_unavailable") == "true"
    return answer(await ask(call, query_id, run(call, index, body, query_id, scroll=scroll, ignore=ignore)))


async def scroll(call: Call) -> Response:
    """The next page of a scroll."""
    body = read_body(call.body)
    text = str(body.get("scroll_id") or call.argument("scroll_id") or call.parameters.get("id", ""))
    held, cursor = _decode_scroll(text)
    query_id = checked_id("")
    return answer(await ask(call, query_id, run(call, INDEX, held, query_id, scroll=True, cursor=cursor)))


async def clear_scroll(call: Call) -> Response:
    """There is nothing to free."""
    return answer({"succeeded": True, "num_freed": 1})


async def count(call: Call) -> Response:
    """How many records match."""
    body = with_arguments(call, read_body(call.body))
    query_id = checked_id("")
    found = 0
    if selects_logs(call.parameters.get("index", "")):
        try:
            scan = scan_of(lower_query(body.get("query"), now_ns=call.services.now_ns()))
        except _MALFORMED as error:
            raise InvalidRequest(f"the query is malformed: {str(error)[:200]}.") from error
        table = await ask(call, query_id, call.services.store.table(close_plan(call, Count(scan), query_id)))
        found = int(table.rows[0][0])
    return answer({"count": found, "_shards": SHARDS})


async def multi_search(call: Call) -> Response:
    """Searches as pairs of lines: a header that names the index, a body. Each has an answer or an error of its own."""
    began = time.perf_counter()
    lines = [line for line in call.body.split(b"\n") if line.strip()]
    if not lines or len(lines) % 2:
        raise InvalidRequest("_msearch takes pairs of lines: a header and a search.")
    if len(lines) > 2 * MAX_SEARCHES:
        raise InvalidRequest(f"_msearch takes up to {MAX_SEARCHES} searches.")
    query_id = checked_id("")

    async def every() -> list[dict[str, Any]]:
        answers = []
        for header, body in zip(lines[::2], lines[1::2], strict=True):
            try:
                head = read_body(header)
                index = head.get("index", call.parameters.get("index", ""))
                name = ",".join(map(str, index)) if isinstance(index, list) else str(index)
                ignore = head.get("ignore_unavailable") is True
                found = await run(call, name, read_body(body), query_id, ignore=ignore)
                answers.append({**found, "status": 200})
            except NexusError as error:
                answers.append(error_of(error))
        return answers

    answers = await ask(call, query_id, every())
    return answer({"took": _milliseconds(began), "responses": answers})


# --------------------------------------------------------------------------------------------------------------- asking


async def run(
    call: Call,
    index: str,
    body: Mapping[str, Any],
    query_id: str,
    *,
    scroll: bool = False,
    ignore: bool = False,
    cursor: Cursor | None = None,
) -> dict[str, Any]:
    """The answer to one search. Raises `InvalidRequest` for what is malformed or not supported."""
    try:
        return await _run(call, index, body, query_id, scroll=scroll, ignore=ignore, cursor=cursor)
    except _MALFORMED as error:
        raise InvalidRequest(f"the search is malformed: {str(error)[:200]}.") from error


async def _run(
    call: Call, index: str, body: Mapping[str, Any], query_id: str, *, scroll: bool, ignore: bool, cursor: Cursor | None
) -> dict[str, Any]:
    began = time.perf_counter()
    now = call.services.now_ns()
    size, first = _whole(body, "size", 10), _whole(body, "from", 0)
    if size + first > MAX_HITS:
        raise InvalidRequest(
            f"Result window is too large, from + size must be less than or equal to: [{MAX_HITS}] but was [{size + first}].",
            hint="Use search_after or a scroll.",
        )
    order, formats = _sort(body.get("sort"))
    if body.get("search_after") is not None:
        cursor = _after(body["search_after"], order, now)
    wanted = source_filter(body.get("_source"))
    tree = read_aggregations(body.get("aggs") or body.get("aggregations"), now_ns=now)
    ids = only_ids(body.get("query"))
    scan = scan_of(lower_query(None if ids is not None else body.get("query"), now_ns=now))
    if "post_filter" in body:
        raise InvalidRequest("[post_filter] is not supported.", hint="Put it into the query.")
    try:
        found = selects_logs(index)
    except InvalidRequest:
        if not ignore:
            raise
        found = False
    if not found:
        scan = LogScan(TimeRange(0, 0), scan.where)
    records: list[bytes] = []
    position: Cursor | None = None
    total = 0
    if ids is not None:
        records = await _by_ids(call, ids if found else [], query_id)
        total = len(records)
        records = records[first : first + size]
    else:
        if size:
            plan = Search(scan, order, first + size, cursor)  # type: ignore[arg-type]
            page = await call.services.store.search(close_plan(call, plan, query_id))
            records = page.records[first:]
            position = Cursor(*page.next_cursor) if page.next_cursor else None
        if body.get("track_total_hits") is not False:
            table = await call.services.store.table(close_plan(call, Count(scan), query_id))
            total = int(table.rows[0][0])
    result: dict[str, Any] = {"took": 0, "timed_out": False, "_shards": SHARDS}
    hits: dict[str, Any] = {} if body.get("track_total_hits") is False else {"total": {"value": total, "relation": "eq"}}
    hits |= {"max_score": None, "hits": _hits(records, wanted, list(body.get("fields") or []), formats, cursor)}
    result["hits"] = hits
    if tree.metrics or tree.buckets:
        result["aggregations"] = await aggregations_of(tree, scan, _asker(call, query_id))
    if scroll:
        result["_scroll_id"] = _encode_scroll(body, position)
    result["took"] = _milliseconds(began)
    return result


def _asker(call: Call, query_id: str) -> Ask:
    async def run_plan(plan: Aggregate) -> list[list[Any]]:
        table = await call.services.store.table(close_plan(call, plan, query_id))
        return table.rows

    return run_plan


async def _by_ids(call: Call, ids: list[str], query_id: str) -> list[bytes]:
    if len(ids) > 1000:
        raise InvalidRequest("[ids] takes up to 1000 ids.")
    records = []
    for text in dict.fromkeys(ids):
        try:
            timestamp, mark = record_id(text)
        except InvalidRequest:
            continue
        page = await call.services.store.search(close_plan(call, GetRecord(timestamp, mark), query_id))
        records += page.records[:1]
    return records


def _hits(
    records: list[bytes], wanted: Any, fields: list[Any], formats: list[str] | None, cursor: Cursor | None
) -> list[dict[str, Any]]:
    hits = []
    equal = cursor.skip if cursor and cursor.skip > 0 else 0
    before = f"{cursor.timestamp}-{cursor.hash:016x}" if cursor else ""
    for encoded in records:
        record = msgspec.json.decode(encoded)
        identity = record["id"]
        equal = equal + 1 if identity == before else 1
        before = identity
        source = document(record)
        hit: dict[str, Any] = {"_index": INDEX, "_id": identity, "_score": None if formats else 1.0}
        if wanted[0]:
            hit["_source"] = filtered(source, wanted)
        if fields:
            hit["fields"] = fields_of(source, fields)
        if formats is not None:
            timestamp, _, mark = identity.partition("-")
            hit["sort"] = [sort_value(int(timestamp), formats[0]), f"{timestamp}-{mark}-{equal}"]
        hits.append(hit)
    return hits


# -------------------------------------------------------------------------------------------------------------- reading


def read_body(body: bytes) -> dict[str, Any]:
    """A JSON object; nothing is an empty one. Raises `InvalidRequest`."""
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("the body is a JSON object.")
    return value


def with_arguments(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """A search with what the query arguments add: `q`, `size`, `from`, `sort`, `_source`, `track_total_hits`."""
    result = dict(body)
    for name in ("size", "from"):
        if text := call.argument(name):
            result[name] = int(text) if text.isdecimal() else text
    if text := call.argument("sort"):
        result["sort"] = [
            {field: direction or "asc"} for field, _, direction in (part.partition(":") for part in text.split(","))
        ]
    if text := call.argument("_source"):
        result["_source"] = {"true": True, "false": False}.get(text, text.split(","))
    elif call.argument("_source_includes") or call.argument("_source_excludes"):
        keep, drop = call.argument("_source_includes"), call.argument("_source_excludes")
        result["_source"] = {"includes": keep.split(",") if keep else [], "excludes": drop.split(",") if drop else []}
    if text := call.argument("track_total_hits"):
        result["track_total_hits"] = text != "false"
    if text := call.argument("q"):
        options = {"query": text, "default_operator": call.argument("default_operator") or "or"}
        result["query"] = {"query_string": options}
    return result


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"[{name}] parameter is a whole number, 0 or more.")
    return value


def _sort(given: Any) -> tuple[str, list[str] | None]:
    """The order, and the formats of the sort values; None when hits have none. Only the timestamp sorts."""
    entries = given if isinstance(given, list) else [] if given is None else [given]
    order, formats = "desc", None
    for entry in entries:
        ((name, options),) = entry.items() if isinstance(entry, Mapping) else ((str(entry), "asc"),)
        if name in _UNSORTED:
            continue
        if name not in (TIMESTAMP, "timestamp"):
            raise InvalidRequest(f"sorting by [{name}] is not supported.", hint=f"Hits are sorted by {TIMESTAMP}.")
        held = options if isinstance(options, Mapping) else {"order": options}
        order = "asc" if str(held.get("order", "asc")).lower() == "asc" else "desc"
        formats = [str(held.get("format", ""))]
    return order, formats


def _after(given: Any, order: str, now: int) -> Cursor:
    """The place behind a hit, from its sort values; without the second one, behind all records of its timestamp."""
    if not isinstance(given, list) or not given:
        raise InvalidRequest("[search_after] is the list of sort values of a hit.")
    if len(given) > 1 and isinstance(given[1], str) and given[1].count("-") == 2:
        timestamp, mark, equal = given[1].split("-")
        cursor = Cursor(int(timestamp), int(mark, 16), int(equal))
        if cursor.timestamp > MAX_TIME or cursor.hash > _MAX_HASH or not 0 <= cursor.skip < 1 << 31:
            raise InvalidRequest("[search_after] is not of one of our hits.")
        return cursor
    first = given[0]
    # Sort values are ns; numbers that are too small for that are in ms.
    ns = min(first, MAX_TIME) if isinstance(first, int) and first > 10**15 else read_date(first, now_ns=now)
    return Cursor(ns, _MAX_HASH, -1)


def _encode_scroll(body: Mapping[str, Any], position: Cursor | None) -> str:
    kept = {key: value for key, value in body.items() if key in ("query", "size", "sort", "_source", "fields")}
    place = [position.timestamp, position.hash, position.skip] if position else None
    packed = zlib.compress(msgspec.json.encode([kept, place]))
    if len(packed) > MAX_SCROLL:
        raise InvalidRequest("the query is too large for a scroll.", hint="Use search_after.")
    return base64.urlsafe_b64encode(packed).decode()


def _decode_scroll(text: str) -> tuple[dict[str, Any], Cursor]:
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(base64.urlsafe_b64decode(text), 4 * MAX_SCROLL)
        body, place = msgspec.json.decode(raw, type=tuple[dict[str, Any], tuple[int, int, int] | None])
    except (binascii.Error, zlib.error, ValueError, msgspec.DecodeError):
        raise InvalidRequest("the scroll_id is not one of ours.") from None
    if place is not None and not (0 <= place[0] <= MAX_TIME and 0 <= place[1] <= _MAX_HASH and -1 <= place[2] < 1 << 31):
        raise InvalidRequest("the scroll_id is not one of ours.")
    if place is None:
        return {**body, "size": 0}, Cursor(0, 0, -1)
    return body, Cursor(*place)


def _milliseconds(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
