"""Jaeger's service performance monitoring: rates, errors and latencies as families of metrics, from the derived series."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.model.time import format_time
from nexus.query.promql.lexer import quote
from nexus.server.api.jaeger.answers import JSON
from nexus.server.api.jaeger.arguments import MS, Arguments, unparsable
from nexus.server.api.prometheus.arguments import MAX_POINTS
from nexus.server.api.tracing import red
from nexus.server.api.tracing.asking import Asker, Labels
from nexus.server.call import Call

_HOUR: Final = 3_600_000
_DEFAULT_STEP: Final = 5_000
_DEFAULT_RATE: Final = 600_000
_KINDS: Final = {name: label for label, name in red.KINDS.items() if name}
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")

Points = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about; times in ms, `over` as PromQL has a range of time behind a selector."""

    matcher: str
    by: str
    per_operation: bool
    start: int
    end: int
    step: int
    over: str

    @classmethod
    def of(cls, arguments: Arguments, exactly: str) -> Asked:
        """From the arguments, and what `Asker.exactly` says. Raises `InvalidRequest`."""
        services = arguments.all("service")
        if not services:
            raise unparsable("service", "please provide at least one service name")
        kinds = []
        for kind in arguments.all("spanKind") or ["server"]:
            if kind not in _KINDS:
                raise unparsable("spanKind", f"unsupported span kind: '{kind[:40]}'")
            kinds.append(_KINDS[kind])
        per_operation = arguments.boolean("groupByOperation")
        end = arguments.time("endTs", MS, arguments.now_ns) // MS
        lookback = arguments.integer("lookback", _HOUR)
        step = arguments.integer("step", _DEFAULT_STEP)
        rate = arguments.integer("ratePer", _DEFAULT_RATE)
        if min(lookback, step, rate) <= 0:
            raise InvalidRequest("lookback, step and ratePer have to be greater than 0")
        if lookback // step > MAX_POINTS:
            raise InvalidRequest(f"lookback has more than {MAX_POINTS} steps")
        named = quote("|".join(_SPECIAL.sub(r"\\\g<0>", service) for service in services))
        matcher = f'service=~{named}, span_kind=~"{"|".join(kinds)}"'
        by = "service, span_name" if per_operation else "service"
        return cls(matcher, by, per_operation, max(end - lookback, 0), end, step, f"[{rate}ms]{exactly}")


async def _family(asker: Asker, asked: Asked, name: str, text: str, help: str) -> dict[str, Any]:
    return family(asked, name, help, await asker.matrix(text, asked.start, asked.end, asked.step))


def family(asked: Asked, name: str, help: str, series: list[tuple[Labels, Points]]) -> dict[str, Any]:
    """A family of gauges."""
    if asked.per_operation:
        name, help = name.replace("service", "service_operation", 1), f"{help} & operation"
    return {"name": name, "type": "GAUGE", "help": help, "metrics": [_metric(labels, points) for labels, points in series]}


def _metric(labels: Labels, points: Points) -> dict[str, Any]:
    named = [{"name": "service_name", "value": labels.get("service", "")}]
    if "span_name" in labels:
        named.insert(0, {"name": "operation", "value": labels["span_name"]})
    shown = [
        {"gaugeValue": {"doubleValue": value if value == value else "NaN"}, "timestamp": format_time(time * MS)}
        for time, value in points
    ]
    return {"labels": named, "metricPoints": shown}


def _rate(asked: Asked, more: str = "") -> str:
    return f"sum by ({asked.by}) (rate({red.CALLS}{{{asked.matcher}{more}}}{asked.over}))"


async def _calls(asker: Asker, asked: Asked, _arguments: Arguments) -> dict[str, Any]:
    return await _family(asker, asked, "service_call_rate", _rate(asked), "calls/sec, grouped by service")


async def _errors(asker: Asker, asked: Asked, _arguments: Arguments) -> dict[str, Any]:
    failed = _rate(asked, f', status_code="{red.ERROR}"')
    help = "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service"
    # Where nothing fails there are no failures to divide: that is a rate of 0.
    text = f"({failed} or {_rate(asked)} * 0) / {_rate(asked)}"
    return await _family(asker, asked, "service_error_rate", text, help)


async def _latencies(asker: Asker, asked: Asked, arguments: Arguments) -> dict[str, Any]:
    text = arguments.text("quantile")
    try:
        quantile = float(text)
    except ValueError:
        raise unparsable("quantile", f'strconv.ParseFloat: parsing "{text[:40]}": invalid syntax') from None
    if not 0 <= quantile <= 1:
        raise unparsable("quantile", "a quantile lies between 0 and 1")
    rates = f"sum by ({asked.by}, le) (rate({red.LATENCY}_bucket{{{asked.matcher}}}{asked.over}))"
    # Jaeger's UI reads milliseconds.
    text = f"histogram_quantile({quantile!r}, {rates}) * 1000"
    help = f"{quantile:.2f}th quantile latency, grouped by service"
    return await _family(asker, asked, "service_latencies", text, help)


Family = Callable[[Asker, Asked, Arguments], Awaitable[dict[str, Any]]]


def _work(make: Family) -> Callable[[Call, Asker], Awaitable[Response]]:
    async def work(call: Call, asker: Asker) -> Response:
        arguments = Arguments(call.query, call.services.now_ns())
        return Response(
            msgspec.json.encode(await make(asker, Asked.of(arguments, asker.exactly), arguments)), media_type=JSON
        )

    return work


WORKS: Final = {"calls": _work(_calls), "errors": _work(_errors), "latencies": _work(_latencies)}
