"""`/federate`: the last sample of series, as text that another Prometheus scrapes.

Two questions make it: the values, and the times of the samples (`timestamp()`). Native histograms have no form in this
format and are left out, as Prometheus does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.responses import Response

from nexus.errors import LimitExceeded, NexusError
from nexus.pipeline.http import retry_headers
from nexus.query.promql import ast
from nexus.query.promql.lower import LOOKBACK
from nexus.query.promql.printer import label, print_query
from nexus.server.api.prometheus.arguments import Arguments, selector
from nexus.server.api.prometheus.asking import answered, passed_on, program
from nexus.server.call import Call

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES: Final = 500_000
_NAME: Final = "__name__"
_KEPT: Final = "__nexus_name__"
_LEGACY: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)


class _Sample(Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None


class _Vector(Struct):
    result: list[_Sample]


_DECODER: Final = msgspec.json.Decoder(_Vector)


@dataclass(slots=True)
class _Line:
    labels: dict[str, str]
    value: str
    time: int


async def federate(call: Call) -> Response:
    """The last sample of every series that a selector finds."""
    arguments = Arguments.of(call)
    arguments.matchers()
    found: dict[tuple[tuple[str, str], ...], _Line] = {}
    for text in arguments.all("match[]"):
        vector = ast.Vector(matchers=selector(text, "match[]"))
        for sample in await _asked(call, vector, arguments.now):
            if sample.value is not None:
                key = tuple(sorted(sample.metric.items()))
                found[key] = _Line(sample.metric, sample.value[1], int(sample.value[0] * 1000))
        if len(found) > MAX_SERIES:
            raise LimitExceeded(f"more than {MAX_SERIES} series match.", hint="Federate fewer series: name them in match[].")
        for sample in await _times(call, vector, arguments.now):
            named = {**sample.metric, _NAME: sample.metric.get(_KEPT, sample.metric.get(_NAME, ""))}
            named.pop(_KEPT, None)
            line = found.get(tuple(sorted((name, value) for name, value in named.items() if value)))
            if line is not None and sample.value is not None:
                line.time = round(float(sample.value[1]) * 1000)
    return Response(exposition(found.values()), media_type=MEDIA)


async def _times(call: Call, vector: ast.Vector, at: int) -> list[_Sample]:
    """Times of the last samples as values, the names of their metrics in `_KEPT` or where they were."""
    if call.services.metrics.dialect(call.tenant) == "metricsql":
        text = f"tlast_over_time({print_query(vector)}[{LOOKBACK // 1000}s]) keep_metric_names"
        return _DECODER.decode((await answered(call, passed_on(text, at, at))).data).result
    times = ast.Call("timestamp", (vector,))
    named = ast.Call("label_replace", (times, *map(ast.String, (_KEPT, "$1", _NAME, "(.*)"))))
    return await _asked(call, named, at)


async def _asked(call: Call, tree: ast.Expr, at: int) -> list[_Sample]:
    plan = program(call, tree, print_query(tree), at, at)
    return _DECODER.decode((await answered(call, plan)).data).result


def exposition(lines: Any) -> bytes:
    """Lines of text, families together; series without an `instance` get an empty one, so that the scraper adds none."""
    shown: list[str] = []
    last = None
    for line in sorted(lines, key=lambda one: (one.labels.get(_NAME, ""), sorted(one.labels.items()))):
        labels = dict(line.labels)
        labels.setdefault("instance", "")
        name = labels.pop(_NAME, "")
        legacy = _LEGACY.fullmatch(name) is not None
        if name != last:
            last = name
            shown.append(f"# TYPE {name if legacy else _quoted(name)} untyped")
        inside = [] if legacy else [_quoted(name)]
        inside += [f"{label(one)}={_quoted(value)}" for one, value in sorted(labels.items())]
        shown.append(f"{name if legacy else ''}{{{','.join(inside)}}} {line.value} {line.time}")
    return "".join(f"{line}\n" for line in shown).encode(errors="replace")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def refuse(error: NexusError) -> Response:
    """An error as text."""
    headers = retry_headers(error)
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(f"{error}\n", error.http_status, headers, media_type="text/plain; charset=utf-8")
