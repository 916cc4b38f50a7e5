"""Elasticsearch's language: date math, Lucene syntax, the JSON queries, time ranges, documents, index names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import InvalidRequest
from nexus.model.time import format_time, parse_time
from nexus.query.elastic.dates import read_date, read_interval
from nexus.query.elastic.documents import fields_of, filtered, source_filter
from nexus.query.elastic.dsl import lower_query, only_ids, scan_of
from nexus.query.elastic.lucene import Reading, parse_lucene
from nexus.query.elastic.names import UnknownIndex, document_name, field_of, selects_logs
from nexus.query.logs import lower, parse
from nexus.query.plan import All, And, Exists, Not, Or, Phrase, Predicate, Regex, TimeRange, Wildcard, Word

NOW = parse_time("2026-02-18T13:14:15.5Z", now_ns=0)


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        ("now", "2026-02-18T13:14:15.500Z", "2026-02-18T13:14:15.500Z"),
        ("now-1h", "2026-02-18T12:14:15.500Z", "2026-02-18T12:14:15.500Z"),
        ("now-1h/h", "2026-02-18T12:00:00Z", "2026-02-18T12:59:59.999999999Z"),
        ("now/w", "2026-02-16T00:00:00Z", "2026-02-22T23:59:59.999999999Z"),
        ("now/M", "2026-02-01T00:00:00Z", "2026-02-28T23:59:59.999999999Z"),
        ("now+1M-2d/d", "2026-03-16T00:00:00Z", "2026-03-16T23:59:59.999999999Z"),
        ("now/y", "2026-01-01T00:00:00Z", "2026-12-31T23:59:59.999999999Z"),
        ("2026-01-31||+1M", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2026-03", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        (1771420455500, "2026-02-18T13:14:15.500Z", "2026-02-18T13:14:15.500Z"),
        ("1771420455500", "2026-02-18T13:14:15.500Z", "2026-02-18T13:14:15.500Z"),
    ],
)
def test_dates(text: object, down: str, up: str) -> None:
    assert format_time(read_date(text, now_ns=NOW)) == down
    assert format_time(read_date(text, now_ns=NOW, up=True)) == up


def test_dates_that_are_none() -> None:
    for value in ("yesterday", "now-", "now-1x", "now 1h", "", None, True, [], "2026-02-30", "now+99999999y"):
        with pytest.raises(InvalidRequest):
            read_date(value, now_ns=NOW)
    assert read_interval("90s") == 90 * 10**9 and read_interval("5m") == 300 * 10**9
    with pytest.raises(InvalidRequest):
        read_interval("soon")


def same(query: str) -> Predicate:
    """What the search language makes of a query."""
    return lower(parse(query).root, now_ns=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timeout", Word("timeout")),
        ("a b", Or((Word("a"), Word("b")))),
        ("a AND b", And((Word("a"), Word("b")))),
        ("a && b || c", Or((And((Word("a"), Word("b"))), Word("c")))),
        ("+a b -c", And((Word("a"), Not(Word("c"))))),
        ("a AND NOT b", And((Word("a"), Not(Word("b"))))),
        ("NOT a", Not(Word("a"))),
        ("!a", Not(Word("a"))),
        ('"a b"~', None),
        ('"connection refused"', Phrase("connection refused")),
        ("user-123", Phrase("user-123")),
        ("conn*", Wildcard(field_of("message"), ("conn", ""))),
        ("status:500", same("status:500")),
        ("log.level:error", same("level:error")),
        ("status:(404 OR 500)", same("status:(404 OR 500)")),
        ("status:[400 TO 499]", same("status:[400 TO 499]")),
        ("status:{400 TO *]", same("status:>400")),
        ("status:>=500", same("status:>=500")),
        ("status:*", Exists(field_of("status"))),
        ("_exists_:status", Exists(field_of("status"))),
        ("path:/api\\/v[12]/", Regex(field_of("path"), "^(?:api/v[12])$")),
        ("path:\\/api\\/v1", same("path:/api/v1")),
        ("name:jo?n", Regex(field_of("name"), "^(?s:jo.n)$")),
        ("a^2 b", Or((Word("a"), Word("b")))),
        ("trace.id:nonsense", Or(())),
        ("@timestamp:[now-1h TO now]", same("timestamp:[now-1h TO now]")),
        ("*", All()),
        ("  ", All()),
        ("(a OR b) AND c", And((Or((Word("a"), Word("b"))), Word("c")))),
        ("roam~", None),
        ("(a", None),
        ("a)", None),
        ("AND a", None),
        ("a OR", None),
        ("()", None),
    ],
)
def test_lucene(text: str, expected: Predicate | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRequest):
            parse_lucene(text, Reading(now_ns=NOW))
    else:
        assert parse_lucene(text, Reading(now_ns=NOW)) == expected
    parse_lucene(text, Reading(now_ns=NOW, simple=True))  # never fails


def test_the_default_operator() -> None:
    assert parse_lucene("a b -c", Reading(every=True)) == And((Word("a"), Word("b"), Not(Word("c"))))


@given(st.lists(st.sampled_from([*'ab:"()[]{}/\\*?~^+-!|& .1<>=\n', "AND ", "OR ", "NOT ", " TO ", "é"]), max_size=30))
def test_lucene_never_fails_in_another_way(pieces: list[str]) -> None:
    try:
        parse_lucene("".join(pieces), Reading(now_ns=NOW))
    except InvalidRequest:
        pass


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="deep"):
        parse_lucene("(" * 200 + "a" + ")" * 200, Reading())
    query: dict[str, Any] = {"match_all": {}}
    for _ in range(100):
        query = {"bool": {"must": query}}
    with pytest.raises(InvalidRequest, match="deep"):
        lower_query(query, now_ns=NOW)


def test_minimum_should_match() -> None:
    should = [{"match": {"message": word}} for word in "abc"]
    a, b, c = Word("a"), Word("b"), Word("c")
    for given_, expected in (
        (1, Or((a, b, c))),
        (2, Or((And((a, b)), And((a, c)), And((b, c))))),
        ("100%", And((a, b, c))),
        (-1, Or((And((a, b)), And((a, c)), And((b, c))))),
        (0, All()),
        (9, Or(())),
    ):
        assert lower_query({"bool": {"should": should, "minimum_should_match": given_}}, now_ns=NOW) == expected
    assert lower_query({"bool": {"should": should, "must": {"match_all": {}}}}, now_ns=NOW) == All()


@pytest.mark.parametrize(
    "query",
    [
        [], "x", {"a": {}, "b": {}}, {"term": 5}, {"term": {}}, {"terms": {"a": 1}}, {"range": {"a": 5}}, {"exists": {}},
        {"query_string": {}}, {"term": {"a": None}}, {"term": {"a": [1]}}, {"ids": {"values": []}}, {"prefix": {"a": 5}},
        {"regexp": {"@timestamp": "x"}}, {"bool": {"should": [], "x": 1}}, {"fuzzy": {"a": "b"}},
    ],
)  # fmt: skip
def test_queries_that_make_no_sense(query: Any) -> None:
    with pytest.raises(InvalidRequest):
        lower_query(query, now_ns=NOW)


def test_times_become_the_range() -> None:
    span = {"range": {"@timestamp": {"gte": 1000, "lt": 2000, "format": "epoch_millis"}}}
    query = {"bool": {"filter": [span, {"match": {"message": "a"}}]}}
    scan = scan_of(lower_query(query, now_ns=NOW))
    assert (scan.time, scan.where) == (TimeRange(10**9, 2 * 10**9), Word("a"))
    either = scan_of(lower_query({"bool": {"should": [span, {"match_none": {}}]}}, now_ns=NOW))
    assert either.time == TimeRange() and isinstance(either.where, Or)
    none = scan_of(lower_query({"range": {"@timestamp": {"gt": 5, "lt": 4}}}, now_ns=NOW))
    assert none.time.start == none.time.end


def test_ids_alone() -> None:
    assert only_ids({"ids": {"values": ["a", "b"]}}) == ["a", "b"]
    assert only_ids({"bool": {"filter": [{"terms": {"_id": ["a"]}}]}}) == ["a"]
    assert only_ids({"constant_score": {"filter": {"term": {"_id": {"value": "a"}}}}}) == ["a"]
    assert only_ids({"bool": {"filter": [{"ids": {"values": []}}, {"match_all": {}}]}}) is None
    assert only_ids({"match_all": {}}) is None and only_ids(None) is None


def test_index_names() -> None:
    for name in ("", "*", "_all", "logs", "logs-*", "log*", "logs-app-prod", "<logs-{now/d}>", "other-*,logs", "*-nexus"):
        assert selects_logs(name)
    for name in ("other-*", "*,-logs", "-logs"):
        assert not selects_logs(name)
    for name in ("other", "logs,other"):
        with pytest.raises(UnknownIndex):
            selects_logs(name)


def test_documents_and_parts_of_them() -> None:
    source = {"message": "m", "log.level": "info", "log.severity": 9, "list": [1, 2]}
    assert filtered(source, source_filter(["log"])) == {"log.level": "info", "log.severity": 9}
    assert filtered(source, source_filter({"includes": "*", "excludes": ["log.*"]})) == {"message": "m", "list": [1, 2]}
    assert filtered(source, source_filter(None)) == source and source_filter(False)[0] is False
    assert fields_of(source, ["list", {"field": "log.*"}, "message.keyword"]) == {
        "list": [1, 2], "log.level": ["info"], "log.severity": [9], "message.keyword": ["m"],
    }  # fmt: skip
    assert document_name("attribute", "message") == "attributes.message" and field_of("attributes.message").name == "message"
    with pytest.raises(InvalidRequest):
        source_filter(5)
