"""Shapes of metrics: the catalog, queries as charts draw them, what a query means and costs.

Times of samples, steps and `last` are ms since the epoch as numbers. Values are numbers; null is a gap, and what JSON has no
number for is the text `NaN`, `+Inf` or `-Inf`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from nexus.server.api.nexus_v1.schema.logs import Time

Value = float | str | None


class SeriesCost(Struct):
    """What a query cost."""

    query_id: str
    elapsed_ms: float
    series: int
    samples: int
    peak_samples: int
    bytes_read: int


class CatalogRequest(Struct, forbid_unknown_fields=True):
    """`POST metrics/catalog`. Every word of `search` is in the name, the help or a part's name; `kind` and `unit` are
    exact, "" is any. Without times: metrics that have series at all."""

    search: Annotated[str, Meta(max_length=1000)] = ""
    kind: str = ""
    unit: str = ""
    order: Literal["name", "series", "last"] = "name"
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None
    query_id: str = ""


class CatalogMetric(Struct):
    """A family: a histogram or summary is one. `parts`: names of its series, none when they are called like it. `series` are
    those of all parts. `last`: the newest sample, 0 when that is not known. `queries` and `queried`: how often since the
    start, and when last (0: never) a query named it."""

    name: str
    kind: str
    unit: str
    help: str
    series: int
    last: int
    queries: int = 0
    queried: int = 0
    parts: list[str] = []


class CatalogAnswer(Struct):
    metrics: list[CatalogMetric]
    total: int
    statistics: SeriesCost


class MetricsQueryRequest(Struct, forbid_unknown_fields=True):
    """`POST metrics/query`. `step` in seconds; 0 lets the server choose one of which `points` cover the range. `top`: so
    many series, the largest. `instant`: evaluated at `to` only. `heatmap`: series with a label `le` become a heatmap, as
    native histograms do anyway."""

    query: str
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None
    step: Annotated[float, Meta(ge=0)] = 0.0
    points: Annotated[int, Meta(ge=2, le=5000)] = 600
    top: Annotated[int, Meta(ge=1, le=1000)] = 20
    instant: bool = False
    heatmap: bool = False
    query_id: str = ""


class ChartSeries(Struct):
    """`values[i]` is at `start + i * step`; or at `times[i]` where there are more steps than points: then the first, least,
    greatest and last value of every pixel are kept. The figures are over all steps, of finite values; null without any.
    `histograms` are (ms, count, sum) of an instant native histogram, `buckets` its (lower, upper, count)."""

    labels: dict[str, str]
    values: list[Value]
    last: float | None
    min: float | None
    max: float | None
    mean: float | None
    times: list[int] = []
    histograms: list[tuple[int, Value, Value]] = []
    buckets: list[tuple[Value, Value, Value]] = []


class ChartHeatmap(Struct):
    """Histograms over time, added up. `columns[i]` is around `start + i * step`: the mean of its steps' counts, one for each
    of the `bounds` (lower, upper), the lowest first; empty without a histogram. `series`: how many were added up."""

    series: int
    start: int
    step: int
    bounds: list[tuple[Value, Value]]
    columns: list[list[float]]


class ChartAnswer(Struct):
    """`total` is how many series of numbers there were, of which the largest are shown; histograms are in `heatmap`.
    `text` is the answer of a string."""

    type: Literal["matrix", "vector", "scalar", "string"]
    points: int
    total: int
    text: str
    series: list[ChartSeries]
    heatmap: ChartHeatmap | None
    start: int
    step: int
    unit: str
    warnings: list[str]
    infos: list[str]
    statistics: SeriesCost


class MetricsExplainRequest(Struct, forbid_unknown_fields=True):
    """`POST metrics/explain`: times and step as for a query; nothing is read but metadata."""

    query: str
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None
    step: Annotated[float, Meta(ge=0)] = 0.0
    points: Annotated[int, Meta(ge=2, le=5000)] = 600
    query_id: str = ""


class ExplainedPart(Struct):
    """A part of the query in words; `offset` and `length` are its place, in characters."""

    text: str
    depth: int
    offset: int
    length: int


class ExplainedMatcher(Struct):
    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


class ExplainedSelector(Struct):
    """`name` is the metric, if the selector names one."""

    name: str
    text: str
    matchers: list[ExplainedMatcher]
    offset: int
    length: int


class MetricsEstimate(Struct):
    """What the query would read, at most."""

    series: int
    samples: int
    bytes: int


class MetricsExplainAnswer(Struct):
    """`query` is canonical, `pretty` has lines of bearable length. `unit` is "" when names and metadata do not tell."""

    query: str
    pretty: str
    type: Literal["matrix", "vector", "scalar", "string"]
    words: list[ExplainedPart]
    selectors: list[ExplainedSelector]
    unit: str
    estimate: MetricsEstimate
    warnings: list[str]
    infos: list[str]


class CompletionAnswer(Struct):
    """`GET metrics/language`: what the language has, for completion: functions with their types, aggregations, keywords."""

    functions: list[LanguageFunction]
    aggregations: list[str]
    keywords: list[str]


class LanguageFunction(Struct):
    """`variadic`: how many arguments of the last kind may be left out or repeated (-1: any number)."""

    name: str
    arguments: list[str]
    variadic: int
    result: str
    experimental: bool
    words: str
