"""The Prometheus API without a store: arguments, envelopes, searching, remote read's messages, federation's text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import _native
from nexus.errors import InvalidRequest, LimitExceeded, MaskedField, NexusError, Overloaded, QuerySyntaxError
from nexus.query.plan import LabelMatcher
from nexus.query.promql import parse
from nexus.query.promql.tree import tree_of
from nexus.server.api.prometheus import federation, reading
from nexus.server.api.prometheus.answers import cut_array, cut_result, listed, refuse, result, statistics, success
from nexus.server.api.prometheus.arguments import MAX_TIME, MIN_TIME, Arguments, duration_of, time_of
from nexus.server.api.prometheus.labels import unescaped
from nexus.server.api.prometheus.search import Search, alike, subsequence
from nexus.storage.metric_api import SeriesAnswer, SeriesStatistics


def arguments(**pairs: Any) -> Arguments:
    """Arguments of a request at 2023-11-14T22:13:20Z; lists are repeated."""
    found = [(name, one) for name, value in pairs.items() for one in (value if isinstance(value, list) else [value])]
    return Arguments(tuple(found), 1_700_000_000_000_000_000)


# ------------------------------------------------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1603774568", 1_603_774_568_000),
        ("1603774568.1239", 1_603_774_568_124),
        ("-1.5", -1500),
        ("1e3", 1_000_000),
        ("1970-01-01T00:00:01Z", 1000),
        ("2015-06-03T13:21:58.555Z", 1_433_337_718_555),
        ("2015-06-03T14:21:58.5559+01:00", 1_433_337_718_555),
        ("1969-12-31T23:59:59.5Z", -500),
        ("-292273086-05-16T16:47:06Z", MIN_TIME),
        ("292277025-08-18T07:12:54.999999999Z", MAX_TIME),
        ("1e14", MAX_TIME),
    ],
)
def test_times(text: str, ms: int) -> None:
    """Seconds with a fraction, RFC 3339, and Prometheus' own bounds."""
    assert time_of(text) == ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2015-06-03", "2015-13-03T00:00:00Z", "1e400", "NaN", "Inf", "0x10", "1 ", "²"]
)
def test_times_that_are_none(text: str) -> None:
    """Named in the error as they came."""
    with pytest.raises(InvalidRequest, match=r"cannot parse .* to a valid timestamp"):
        time_of(text)


def test_durations() -> None:
    """Seconds, or units; ns."""
    assert [duration_of(text) for text in ("15", "0.5", "1m30s", "1e1", "-3")] == [
        15 * 10**9,
        5 * 10**8,
        90 * 10**9,
        10**10,
        -3 * 10**9,
    ]
    for text in ("", "5x", "m", "1s1m"):
        with pytest.raises(InvalidRequest, match="to a valid duration"):
            duration_of(text)
    with pytest.raises(InvalidRequest, match="It overflows int64"):
        duration_of("1e300")


@pytest.mark.parametrize(
    ("pairs", "use", "message"),
    [
        ({}, lambda one: one.time("start"), 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ({"step": "x"}, lambda one: one.duration("step"), 'invalid parameter "step": cannot parse "x" to a valid duration'),
        ({"limit": "-1"}, lambda one: one.limit(), 'invalid parameter "limit": limit must be non-negative'),
        ({"limit": "x"}, lambda one: one.limit(), 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'),
        ({"query": "a b"}, lambda one: one.query(), 'invalid parameter "query": 1:3: parse error: unexpected identifier "b"'),
        ({}, lambda one: one.matchers(required=True), "no match[] parameter provided"),
        ({"match[]": ["up", "{}"]}, lambda one: one.matchers(required=True), 'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
        ({"match[]": "a + b"}, lambda one: one.matchers(), '1:3: parse error: unexpected <op:+>'),
        ({"case": "maybe"}, lambda one: one.boolean("case", True), 'invalid case "maybe": must be boolean'),
    ],
)  # fmt: skip
def test_wrong_arguments(pairs: dict[str, Any], use: Any, message: str) -> None:
    """In Prometheus' words."""
    with pytest.raises(InvalidRequest) as caught:
        use(arguments(**pairs))
    assert caught.value.message == message
    if "query" in pairs:
        assert isinstance(caught.value, QuerySyntaxError) and caught.value.offset == 2


def test_selectors() -> None:
    """As the plan has them."""
    found = arguments(**{"match[]": ["up", '{job=~"a|b"}'], "start": "5"}).scan()
    assert found.matchers == ((LabelMatcher("__name__", "=", "up"),), (LabelMatcher("job", "=~", "a|b"),))
    assert (found.start, found.end) == (5000, MAX_TIME)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("job", "job"),
        ("U__http_2e_status", "http.status"),
        ("U__a__b", "a_b"),
        ("U___1F600_x", "\U0001f600x"),
        ("U__bad_zz_", "U__bad_zz_"),
        ("U__x_d800_", "U__x_d800_"),
        ("U__end_", "U__end_"),
    ],
)
def test_names_in_paths(name: str, label: str) -> None:
    """What is written wrong stands for itself."""
    assert unescaped(name) == label


# ------------------------------------------------------------------------------------------------------------ envelopes


def body(response: Any) -> Any:
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x"), 400, "bad_data"),
        (LimitExceeded("x", hint="Narrow it."), 422, "execution"),
        (MaskedField("x"), 403, "forbidden"),
        (Overloaded("x"), 503, "unavailable"),
        (NexusError("x"), 500, "internal"),
    ],
)
def test_errors(error: NexusError, status: int, kind: str) -> None:
    """Type and status; the next step is part of the text."""
    response = refuse(error)
    assert response.status_code == status
    found = body(response)
    assert (found["status"], found["errorType"]) == ("error", kind)
    assert found["error"].startswith("x") and error.hint in found["error"]


def test_notes() -> None:
    """Each once, ten of each at most; none are left out."""
    assert body(success([], ["a", "a"], [])) == {"status": "success", "data": [], "warnings": ["a"]}
    many = body(success(b"1", [], [str(number) for number in range(13)]))
    assert many["infos"][10:] == ["3 more info annotations omitted"]


def test_limits_cut_without_looking_inside() -> None:
    """Elements pass through as they are; scalars are never cut."""
    series = b'[{"metric":{},"values":[[1,"2"],[3,"4"]]},{"metric":{"a":"b"},"values":[]}]'
    assert cut_array(series, 0) == (series, False)
    assert cut_array(series, 2) == (series, False)
    assert cut_array(series, 1) == (b'[{"metric":{},"values":[[1,"2"],[3,"4"]]}]', True)
    scalar = b'{"resultType":"scalar","result":[1,"2"]}'
    assert cut_result(scalar, 1) == (scalar, False)
    answer = SeriesAnswer(b'{"resultType":"matrix","result":%s}' % series, ["w"])
    shown = body(
        result(answer, 1, statistics(SeriesStatistics(series=3, samples=7, samples_read=5, peak_samples=2), 0.5), [])
    )
    assert len(shown["data"]["result"]) == 1
    assert shown["warnings"] == ["w", "results truncated due to limit"]
    assert shown["data"]["stats"]["samples"] == {"totalQueryableSamples": 7, "samplesRead": 5, "peakSamples": 2}
    assert body(listed(SeriesAnswer(b'["a","b"]', limited=True), 2))["warnings"] == ["results truncated due to limit"]


# ------------------------------------------------------------------------------------------------------------- searching


def test_what_matches_a_search() -> None:
    """In the order that is asked for, one more than the limit; words of any case when that is asked for."""
    names = ["go_gc", "go_threads", "http_requests_total", "node_cpu"]
    assert [one for one, _ in Search.of(arguments(), "x").found(names)] == names
    assert [one for one, _ in Search.of(arguments(**{"search[]": ["gc", "cpu"]}), "x").found(names)] == ["go_gc", "node_cpu"]
    assert not Search.of(arguments(**{"search[]": "HTTP"}), "x").found(names)
    folded = Search.of(arguments(**{"search[]": "HTTP", "case_sensitive": "false", "sort_by": "score"}), "x")
    assert folded.found(names) == [("http_requests_total", 1.0)]
    back = Search.of(arguments(sort_by="alpha", sort_dir="dsc", limit="2"), "x")
    assert [one for one, _ in back.found(names)] == ["node_cpu", "http_requests_total", "go_threads"]
    near = Search.of(arguments(**{"search[]": "go_treads", "fuzz_alg": "jarowinkler", "fuzz_threshold": "90"}), "x")
    assert [one for one, _ in near.found(names)] == ["go_threads"]


@given(st.text("abc_", max_size=8), st.text("abc_", min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_scores(value: str, term: str) -> None:
    """Between 0 and 1; a subsequence is one exactly when its letters come in order; what is equal is most alike."""
    rest = iter(value)
    assert (subsequence(value, term) > 0) is all(letter in rest for letter in term)
    assert 0 <= subsequence(value, term) <= 1
    assert 0 <= alike(value, term) <= 1
    assert alike(value, term) == pytest.approx(alike(term, value), abs=0.25)
    assert alike(term, term) == 1


@pytest.mark.parametrize(
    "pairs",
    [
        {"sort_dir": "asc"},
        {"sort_by": "score"},
        {"sort_by": "size"},
        {"fuzz_threshold": "101"},
        {"fuzz_alg": "soundex"},
        {"limit": "0"},
        {"batch_size": "-1"},
        {"search[]": ["x"] * 33},
        {"start": "5", "end": "4"},
    ],
)
def test_wrong_searches(pairs: dict[str, Any]) -> None:
    """Refused before anything is asked."""
    with pytest.raises(InvalidRequest):
        Search.of(arguments(**pairs), "metric_names")


# ------------------------------------------------------------------------------------------------------------ remote read


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return reading.varint(number << 3 | 2) + reading.varint(len(value)) + value
    return reading.varint(number << 3) + reading.varint(value)


def test_read_requests() -> None:
    """Queries with their matchers and times (negative ones, too), and what the client takes; what is not known is passed over."""
    matcher = field(1, 2) + field(2, b"job") + field(3, b"a.*")
    hints = field(1, 15000) + field(2, b"rate")
    query = field(1, (1 << 64) - 5) + field(2, 7) + field(3, matcher) + field(4, hints)
    request = reading.parse_request(field(1, query) + field(2, bytes([1, 0])) + field(9, b"x"))
    assert request.accepted == (1, 0)
    [scan] = request.scans
    assert (scan.matchers, scan.start, scan.end) == (((LabelMatcher("job", "=~", "a.*"),),), -5, 7)
    assert reading.parse_request(field(2, 1)).accepted == (1,)


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_read_request_or_refused(data: bytes) -> None:
    """Never anything else."""
    try:
        reading.parse_request(data)
    except InvalidRequest:
        pass


@given(st.binary(max_size=300) | st.integers(0, 1 << 17).map(bytes))
@settings(max_examples=100, deadline=None)
def test_blocks_of_literals_are_snappy(data: bytes) -> None:
    """A real decoder reads them."""
    assert _native.decompress(reading.literal_snappy(data), "snappy", 1 << 20) == data


def test_large_blocks() -> None:
    """Longer than one literal."""
    data = bytes((1 << 24) + 5)
    assert _native.decompress(reading.literal_snappy(data), "snappy", 1 << 25) == data


def test_text_of_federation() -> None:
    """Families together, an `instance` always, names of any letters in quotes."""
    lines = [
        federation._Line({"__name__": "up", "job": 'a"\n\\', "instance": "x"}, "1", 1000),
        federation._Line({"__name__": "a.b", "c d": "e"}, "+Inf", 2),
        federation._Line({"__name__": "up"}, "0", 3),
    ]
    assert federation.exposition(lines).decode() == (
        '# TYPE "a.b" untyped\n{"a.b","c d"="e",instance=""} +Inf 2\n'
        '# TYPE up untyped\nup{instance=""} 0 3\nup{instance="x",job="a\\"\\n\\\\"} 1 1000\n'
    )


# ----------------------------------------------------------------------------------------------------------------- trees


def test_trees_as_json() -> None:
    """As `/parse_query` has them."""
    found = tree_of(parse('sum by (a) (rate(x{b="c"}[5m] @ end() offset 1h)) > bool on (a) fill(0) y'))
    assert found["matching"] == {
        "card": "one-to-one",
        "labels": ("a",),
        "on": True,
        "include": (),
        "fillValues": {"lhs": 0, "rhs": 0},
    }
    matrix = found["lhs"]["expr"]["args"][0]
    assert matrix == {
        "type": "matrixSelector", "name": "x", "range": 300_000, "rangeExpr": None, "offset": 3_600_000, "offsetExpr": None,
        "matchers": [{"name": "b", "value": "c", "type": "="}, {"name": "__name__", "value": "x", "type": "="}],
        "timestamp": None, "startOrEnd": "end", "anchored": False, "smoothed": False,
    }  # fmt: skip
    assert tree_of(parse("x[5m:step()]"))["stepExpr"] == {
        "type": "durationExpr",
        "op": "step",
        "lhs": None,
        "rhs": None,
        "wrapped": False,
    }
