"""`nexus metrics query|range|series|labels`: PromQL and what there is, on a terminal, over the Prometheus API.

Times are what the native API takes (`now-15m`, RFC 3339, epoch numbers); durations as in PromQL, or seconds.
"""

from __future__ import annotations

import json
import sys
import urllib.parse
from time import time_ns
from typing import Any, Final, Literal

from nexus.errors import InvalidRequest
from nexus.logs_command import quietly, safe
from nexus.model.time import parse_time
from nexus.options import Tenant, Token, Url
from nexus.remote import remote

_PREFIX: Final = "/api/v1/"
POINTS: Final = 250
"""Steps of a range without a step."""

Format = Literal["text", "json"]


def query(
    promql: str,
    /,
    *,
    time: str = "now",
    format: Format = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Evaluate PromQL at one point in time.

    Parameters
    ----------
    promql
        The query.
    time
        When: an epoch number, RFC 3339, or a relative form such as now-15m.
    format
        text: a series a line. json: what the Prometheus API answers under `data`.
    """
    arguments = [("query", promql), ("time", _seconds(time))]
    return _shown("query", arguments, format, url, token, tenant)


def range_(
    promql: str,
    /,
    *,
    start: str = "now-1h",
    end: str = "now",
    step: str = "",
    format: Format = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Evaluate PromQL at every step of a range.

    Parameters
    ----------
    promql
        The query.
    start
        First step: an epoch number, RFC 3339, or a relative form such as now-15m.
    end
        The last step is not after it.
    step
        Distance of steps, such as 30s; without it about 250 steps.
    format
        text: a series, and a sample a line below it. json: what the Prometheus API answers under `data`.
    """
    first, last = _seconds(start), _seconds(end)
    if not step:
        step = str(max(round((float(last) - float(first)) / POINTS), 1))
    arguments = [("query", promql), ("start", first), ("end", last), ("step", step)]
    return _shown("query_range", arguments, format, url, token, tenant)


def series(
    *matchers: str,
    start: str = "now-1h",
    end: str = "now",
    limit: int = 1000,
    format: Format = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Print the series that selectors find.

    Parameters
    ----------
    matchers
        Selectors, such as up or '{job="api"}'; those of any are printed.
    start
        Series with samples from here on: an epoch number, RFC 3339, or a relative form such as now-15m.
    end
        And up to here.
    limit
        The most series; 0 is no limit.
    format
        text: a series a line. json: an array of objects.
    """
    if not matchers:
        raise InvalidRequest("no selector is given.", hint="Name a metric, or write matchers: '{job=\"api\"}'.")
    arguments = [*(("match[]", one) for one in matchers), *_range(start, end, limit)]
    return _shown("series", arguments, format, url, token, tenant)


def labels(
    label: str = "",
    /,
    *,
    match: list[str] | None = None,
    start: str = "now-1h",
    end: str = "now",
    limit: int = 1000,
    format: Format = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Print the names of labels, or the values of one.

    Parameters
    ----------
    label
        The label whose values are printed; __name__ are the metrics.
    match
        Selector of the series that are looked at; may be repeated.
    start
        Of series with samples from here on: an epoch number, RFC 3339, or a relative form such as now-15m.
    end
        And up to here.
    limit
        The most lines; 0 is no limit.
    format
        text: one a line. json: an array.
    """
    arguments = [*(("match[]", one) for one in match or ()), *_range(start, end, limit)]
    name = f"label/{urllib.parse.quote(_escaped(label), safe='')}/values" if label else "labels"
    return _shown(name, arguments, format, url, token, tenant)


def _shown(name: str, arguments: list[tuple[str, str]], format: Format, url: str, token: str, tenant: str) -> int:
    place = remote(url, token, tenant)
    with place.ask("GET", f"{_PREFIX}{name}?{urllib.parse.urlencode(arguments)}") as response:
        answer = json.loads(response.read())
    for kind in ("warnings", "infos"):
        for note in answer.get(kind, ()):
            print(f"nexus: {safe(note)}", file=sys.stderr)
    data = answer["data"]
    lines = [json.dumps(data, ensure_ascii=False)] if format == "json" else render(data)
    return quietly(lambda: _print(lines))


def _print(lines: list[str]) -> int:
    for line in lines:
        print(line)
    sys.stdout.flush()
    return 0


def render(data: Any) -> list[str]:
    """An answer as lines for people. Pure."""
    if isinstance(data, list):
        return [metric(one) if isinstance(one, dict) else safe(str(one)).replace("\n", "\\n") for one in data]
    found = data["result"]
    if data["resultType"] in ("scalar", "string"):
        return [f"{safe(str(found[1]))} @[{found[0]}]"]
    lines = []
    for one in found:
        samples = one.get("values", []) + ([one["value"]] if "value" in one else [])
        histograms = one.get("histograms", []) + ([one["histogram"]] if "histogram" in one else [])
        texts = [f"{value} @[{at}]" for at, value in samples]
        texts += [f"{{count:{value['count']}, sum:{value['sum']}}} @[{at}]" for at, value in histograms]
        name = metric(one["metric"])
        lines += [f"{name} => {texts[0]}"] if data["resultType"] == "vector" else [f"{name} =>", *texts]
    return lines


def metric(labels: dict[str, str]) -> str:
    """Labels as PromQL writes them."""
    name = labels.get("__name__", "")
    shown = ", ".join(f"{one}={json.dumps(value, ensure_ascii=False)}" for one, value in labels.items() if one != "__name__")
    return safe(name + (f"{{{shown}}}" if shown or not name else ""))


def _range(start: str, end: str, limit: int) -> list[tuple[str, str]]:
    return [("start", _seconds(start)), ("end", _seconds(end)), ("limit", str(limit))]


def _seconds(text: str) -> str:
    ns = parse_time(text, now_ns=time_ns())
    return f"{ns // 10**9}.{ns // 10**6 % 1000:03}"


def _escaped(name: str) -> str:
    """A label's name in a path: as Prometheus' clients write those that are no plain words."""
    if name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit() and not name.startswith("U__"):
        return name
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "U__" + "".join(one if one in plain else "__" if one == "_" else f"_{ord(one):x}_" for one in name)
