"""The doors of the Prometheus API, at `/` and below `/prometheus`, where servers with a path prefix have them."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from nexus.security.permissions import Permission
from nexus.server.api.operations import healthy, ready
from nexus.server.api.prometheus import admin, federation, labels, queries, reading, search, status, targets
from nexus.server.api.prometheus.answers import nothing, refuse
from nexus.server.call import Call
from nexus.server.routes import KNOWN, PUBLIC, Access, Handler, Parameter, Refusal, Route

BASES: Final = ("", "/prometheus")
API: Final = "/api/v1"
MAX_FORM: Final = 1 << 20
_TAG: Final = "prometheus"
_QUERY: Final = Parameter("query", "PromQL.", required=True)
_MATCH: Final = Parameter("match[]", "Selector; may be repeated.")
_RANGE: Final = (
    Parameter("start", "Unix seconds or RFC 3339."),
    Parameter("end", "Unix seconds or RFC 3339."),
)
_LIMIT: Final = Parameter("limit", "Most elements of the answer; 0 is no limit.")
_EVALUATED: Final = (
    Parameter("timeout", "A duration."),
    _LIMIT,
    Parameter("lookback_delta", "A duration."),
    Parameter("stats", "`true` or `all`: what the query cost."),
)
_SEARCH: Final = (
    Parameter("search[]", "A word; may be repeated."),
    _MATCH,
    *_RANGE,
    Parameter("fuzz_alg", "`subsequence` or `jarowinkler`."),
    Parameter("fuzz_threshold", "0 to 100."),
    Parameter("case_sensitive", "Default true."),
    Parameter("sort_by", "`alpha` or `score`."),
    Parameter("sort_dir", "`asc` or `dsc`."),
    Parameter("include_score", "Default false."),
    _LIMIT,
    Parameter("batch_size", "Results in a line."),
)

_READ: Final = Permission.METRICS_READ


async def _openapi(call: Call) -> Response:
    """The description of every API of this server: JSON, which is YAML."""
    return Response(call.services.openapi(), media_type="application/openapi+yaml;version=3.1")


async def _live_notifications(call: Call) -> Response:
    """There are none, and there will be none: event sources take this for the end."""
    return nothing()


def _doors(
    methods: str,
    path: str,
    handler: Handler,
    summary: str,
    parameters: tuple[Parameter, ...] = (),
    *,
    permission: Permission | Access = _READ,
    refused: Refusal = refuse,
    media: str = "application/json",
    raw: int = MAX_FORM,
    request: tuple[str, ...] = ("application/x-www-form-urlencoded",),
    audited: str = "",
) -> list[Route]:
    return [
        Route(
            method,
            base + path,
            permission,
            handler,
            summary,
            parameters=parameters,
            media=request if method != "GET" else (),
            answer_media=(media,),
            raw=raw if method != "GET" else 0,
            refuse=refused,
            tag=_TAG,
            described=not base,
            audited=audited,
            audited_fields=("match[]", "start", "end") if audited else (),
        )
        for base in BASES
        for method in methods.split()
    ]


_DATA: Final = (
    *_doors(
        "GET POST",
        f"{API}/query",
        queries.query,
        "PromQL at one point in time",
        (_QUERY, Parameter("time", "Unix seconds or RFC 3339; now."), *_EVALUATED),
    ),
    *_doors(
        "GET POST",
        f"{API}/query_range",
        queries.query_range,
        "PromQL over a range",
        (_QUERY, *_RANGE, Parameter("step", "A duration.", required=True), *_EVALUATED),
    ),
    *_doors("GET POST", f"{API}/query_exemplars", queries.query_exemplars, "Exemplars of series", (_QUERY, *_RANGE)),
    *_doors("GET POST", f"{API}/series", labels.series, "Series that selectors find", (_MATCH, *_RANGE, _LIMIT)),
    *_doors("GET POST", f"{API}/labels", labels.labels, "Names of labels", (_MATCH, *_RANGE, _LIMIT)),
    *_doors("GET", f"{API}/label/{{name}}/values", labels.label_values, "Values of a label", (_MATCH, *_RANGE, _LIMIT)),
    *_doors(
        "GET",
        f"{API}/metadata",
        labels.metadata,
        "Kind, help and unit of metrics",
        (Parameter("metric", "One metric."), _LIMIT, Parameter("limit_per_metric", "Most entries of a metric.")),
    ),
    *_doors("GET POST", f"{API}/search/metric_names", search.metric_names, "Search metrics", _SEARCH, media=search.MEDIA),
    *_doors("GET POST", f"{API}/search/label_names", search.label_names, "Search labels", _SEARCH, media=search.MEDIA),
    *_doors(
        "GET POST",
        f"{API}/search/label_values",
        search.label_values,
        "Search values of a label",
        (Parameter("label", "The label.", required=True), *_SEARCH),
        media=search.MEDIA,
    ),
    *_doors("GET", f"{API}/status/tsdb", status.tsdb, "Cardinality by metric, label and value", (_LIMIT,)),
    *_doors(
        "POST",
        f"{API}/read",
        reading.read,
        "Remote read",
        media="application/x-protobuf",
        raw=reading.MAX_BODY,
        request=("application/x-protobuf",),
    ),
    *_doors(
        "GET",
        "/federate",
        federation.federate,
        "The last samples of series, as text",
        (_MATCH,),
        refused=federation.refuse,
        media="text/plain",
    ),
)
_TEXTS: Final = (
    *_doors("GET POST", f"{API}/format_query", queries.format_query, "PromQL, formatted", (_QUERY,), permission=KNOWN),
    *_doors("GET POST", f"{API}/parse_query", queries.parse_query, "PromQL as a tree", (_QUERY,), permission=KNOWN),
)
_SCRAPED: Final = (
    *_doors(
        "GET",
        f"{API}/targets",
        targets.targets,
        "What is scraped",
        (Parameter("state", "`active`, `dropped` or `any`."), Parameter("scrapePool", "One pool.")),
        permission=Permission.TARGETS_READ,
    ),
    *_doors(
        "GET",
        f"{API}/targets/metadata",
        targets.target_metadata,
        "Metadata by target",
        (Parameter("match_target", "Selector."), Parameter("metric", "One metric."), _LIMIT),
        permission=Permission.TARGETS_READ,
    ),
    *_doors(
        "GET",
        f"{API}/targets/relabel_steps",
        targets.relabel_steps,
        "Relabelling, step by step",
        (Parameter("scrapePool", "The pool.", required=True), Parameter("labels", "JSON object.", required=True)),
        permission=Permission.TARGETS_READ,
    ),
    *_doors(
        "GET",
        f"{API}/scrape_pools",
        targets.scrape_pools,
        "Names of scrape configurations",
        permission=Permission.TARGETS_READ,
    ),
    *_doors(
        "GET",
        f"{API}/scrape_pools/config",
        targets.pool_config,
        "A scrape configuration",
        (Parameter("scrapePool", "The pool.", required=True),),
        permission=Permission.TARGETS_READ,
    ),
    *_doors("GET", f"{API}/status/config", status.config, "The scrape configuration", permission=Permission.TARGETS_READ),
)
_STATUS: Final = (
    *_doors("GET", f"{API}/status/buildinfo", status.buildinfo, "Which Prometheus this answers as", permission=KNOWN),
    *_doors("GET", f"{API}/status/runtimeinfo", status.runtimeinfo, "Since when it runs"),
    *_doors("GET", f"{API}/status/flags", status.flags, "Settings, by the names of Prometheus' flags"),
    *_doors(
        "GET",
        f"{API}/status/self_metrics",
        status.self_metrics,
        "The metrics of Nexus itself",
        (Parameter("metric_name_pattern", "Expression that whole names match."),),
        permission=Permission.TELEMETRY_READ,
    ),
    *_doors("GET", f"{API}/status/tsdb/blocks", status.blocks, "Blocks: none"),
    *_doors("GET", f"{API}/status/walreplay", status.walreplay, "Progress of the replay of the log", permission=KNOWN),
    *_doors("GET", f"{API}/features", status.features, "What is on", permission=KNOWN),
    *_doors("GET", f"{API}/notifications", status.notifications, "Notifications of the server", permission=KNOWN),
    *_doors("GET", f"{API}/notifications/live", _live_notifications, "Notifications as they come", permission=KNOWN),
    *_doors("GET", f"{API}/openapi.yaml", _openapi, "This description", permission=KNOWN, media="application/openapi+yaml"),
    *_doors("GET", "/version", status.version, "Version", permission=KNOWN),
    *_doors("GET", f"{API}/rules", status.rules, "Rule groups", (_MATCH, Parameter("type", "`alert` or `record`."))),
    *_doors(
        "GET", f"{API}/rules/{{namespace}}/{{group}}", status.no_rules, "Rules cannot be changed here", media="text/plain"
    ),
    *_doors("GET", f"{API}/alerts", status.alerts, "Active alerts"),
    *_doors("GET", f"{API}/alertmanagers", status.alertmanagers, "Who is told of alerts"),
)
_ADMIN: Final = (
    *_doors(
        "POST PUT",
        f"{API}/admin/tsdb/delete_series",
        admin.delete_series,
        "Delete series for good",
        (_MATCH, *_RANGE),
        permission=Permission.METRICS_DELETE,
        audited="metrics.deleted",
    ),
    *_doors(
        "POST PUT",
        f"{API}/admin/tsdb/clean_tombstones",
        admin.clean_tombstones,
        "Clean up after deletions",
        permission=Permission.METRICS_DELETE,
    ),
)
ROUTES: Final = (
    *_DATA,
    *_TEXTS,
    *_SCRAPED,
    *_STATUS,
    *_ADMIN,
    Route(
        "GET", "/prometheus/-/healthy", PUBLIC, healthy, "Is the process alive?", tag=_TAG, described=False, refuse=refuse
    ),
    Route("GET", "/prometheus/-/ready", PUBLIC, ready, "Can requests be served?", tag=_TAG, described=False, refuse=refuse),
)
