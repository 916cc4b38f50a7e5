"""Requests for every door of the application, made from the route table and the shapes of the API.

A door is asked with the values that the fields of its shape, its parameters and the parts of its path may have, by name:
`VALUES` for fields and parameters, `BODIES` for doors that take anything. Each further value of a field makes one more
request. So a new door is asked without anybody thinking of it, unless a name is new, too: then the test of the doors says
which one.

Conditions find secrets by the beginning of a word (`theirs*`), so that no request holds what no answer may hold.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import msgspec.inspect

from nexus.server.routes import Route

SPARE_TENANT = "spare-tenant"
"""One that may be deleted."""

SEARCHES = ["", "theirs* OR hidden*", "user.email:*", "service:*"]
STREAMS = ['{service_name=~".+"}', '{service_name=~".+"} |~ "theirs|hidden"', '{service_name=~".+"} | json']
METRICS = [
    'sum by (service_name, user_email, theirs) (count_over_time({service_name=~".+"} [1h]))',
    'topk(10, sum by (a) (count_over_time({service_name=~".+"} | label_format a="{{.user_email}} {{.pod}}" [1h])))',
]
STATEMENTS = [
    "SELECT * FROM logs",
    "SELECT body, attributes['user.email'] AS address, service FROM logs ORDER BY address",
    "SELECT attributes['user.email'] AS address, count(*) FROM logs GROUP BY address",
    "SELECT max(toString(attributes)), any(body), groupArray(resource) FROM logs",
    "SELECT a.body FROM logs AS a WHERE a.body IN (SELECT body FROM logs WHERE body LIKE 'hidden%' OR body LIKE 'theirs%')",
]
AGGREGATIONS = {
    "size": 100,
    "query": {"match_all": {}},
    "aggs": {
        "one": {"terms": {"field": "user.email", "size": 100}},
        "two": {"terms": {"field": "service.name", "size": 100}, "aggs": {"top": {"terms": {"field": "pod"}}}},
    },
}

PROMQL = [
    '{__name__=~".+"}',
    'sum by (user_email, pod, service, theirs) ({__name__=~".+"})',
    '{__name__=~"hidden.*|theirs.*"}',
    'label_replace({__name__=~".+"}, "a", "$1", "user_email", "(.*)")',
    'count_values("v", sum by (pod, user_email) ({__name__=~".+"}))',
    'topk by (user_email) (5, {__name__=~".+"}) or absent({__name__=~"theirs.*"})',
    'last_over_time({__name__=~".+"}[1h])',
    'count by (user_email) ({user_email!=""}) or count by (pod) (visible_total{pod!=""})',
    '{user_email=~"masked.*"}',
    'sort_by_label(info({__name__=~".+"}, {__name__=~".+"}), "user_email")',
]
TRACEQL = [
    "{}",
    '{ .user.email =~ "theirs.*|hidden.*" || resource.service.name =~ "theirs.*|hidden.*" }',
    "{ span.user.email != nil } | select(span.user.email, span.pod, resource.host.name)",
    "{} | by(span.user.email) | select(span.pod, status)",
    '{ resource.service.name = "visible" } >> {} | select(span.user.email)',
]
SPAN_METRICS = [
    "{} | rate() by (span.user.email)",
    "{} | count_over_time() by (resource.service.name, span.pod)",
    "{} | compare({ status = error }, 50)",
    "{} | quantile_over_time(duration, .5) by (name) | topk(10)",
]
TAGS = ["span.user.email", "resource.service.name", "name", "span.pod", ".host.name", "event.user.email", "rootServiceName"]
SELECTORS = ['{__name__=~".+"}', '{__name__=~"hidden.*|theirs.*"}', '{user_email!=""}']
NOW = int(time.time())


def _literals(body: bytes) -> bytes:
    """A snappy block of short literals."""
    pieces = [bytes([len(body) & 0x7F | 0x80, len(body) >> 7])]
    for at in range(0, len(body), 60):
        part = body[at : at + 60]
        pieces.append(bytes([(len(part) - 1) << 2]) + part)
    return b"".join(pieces)


def _read_request(accepted: int) -> bytes:
    """Remote read of every series with a name, from 1970 on."""
    name, value = b"__name__", b".+"
    matcher = b"\x08\x02\x12" + bytes([len(name)]) + name + b"\x1a" + bytes([len(value)]) + value
    query = b"\x10" + b"\xff\xff\xff\xff\xff\xff\x1f" + b"\x1a" + bytes([len(matcher)]) + matcher
    return _literals(b"\x0a" + bytes([len(query)]) + query + b"\x10" + bytes([accepted]))


VALUES: dict[str, list[Any]] = {
    "query": SEARCHES,
    "policy": ["", "service:visible"],
    "language": ["search"],
    "fields": [[], ["user.email", "service", "body", "pod"]],
    "columns": [[], ["body", "user.email", "attributes", "resource", "id"]],
    "field": ["service", "user.email", "body", "pod"],
    "by": ["severity", "user.email", "service"],
    "masked": [[], ["user.email"]],
    "start": ["now-1h"],
    "end": ["now"],
    "from": [None, "now-1h"],
    "to": [None, "now"],
    "state": ["query=x"],
    "path": ["/logs?query=x"],
    "dry_run": [True],
    "name": ["probe"],
    "username": ["nobody-here"],
    "password": ["a password of the probe"],
    "permission": ["logs:read"],
    "permissions": [["logs:read"]],
    "grants": [[{"permission": "logs:read"}]],
    "email": ["probe@example.com"],
    "role": ["viewer"],
    "limit": [10],
    "step": ["60"],
    "interval": ["1s"],
    "since": ["1h"],
    "buckets": [10],
    "cursor": [""],
    "new_since": ["now-1h"],
    "query_id": [""],
    "match[]": SELECTORS,
    "time": [""],
    "timeout": ["10s"],
    "lookback_delta": ["1h"],
    "stats": ["all"],
    "search[]": ["hidden", "theirs"],
    "fuzz_alg": ["jarowinkler"],
    "fuzz_threshold": ["50"],
    "case_sensitive": ["false"],
    "sort_by": ["alpha"],
    "sort_dir": [""],
    "include_score": ["true"],
    "batch_size": ["2"],
    "label": ["user_email", "service", "pod", "__name__"],
    "metric": ["", "visible_total"],
    "limit_per_metric": ["1"],
    "match_target": [""],
    "scrapePool": ["pool"],
    "pool": ["pool"],
    "labels": ['{"a":"b"}'],
    "metric_name_pattern": ["nexus_http.*"],
    "type": ["alert"],
    "search": ["", "hidden", "theirs"],
    "unit": ["", "seconds"],
    "top": [50],
    "q": TRACEQL,
    "spansPerTrace": [10],
    "spss": ["10"],
    "scope": ["span", "resource", "intrinsic"],
    "service": ["visible"],
    "services": ["visible"],
    "operation": [""],
    "serviceName": ["visible"],
    "spanName": ["", "all"],
    "spanKind": ["", "server"],
    "annotationQuery": ["", "user.email"],
    "quantile": ["0.95"],
    "groupByOperation": ["true"],
    "lookback": ["3600000"],
    "tags": ["", '{"user.email":"theirs"}'],
    "traceIds": ["aa0000000000000000000000000000aa,bb0000000000000000000000000000bb"],
    "traceID": ["aa0000000000000000000000000000aa", "bb0000000000000000000000000000bb"],
    "endTs": [str(NOW * 1000 + 60_000)],
    "at": ["", "now"],
    "apdex": ["", "0.5"],
    "exemplars": [10],
    "quantiles": [[0.0, 1.0]],
    "traces": [10],
    "query.serviceName": ["visible"],
    "query.startTimeMin": ["2020-01-01T00:00:00Z"],
    "query.startTimeMax": ["2200-01-01T00:00:00Z"],
    "points": [100],
}
"""Values by the name of a field, parameter or part of a path."""

OF: dict[tuple[str, str], list[Any]] = {
    ("SqlRequest", "query"): STATEMENTS,
    ("MetricsQueryRequest", "query"): PROMQL,
    ("MetricsQueryRequest", "step"): [60],
    ("MetricsExplainRequest", "query"): PROMQL,
    ("MetricsExplainRequest", "step"): [60],
    ("CatalogRequest", "kind"): ["", "counter"],
    ("RetentionRule", "query"): ["service:x"],
    ("DeletionRequest", "query"): ["theirs* OR hidden*", "*"],
    ("SpanDeletionRequest", "query"): ['{ span.user.email = "theirs" }', "{ }"],
    ("PipelinesRequest", "pipelines"): [[]],
    ("RolePreviewRequest", "role"): ["viewer", "admin"],
    ("CreateKeyRequest", "role"): [""],
    ("RolePreviewRequest", "user"): ["spare"],
    ("CreateKeyRequest", "account"): [""],
    ("CreateKeyRequest", "tenant"): [None],
    ("ExplainRequest", "language"): ["search"],
    ("UserChange", "disabled"): [False],
    ("DeleteTenantRequest", "confirm"): [SPARE_TENANT],
    ("TracesMetricsRequest", "q"): SPAN_METRICS,
    ("TracesMetricsRequest", "step"): [0],
    ("TracesHeatmapRequest", "step"): [0],
    ("TracesFacetsRequest", "fields"): [[], TAGS],
    ("CriticalPathRequest", "operation"): ["", "a visible span"],
    ("LimitsRequest", "limits"): [{"ingest_requests": 1_000_000}],
}
"""Values by shape and field, where the name alone does not tell."""

WHOLE: dict[str, list[dict[str, Any]]] = {
    "ExplainRequest": [{"language": "sql", "query": statement} for statement in STATEMENTS],
    "RolePreviewRequest": [
        {"draft": {"grants": [{"permission": "logs:read"}]}},
        {"draft": {"grants": [{"permission": "logs:read"}], "policy": "hidden* OR theirs*"}},
    ],
}
"""Bodies of a shape whose fields depend on each other, beside those made."""

ONE_OF: dict[str, str] = {"RolePreviewRequest": "role"}
"""Shapes of which one field must be given, though each may be left out."""

ALWAYS = {"dry_run", "grants", "field", "permissions", "description", "q"}
"""Fields that a request does not make sense without, though they may be left out."""

_SPAN = {"traceId": "01" * 16, "spanId": "01" * 8, "name": "probe", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
_SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]}
_SCIM = "urn:ietf:params:scim:"
_OPERATIONS = [{"op": "replace", "path": "displayName", "value": "probe"}]

BODIES: list[tuple[str, list[str] | list[bytes]]] = [
    (r"PATCH /scim/v2/.*", [json.dumps({"schemas": [f"{_SCIM}api:messages:2.0:PatchOp"], "Operations": _OPERATIONS})]),
    (r"POST /scim/v2/.*search", [json.dumps({"schemas": [f"{_SCIM}api:messages:2.0:SearchRequest"]})]),
    (r"PUT /scim/v2/Users.*", [json.dumps({"schemas": [f"{_SCIM}schemas:core:2.0:User"], "userName": "spare-scim"})]),
    (r".* /scim/v2/Users.*", [json.dumps({"schemas": [f"{_SCIM}schemas:core:2.0:User"], "userName": "probe"})]),
    (r".* /scim/v2/Groups.*", [json.dumps({"schemas": [f"{_SCIM}schemas:core:2.0:Group"], "displayName": "probe"})]),
    (r"POST .*/api/v1/read", [_read_request(0), _read_request(1)]),
    (r"POST .*/(traces/render|api/transform)", [json.dumps(_SPANS)]),
    (r".*/_msearch", ["".join(json.dumps(line) + "\n" for line in ({"index": "*"}, AGGREGATIONS))]),
    (r".*/_search", ["{}", json.dumps(AGGREGATIONS), json.dumps({"query": {"query_string": {"query": "hidden* theirs*"}}})]),
    (r".*", [""]),
]
"""Bodies of doors that take any, by method and path."""

PROMETHEUS = "(?:/prometheus)?/api/v1"
QUERIES: list[tuple[str, dict[str, list[str]]]] = [
    (r"/loki/api/v1/query", {"query": METRICS}),
    (r"/loki/.*/patterns", {"query": STREAMS[:2]}),
    (
        r"/loki/.*",
        {"query": STREAMS, "match[]": STREAMS[:1], "start": [""], "end": [""], "time": [""], "targetLabels": [""]},
    ),
    (rf"{PROMETHEUS}/query_range", {"query": PROMQL, "start": [str(NOW - 3600)], "end": [str(NOW)], "time": [""]}),
    (rf"{PROMETHEUS}/rules", {"match[]": [""], "type": ["alert"]}),
    (rf"{PROMETHEUS}/status/tsdb", {"limit": ["10"]}),
    # Of the other tenant: what is one's own is to be found by those who ask later.
    (rf"{PROMETHEUS}/admin/.*", {"match[]": ['{__name__=~"theirs.*"}'], "start": [""], "end": [""]}),
    (rf"{PROMETHEUS}/.*", {"query": PROMQL, "start": [""], "end": [""], "state": ["active"]}),
    (r".*/api/metrics/query(_range)?", {"q": SPAN_METRICS, "start": [""], "end": [""], "step": ["60s"]}),
    (r".*/api/metrics/.*", {"step": ["60000"], "lookback": ["3600000"], "spanKind": ["server"]}),
    (r"(/jaeger)?/api/traces", {"lookback": ["1h"], "service": ["visible"], "tags": ["", '{"user.email":"theirs"}']}),
    (r"(/tempo)?/api/search", {"tags": ["", "user.email=theirs"]}),
    (r"(/tempo)?/api/v2/search/tag/.*", {"q": TRACEQL}),
    (r".*/_field_caps", {"fields": ["*"]}),
    (
        r".*/logs/export",
        {"from": [""], "to": [""], "columns": ["", "body,user.email"], "format": ["ndjson", "csv", "parquet"]},
    ),
]
"""Values of parameters by path, before `VALUES`."""
ADDED = {r".*/_field_caps": ("fields",), r"/loki/.*/volume.*": ("query",), r"/loki/.*/(series|labels)": ("query",)}
ADDED |= {
    rf"{PROMETHEUS}/query_range": ("start", "end"),
    rf"{PROMETHEUS}/series|(?:/prometheus)?/federate|{PROMETHEUS}/admin/tsdb/delete_series": ("match[]",),
}
"""Parameters that a door takes beside those described."""


@dataclass(frozen=True)
class Probe:
    """A request, without credentials and tenant. `first` is the plainest of its door."""

    route: Route = field(compare=False)
    path: str
    body: bytes | None = None
    media: str = "application/json"
    first: bool = False

    @property
    def method(self) -> str:
        """As it goes over the wire."""
        return self.route.method

    def __str__(self) -> str:
        """For messages."""
        body = (self.body or b"")[:300].decode("utf-8", "replace")
        return f"{self.method} {self.path[:300]} {body}"


def probes(route: Route, parts: dict[str, list[str]], ids: Iterable[str]) -> Iterator[Probe]:
    """Requests of a door. `parts` are values of parts of the path by name, `ids` those of any other one; `id` parameters take
    the `ids`, too."""
    ids = list(ids)
    paths = _paths(route, parts, ids)
    bodies = list(_bodies(route, ids))
    first = True
    for number, path in enumerate(paths):
        for body, media in bodies if not number else bodies[:1]:
            for query in _queries(route, ids) if not number and body == bodies[0][0] else [""]:
                forms = route.path.startswith("/loki") or re.match(PROMETHEUS, route.path) is not None
                form = bool(route.raw and query and route.method in ("POST", "PUT") and forms)
                sent = query.encode() if form else body
                kind = "application/x-www-form-urlencoded" if form else media
                yield Probe(route, path + (f"?{query}" if query and not form else ""), sent, kind, first)
                first = False


def _paths(route: Route, parts: dict[str, list[str]], ids: list[str]) -> list[str]:
    names = route.path_parameters
    # What receivers have in their paths are names that mean nothing here.
    options = {name: (parts.get(name) or ids)[: 1 if route.receiver else None] or ["none"] for name in names}
    made = []
    for number in range(max((len(values) for values in options.values()), default=1)):
        path = route.path
        for name, values in options.items():
            value = quote(values[number % len(values)], safe="")
            path = path.replace(f"{{{name}}}", value).replace(f"{{+{name}}}", value)
        made.append(path)
    return made


def _bodies(route: Route, ids: list[str]) -> Iterator[tuple[bytes | None, str]]:
    if route.request is not None:
        for document in documents(route.request, ids):
            yield json.dumps(_unique(document)).encode(), "application/json"
    elif route.path.endswith("/_search/scroll"):
        yield from ((json.dumps({"scroll_id": id}).encode(), "application/json") for id in ids)
    elif route.raw or route.receiver is not None:
        texts = next(texts for pattern, texts in BODIES if re.fullmatch(pattern, f"{route.method} {route.path}"))
        for text in texts:
            if isinstance(text, bytes):
                yield text, "application/x-protobuf"
                continue
            yield (
                text.replace("probe", f"probe{next(_NUMBERS)}").encode(),
                "application/x-ndjson" if "\n" in text else "application/json",
            )
    else:
        yield None, ""


_NUMBERS = itertools.count(1)


def _unique(document: dict[str, Any]) -> dict[str, Any]:
    """With names and addresses that nobody else has."""
    number = next(_NUMBERS)
    return {
        name: value.replace("probe", f"probe{number}") if name in ("name", "email") and isinstance(value, str) else value
        for name, value in document.items()
    }


def documents(shape: type[Any], ids: list[str]) -> Iterator[dict[str, Any]]:
    """Bodies of a shape: one with the first value of each field, and one for each further value of each."""
    info = msgspec.inspect.type_info(shape)
    assert isinstance(info, msgspec.inspect.StructType)
    values = {one.encode_name: _values(shape, one, ids) for one in info.fields}
    given = {one.encode_name for one in info.fields if one.required}
    given |= set(values) & {*ALWAYS, ONE_OF.get(shape.__name__)}
    plain = {name: options[0] for name, options in values.items() if name in given}
    yield plain
    for name, options in values.items():
        for value in options[1 if name in given else 0 :]:
            if value is not None:
                yield {name: value} if shape.__name__ in ONE_OF else {**plain, name: value}
    yield from WHOLE.get(shape.__name__, ())


def _values(shape: type[Any], one: msgspec.inspect.Field, ids: list[str]) -> list[Any]:
    name = one.encode_name
    if (found := OF.get((shape.__name__, name))) is not None:
        return found
    kind: Any = one.type
    while isinstance(kind, msgspec.inspect.UnionType):
        kind = next(part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType))
    kind = getattr(kind, "type", kind) if isinstance(kind, msgspec.inspect.Metadata) else kind
    match kind:
        case msgspec.inspect.LiteralType(values):
            return list(values)
        case msgspec.inspect.StructType(cls):
            return list(documents(cls, ids))
    if name in ("id", "ids") or (name.endswith("_id") and name != "query_id"):
        return ids or ["none"]
    if name in VALUES:
        return VALUES[name]
    match kind:
        case msgspec.inspect.StrType():
            return ["probe"]
        case msgspec.inspect.IntType(ge=least) | msgspec.inspect.FloatType(ge=least):
            return [max(1, least or 0)]
        case msgspec.inspect.BoolType():
            return [False]
        case msgspec.inspect.DictType():
            return [{}]
        case msgspec.inspect.ListType():
            return [[]]
    return ["probe"]


def _queries(route: Route, ids: list[str]) -> list[str]:
    """Query strings: the plainest one, and one for each further value of a parameter."""
    own: dict[str, list[str]] = {}
    for pattern, values in reversed(QUERIES):
        if re.fullmatch(pattern, route.path):
            own = {**own, **values}
    names = {one.name: one.required for one in route.parameters if one.place == "query" and route.receiver is None}
    for pattern, added in ADDED.items():
        if re.fullmatch(pattern, route.path):
            names |= dict.fromkeys(added, True)
    options: dict[str, list[str]] = {}
    for name, required in names.items():
        if name == "id":
            options[name] = ids
        elif name in own:
            options[name] = [value for value in own[name] if value] if required or name == "query" else own[name]
        elif name in VALUES and name != "start" and name != "end":
            options[name] = [str(value) for value in VALUES[name] if value is not None and not isinstance(value, list)]
    plain = {
        name: values[0] for name, values in options.items() if values and (names[name] or name == "query") and values[0]
    }
    made = [plain]
    for name, values in options.items():
        made += [{**plain, name: value} for value in values if value and plain.get(name) != value]
    return list(dict.fromkeys(urlencode(one) for one in made)) or [""]


def distinct(routes: Iterable[Route]) -> dict[Any, list[Route]]:
    """Doors by what is behind them: the first of each is asked in every way."""
    ordered = sorted(routes, key=_behind)
    return {key: list(group) for key, group in itertools.groupby(ordered, key=_behind)}


def _behind(route: Route) -> tuple[str, ...]:
    if route.handler is None:
        return (route.method, route.path)
    return (route.method, route.handler.__module__, route.handler.__qualname__, repr(route.request), _work(route))


def _work(route: Route) -> str:
    # Doors of Loki are closures of one function: their path tells them apart.
    return route.path if "<locals>" in str(route.handler and route.handler.__qualname__) else ""
