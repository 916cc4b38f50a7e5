"""The doors of Tempo's API, at the root and under `/tempo`. At the root `/api/traces/{id}` is in Jaeger's table: it is
Tempo's for those who take protobuf."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.http import retry_headers
from nexus.security.permissions import Permission
from nexus.server.api.nexus_v1.buckets import choose_step
from nexus.server.api.nexus_v1.traces import metric_series
from nexus.server.api.tempo import answers, asking
from nexus.server.api.tempo.arguments import (
    DEFAULT_LIMIT,
    DEFAULT_SPANS,
    MAX_LIMIT,
    MAX_SPANS,
    POINTS,
    Arguments,
    aligned,
)
from nexus.server.api.tempo.traces import JSON, PROTOBUF, trace, trace_v2, wants_protobuf
from nexus.server.api.tracing.asking import Asker, door
from nexus.server.call import Call
from nexus.server.routes import Parameter, Route

API_LEVEL: Final = "2.10.0"
"""The version of Tempo whose API this is; clients choose their features by it."""
LISTED: Final = 1_000

Work = Callable[[Call, Asker], Awaitable[Response]]


def refuse(error: NexusError) -> Response:
    """An error as Tempo has it: the message as text."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(str(error), error.http_status, headers, media_type="text/plain; charset=utf-8")


def _arguments(call: Call) -> Arguments:
    return Arguments(call.query, call.services.now_ns())


def _answer(call: Call, json: Callable[..., Any], protobuf: Callable[..., bytes], *parts: Any) -> Response:
    if wants_protobuf(call):
        return Response(protobuf(*parts), media_type=PROTOBUF)
    return Response(msgspec.json.encode(json(*parts)), media_type=JSON)


# ------------------------------------------------------------------------------------------------------------------- doors


async def echo(call: Call) -> Response:
    """Is somebody there?"""
    return Response("echo", media_type="text/plain; charset=utf-8")


async def build_info(call: Call) -> Response:
    """Which API this is."""
    told = {
        "version": API_LEVEL,
        "revision": f"nexus-{call.services.version}",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }
    return Response(msgspec.json.encode(told), media_type=JSON)


async def overrides(call: Call) -> Response:
    """Settings of the tenant by users: there are none of Tempo's."""
    return Response(b"{}", media_type=JSON)


async def search(call: Call, asker: Asker) -> Response:
    """Traces with spans that match."""
    arguments = _arguments(call)
    wanted = asking.Search(
        arguments.text("q"),
        arguments.text("tags"),
        arguments.text("minDuration"),
        arguments.text("maxDuration"),
        arguments.range(),
        arguments.number("limit", DEFAULT_LIMIT, MAX_LIMIT),
        arguments.number("spss", DEFAULT_SPANS, MAX_SPANS),
    )
    found = await asker.find(wanted.plan())
    return _answer(call, answers.search_json, answers.search_protobuf, found, asker.spent)


async def tags(call: Call, asker: Asker) -> Response:
    """Names of fields."""
    arguments = _arguments(call)
    limit = arguments.number("limit", LISTED, LISTED)
    names = await asking.names(asker, arguments.text("scope"), arguments.range(), limit)
    return _answer(call, answers.tags_json, answers.tags_protobuf, names, asker.spent)


async def tags_v2(call: Call, asker: Asker) -> Response:
    """Names of fields by scope."""
    arguments = _arguments(call)
    limit = arguments.number("limit", LISTED, LISTED)
    found = await asking.scopes(asker, arguments.text("scope"), arguments.text("q"), arguments.range(), limit)
    return _answer(call, answers.scopes_json, answers.scopes_protobuf, found, asker.spent)


async def values(call: Call, asker: Asker) -> Response:
    """Values of a field."""
    arguments = _arguments(call)
    limit = arguments.number("limit", LISTED, LISTED)
    tag = asking.old_field(call.parameters["tag"])
    found = await asking.values(asker, tag, "", arguments.range(), limit)
    told = sorted({value for _, value in found})
    return _answer(call, answers.values_json, answers.values_protobuf, told, asker.spent)


async def values_v2(call: Call, asker: Asker) -> Response:
    """Values of a field with their types."""
    arguments = _arguments(call)
    limit = arguments.number("limit", LISTED, LISTED)
    found = await asking.values(asker, call.parameters["tag"], arguments.text("q"), arguments.range(), limit)
    return _answer(call, answers.typed_values_json, answers.typed_values_protobuf, found, asker.spent)


async def query_range(call: Call, asker: Asker) -> Response:
    """A function over spans, in steps."""
    arguments = _arguments(call)
    time = arguments.range()
    begin, last = time.start or 0, (arguments.time("end") or arguments.now_ns)
    step = arguments.duration("step")
    if step is None:
        step = choose_step(begin, last, POINTS)
    if step <= 0:
        raise InvalidRequest("step must be positive")
    start, end = aligned(begin, last, step)
    exemplars = int(text) if (text := arguments.text("exemplars")).isdecimal() else 0
    found = await metric_series(asker, arguments.text("q", "query"), start, end, step, exemplars=min(exemplars, LISTED))
    return _answer(call, answers.series_json, answers.series_protobuf, found, asker.spent)


async def query_instant(call: Call, asker: Asker) -> Response:
    """A function over spans, over the whole range."""
    arguments = _arguments(call)
    start, end = arguments.range().start or 0, arguments.time("end") or arguments.now_ns
    found = await metric_series(asker, arguments.text("q", "query"), start, end, max(end - start, 1), instant=True)
    return _answer(call, answers.instant_json, answers.instant_protobuf, found, asker.spent)


# ------------------------------------------------------------------------------------------------------------------ routes

_TIMES: Final = (
    Parameter("start", "Start of the range: seconds or ns since the epoch, RFC 3339"),
    Parameter("end", "End of the range"),
)
_LIMIT: Final = Parameter("limit", "Most results")
_QUERY: Final = Parameter("q", "TraceQL")
_METRICS: Final = Parameter("q", "TraceQL that asks for metrics", required=True)
_TRACE: Final = Parameter("id", "Trace id in hexadecimal digits", "path", True)
_TAG: Final = Parameter("tag", "Name of the field", "path", True)
_SCOPE: Final = Parameter("scope", "resource, span, event, link, instrumentation or intrinsic")


def _routes(base: str) -> list[Route]:
    def route(path: str, work: Work, summary: str, *parameters: Parameter) -> Route:
        return plain(path, door(work), summary, *parameters)

    def plain(
        path: str, handler: Callable[[Call], Awaitable[Response]], summary: str, *parameters: Parameter,
        answer: str = JSON,
    ) -> Route:  # fmt: skip
        return Route(
            "GET", f"{base}/api/{path}", Permission.TRACES_READ, handler, summary, parameters=parameters,
            answer_media=(answer,), tag="tempo", refuse=refuse, described=not base,
        )  # fmt: skip

    found = [
        plain("echo", echo, "Answers echo", answer="text/plain"),
        plain("status/buildinfo", build_info, "Version of the API"),
        plain("overrides", overrides, "Settings by users"),
        route(
            "v2/traces/{id}", trace_v2, "One trace, or a part of it", _TRACE, *_TIMES,
            Parameter("q", "One condition in TraceQL: only spans that meet it"),
            Parameter("keep_hierarchy", "true: and what lies above them"),
            Parameter("ancestor_depth", "At most so many steps above, -1 for all"),
            Parameter("match_depth", "And so many steps below, -1 for all"),
        ),
        route(
            "search", search, "Find traces", _QUERY, Parameter("tags", "Attributes in logfmt"),
            Parameter("minDuration", "Least duration of the trace"), Parameter("maxDuration", "Largest duration"),
            Parameter("spss", "Most spans of a set"), _LIMIT, *_TIMES,
        ),
        route("search/tags", tags, "Names of fields", _SCOPE, _LIMIT, *_TIMES),
        route("v2/search/tags", tags_v2, "Names of fields by scope", _SCOPE, _QUERY, _LIMIT, *_TIMES),
        route("search/tag/{+tag}/values", values, "Values of a field", _TAG, _LIMIT, *_TIMES),
        route("v2/search/tag/{+tag}/values", values_v2, "Values of a field with types", _TAG, _QUERY, _LIMIT, *_TIMES),
        route(
            "metrics/query_range", query_range, "A function over spans in steps", _METRICS, *_TIMES,
            Parameter("since", "Length of the range when start is not given"), Parameter("step", "Distance of points"),
            Parameter("exemplars", "Most exemplars"),
        ),
        route("metrics/query", query_instant, "A function over spans at once", _METRICS, *_TIMES,
              Parameter("since", "Length of the range when start is not given")),
    ]  # fmt: skip
    if base:
        found.append(route("traces/{id}", trace, "One trace", _TRACE, *_TIMES))
    return found


ROUTES: Final = (*_routes(""), *_routes("/tempo"))
