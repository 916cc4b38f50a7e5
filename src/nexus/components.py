"""The plain list of built-in parts. With `nexus.app` the only module that imports concrete ones."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from nexus.errors import ConfigError, Unauthenticated
from nexus.pipeline.body import BodyLimits
from nexus.pipeline.http import HttpReceiver
from nexus.pipeline.receivers.datadog import Datadog
from nexus.pipeline.receivers.elasticsearch import Elasticsearch
from nexus.pipeline.receivers.firehose import Firehose
from nexus.pipeline.receivers.influx import Influx
from nexus.pipeline.receivers.jaeger import JaegerHttp
from nexus.pipeline.receivers.journald import Journald
from nexus.pipeline.receivers.json_lines import JsonLines
from nexus.pipeline.receivers.loki import Loki
from nexus.pipeline.receivers.otlp_http import OtlpHttp
from nexus.pipeline.receivers.prometheus_import import PrometheusImport
from nexus.pipeline.receivers.pushgateway import Pushgateway
from nexus.pipeline.receivers.remote_write import RemoteWrite
from nexus.pipeline.receivers.splunk import Acknowledgements, Splunk
from nexus.pipeline.receivers.zipkin import Zipkin
from nexus.pipeline.topology import Topology
from nexus.security.permissions import Permission

if TYPE_CHECKING:
    from nexus.config import Config, TraceBackendConfig, TracePortConfig
    from nexus.model.batch import MetricBatch
    from nexus.outgoing.targets import Rules as OutgoingRules
    from nexus.pipeline.intake import MetricIntake
    from nexus.pipeline.metrics import MetricOutcome, MetricPipeline
    from nexus.pipeline.receivers.listener import SocketReceiver
    from nexus.pipeline.receivers.otlp_grpc import OtlpGrpc
    from nexus.pipeline.scrape.manager import Scraping
    from nexus.pipeline.traces import TracePipeline
    from nexus.query.trace_plan import SamplingPolicy
    from nexus.security.audit.ledger import Ledger
    from nexus.security.limits.catalogue import Rules
    from nexus.security.limits.limiter import Meter
    from nexus.security.vault import Vault
    from nexus.server.services import Services
    from nexus.storage.api import RetentionPolicy
    from nexus.storage.clickhouse.metrics.policies import MetricPolicy
    from nexus.storage.clickhouse.metrics.writer import SeriesLimits
    from nexus.storage.clickhouse.options import StoreOptions
    from nexus.storage.clickhouse.store import ClickHouseStore
    from nexus.storage.clickhouse.traces.store import EmbeddedTraceStore
    from nexus.storage.forwarding.store import ForwardingStore
    from nexus.storage.metadata.api import MetadataStore
    from nexus.storage.metadata.database import DatabaseState
    from nexus.storage.metric_api import MetricStore
    from nexus.storage.metric_router import MetricRouter
    from nexus.storage.trace_backends.store import BackendTraceStore
    from nexus.storage.trace_router import TraceRouter
    from nexus.telemetry import Registry


def metric_intake(config: Config, pipeline: MetricPipeline) -> MetricIntake:
    """What receivers of metrics share."""
    from nexus.pipeline.intake import MetricIntake, otlp_decoder
    from nexus.pipeline.push_groups import PushGroups

    groups = PushGroups(config.data_path / "pushed", pipeline, float(config.push.interval), int(config.push.max_bytes))
    groups.load()
    return MetricIntake(pipeline, otlp_decoder(config.otlp.metrics), groups)


def otlp_receivers(topology: Topology, metrics: MetricIntake, traces: TracePipeline) -> list[HttpReceiver]:
    """Receivers of the OTLP/HTTP port."""
    return [OtlpHttp(topology, metrics, traces)]


def trace_ports(config: Config) -> dict[str, TracePortConfig]:
    """Further HTTP ports by the name of their receiver."""
    ports = {JaegerHttp.name: config.receivers.jaeger_http, Zipkin.name: config.receivers.zipkin}
    return {name: found[0] for name, found in ports.items() if found}


def trace_receiver(name: str, traces: TracePipeline) -> HttpReceiver:
    """The receiver of such a port."""
    return Zipkin(traces) if name == Zipkin.name else JaegerHttp(traces)


def http_receivers(
    topology: Topology, metrics: MetricIntake, traces: TracePipeline, config: Config | None = None
) -> list[HttpReceiver]:
    """Receivers of the main port; the default configuration without one."""
    from nexus.config import Config as Defaults

    config = config or Defaults()
    return [
        OtlpHttp(topology, metrics, traces),
        JsonLines(topology),
        Loki(topology),
        Elasticsearch(topology, config.elasticsearch.version),
        Splunk(topology, Acknowledgements(time.time_ns) if config.splunk.acknowledgements else None),
        Datadog(topology),
        Firehose(topology),
        Journald(topology),
        RemoteWrite(metrics),
        Influx(metrics),
        PrometheusImport(metrics),
        Pushgateway(metrics),
        Zipkin(traces),
        JaegerHttp(traces),
    ]


def grpc_receiver(services: Services) -> OtlpGrpc:
    """The receiver with a port of its own, and the query services on it. gRPC takes a while to load, so it comes with the
    call."""
    from nexus.pipeline.receivers.otlp_grpc import OtlpGrpc
    from nexus.security.limits.catalogue import EndpointClass
    from nexus.server.api.jaeger import grpc as jaeger
    from nexus.server.api.tempo import grpc as tempo
    from nexus.server.api.tracing.grpc import QueryServices
    from nexus.server.throttle import Throttle

    throttle = Throttle(services.limiter)

    async def enter(metadata: Mapping[str, str], peer: str, permission: Permission) -> tuple[str, Meter]:
        address = throttle.knock(EndpointClass.INGEST, {}, peer)
        try:
            entry = await services.authenticator.enter(metadata, permission)
        except Unauthenticated:
            throttle.failed(address, metadata)
            raise
        return entry.tenant, throttle.enter(EndpointClass.INGEST, {}, address, entry, contextlib.ExitStack())

    def limits() -> BodyLimits:
        ingest = services.config().ingest
        return BodyLimits(ingest.max_body_bytes, ingest.body_idle_timeout, ingest.body_timeout)

    queries = QueryServices(services, jaeger.METHODS | tempo.METHODS)
    pipelines = (services.topology, services.intake, services.trace_pipeline)
    return OtlpGrpc(*pipelines, enter, limits, services.budget, (queries,))


def scraping(
    config: Callable[[], Config],
    pipeline: MetricPipeline,
    rules: Callable[[], OutgoingRules],
    registry: Registry,
    version: str,
) -> Scraping:
    """What scrapes, by the configuration in force, into one tenant."""
    from nexus.pipeline.scrape.client import ScrapeClient
    from nexus.pipeline.scrape.config import yaml_text
    from nexus.pipeline.scrape.manager import Scraping

    tenant = config().scrape.tenant or config().tenants.default

    def source() -> tuple[str, str]:
        settings = config().scrape
        return settings.file, yaml_text({"scrape_configs": settings.configs}) if settings.configs else ""

    async def append(batch: MetricBatch) -> MetricOutcome:
        return await pipeline.append(tenant, "scrape", batch)

    client = ScrapeClient(rules, user_agent=f"Nexus/{version}")
    found = Scraping(tenant, source, client, append, lambda: int(config().scrape.max_body_bytes))
    found.register(registry)
    return found


def socket_receivers(services: Services) -> list[SocketReceiver]:
    """The configured listeners for senders without credentials."""
    config = services.config()
    receivers: list[SocketReceiver] = []
    if config.receivers.syslog:
        from nexus.pipeline.receivers.syslog import SyslogReceiver

        receivers += [
            SyslogReceiver(one, one.host or config.http.host, services.topology) for one in config.receivers.syslog
        ]
    if config.receivers.forward:
        from nexus.pipeline.receivers.forward import ForwardReceiver

        def limit() -> int:
            return int(services.config().ingest.max_body_bytes)

        receivers += [
            ForwardReceiver(one, one.host or config.http.host, services.topology, limit) for one in config.receivers.forward
        ]
    if config.receivers.graphite:
        from nexus.pipeline.receivers.graphite import GraphiteReceiver

        receivers += [
            GraphiteReceiver(one, one.host or config.http.host, services.metric_pipeline)
            for one in config.receivers.graphite
        ]
    if config.receivers.statsd:
        from nexus.pipeline.receivers.statsd import StatsdReceiver

        receivers += [
            StatsdReceiver(one, one.host or config.http.host, services.metric_pipeline) for one in config.receivers.statsd
        ]
    if config.receivers.jaeger:
        from nexus.pipeline.receivers.jaeger import JaegerReceiver

        receivers += [
            JaegerReceiver(one, one.host or config.http.host, services.trace_pipeline) for one in config.receivers.jaeger
        ]
    return receivers


CLAIM_SECONDS: Final = 5.0
"""How long a server waits for another one on its metadata database to end."""


def open_metadata(config: Config, *, serving: bool = False) -> MetadataStore:
    """The metadata store: a PostgreSQL database if one is named, else a file of the data directory. One data directory is
    `serving` with it at a time. Raises `ConfigError`."""
    if config.metadata.url:
        from nexus.storage.metadata.postgres import PostgresMetadata, PostgresOptions

        options = PostgresOptions(
            connections=config.metadata.connections,
            connect_timeout=float(config.metadata.connect_timeout),
            statement_timeout=float(config.metadata.statement_timeout),
        )
        metadata = PostgresMetadata(config.metadata.url, options)
        try:
            if serving:
                metadata.claim(CLAIM_SECONDS)
        except ConfigError:
            metadata.close()
            raise
        return metadata
    from nexus.storage.metadata.sqlite import SqliteMetadata

    return SqliteMetadata(config.data_path)


def metadata_state(config: Config) -> DatabaseState:
    """What the metadata database is like; nothing is made or changed. Raises `ConfigError`."""
    if config.metadata.url:
        from nexus.storage.metadata.postgres import inspect as inspect_server

        return inspect_server(config.metadata.url)
    from nexus.storage.metadata.sqlite import inspect

    return inspect(config.data_path)


def open_ledger(config: Config, metadata: MetadataStore, *, beside: bool = False) -> tuple[Vault, Ledger]:
    """The keys of this installation and its audit log, ready to be written. `beside` a running Nexus nothing is signed: that
    one does. Raises `ConfigError`, `StorageError`."""
    from nexus.security.audit.checkpoint_file import CheckpointFile
    from nexus.security.audit.ledger import Ledger
    from nexus.security.vault import open_vault

    vault = open_vault(config.key_path, metadata)
    ledger = Ledger(metadata, time.time_ns, vault, None if beside else CheckpointFile(config.data_path))
    ledger.start()
    return vault, ledger


def store_options(config: Config) -> StoreOptions:
    """What the embedded store is told."""
    from nexus.storage.clickhouse.options import (
        MetricOptions,
        ReaderOptions,
        SamplingOptions,
        StoreOptions,
        WriterOptions,
    )

    return StoreOptions(
        data_dir=config.data_path,
        memory_bytes=int(config.storage.memory_bytes),
        fsync=config.durability == "fsync",
        disk_reserve_bytes=int(config.storage.disk_reserve_bytes),
        retention_days=config.retention.logs.days,
        writer=WriterOptions(queue_bytes=int(config.ingest.queue_bytes)),
        reader=ReaderOptions(threads=config.query.threads, condition_cache=config.query.condition_cache),
        metrics=MetricOptions(
            head_bytes=int(config.metrics.head_bytes),
            cache_bytes=int(config.metrics.cache_bytes),
            log_bytes=int(config.metrics.log_bytes),
            chunk_seconds=float(config.metrics.chunk),
            active_seconds=float(config.metrics.active),
            flush_seconds=float(config.metrics.flush),
            retention_days=config.retention.metrics.days,
        ),
        sampling=SamplingOptions(
            slice_seconds=int(config.traces.sampling.slice),
            wait_seconds=float(config.traces.sampling.wait),
            pending_bytes=int(config.traces.sampling.pending),
            decision_seconds=int(config.traces.sampling.decisions),
        ),
    )


def open_store(
    config: Config, registry: Registry, current: Callable[[], Config], metadata: Callable[[], MetadataStore]
) -> ClickHouseStore:
    """The store of the data directory, of logs, traces and metrics; `current` is the configuration in force, `metadata` is
    opened once the data directory is ours. Raises `ConfigError`."""
    from nexus.storage.clickhouse.store import ClickHouseStore, MetricSettings, TraceSettings

    store = ClickHouseStore.open(
        store_options(config),
        lambda: current().retention.logs.days,
        lambda: retention_policies(metadata()),
        MetricSettings(
            retention_days=lambda: current().retention.metrics.days,
            policies=lambda: metric_policies(metadata()),
            future_ms=lambda: int(current().metrics.max_future) * 1000,
        ),
        TraceSettings(
            lambda: current().retention.traces.days,
            lambda: trace_policies(metadata()),
            lambda: sampling_policies(metadata()),
            sampling_counters(registry),
            elsewhere=dict.fromkeys((one.tenant for one in config.traces.jaeger), "a Jaeger")
            | dict.fromkeys((one.tenant for one in config.traces.tempo), "a Tempo"),
        ),
    )
    for name, (help_text, _) in store.metrics().items():
        registry.gauge(f"nexus_store_{name}", help_text, read=partial(_statistic, store, name))
    return store


def retention_policies(metadata: MetadataStore) -> dict[str, RetentionPolicy]:
    """The retention that tenants have of their own."""
    from nexus.query.retention import lower_rules
    from nexus.storage.api import RetentionPolicy

    return {stored.tenant: RetentionPolicy(lower_rules(stored.rules), stored.days) for stored in metadata.list_retention()}


def trace_policies(metadata: MetadataStore) -> dict[str, RetentionPolicy]:
    """The retention of traces that tenants have of their own. What rules ask for that spans do not have lets no span
    through."""
    from nexus.query.retention import lower_rules
    from nexus.query.span_policy import closed
    from nexus.query.trace_retention import load_policy
    from nexus.storage.api import RetentionPolicy
    from nexus.storage.metadata.api import TRACE_RETENTION

    found = {}
    for name, text in metadata.list_settings(TRACE_RETENTION).items():
        stored = load_policy(text)
        if stored.rules or stored.days is not None:
            rules = tuple((closed(where), days) for where, days in lower_rules(stored.rules))
            found[name.removeprefix(TRACE_RETENTION)] = RetentionPolicy(rules, stored.days)
    return found


def sampling_policies(metadata: MetadataStore) -> dict[str, SamplingPolicy]:
    """The policies of the tenants that sample their traces."""
    from nexus.query.traces.sampling import load_policy, lower_policy
    from nexus.storage.metadata.api import TRACE_SAMPLING

    stored = {name: load_policy(text) for name, text in metadata.list_settings(TRACE_SAMPLING).items()}
    return {name.removeprefix(TRACE_SAMPLING): lower_policy(one) for name, one in stored.items() if not one.keeps_all}


def sampling_counters(registry: Registry) -> Callable[[str, str, bool, int, int], None]:
    """What counts the spans and traces that tail sampling keeps and drops."""
    labels = ("tenant", "rule", "decision")
    spans = registry.counter("nexus_sampling_spans_total", "Spans that tail sampling has decided.", *labels)
    traces = registry.counter(
        "nexus_sampling_traces_total", "Traces that tail sampling has decided; again with spans that came late.", *labels
    )

    def count(tenant: str, rule: str, kept: bool, span_count: int, trace_count: int) -> None:
        decision = "kept" if kept else "dropped"
        spans.add(span_count, tenant, rule, decision)
        traces.add(trace_count, tenant, rule, decision)

    return count


def metric_policies(metadata: MetadataStore) -> dict[str, MetricPolicy]:
    """The retention of metrics that tenants have of their own."""
    from nexus.query.metric_retention import StoredPolicy, load_policy, lower_rules
    from nexus.storage.clickhouse.metrics.policies import MetricPolicy
    from nexus.storage.metadata.api import METRIC_RETENTION

    found = {}
    for name, text in metadata.list_settings(METRIC_RETENTION).items():
        stored = load_policy(text)
        if stored != StoredPolicy():
            policy = MetricPolicy(lower_rules(stored.rules), stored.days, stored.rollups)
            found[name.removeprefix(METRIC_RETENTION)] = policy
    return found


def metric_router(config: Config, embedded: MetricStore, registry: Registry) -> MetricRouter:
    """The metric store of each tenant: the embedded one, but for those that the configuration sends elsewhere. Raises
    `StorageError`."""
    from nexus.storage.forwarding.http import authorization
    from nexus.storage.metric_router import MetricRouter
    from nexus.storage.victoriametrics.options import Backend
    from nexus.storage.victoriametrics.store import VictoriaMetricsStore

    backends: dict[str, VictoriaMetricsStore] = {}
    for one in config.metrics.victoriametrics:
        backends[one.tenant] = VictoriaMetricsStore(
            Backend(
                tenant=one.tenant,
                insert=one.url.rstrip("/"),
                select=(one.query_url or one.url).rstrip("/"),
                headers=authorization(one.username, one.password, one.token),
                ca=one.ca,
                queue=config.data_path / "victoriametrics" / one.tenant,
                queue_bytes=int(one.queue_bytes),
                fsync=config.durability == "fsync",
            )
        )
    _count_backends(registry, "victoriametrics", "VictoriaMetrics", "samples", tuple(backends.values()))
    return MetricRouter(embedded, backends)


def trace_router(config: Config, embedded: EmbeddedTraceStore, registry: Registry) -> TraceRouter:
    """The trace store of each tenant: the embedded one, but for those that the configuration sends elsewhere. Raises
    `StorageError`."""
    from nexus.storage.trace_router import TraceRouter

    jaeger = {one.tenant: _trace_backend("Jaeger", one, config, embedded) for one in config.traces.jaeger}
    tempo = {one.tenant: _trace_backend("Tempo", one, config, embedded) for one in config.traces.tempo}
    _count_backends(registry, "jaeger", "Jaeger", "spans", tuple(jaeger.values()))
    _count_backends(registry, "tempo", "Tempo", "spans", tuple(tempo.values()))
    return TraceRouter(embedded, {**jaeger, **tempo})


def _trace_backend(name: str, one: TraceBackendConfig, config: Config, embedded: EmbeddedTraceStore) -> BackendTraceStore:
    from nexus.storage.forwarding.http import Access, Http, authorization
    from nexus.storage.jaeger.client import JaegerClient
    from nexus.storage.tempo.client import TempoClient
    from nexus.storage.trace_backends.options import Backend
    from nexus.storage.trace_backends.otlp import OtlpClient
    from nexus.storage.trace_backends.store import BackendTraceStore

    headers = authorization(one.username, one.password, one.token)
    if one.org:
        headers |= {"X-Scope-OrgID": one.org, "x-tenant": one.org}
    backend = Backend(
        tenant=one.tenant,
        query=one.url.rstrip("/"),
        otlp=one.otlp_url.rstrip("/"),
        access=Access(name, headers, one.ca),
        queue=config.data_path / name.lower() / one.tenant,
        queue_bytes=int(one.queue_bytes),
        fsync=config.durability == "fsync",
        max_traces=one.max_traces or (1_000 if name == "Jaeger" else 200),
        max_bytes=int(one.max_bytes),
        lookback=int(one.lookback),
        attributes=one.attributes,
    )
    http = Http(backend.access)
    client = JaegerClient(backend, http) if name == "Jaeger" else TempoClient(backend, http)
    return BackendTraceStore(backend, client, OtlpClient(backend, http), embedded.fetched)


def _count_backends(registry: Registry, prefix: str, name: str, records: str, stores: Sequence[ForwardingStore]) -> None:
    if not stores:
        return
    of = records.capitalize()
    figures: dict[str, tuple[str, Callable[[ForwardingStore], float]]] = {
        f"sent_{records}": (f"{of} that {name} has taken.", lambda store: store.statistics.sent),
        f"queued_{records}": (f"{of} that went through a queue for {name}.", lambda store: store.statistics.queued),
        f"refused_{records}": (f"{of} that {name} refused for good.", lambda store: store.statistics.refused),
        f"waiting_{records}": (f"{of} that wait for {name}.", lambda store: store.waiting[0]),
        "waiting_bytes": (f"Bytes that wait for {name}.", lambda store: store.waiting[1]),
        "away": ("Backends that cannot be reached.", lambda store: bool(store.statistics.error)),
    }
    for figure, (help_text, read) in figures.items():
        registry.gauge(f"nexus_{prefix}_{figure}", help_text, read=partial(_sum, read, stores))


def _sum(read: Callable[[ForwardingStore], float], stores: Sequence[ForwardingStore]) -> float:
    return float(sum(map(read, stores)))


def series_limits(rules: Callable[[], Rules]) -> Callable[[str], SeriesLimits]:
    """What series a tenant may have, by the limits in force."""
    from nexus.storage.clickhouse.metrics.writer import SeriesLimits

    def limits(tenant: str) -> SeriesLimits:
        value = partial(rules().value, "tenant", tenant)
        return SeriesLimits(
            series=int(value("metric_series")),
            series_per_metric=int(value("metric_series_per_metric")),
            values_per_label=int(value("metric_values_per_label")),
            labels_per_series=int(value("metric_labels")),
            name_bytes=int(value("metric_name_bytes")),
            value_bytes=int(value("metric_value_bytes")),
        )

    return limits


def _statistic(store: ClickHouseStore, name: str) -> float:
    return float(store.metrics()[name][1])


def migrate(config: Config, *, dry_run: bool) -> list[str]:
    """Statements that bring the data directory and the metadata to this version's format; they are run unless `dry_run`.

    Raises `ConfigError`.
    """
    from nexus.storage.clickhouse.store import migrations
    from nexus.storage.metadata.migrate import lacking

    # The engine first: it says when another Nexus has the data directory.
    found = migrations(store_options(config), dry_run=dry_run)
    metadata = lacking(metadata_state(config).version, "postgresql" if config.metadata.url else "sqlite")
    if metadata and not dry_run:
        open_metadata(config).close()
    return found + metadata
