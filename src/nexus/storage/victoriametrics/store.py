"""A `MetricStore` in a VictoriaMetrics: samples go there by remote write, questions are asked there.

Queries are sent as text, so MetricsQL is answered, too. What somebody may see is sent beside the query as `extra_filters[]`,
which VictoriaMetrics puts into every selector by itself; labels cannot be masked there, so whoever has masks is refused.
Differences from the embedded store (rates without extrapolation, lookback) are VictoriaMetrics'.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal

import msgspec

from nexus import _native
from nexus.errors import InvalidRequest, PermissionDenied
from nexus.model.batch import MetricBatch
from nexus.query.plan import (
    Cardinality,
    LabelMatcher,
    ListExemplars,
    ListLabelNames,
    ListLabelValues,
    ListMetadata,
    ListSeries,
    MetricCatalog,
    PromQuery,
    ReadSeries,
    Scoped,
    SeriesScan,
)
from nexus.query.series_policy import extra_filters
from nexus.storage.forwarding.http import Arguments
from nexus.storage.forwarding.queue import BodyQueue
from nexus.storage.forwarding.sender import Sender
from nexus.storage.forwarding.store import ForwardingStore
from nexus.storage.metric_api import Estimate, MetricReceipt, Refusal, SeriesAnswer, SeriesStatistics
from nexus.storage.victoriametrics.client import Client, Envelope
from nexus.storage.victoriametrics.families import Family, families
from nexus.storage.victoriametrics.options import Backend

NAMES_AT_A_TIME: Final = 10_000
"""Names of metrics that a search of the catalog looks through."""
ERASE_SECONDS: Final = 60.0
SERIES_OF_A_BODY: Final = 10_000
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
FIGURES_WINDOW: Final = 86_400
"""Seconds at the end of a range in which series of the catalog are counted."""


class VictoriaMetricsStore(ForwardingStore):
    """See the module text. Made on any thread; the rest lives on an event loop."""

    def __init__(self, backend: Backend) -> None:
        """Opens the queue that an earlier process left. Raises `StorageError`."""
        self._backend = backend
        self._client = Client(backend)
        queue = BodyQueue(backend.queue, backend.queue_bytes, "VictoriaMetrics", fsync=backend.fsync)
        super().__init__(queue, Sender(self._client, queue, "VictoriaMetrics", backend.tenant, "samples"))

    def dialect(self, tenant: str) -> Literal["promql", "metricsql"]:
        """See `MetricStore`."""
        return "metricsql"

    async def append(self, tenant: str, batch: MetricBatch) -> MetricReceipt:
        """See `MetricStore`: durable when it returns; visible, too, while VictoriaMetrics is there."""
        assert isinstance(batch, _native.MetricBatch)
        samples = histograms = 0
        refusals = []
        bodies = await asyncio.to_thread(
            _native.encode_remote_write, batch, version=1, max_series=SERIES_OF_A_BODY, compress=True
        )
        for body, of_floats, of_histograms in bodies:
            taken = await self._sender.send(body, of_floats + of_histograms)
            if taken.refused:
                refusals.append(Refusal("backend_refused", taken.sentence, taken.refused))
            else:
                samples += of_floats
                histograms += of_histograms
        return MetricReceipt(samples=samples, histograms=histograms, refusals=tuple(refusals))

    async def answer(self, query: Scoped) -> SeriesAnswer:
        """See `MetricStore`."""
        began = time.perf_counter()
        answer = await self._answer(query, _sight(query))
        answer.statistics = SeriesStatistics(query.query_id, (time.perf_counter() - began) * 1000)
        return answer

    async def _answer(self, query: Scoped, sight: Arguments) -> SeriesAnswer:
        plan, within = query.plan, query.limits.seconds
        match plan:
            case PromQuery():
                times = (
                    [("start", _seconds(plan.start)), ("end", _seconds(plan.end)), ("step", _seconds(plan.step))]
                    if plan.step
                    else [("time", _seconds(plan.start)), ("step", _seconds(plan.lookback))]
                )
                arguments = [("query", plan.text), *times, ("timeout", f"{within}s"), ("latency_offset", "1ms"), *sight]
                if plan.step:
                    arguments.append(("max_lookback", _seconds(plan.lookback)))
                found = await self._client.ask("query_range" if plan.step else "query", arguments, within=within)
            case ListSeries(scan, limit):
                return await self._listed("series", scan, limit, sight, within)
            case ListLabelNames(scan, limit):
                return await self._listed("labels", scan, limit, sight, within)
            case ListLabelValues(label, scan, limit):
                return await self._listed(f"label/{_path(label)}/values", scan, limit, sight, within)
            case ListExemplars():
                return SeriesAnswer(b"[]", infos=["VictoriaMetrics keeps no exemplars."])
            case ListMetadata(metric, limit, per_metric):
                arguments = [*_limit(limit), *([("metric", metric)] if metric else [])]
                if per_metric:
                    arguments.append(("limit_per_metric", str(per_metric)))
                if sight:
                    # It knows metadata by name, not by series: who sees not all sees that of the names he sees.
                    return await self._metadata_seen(plan, sight, within)
                found = await self._client.ask("metadata", arguments, within=within)
            case Cardinality(scan, limit, focus):
                arguments = [*_scan(scan), ("topN", str(limit)), *([("focusLabel", focus)] if focus else []), *sight]
                found = await self._client.ask("status/tsdb", arguments, within=within)
                return SeriesAnswer(_cardinality(found, scan))
            case MetricCatalog():
                return await self._catalog(plan, sight, within)
            case _:
                raise TypeError(f"{type(plan).__name__} is no question to a metric store")
        return _of(found)

    async def _listed(self, path: str, scan: SeriesScan, limit: int, sight: Arguments, within: float) -> SeriesAnswer:
        """A list; of one that is longer than the limit, as many as VictoriaMetrics comes upon first."""
        # One more, to know whether there are more.
        arguments = [*_scan(scan), *_limit(limit + 1 if limit else 0), *sight]
        answer = _of(await self._client.ask(path, arguments, within=within))
        if limit:
            elements = msgspec.json.decode(answer.data, type=list[msgspec.Raw])
            if len(elements) > limit:
                answer.data, answer.limited = msgspec.json.encode(elements[:limit]), True
        return answer

    async def _metadata_seen(self, plan: ListMetadata, sight: Arguments, within: float) -> SeriesAnswer:
        names = await self._client.ask("label/__name__/values", sight, within=within)
        seen = set(msgspec.json.decode(names.data, type=list[str]))
        found = await self._client.ask("metadata", [("metric", plan.metric)] if plan.metric else [], within=within)
        known: dict[str, Any] = msgspec.json.decode(found.data)
        kept = {name: facts for name, facts in known.items() if name in seen or _has_suffix(name, seen)}
        if plan.limit:
            kept = dict(list(kept.items())[: plan.limit])
        return SeriesAnswer(msgspec.json.encode(kept))

    async def _catalog(self, plan: MetricCatalog, sight: Arguments, within: float) -> SeriesAnswer:
        start, end = _bounded(plan.scan)
        scan = [("start", _seconds(start)), ("end", _seconds(end))]
        words = plan.search.lower().split()
        found = await self._client.ask("label/__name__/values", [*scan, *sight], within=within)
        metadata = await self._client.ask("metadata", [], within=within)
        known: dict[str, list[dict[str, str]]] = msgspec.json.decode(metadata.data)

        def facts(name: str) -> dict[str, str]:
            return next(iter(known.get(name) or known.get(_family(name)) or [{}]))

        def kind_of(name: str) -> str:
            return next(iter(known.get(name) or [{}])).get("type", "")

        def has(one: Family, word: str) -> bool:
            texts = (one.name, *one.parts, facts(one.name).get("help", ""))
            return any(word in text.lower() for text in texts)

        all_names = msgspec.json.decode(found.data, type=list[str])
        chosen = [one for one in families(all_names, kind_of) if all(has(one, word) for word in words)]
        total = len(chosen)
        parts = [name for one in chosen for name in one.parts]
        counts = await self._figures("count", parts[:NAMES_AT_A_TIME], plan.scan, sight, within)

        def series(one: Family) -> int:
            return int(sum(counts.get(name, 0.0) for name in one.parts))

        if plan.order == "series":
            chosen.sort(key=lambda one: (-series(one), one.name))
        page = chosen[plan.offset : plan.offset + plan.limit]
        shown = [name for one in page for name in one.parts]
        last = await self._figures("last", shown, plan.scan, sight, within)
        metrics = [
            {
                "name": one.name,
                "kind": facts(one.name).get("type", "") or one.kind,
                "unit": facts(one.name).get("unit", ""),
                "help": facts(one.name).get("help", ""),
                "series": series(one),
                "last": int(max(last.get(name, 0.0) for name in one.parts) * 1000),
                "parts": one.parts if one.parts != [one.name] else [],
            }
            for one in page
        ]
        return SeriesAnswer(msgspec.json.encode({"metrics": metrics, "total": total}))

    async def _figures(
        self, what: str, names: Sequence[str], scan: SeriesScan, sight: Arguments, within: float
    ) -> dict[str, float]:
        """By name: the number of series, or the time of the last sample in seconds."""
        if not names:
            return {}
        start, end = _bounded(scan)
        end = max(start, min(end, int(time.time() * 1000)))
        window = min(max(1, (end - start) // 1000), FIGURES_WINDOW)
        selector = _selector([LabelMatcher("__name__", "=~", "|".join(re.escape(name) for name in names))])
        outer, inner = ("count", "last_over_time") if what == "count" else ("max", "tlast_over_time")
        text = f"{outer}({inner}({selector}[{window}s]) keep_metric_names) by (__name__)"
        found = await self._client.ask("query", [("query", text), ("time", _seconds(end)), *sight], within=within)
        rows = msgspec.json.decode(found.data, type=_Vector).result
        return {row.metric.get("__name__", ""): float(row.value[1]) for row in rows}

    async def read(self, query: Scoped, encoding: str) -> AsyncIterator[bytes]:
        """See `MetricStore`; the encoding `text` only."""
        plan = query.plan
        if not isinstance(plan, ReadSeries):
            raise TypeError("not a question for samples")
        if encoding != "text":
            raise InvalidRequest(
                "this tenant's samples are in VictoriaMetrics, which has no remote read.",
                hint="Query it, or export as text.",
            )
        arguments = [*_scan(plan.scan), *_sight(query)]
        rest = b""
        async for piece in self._client.stream("export", arguments, within=query.limits.seconds):
            *lines, rest = (rest + piece).split(b"\n")
            if lines:
                yield b"".join(_exposed(line) for line in lines)
        yield _exposed(rest) + b"# EOF\n"

    async def estimate(self, query: Scoped) -> Estimate:
        """See `MetricStore`: the series; VictoriaMetrics says nothing of samples before it has read them."""
        sight, plan = _sight(query), query.plan
        scans = plan.selectors if isinstance(plan, PromQuery) else (getattr(plan, "scan", None),)
        series = 0
        for scan in scans:
            if scan is None:
                continue
            start, end = _bounded(scan)
            window = max(1, (end - start) // 1000)
            for matchers in scan.matchers or ((LabelMatcher("__name__", "!=", ""),),):
                text = f"count(last_over_time({_selector(matchers)}[{window}s]))"
                arguments = [("query", text), ("time", _seconds(end)), *sight]
                found = await self._client.ask("query", arguments, within=query.limits.seconds)
                rows = msgspec.json.decode(found.data, type=_Vector).result
                series += sum(int(float(row.value[1])) for row in rows)
        return Estimate(series, 0, 0)

    async def erase(self, tenant: str, query: Scoped) -> int:
        """See `MetricStore`. VictoriaMetrics removes whole series."""
        plan = query.plan
        if not isinstance(plan, ReadSeries):
            raise TypeError("not a question for samples")
        if _sight(query):
            raise PermissionDenied(
                "VictoriaMetrics deletes whole series by their labels, and you do not see all of them.",
                hint="Ask somebody who sees every series.",
            )
        found = await self._client.ask("series", _scan(plan.scan), within=ERASE_SECONDS)
        count = len(msgspec.json.decode(found.data, type=list[msgspec.Raw]))
        matches = [one for one in _scan(plan.scan) if one[0] == "match[]"]
        await self._client.delete(matches, within=ERASE_SECONDS)
        return count

    async def forget_tenant(self, tenant: str) -> None:
        """See `MetricStore`. The files of VictoriaMetrics lose deleted samples when it merges them."""
        await self.forget()
        await self._client.delete([("match[]", '{__name__!=""}')], within=ERASE_SECONDS)


class _Row(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct):
    result: list[_Row]


class _Exported(msgspec.Struct):
    metric: dict[str, str]
    values: list[float | str | None]
    timestamps: list[int]


class _Counted(msgspec.Struct):
    name: str
    value: int


class _Tsdb(msgspec.Struct, rename="camel"):
    total_series: int = 0
    total_label_value_pairs: int = 0
    series_count_by_metric_name: list[_Counted] = []
    series_count_by_label_value_pair: list[_Counted] = []
    label_value_count_by_label_name: list[_Counted] = []
    series_count_by_focus_label_value: list[_Counted] = []


def _cardinality(envelope: Envelope, scan: SeriesScan) -> bytes:
    """`/status/tsdb` in Prometheus' shape: VictoriaMetrics has totals instead of what is in memory."""
    found = msgspec.json.decode(envelope.data, type=_Tsdb)
    start, end = _bounded(scan)
    head = {
        "numSeries": found.total_series,
        "numLabelPairs": found.total_label_value_pairs,
        "chunkCount": 0,
        "minTime": start,
        "maxTime": end,
    }
    shown = {
        "headStats": head,
        "seriesCountByMetricName": found.series_count_by_metric_name,
        "labelValueCountByLabelName": found.label_value_count_by_label_name,
        "memoryInBytesByLabelName": [],
        "seriesCountByLabelValuePair": found.series_count_by_label_value_pair,
    }
    if found.series_count_by_focus_label_value:
        shown["seriesCountByFocusLabelValue"] = found.series_count_by_focus_label_value
    return msgspec.json.encode(shown)


def _of(envelope: Envelope) -> SeriesAnswer:
    warnings = list(envelope.warnings)
    if envelope.isPartial:
        warnings.append("VictoriaMetrics could not ask all of its storage nodes: the answer may lack series or samples.")
    return SeriesAnswer(bytes(envelope.data), warnings)


def _sight(query: Scoped) -> list[tuple[str, str]]:
    """What the asker sees, as arguments that VictoriaMetrics puts into every selector."""
    return [("extra_filters[]", selector) for selector in extra_filters(query.policy, query.masked)]


def _scan(scan: SeriesScan) -> list[tuple[str, str]]:
    matches = [("match[]", _selector(matchers)) for matchers in scan.matchers] or [("match[]", '{__name__!=""}')]
    start, end = _bounded(scan)
    return [*matches, ("start", _seconds(start)), ("end", _seconds(end))]


def _bounded(scan: SeriesScan) -> tuple[int, int]:
    """The range without what VictoriaMetrics has no samples of: before 1970, and later than two days from now."""
    # 0 is "not said" there.
    start = max(scan.start, 1000)
    return start, max(start, min(scan.end, (int(time.time()) + 2 * 86_400) * 1000))


def _selector(matchers: Sequence[LabelMatcher]) -> str:
    return "{" + ",".join(f"{_label(one.name)}{one.op}{json.dumps(one.value, ensure_ascii=False)}" for one in matchers) + "}"


def _label(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII) else json.dumps(name, ensure_ascii=False)


def _limit(limit: int) -> list[tuple[str, str]]:
    return [("limit", str(limit))] if limit else []


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}" if ms >= 0 else f"{ms / 1000:.3f}"


def _path(label: str) -> str:
    from urllib.parse import quote

    return quote(label, safe="")


def _family(name: str) -> str:
    return re.sub(r"_(bucket|count|sum|total|created)$", "", name)


def _has_suffix(family: str, seen: set[str]) -> bool:
    return any(f"{family}{suffix}" in seen for suffix in ("_bucket", "_count", "_sum", "_total"))


def _exposed(line: bytes) -> bytes:
    """A series of `/api/v1/export` as OpenMetrics lines."""
    if not line.strip():
        return b""
    series = msgspec.json.decode(line, type=_Exported)
    name = series.metric.pop("__name__", "")
    labels = [f"{_label(key)}={_quoted(value)}" for key, value in sorted(series.metric.items())]
    if name and not _PLAIN_NAME.fullmatch(name):
        labels.insert(0, _quoted(name))
        name = ""
    front = f"{name}{{{','.join(labels)}}}"
    written = [
        f"{front} {_number(value)} {_seconds(at)}\n" for value, at in zip(series.values, series.timestamps, strict=True)
    ]
    return "".join(written).encode()


def _number(value: float | str | None) -> str:
    """A value as OpenMetrics has it: what JSON has no numbers for comes as null or as a text."""
    if isinstance(value, float):
        return repr(value)
    return {None: "NaN", "Infinity": "+Inf", "-Infinity": "-Inf"}.get(value, "NaN")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
