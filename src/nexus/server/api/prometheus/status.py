"""State of the server in Prometheus' shapes: what clients look at to find out whom they talk with and what it can do."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.plan import Cardinality, SeriesScan
from nexus.query.promql import regex
from nexus.query.promql.functions import AGGREGATIONS, FUNCTIONS
from nexus.query.promql.lexer import quote
from nexus.server.api.prometheus.answers import PrometheusError, success
from nexus.server.api.prometheus.arguments import MAX_TIME, MIN_TIME, Arguments, invalid
from nexus.server.api.prometheus.asking import answered
from nexus.server.api.prometheus.targets import Scraping
from nexus.server.call import Call
from nexus.telemetry import Point

API_LEVEL: Final = "3.14.0"
"""The version of Prometheus whose API this is; clients choose what they ask for by it."""
MAX_TOP: Final = 10_000

_OPERATORS: Final = (
    "!=", "!~", "%", "*", "+", "-", "/", "</", "<", "<=", "==", "=~", ">", ">/", ">=", "@", "^", "and", "atan2", "or",
    "unless",
)  # fmt: skip


async def buildinfo(call: Call) -> Response:
    """Which Prometheus this answers as; `application` says what it is."""
    return success(
        {
            "version": API_LEVEL,
            "revision": call.services.version,
            "branch": "HEAD",
            "buildUser": "nexus",
            "buildDate": "",
            "goVersion": "",
            "application": "Nexus",
        }
    )


async def version(call: Call) -> Response:
    """The same, as `/version` has it."""
    return Response(
        msgspec.json.encode(
            {
                "version": API_LEVEL,
                "revision": call.services.version,
                "branch": "HEAD",
                "buildUser": "nexus",
                "buildDate": "",
                "goVersion": "",
            }
        ),
        media_type="application/json",
    )


async def runtimeinfo(call: Call) -> Response:
    """Since when it runs, and how long it keeps metrics."""
    services = call.services
    days = services.config().retention.metrics.days
    return success(
        {
            "startTime": _rfc3339(services.started_ns),
            "CWD": "",
            "hostname": "",
            "serverTime": _rfc3339(services.now_ns()),
            "reloadConfigSuccess": True,
            "lastConfigTime": _rfc3339(services.started_ns),
            "corruptionCount": 0,
            "goroutineCount": 0,
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": f"{days}d" if days else "",
        }
    )


async def config(call: Call) -> Response:
    """The scrape configuration, secrets masked."""
    scraping: Scraping | None = call.services.scraping
    return success({"yaml": scraping.configuration(call.tenant) if scraping else "global: {}\n"})


async def flags(call: Call) -> Response:
    """What Prometheus' flags of these meanings are here."""
    metrics = call.services.config()
    return success(
        {
            "query.lookback-delta": f"{int(metrics.metrics.lookback)}s",
            "query.max-samples": str(metrics.metrics.max_query_samples),
            "query.timeout": f"{int(metrics.query.timeout)}s",
            "storage.tsdb.retention.time": f"{metrics.retention.metrics.days}d",
            "web.enable-admin-api": str(metrics.metrics.admin_api).lower(),
            "web.enable-lifecycle": "false",
            "web.enable-otlp-receiver": "true",
            "web.enable-remote-write-receiver": "true",
            "web.external-url": metrics.http.public_url,
        }
    )


async def tsdb(call: Call) -> Response:
    """How many series there are, by metric, label and value."""
    limit = 10
    if text := Arguments.of(call).text("limit"):
        if not text.isascii() or not text.isdigit() or int(text[:18]) < 1:
            raise InvalidRequest("limit must be a positive number")
        limit = int(text[:18])
        if limit > MAX_TOP:
            raise InvalidRequest(f"limit must not exceed {MAX_TOP}")
    answer = await answered(call, Cardinality(SeriesScan((), MIN_TIME, MAX_TIME), limit), newest=True)
    return success(answer.data, answer.warnings)


async def blocks(call: Call) -> Response:
    """There are no blocks: samples are in the engine's tables."""
    return success({"blocks": []})


async def walreplay(call: Call) -> Response:
    """The log has been replayed: before, the server is not ready."""
    return success({"min": 0, "max": 0, "current": 0})


async def features(call: Call) -> Response:
    """What is on, in the categories of Prometheus; what is not named here is not there."""
    admin = call.services.config().metrics.admin_api
    return success(
        {
            "api": {
                "admin": admin, "exclude_alerts": True, "label_values_match": True, "lifecycle": False,
                "openapi_3.1": True, "openapi_3.2": False, "otlp_write_receiver": True, "query_stats": True,
                "query_warnings": True, "remote_write_receiver": True, "search": True, "search_fuzz_alg_jarowinkler": True,
                "search_fuzz_alg_subsequence": True, "time_range_labels": True, "time_range_series": True,
            },
            "otlp_receiver": {"delta_conversion": True, "native_delta_ingestion": False},
            "prometheus": {"agent_mode": False, "auto_reload_config": False, "server_mode": True},
            "promql": {
                "anchored": True, "at_modifier": True, "bool": True, "by": True, "delayed_name_removal": True,
                "duration_expr": True, "fill": True, "fill_left": True, "fill_right": True, "group_left": True,
                "group_right": True, "ignoring": True, "negative_offset": True, "offset": True, "on": True,
                "per_query_lookback_delta": True, "per_step_stats": False, "smoothed": True, "subqueries": True,
                "type_and_unit_labels": False, "without": True,
            },
            "promql_functions": dict.fromkeys(FUNCTIONS, True),
            "promql_operators": dict.fromkeys(sorted((*_OPERATORS, *AGGREGATIONS)), True),
            "rules": {
                "concurrent_rule_eval": False, "keep_firing_for": False, "query_offset": False, "ruler_config_api": False,
            },
            "scrape": {"extra_scrape_metrics": True, "start_timestamp_zero_ingestion": False, "type_and_unit_labels": False},
            "service_discovery_providers": dict.fromkeys(
                ("consul", "dns", "ec2", "file", "http", "kubernetes", "static"), True
            ),
            "tsdb": {"exemplar_storage": True, "isolation": True, "native_histograms": True},
        }
    )  # fmt: skip


async def self_metrics(call: Call) -> Response:
    """The metrics of Nexus itself, as protobuf's JSON has `io.prometheus.client.MetricFamily`."""
    # Some are by service, and a service is what records say.
    call.check_sees_all_tenants("the metrics of Nexus")
    pattern = Arguments.of(call).text("metric_name_pattern")
    if pattern:
        try:
            regex.check(pattern)
        except ValueError as error:
            raise InvalidRequest(f"invalid metric_name_pattern: {error}") from error
    return success(
        [
            {"name": name, "help": text, "type": kind.upper(), "metric": _metrics(name, kind, points)}
            for name, kind, text, points in call.services.registry.families()
            if not pattern or regex.matches(pattern, name)
        ]
    )


def _metrics(name: str, kind: str, points: list[Point]) -> list[dict[str, Any]]:
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for point in points:
        labels = tuple((key, value) for key, value in point.labels.items() if kind != "histogram" or key != "le")
        shown = [{"name": key, "value": value} for key, value in labels]
        metric = found.setdefault(labels, {"label": shown} if shown else {})
        if kind != "histogram":
            metric[kind] = {"value": _json_number(point.value)}
            continue
        histogram = metric.setdefault("histogram", {"bucket": []})
        if point.name == f"{name}_sum":
            histogram["sampleSum"] = _json_number(point.value)
        elif point.name == f"{name}_count":
            histogram["sampleCount"] = str(int(point.value))
        else:
            bound = float(point.labels["le"].replace("+Inf", "inf"))
            histogram["bucket"].append({"cumulativeCount": str(int(point.value)), "upperBound": _json_number(bound)})
    return list(found.values())


def _json_number(value: float) -> float | str:
    """Protobuf's JSON has texts for what JSON has no numbers for."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


async def notifications(call: Call) -> Response:
    """There are none."""
    return success([])


async def rules(call: Call) -> Response:
    """Rule groups: none are evaluated."""
    arguments = Arguments.of(call)
    arguments.matchers()
    kind = arguments.text("type").lower()
    if kind not in ("", "alert", "record"):
        raise invalid("type", f"not supported value {quote(kind[:40])}")
    text = arguments.text("exclude_alerts").lower()
    if text not in ("", "1", "t", "true", "0", "f", "false"):
        reason = f"error converting exclude_alerts: strconv.ParseBool: parsing {quote(text[:40])}: invalid syntax"
        raise invalid("exclude_alerts", reason)
    limit, token = arguments.text("group_limit"), arguments.text("group_next_token")
    if token and not limit:
        reason = "group_limit needs to be present in order to paginate over the groups"
        raise invalid("group_next_token", reason)
    if limit and not (limit.isascii() and limit.isdigit() and 0 < int(limit[:10]) < 1 << 31):
        raise invalid("group_limit", "group_limit needs to be greater than 0")
    if token:
        reason = f"invalid group_next_token '{token[:80]}'. were rule groups changed?"
        raise invalid("group_next_token", reason)
    return success({"groups": []})


async def no_rules(call: Call) -> Response:
    """Grafana asks for a rule group of no namespace to find out whether rules can be changed here: they cannot."""
    return Response("404 page not found\n", 404, media_type="text/plain; charset=utf-8")


async def alerts(call: Call) -> Response:
    """Active alerts: none are evaluated."""
    return success({"alerts": []})


async def alertmanagers(call: Call) -> Response:
    """None are told."""
    return success({"activeAlertmanagers": [], "droppedAlertmanagers": []})


async def disabled(call: Call) -> Response:
    """Prometheus' life is not in the hands of its clients, unless that was switched on: here it cannot be."""
    return Response("Lifecycle API is not enabled.", 403, media_type="text/plain; charset=utf-8")


def unavailable(message: str) -> PrometheusError:
    """Something that can be switched on, and is not."""
    return PrometheusError("unavailable", 503, message)


def _rfc3339(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
