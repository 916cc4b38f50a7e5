"""TraceQL and older search forms to plans; what is made of a store's answers; queries in words."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.strategies.traceql_trees import queries

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.model.time import TimeRange
from nexus.query.trace_plan import (
    EVERY_SPAN,
    Binary,
    Candidates,
    Constant,
    Place,
    SetLabel,
    SpanField,
    SpanScan,
    SpanSeries,
    Unary,
    field_label,
    key_value,
)
from nexus.query.traces import forms
from nexus.query.traces.ast import Query
from nexus.query.traces.explain import explain
from nexus.query.traces.lower import lower_scan, lower_search
from nexus.query.traces.metrics import Comparison, MetricsProgram, lower_metrics
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_query
from nexus.storage.trace_api import Exemplar, MetricSeries, SeriesSet

A = SpanField(Place.ANYWHERE, "a")
STATUS = SpanField(Place.INTRINSIC, "status")
ROOT = Binary("=", SpanField(Place.INTRINSIC, "span:parentID"), Constant("nil", ""))
S = 10**9


def where(text: str) -> object:
    """The condition of a query that is one."""
    scan = lower_scan(parse(text), text, TimeRange())
    assert scan.spansets is None
    return scan.where


def search(text: str, **options: Any) -> Any:
    """A search."""
    return lower_search(parse(text), text, TimeRange(1, 2), **options)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{ }", EVERY_SPAN),
        ("{ true && !false }", EVERY_SPAN),
        ("{ .a }", A),
        ("{ !.a }", Binary("=", A, Constant("bool", False))),
        ("{ !(.a = 1) }", Unary("!", Binary("=", A, Constant("int", 1)))),
        ("{ .a && true }", A),
        ("{ .a || true }", EVERY_SPAN),
        ("{ .a && 1 = 2 }", Constant("bool", False)),
        ("{ .a > 10 * 1024 * 1024 }", Binary(">", A, Constant("int", 10_485_760))),
        ("{ .a > 7 / 2 && -7 / 2 = -3 && 7 % -2 = 1 }", Binary(">", A, Constant("int", 3))),
        ("{ .a > 1.0 / 2 }", Binary(">", A, Constant("float", 0.5))),
        ("{ .a > 2 * 1.5s }", Binary(">", A, Constant("duration", 3 * S))),
        ('{ "ab" =~ "a." }', EVERY_SPAN),
        ("{ .a != nil }", Binary("!=", A, Constant("nil", ""))),
        ("{ .a + 1 = nil }", Binary("=", A, Constant("nil", ""))),
        ("{ nil = nil || nil != nil }", Constant("bool", False)),
        ("{ duration != nil }", EVERY_SPAN),
        ("{ parent = nil }", ROOT),
        ("{ nestedSetParent < 0 }", ROOT),
        ("{ -1 = nestedSetParent }", ROOT),
        ("{ nestedSetParent >= 0 }", Binary("!=", ROOT.left, ROOT.right)),
        ("{ nestedSetParent > -5 && nestedSetLeft > 0 }", EVERY_SPAN),
        ("{ .a } || { status = error }", Binary("||", A, Binary("=", STATUS, Constant("status", "error")))),
        ("{ .a } | { status = error } | select(.b)", Binary("&&", A, Binary("=", STATUS, Constant("status", "error")))),
        ("({ .a } | { .a }) || { .a } | rate()", Binary("||", Binary("&&", A, A), A)),
        ("({ .a } | rate()) / ({ status = ok } | rate())", Binary("||", A, Binary("=", STATUS, Constant("status", "ok")))),
        ('{ resource.service.name = "s" }', Binary("=", SpanField(Place.RESOURCE, "service.name"), Constant("string", "s"))),
        ("{ instrumentation.a }", SpanField(Place.SCOPE, "a")),
        ("{ trace:rootService = rootName }", Binary(
            "=", SpanField(Place.INTRINSIC, "rootServiceName"), SpanField(Place.INTRINSIC, "rootName")
        )),
    ],
)  # fmt: skip
def test_conditions(text: str, found: object) -> None:
    """What is constant is calculated, what is one condition needs no program."""
    assert where(text) == found


@pytest.mark.parametrize(
    ("text", "leaves", "sets", "whole", "program"),
    [
        ("{ .a } && { .b }", 2, ((0, 1),), False, ["set", "&&", ["leaf", 0], ["leaf", 1]]),
        ("{ .a } >> { .a }", 1, ((0,),), True, ["set", ">>", ["leaf", 0], ["leaf", 0]]),
        ("{ .a } !> { .b }", 2, ((1,),), False, ["set", "!>", ["leaf", 0], ["leaf", 1]]),
        ("({ .a } && { .b }) || { .a }", 2, ((0,),), False, ["set", "||", ["set", "&&", ["leaf", 0], ["leaf", 1]], ["leaf", 0]]),
        ("{ .a } | count() > 2", 1, ((0,),), False, ["pipeline", ["leaf", 0], ["scalar", ">", ["count", 0], ["number", 2]]]),
        ("count() > 2", 1, ((),), True, ["scalar", ">", ["count", 0], ["number", 2]]),
        ("{ } | count() > 2", 1, ((),), True, ["scalar", ">", ["count", 0], ["number", 2]]),
        (
            "{ .a } | by(name) | { .b } | coalesce()",
            2, ((0, 1),), False, ["pipeline", ["leaf", 0], ["by", 0, 0], ["leaf", 1], ["coalesce"]],
        ),
        ("{ .a && parent.b = 1 }", 2, ((0, 1),), True, ["where", ["and", ["leaf", 0], ["parent", 1, False]]]),
        ("{ .a || parent.b = nil }", 2, ((),), True, ["where", ["or", ["leaf", 0], ["parent", 1, True]]]),
        ("{ .a } >> ({ .b } | { .c })", 2, ((0, 1),), True, ["set", ">>", ["leaf", 0], ["leaf", 1]]),
    ],
)  # fmt: skip
def test_programs(text: str, leaves: int, sets: object, whole: bool, program: object) -> None:
    """Leaves are shared; candidates need what the query needs."""
    spansets = search(text).spansets
    assert len(spansets.leaves) == leaves
    assert spansets.candidates == Candidates(sets)  # type: ignore[arg-type]
    assert spansets.whole == whole
    assert json.loads(spansets.program)[4] == program
    scan = lower_scan(parse(text), text, TimeRange())
    assert scan == SpanScan(spansets=spansets)


def test_searches() -> None:
    """Fields of conditions are told, too; limits go through."""
    plan = search(
        '{ span.a = 1 && event.b = 2 && name = "x" && status = error && parent.c = 1 } | select(.d, span.a, duration)',
        limit=7, spans_per_trace=2, order="longest", max_candidates=9,
    )  # fmt: skip
    assert plan.select == (SpanField(Place.ANYWHERE, "d"), SpanField(Place.SPAN, "a"), STATUS)
    assert (plan.time, plan.limit, plan.spans_per_trace, plan.order, plan.max_candidates) == (
        TimeRange(1, 2),
        7,
        2,
        "longest",
        9,
    )
    plan = search("{ } | by(span.a) | avg(duration) > 1s | max(.n) > 1 | sum(span.x * 2.5) > 1 | select(nestedSetLeft)")
    assert plan.numbering
    assert plan.select == ()
    assert plan.spansets.labels == (
        SetLabel("by(span.a)", "key"), SetLabel("avg(duration)", "duration"), SetLabel("max(.n)", "number"),
        SetLabel("sum(span.x * 2.5)", "number"),
    )  # fmt: skip
    with pytest.raises(QuerySyntaxError, match="about metrics"):
        search("{} | rate()")
    with pytest.raises(QuerySyntaxError, match="64 different conditions"):
        search(" && ".join(f"{{ .a = {number} }}" for number in range(70)))


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("{ nestedSetLeft > 5 }", "nestedSetLeft", "0 and -1 only"),
        ("{ nestedSetParent = .a }", "nestedSetParent", "with a number only"),
        ("{ .a > 1 / 0 }", "1 / 0", "no value"),
        ("{ parent.a = .a }", "parent.a = .a", "each other"),
        ("{} | by(nestedSetLeft + 1)", "nestedSetLeft", "with a number only"),
        ("{} | compare({ parent.a })", "{ parent.a }", "span itself only"),
    ],
)
def test_what_cannot_be_asked(text: str, place: str, part: str) -> None:
    """Precise errors, with a place."""
    with pytest.raises(QuerySyntaxError, match=part) as caught:
        lower_scan(parse(text), text, TimeRange())
        lower_metrics(parse(text), text, S, 2 * S, S)
    assert text[caught.value.offset : caught.value.offset + caught.value.length] == place


def test_names_of_answers() -> None:
    """As Tempo calls them; keys have types."""
    fields = (STATUS, A, SpanField(Place.RESOURCE, "x"), SpanField(Place.INTRINSIC, "service"), SpanField(Place.EVENT, "e"))
    assert list(map(field_label, fields)) == ["status", ".a", "resource.x", "resource.service.name", "event.e"]
    assert [key_value(text) for text in ("sx", "i-5", "f2.5", "btrue", "bfalse", "d7", "terror", "kserver", "s")] == [
        "x", -5, 2.5, True, False, 7, "error", "server", "",
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- metrics


def metrics(text: str, **options: Any) -> Any:
    """A metrics query over (0s, 60s] by 10 s."""
    return lower_metrics(parse(text), text, 10 * S, 60 * S, 10 * S, **options)


def test_series_plans() -> None:
    """What is asked of a store, once for each function."""
    program = metrics("{ .a } | quantile_over_time(duration, .5, .9) by (name, .b) with(exemplars=true)")
    assert isinstance(program, MetricsProgram)
    assert program.plans == (
        SpanSeries(
            scan=SpanScan(TimeRange(1, 60 * S + 1), A),
            function="quantile_over_time",
            start=10 * S,
            end=60 * S,
            step=10 * S,
            of=SpanField(Place.INTRINSIC, "duration"),
            by=(SpanField(Place.INTRINSIC, "name"), SpanField(Place.ANYWHERE, "b")),
            quantiles=(0.5, 0.9),
            exemplars=100,
        ),
    )
    (plan,) = metrics("{} | rate() with(exemplars=7)", instant=True, exemplars=3).plans
    assert (plan.instant, plan.exemplars, plan.start, plan.end) == (True, 7, 10 * S, 60 * S)
    assert plan.scan.time == TimeRange(10 * S + 1, 60 * S + 1)
    assert metrics("{} | rate() with(exemplars=false)", exemplars=3).plans[0].exemplars == 0
    assert len(metrics("({} | rate()) / (({} | rate()) + ({.a} | rate()))").plans) == 2
    for text, start, end, step in (("{} | rate()", 2, 1, 1), ("{} | rate()", 1, 2, 0), ("{} | rate()", 0, 20_000 * S, S)):
        with pytest.raises(InvalidRequest):
            lower_metrics(parse(text), text, start, end, step)
    with pytest.raises(QuerySyntaxError, match="about traces"):
        metrics("{ .a }")


def series(labels: dict[str, Any], *values: float | None, exemplars: list[Exemplar] | None = None) -> MetricSeries:
    """Values at 10s, 20s ..."""
    points = [((1 + place) * 10 * S, value) for place, value in enumerate(values) if value is not None]
    return MetricSeries(labels, points, exemplars or [])


def answered(text: str, *sets: list[MetricSeries]) -> dict[str, list[float]]:
    """The answer to a query whose plans answer so."""
    program = metrics(text)
    assert len(program.plans) == len(sets)
    answer = program.answer([SeriesSet(one, "cut" if place == 0 else "") for place, one in enumerate(sets)])
    assert answer.incomplete == "cut"
    return {json.dumps(dict(one.labels), sort_keys=True): [float(value) for _, value in one.points] for one in answer.series}


BY_A = [series({".a": "x"}, 1, 2, 3), series({".a": "y"}, 3, 2, 1), series({".a": "z"}, 2, 5)]


@pytest.mark.parametrize(
    ("text", "sets", "found"),
    [
        ("{} | rate()", [[series({}, 1, 2)]], {'{"__name__": "rate"}': [1, 2]}),
        ("{} | rate() by (.a) | topk(1)", [BY_A], {'{".a": "y"}': [3], '{".a": "z"}': [5], '{".a": "x"}': [3]}),
        ("{} | rate() by (.a) | bottomk(1)", [BY_A], {'{".a": "x"}': [1, 2], '{".a": "y"}': [1]}),
        ("{} | rate() by (.a) | topk(2) >= 3", [BY_A], {'{".a": "y"}': [3], '{".a": "z"}': [5], '{".a": "x"}': [3]}),
        ("{} | rate() by (.a) > 2 | topk(5) != 5", [BY_A], {'{".a": "x"}': [3], '{".a": "y"}': [3]}),
        ("{} | max_over_time(duration) > 1500ms", [[series({}, 1, 2)]], {'{"__name__": "max_over_time"}': [2]}),
        ("({} | rate()) * 100 - 50", [[series({}, 1, 2)]], {'{"__name__": "rate"}': [50, 150]}),
        ("1 - ({} | rate() by (.a) = 2)", [BY_A], {'{".a": "x"}': [-1], '{".a": "y"}': [-1], '{".a": "z"}': [-1]}),
        (
            "({} | rate() by (.a)) / ({} | count_over_time())",
            [BY_A, [series({}, 2, 0, 1)]],
            {'{".a": "x"}': [0.5, math.nan, 3], '{".a": "y"}': [1.5, math.nan, 1], '{".a": "z"}': [1, math.nan, math.nan]},
        ),
        (
            "({} | rate()) - ({} | count_over_time() by (.a))",
            [[series({}, 9, 9, 9)], BY_A],
            {'{".a": "x"}': [8, 7, 6], '{".a": "y"}': [6, 7, 8], '{".a": "z"}': [7, 4, math.nan]},
        ),
        (
            "({} | rate() by (.a)) + ({ .b } | rate() by (.a))",
            [BY_A, [series({".a": "y"}, 1, 1, 1), series({".a": "w"}, 1)]],
            {'{".a": "y"}': [4, 3, 2]},
        ),
        (
            "({} | rate()) + ({} | count_over_time())",
            [[series({}, 1)], [series({}, None, 5)]],
            {'{"__name__": "(rate + count_over_time)"}': [math.nan, math.nan]},
        ),
    ],
)  # fmt: skip
def test_answers(text: str, sets: list[list[MetricSeries]], found: dict[str, list[float]]) -> None:
    """Second stages and arithmetic."""
    # NaN is not equal to itself, but it prints as itself.
    expected = {key: list(map(float, values)) for key, values in found.items()}
    assert repr(sorted(answered(text, *sets).items())) == repr(sorted(expected.items()))


def test_exemplars_follow_their_points() -> None:
    """Those of points that are gone are gone; what stands for all says nothing about a part."""
    marks = [Exemplar("t", "s", time * S, value) for time, value in ((5, 1.0), (15, 2.0))]
    both = [series({}, 1, 2, exemplars=marks)]
    assert [one.value for one in metrics("{} | rate() > 1").answer([SeriesSet(both)]).series[0].exemplars] == [2.0]
    assert [one.value for one in metrics("({} | rate()) * 10").answer([SeriesSet(both)]).series[0].exemplars] == [10, 20]
    parts = [series({".a": "x"}, 1, 1, exemplars=marks[:1])]
    program = metrics("({} | rate() by (.a)) / ({} | rate())")
    assert program.answer([SeriesSet(parts), SeriesSet(both)]).series[0].exemplars == marks[:1]


def test_compare() -> None:
    """Values of both sides and totals; too many are said."""
    text = "{ .a } | compare({ status = error }, 2, 20000000000, 30000000000)"
    found = metrics(text)
    assert isinstance(found, Comparison)
    plan = found.plan
    assert (plan.start, plan.end, plan.step, plan.values) == (10 * S, 60 * S, 10 * S, 3)
    begin = SpanField(Place.INTRINSIC, "span:startTime")
    window = Binary("&&", Binary(">", begin, Constant("int", 20 * S)), Binary("<=", begin, Constant("int", 30 * S)))
    error = Binary("=", STATUS, Constant("status", "error"))
    assert plan.selection.where == Binary("&&", A, Binary("&&", window, error))
    assert plan.baseline.where == Binary("&&", A, Binary("||", Unary("!", window), Unary("!", error)))
    rows = [
        (10 * S, "resource", "host", "s", "h1", 3, 0),
        (20 * S, "resource", "host", "s", "h1", 1, 2),
        (10 * S, "resource", "host", "s", "h2", 2, 0),
        (10 * S, "resource", "host", "s", "h3", 1, 0),
        (10 * S, "resource", "host", "", None, 6, 0),
        (20 * S, "resource", "host", "", None, 1, 2),
        (10 * S, "span", "code", "i", "500", 0, 4),
        (10 * S, "intrinsic", "status", "t", "error", 1, 0),
    ]
    answer = [(dict(one.labels), [value for _, value in one.points]) for one in found.answer(rows).series]
    assert answer == [
        ({"__meta_type": "baseline", "resource.host": "h1"}, [0, 2]),
        ({"__meta_type": "baseline", "span.code": 500}, [4, 0]),
        ({"__meta_type": "selection", "resource.host": "h1"}, [3, 1]),
        ({"__meta_type": "selection", "resource.host": "h2"}, [2, 0]),
        ({"__meta_type": "selection", "status": "error"}, [1, 0]),
        ({"__meta_error": "__too_many_values__", "resource.host": None}, []),
        ({"__meta_type": "baseline_total", "resource.host": None}, [0, 2]),
        ({"__meta_type": "selection_total", "resource.host": None}, [6, 1]),
    ]
    whole = metrics("{ } | compare({ status = error })", instant=True)
    assert (whole.plan.start, whole.plan.end, whole.plan.step) == (60 * S, 60 * S, 50 * S)
    assert whole.plan.selection.time == TimeRange(10 * S + 1, 60 * S + 1)


# ---------------------------------------------------------------------------------------------------------- older forms


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (forms.tempo_tags(""), "{ }"),
        (
            forms.tempo_tags('service.name=shop http.status_code=500 name="GET /a b" error=true', "100ms", "2s"),
            '{ resource.service.name =~ ".*shop.*" && (.http.status_code =~ ".*500.*" || .http.status_code = 500) && '
            'span:name =~ ".*GET /a b.*" && span:status = error && trace:duration >= 100ms && trace:duration <= 2s }',
        ),
        (
            forms.tempo_tags('a="x\\"y.z" b= c root.name=r status.code=ok d=true e=-1.5'),
            '{ .a =~ ".*x\\"y\\\\.z.*" && .b != nil && .c != nil && trace:rootName =~ ".*r.*" && span:status = ok && '
            '(.d =~ ".*true.*" || .d = true) && (.e =~ ".*-1\\\\.5.*" || .e = -1.5) }',
        ),
        (forms.jaeger_search("shop"), '{ resource.service.name = "shop" }'),
        (
            forms.jaeger_search("s", "op", {"error": True, "span.kind": "server", "a": "b", "n": 5}, "1.5ms", "1h"),
            '{ resource.service.name = "s" && span:name = "op" && span:status = error && span:kind = server && '
            '(.a = "b" || event.a = "b") && (.n = "5" || .n = 5 || event.n = "5" || event.n = 5) && '
            "span:duration >= 1ms500us && span:duration <= 1h }",
        ),
        (
            forms.jaeger_search(tags={"otel.status_code": "ERROR", "otel.scope.name": "x", "error": "false"}),
            '{ span:status = error && instrumentation:name = "x" && span:status != error }',
        ),
        (
            forms.zipkin_search("s", "all", "error and http.method=GET and cache.miss", 100, 200),
            '{ resource.service.name = "s" && (span:status = error || .error != nil) && (.http.method = "GET" || '
            'event.http.method = "GET") && (.cache.miss != nil || event:name = "cache.miss") && '
            "span:duration >= 100us && span:duration <= 200us }",
        ),
    ],
)
def test_older_forms(query: Query, text: str) -> None:
    """They are TraceQL, which the parser takes."""
    assert print_query(query) == text
    assert parse(text) == query
    lower_search(query, text, TimeRange())


def test_wrong_forms() -> None:
    """What is wrong is said."""
    for tags in ('a="x', '="x"', 'a="x"b'):
        with pytest.raises(InvalidRequest, match="logfmt"):
            forms.tempo_tags(tags)
    with pytest.raises(InvalidRequest, match="minDuration"):
        forms.tempo_tags("", "5 apples")
    with pytest.raises(InvalidRequest, match="a has to be"):
        forms.jaeger_search(tags={"a": [1]})
    with pytest.raises(InvalidRequest, match="more than"):
        forms.tempo_tags(" ".join(f"a{number}=1" for number in range(100)))


# ---------------------------------------------------------------------------------------------------------------- words


def test_words() -> None:
    """The stages in words, what joins before what it joins."""
    text = '{ .a = 1 && !(name =~ "x.*") } !>> { parent.status != error } | by(resource.service.name) | count() > 2'
    found = explain(parse(text))
    assert [(one.depth, one.text) for one in found] == [
        (0, "spans of the right side that are not below any of the left"),
        (1, 'spans where the attribute a is 1 and not (the name matches "x.*")'),
        (1, "spans where the status of the parent is not error"),
        (0, "one spanset for each value of the resource attribute service.name"),
        (0, "spansets where the number of spans is greater than 2"),
    ]
    assert text[slice(*found[2].pos)] == "{ parent.status != error }"
    text = "({} | rate() by (name)) * 2 > 1.5 | topk(3) with(exemplars=true)"
    assert [(one.depth, one.text) for one in explain(parse(text))] == [
        (0, "the first series times the number 2"),
        (0, "values that are greater than 1.5"),
        (0, "at each time the 3 series with the greatest values"),
        (1, "spans per second in each step, for each value of the name"),
        (2, "every span"),
        (0, "examples of spans beside the values"),
    ]


@given(queries)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_query_has_words_and_a_plan(tree: Query) -> None:
    """Each part is said; what cannot be asked has a place."""
    words = explain(tree)
    assert words
    assert all(one.text.strip() for one in words)
    text = print_query(tree)
    query = parse(text)
    try:
        if query.is_metrics:
            lower_metrics(query, text, S, 2 * S, S)
        else:
            lower_search(query, text, TimeRange())
    except QuerySyntaxError as error:
        assert error.offset + error.length <= len(text)
