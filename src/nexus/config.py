"""Configuration: every value with its type, default and meaning; read from one YAML file and the environment.

Order of precedence: environment, file, default. A value's environment name is its path in capitals (`http.port` is
`NEXUS_HTTP_PORT`). The file is the one `NEXUS_CONFIG` names, or `nexus.yaml` in the working directory when it exists.
Keys that do not exist are errors that name the nearest one. Secrets may be kept elsewhere: see `nexus.secret_values`; no
error, no listing and no `repr` shows one. Lists of structs (`receivers.syslog`) are written in the
file, or whole as YAML or JSON in the environment. The reference page is generated from this module.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from nexus.errors import ConfigError, InvalidRequest, TargetRefused
from nexus.model.tenant import DEFAULT_TENANT, parse_tenant
from nexus.model.units import Duration, Size
from nexus.outgoing.targets import PORTS, Rules, parse_target, rules
from nexus.secret_values import CONTEXT, holds_secrets, open_secrets, secret_hint, secrets_in
from nexus.security.limits.catalogue import check_limit
from nexus.security.vault import FILE as KEY_FILE
from nexus.security.vault import Vault, is_sealed

PREFIX: Final = "NEXUS_"
DEFAULT_FILE: Final = "nexus.yaml"
RELOADS: Final = {"reload": True}
SECRET: Final = {"secret": True}

Port = Annotated[int, Meta(ge=0, le=65535)]


_TLS_FILE: Final = "read again on SIGHUP and when it changes"


class TlsConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """TLS of a port."""

    certificate: Annotated[
        str, Meta(description=f"File with the certificate and its chain (PEM), {_TLS_FILE}; empty is no TLS.")
    ] = ""
    key: Annotated[
        str,
        Meta(description=f"File with the certificate's key (PEM), {_TLS_FILE}; empty when it is in the same file."),
    ] = ""
    client_ca: Annotated[
        str,
        Meta(
            description=f"File with the authorities (PEM) of which clients must have a certificate, {_TLS_FILE}; "
            "empty asks for none."
        ),
    ] = ""
    min_version: Annotated[
        Literal["1.2", "1.3"], Meta(description="Oldest version of TLS; OTLP over gRPC takes 1.2 in any case.")
    ] = "1.2"

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not self.certificate and (self.key or self.client_ca):
            raise ValueError("`key` and `client_ca` need a `certificate`")


class HttpTlsConfig(TlsConfig, forbid_unknown_fields=True, frozen=True):
    """TLS of the main port, and of the OTLP ports unless `otlp.tls` says otherwise."""

    client_certificates: Annotated[
        Literal["all", "receivers"],
        Meta(
            description="With `client_ca`, whose requests need a client's certificate: `all`, or only those that send "
            "records, so that browsers go without."
        ),
    ] = "all"


class Masked(Struct, frozen=True):
    """Base of what holds secrets: its `repr`, which may end in a log, shows none."""

    def __repr__(self) -> str:
        """What is not a default, secrets masked."""
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in _rendered_fields(self))})"


class HttpConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The web UI and every HTTP API."""

    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 for all of them.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 8080
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."),
    ] = []
    public_url: Annotated[
        str,
        Meta(description="Address under which browsers reach this server, such as https://nexus.example.com."),
    ] = ""
    allowed_hosts: Annotated[
        list[str],
        Meta(
            description="Names under which browsers may use this server, besides IP addresses, localhost and the one of "
            "`public_url`. Empty: any, unless it listens on this machine only or `public_url` is set.",
            extra=RELOADS,
        ),
    ] = []
    cors_origins: Annotated[
        list[str],
        Meta(description="Origins, such as https://app.example.com, whose pages may use the API with a key.", extra=RELOADS),
    ] = []
    cors_credentials: Annotated[
        list[str],
        Meta(description="Those of `cors_origins` whose pages may use the session of who is logged in here.", extra=RELOADS),
    ] = []
    tls: HttpTlsConfig = HttpTlsConfig()

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        for origin in (*self.cors_origins, *([self.public_url] if self.public_url else [])):
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment or "@" in origin:
                raise ValueError(f"{origin!r} is not an address such as https://nexus.example.com")
        for origin in self.cors_origins:
            if urlsplit(origin).path:
                raise ValueError(f"`cors_origins` holds {origin!r}; an origin has no path, no slash at its end either")
        if unlisted := sorted(set(self.cors_credentials) - set(self.cors_origins)):
            raise ValueError(f"`cors_credentials` holds {unlisted[0]!r}, which `cors_origins` does not")


class OtlpMetricsConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """How OpenTelemetry's metrics become Prometheus' series; the names are those of Prometheus' section `otlp`."""

    translation_strategy: Annotated[
        Literal[
            "UnderscoreEscapingWithSuffixes",
            "UnderscoreEscapingWithoutSuffixes",
            "NoUTF8EscapingWithSuffixes",
            "NoTranslation",
        ],
        Meta(description="Whether names keep other characters than letters, digits and underscores, and get unit and kind."),
    ] = "UnderscoreEscapingWithSuffixes"
    promote_resource_attributes: Annotated[
        list[str], Meta(description="Resource attributes that become labels of every series, such as k8s.pod.name.")
    ] = []
    keep_identifying_resource_attributes: Annotated[
        bool, Meta(description="Keep service.name, service.namespace and service.instance.id in target_info, too.")
    ] = False
    promote_scope_metadata: Annotated[
        bool, Meta(description="Name, version and attributes of the scope become labels otel_scope_...")
    ] = False
    convert_histograms_to_nhcb: Annotated[
        bool, Meta(description="Store histograms with bounds as native histograms with custom buckets.")
    ] = False
    delta_bytes: Annotated[
        Size, Meta(description="Memory for the totals of streams that send deltas; points of further streams are refused.")
    ] = Size(64 << 20)


class OtlpConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The OTLP receivers."""

    host: Annotated[str, Meta(description="Address to listen on; empty means `http.host`.")] = ""
    grpc_port: Annotated[Port, Meta(description="OTLP over gRPC; 0 picks a free port and prints it.")] = 4317
    http_port: Annotated[Port, Meta(description="OTLP over HTTP; 0 picks a free port and prints it.")] = 4318
    tls: TlsConfig = TlsConfig()
    metrics: OtlpMetricsConfig = OtlpMetricsConfig()


class RetentionConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """How long records are kept, by signal. A change is applied to stored records too, in the background."""

    logs: Annotated[Duration, Meta(description="Logs; 0 keeps them for ever.", extra=RELOADS)] = Duration(30 * 86400)
    metrics: Annotated[Duration, Meta(description="Metrics; 0 keeps them for ever.", extra=RELOADS)] = Duration(30 * 86400)
    traces: Annotated[Duration, Meta(description="Traces; 0 keeps them for ever.", extra=RELOADS)] = Duration(30 * 86400)

    def days(self) -> dict[str, int]:
        """Whole days by signal; 0 is for ever."""
        return {"logs": self.logs.days, "metrics": self.metrics.days, "traces": self.traces.days}


class SamplingConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Tail sampling: how traces of the tenants that have rules for it (`PUT traces/sampling`) are decided."""

    slice: Annotated[
        Duration,
        Meta(description="Spans are decided by the slices of time in which they arrive; whole seconds, at most 1h."),
    ] = Duration(30)
    wait: Annotated[
        Duration, Meta(description="How long after the end of its slice a trace is decided: until then its spans have time.")
    ] = Duration(60)
    pending: Annotated[
        Size, Meta(description="Disk space of spans that are not decided; beyond it traces are decided before their time.")
    ] = Size(4 << 30)
    decisions: Annotated[Duration, Meta(description="How long a decision is remembered for spans that come late.")] = (
        Duration(3 * 86400)
    )

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not 1 <= self.slice <= 3600 or not self.slice.is_integer():
            raise ValueError("`slice` has to be whole seconds, from 1s to 1h")


class BackendConfig(Masked, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A server that holds data of one tenant instead of an embedded store, and what it knows us by."""

    tenant: Annotated[str, Meta(description="The tenant.", pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    username: Annotated[str, Meta(description="User of Basic authentication.")] = ""
    password: Annotated[str, Meta(description="Its password.", extra=SECRET)] = ""
    token: Annotated[str, Meta(description="Bearer token.", extra=SECRET)] = ""
    ca: Annotated[
        str, Meta(description="File with the authorities (PEM) that its certificate is from; empty: the system's.")
    ] = ""

    def addresses(self) -> tuple[str, ...]:
        """Where it is."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        for url in self.addresses():
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                raise ValueError("addresses are written like http://host:port")
            if parts.username or parts.password:
                raise ValueError("addresses hold no credentials; use `username` and `password`, or `token`")
        if self.token and self.username:
            raise ValueError("give either `token` or `username`")


class TraceBackendConfig(BackendConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A Jaeger or Tempo that holds the traces of one tenant instead of the embedded store."""

    url: Annotated[
        str,
        Meta(description="Where questions go: Jaeger's query service, http://jaeger:16686, or Tempo, http://tempo:3200."),
    ]
    otlp_url: Annotated[
        str, Meta(description="Where spans go: its OTLP/HTTP receiver, http://jaeger:4318; `/v1/traces` is added.")
    ]
    org: Annotated[
        str, Meta(description="Its own tenant, sent as `X-Scope-OrgID` (Tempo) and `x-tenant` (Jaeger); empty: none.")
    ] = ""
    queue_bytes: Annotated[
        Size, Meta(description="Disk space for spans while it is away; beyond it ingest of the tenant stops with a 503.")
    ] = Size(4 << 30)
    max_traces: Annotated[
        int,
        Meta(
            ge=0,
            le=1_500,
            description="Traces that one query fetches at most; an answer says when there may be more. 0: 1,000 of a "
            "Jaeger, 200 of a Tempo, which is asked for each.",
        ),
    ] = 0
    max_bytes: Annotated[Size, Meta(description="Bytes that one query fetches at most.")] = Size(256 << 20)
    lookback: Annotated[Duration, Meta(description="How far back a search without a beginning goes.")] = Duration(7 * 86_400)
    attributes: Annotated[
        bool, Meta(description="Ask it for spans by their attributes; `false` where its storage does not index them all.")
    ] = True

    def addresses(self) -> tuple[str, ...]:
        """See `BackendConfig`."""
        return self.url, self.otlp_url

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        super().__post_init__()
        if not self.org.isprintable():
            raise ValueError("`org` is a line of printable characters")


class TracesConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The store of traces."""

    sampling: SamplingConfig = SamplingConfig()
    jaeger: Annotated[list[TraceBackendConfig], Meta(description="Tenants whose traces are in a Jaeger.")] = []
    tempo: Annotated[list[TraceBackendConfig], Meta(description="Tenants whose traces are in a Tempo.")] = []

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        tenants = [one.tenant for one in (*self.jaeger, *self.tempo)]
        if len(set(tenants)) < len(tenants):
            raise ValueError("two entries of `jaeger` and `tempo` have the same tenant")


class LogConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """What Nexus writes to standard error about itself."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe level.", extra=RELOADS)
    ] = "info"
    format: Annotated[
        Literal["auto", "text", "json"], Meta(description="`auto` is text on a terminal and JSON otherwise.")
    ] = "auto"
    access: Annotated[bool, Meta(description="Also write a line for every HTTP request.", extra=RELOADS)] = False


class BootstrapConfig(Masked, forbid_unknown_fields=True, frozen=True):
    """The first credentials."""

    admin_password: Annotated[
        str,
        Meta(
            description="Password of the user `admin`, set at the first start; without one it is made up and printed once.",
            extra=SECRET,
        ),
    ] = ""
    token: Annotated[str, Meta(description="An API key with every right in every tenant, for automation.", extra=SECRET)] = (
        ""
    )


class TenantsConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Tenants."""

    auto_create: Annotated[bool, Meta(description="Create a tenant with the first write to it.", extra=RELOADS)] = True
    default: Annotated[str, Meta(description="Tenant of requests that name none.")] = DEFAULT_TENANT


class IngestConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Limits of what comes in. Beyond them senders get 413, 429 or 503, never a silent loss."""

    max_body_bytes: Annotated[Size, Meta(description="Largest body after decompression; beyond it 413.", extra=RELOADS)] = (
        Size(64 << 20)
    )
    receiving_bytes: Annotated[
        Size, Meta(description="Bodies being received at one time, in total; beyond it 503.", extra=RELOADS)
    ] = Size(256 << 20)
    queue_bytes: Annotated[Size, Meta(description="Decoded records waiting to be committed; beyond it 503.")] = Size(
        64 << 20
    )
    body_idle_timeout: Annotated[
        Duration, Meta(description="Longest silence within a body; beyond it 408.", extra=RELOADS)
    ] = Duration(30)
    body_timeout: Annotated[Duration, Meta(description="Longest time for a whole body; beyond it 408.", extra=RELOADS)] = (
        Duration(120)
    )
    decode_threads: Annotated[int, Meta(ge=0, le=64, description="Threads that decode; 0 is one per CPU.")] = 0


class DefaultLimit(Struct, forbid_unknown_fields=True, frozen=True):
    """A limit of each subject of a scope that has none of its own."""

    scope: Annotated[Literal["tenant", "key", "user", "address"], Meta(description="Whom it limits.")]
    name: Annotated[str, Meta(description="Name of the limit, such as ingest_records.")]
    value: Annotated[float, Meta(description="The number; 0 is no limit.")]

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        try:
            check_limit(self.scope, self.name, self.value)
        except InvalidRequest as error:
            raise ValueError(str(error)) from error


class LimitsConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Limits that hold where nobody set others by API or UI; see the guide on limits."""

    defaults: Annotated[list[DefaultLimit], Meta(description="Limits by scope and name.", extra=RELOADS)] = []

    @property
    def numbers(self) -> dict[tuple[str, str], float]:
        """The same by scope and name."""
        return {(one.scope, one.name): one.value for one in self.defaults}


class PipelinesConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """What is done to records between decoding and storing; see the guide on pipelines."""

    file: Annotated[
        str,
        Meta(
            description="YAML file with pipelines for every tenant; they run before a tenant's own. Read again within "
            "seconds when it changes; a file that is wrong changes nothing.",
            extra=RELOADS,
        ),
    ] = ""
    route_tenants: Annotated[list[str], Meta(description="Tenants that pipelines may send records to.", extra=RELOADS)] = []


class ElasticsearchConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """What Elasticsearch's clients are told."""

    version: Annotated[
        str,
        Meta(
            pattern=r"^\d+\.\d+\.\d+$",
            description="Version of Elasticsearch to answer with. Beats refuse one that is older than they are.",
        ),
    ] = "8.19.8"


class SplunkConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The HTTP Event Collector."""

    acknowledgements: Annotated[
        bool, Meta(description="Give senders that name a channel an `ackId` to ask about, as indexer acknowledgement does.")
    ] = True


class QueryConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """What one query may use, and how many run at a time."""

    timeout: Annotated[Duration, Meta(description="Longest run time.", extra=RELOADS)] = Duration(30)
    memory_bytes: Annotated[Size, Meta(description="Memory of one query.", extra=RELOADS)] = Size(4 << 30)
    result_rows: Annotated[int, Meta(ge=1, description="Rows of one result.", extra=RELOADS)] = 100_000
    result_bytes: Annotated[Size, Meta(description="Bytes of one result.", extra=RELOADS)] = Size(256 << 20)
    max_scan_rows: Annotated[
        int, Meta(ge=0, description="Records that one query may read; 0 is no limit.", extra=RELOADS)
    ] = 0
    max_scan_bytes: Annotated[Size, Meta(description="Bytes that one query may read; 0 is no limit.", extra=RELOADS)] = Size(
        0
    )
    max_range: Annotated[
        Duration, Meta(description="Time range that one query may cover; 0 is no limit.", extra=RELOADS)
    ] = Duration(0)
    threads: Annotated[int, Meta(ge=0, le=64, description="Queries that run at a time; 0 is two per CPU, 4 to 16.")] = 0
    condition_cache: Annotated[
        bool, Meta(description="Remember which blocks of records a condition leaves out, in 32 MiB; off for measuring.")
    ] = True


class StorageConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The embedded engine."""

    memory_bytes: Annotated[Size, Meta(description="Memory cap of the engine; 0 is a quarter of the machine's.")] = Size(0)
    disk_reserve_bytes: Annotated[
        Size,
        Meta(
            description="Free disk space below which ingest stops with a 503 while queries go on; 0 is 1 % of the disk, "
            "at least 512 MiB and at most 8 GiB."
        ),
    ] = Size(0)


class VictoriaMetricsConfig(BackendConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A VictoriaMetrics that holds the metrics of one tenant instead of the embedded store."""

    url: Annotated[
        str,
        Meta(
            description="Where samples go: a single node, http://victoriametrics:8428, or a cluster's vminsert with the "
            "account, http://vminsert:8480/insert/0:0/prometheus."
        ),
    ]
    query_url: Annotated[
        str,
        Meta(
            description="Where questions go, of a cluster: its vmselect with the account, "
            "http://vmselect:8481/select/0:0/prometheus; empty is `url`."
        ),
    ] = ""
    queue_bytes: Annotated[
        Size, Meta(description="Disk space for samples while it is away; beyond it ingest of the tenant stops with a 503.")
    ] = Size(4 << 30)

    def addresses(self) -> tuple[str, ...]:
        """See `BackendConfig`."""
        return self.url, *filter(None, (self.query_url,))


class MetricsConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The embedded store of metrics. How many series there may be is a matter of `limits` (metric_series and the like)."""

    head_bytes: Annotated[
        Size,
        Meta(
            description="Memory of samples that are not in the tables yet; 0 is an eighth of the machine's, at least "
            "128 MiB and at most 2 GiB."
        ),
    ] = Size(0)
    cache_bytes: Annotated[
        Size, Meta(description="Memory of stored samples that queries read lately; what is asked again comes from there.")
    ] = Size(128 << 20)
    log_bytes: Annotated[
        Size, Meta(description="Disk space of the log that keeps them until they are; ingest stops with a 503 beyond it.")
    ] = Size(16 << 30)
    chunk: Annotated[Duration, Meta(description="How long samples of a series are gathered before they are stored.")] = (
        Duration(7200)
    )
    flush: Annotated[Duration, Meta(description="How often to look for what is due to be stored.")] = Duration(5)
    active: Annotated[Duration, Meta(description="How long after its last sample a series counts as active.")] = Duration(
        3600
    )
    max_future: Annotated[
        Duration, Meta(description="How far ahead of the clock samples may be; 0 is no limit.", extra=RELOADS)
    ] = Duration(600)
    lookback: Annotated[
        Duration, Meta(description="How old the last sample of a series may be for PromQL to show it.", extra=RELOADS)
    ] = Duration(300)
    max_query_samples: Annotated[
        int, Meta(ge=1, description="Most samples that one PromQL query may have in memory at a time.", extra=RELOADS)
    ] = 50_000_000
    admin_api: Annotated[
        bool, Meta(description="Answer to `/api/v1/admin/tsdb/*`, with which series can be deleted.", extra=RELOADS)
    ] = False
    victoriametrics: Annotated[
        list[VictoriaMetricsConfig], Meta(description="Tenants whose metrics are in a VictoriaMetrics.")
    ] = []

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        tenants = [one.tenant for one in self.victoriametrics]
        if len(set(tenants)) < len(tenants):
            raise ValueError("two entries of `victoriametrics` have the same tenant")


class MetadataConfig(Masked, forbid_unknown_fields=True, frozen=True):
    """Where users, roles, keys, tenants, settings and the audit log are kept."""

    url: Annotated[
        str,
        Meta(
            description="A PostgreSQL database, `postgresql://user:password@host:5432/database?sslmode=verify-full`; empty "
            "is SQLite in the data directory.",
            extra=SECRET,
        ),
    ] = ""
    connections: Annotated[int, Meta(ge=1, le=100, description="Open connections to PostgreSQL, at most.")] = 8
    connect_timeout: Annotated[Duration, Meta(description="Longest wait for a connection to PostgreSQL.")] = Duration(5)
    statement_timeout: Annotated[
        Duration, Meta(description="Longest time of a statement in PostgreSQL, and of a wait for a lock.")
    ] = Duration(10)


class ScrapeConfig(Masked, forbid_unknown_fields=True, frozen=True):
    """Scraping, as Prometheus does it; see the guide on replacing Prometheus."""

    file: Annotated[
        str,
        Meta(
            description="A prometheus.yml, taken as it is. Read again within seconds when it changes; one that is wrong "
            "changes nothing.",
            extra=RELOADS,
        ),
    ] = ""
    tenant: Annotated[str, Meta(description="Tenant that samples of scrapes go to; empty is `tenants.default`.")] = ""
    configs: Annotated[
        list[Any],
        Meta(description="Without a `file`: entries of `scrape_configs`, written here.", extra={**RELOADS, **SECRET}),
    ] = []
    max_body_bytes: Annotated[
        Size,
        Meta(
            description="Largest answer of a target, unpacked, where its job has no smaller `body_size_limit`.",
            extra=RELOADS,
        ),
    ] = Size(64 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if self.file and self.configs:
            raise ValueError("`file` and `configs` exclude each other")
        if self.tenant:
            try:
                parse_tenant(self.tenant)
            except InvalidRequest as error:
                raise ValueError(f"`tenant`: {error.message}") from error


class SessionConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Sessions of the web UI."""

    idle_timeout: Annotated[
        Duration, Meta(description="A session ends after this long without a request.", extra=RELOADS)
    ] = Duration(24 * 3600)
    lifetime: Annotated[Duration, Meta(description="A session ends after this long in any case.", extra=RELOADS)] = Duration(
        14 * 86400
    )


class ListenerConfig(Masked, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every listener for senders without credentials has."""

    tenant: Annotated[str, Meta(description="Tenant that is written to.")]
    networks: Annotated[
        list[str],
        Meta(min_length=1, description="Networks whose senders are listened to, such as 10.0.0.0/8; others are refused."),
    ]
    host: Annotated[str, Meta(description="Address to listen on; empty means `http.host`.")] = ""
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 0
    certificate: Annotated[
        str, Meta(description="File with the TLS certificate and its chain (PEM); read again on SIGHUP.")
    ] = ""
    key: Annotated[str, Meta(description="File with the certificate's key (PEM); empty when it is in the same file.")] = ""
    client_ca: Annotated[
        str,
        Meta(description="File with the authorities (PEM) of which a client must have a certificate; empty asks for none."),
    ] = ""
    max_connections: Annotated[int, Meta(ge=1, description="Connections at a time; further ones are closed.")] = 512
    idle_timeout: Annotated[
        Duration,
        Meta(description="A connection is closed after this long without data; 0 never, its end is noticed anyway."),
    ] = Duration(0)
    buffer_bytes: Annotated[
        Size,
        Meta(description="Messages waiting to be stored, beyond which UDP drops and connections wait; and unfinished ones."),
    ] = Size(32 << 20)

    def check(self, protocol: str) -> None:
        """Raise `ValueError` when the values do not fit each other."""
        try:
            parse_tenant(self.tenant)
        except InvalidRequest as error:
            raise ValueError(f"`tenant`: {error.message}") from error
        for network in self.networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(f"`networks` holds {network!r}, which is no network such as 10.0.0.0/8") from error
        if protocol == "tls" and not self.certificate:
            raise ValueError("protocol tls needs a `certificate`")
        if protocol != "tls" and (self.certificate or self.key or self.client_ca):
            raise ValueError(f"protocol {protocol} has no certificates; write protocol: tls")


class SyslogConfig(ListenerConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listener for syslog: RFC 3164, RFC 5424, RFC 6587."""

    protocol: Annotated[Literal["udp", "tcp", "tls"], Meta(description="Transport.")]
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 514
    max_message_bytes: Annotated[Size, Meta(description="Longer messages are cut, which their attributes say.")] = Size(
        128 << 10
    )
    receive_buffer_bytes: Annotated[
        Size, Meta(description="Kernel's buffer of a UDP socket (SO_RCVBUF), as far as the system allows it.")
    ] = Size(8 << 20)
    charset: Annotated[
        Literal["utf-8", "latin-1", "windows-1252"],
        Meta(description="How text is read that is no UTF-8; utf-8 replaces what is none."),
    ] = "windows-1252"
    timezone: Annotated[str, Meta(description="Zone of times that name none, such as Europe/Berlin.")] = "UTC"

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check(self.protocol)
        if not 1024 <= self.max_message_bytes <= 16 << 20:
            raise ValueError("`max_message_bytes` lies between 1KiB and 16MiB")
        try:
            # UTC needs no database of zones, which a small container may lack.
            _ = self.timezone == "UTC" or zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"`timezone` {self.timezone!r} is not known here; write it like Europe/Berlin") from error


class ForwardUser(Masked, forbid_unknown_fields=True, frozen=True):
    """Who may send, by user name and password."""

    username: str
    password: Annotated[str, Meta(extra=SECRET)]


class ForwardConfig(ListenerConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listener for the forward protocol of Fluentd and Fluent Bit."""

    protocol: Annotated[Literal["tcp", "tls"], Meta(description="Transport.")] = "tcp"
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 24224
    shared_key: Annotated[str, Meta(description="Key that clients must know; empty asks for none.", extra=SECRET)] = ""
    users: Annotated[
        list[ForwardUser], Meta(description="Besides the key, one of these: list of username and password.", extra=SECRET)
    ] = []
    server_name: Annotated[str, Meta(description="Name told to clients in the handshake; it must differ from theirs.")] = (
        "nexus"
    )
    max_message_bytes: Annotated[
        Size,
        Meta(description="Largest message, which is a chunk of the client's buffer; beyond it the connection is closed."),
    ] = Size(32 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check(self.protocol)
        if self.users and not self.shared_key:
            raise ValueError("`users` need a `shared_key`, without which there is no handshake")
        if not 1024 <= self.max_message_bytes <= 256 << 20:
            raise ValueError("`max_message_bytes` lies between 1KiB and 256MiB")


_RECEIVE_BUFFER: Final = "Kernel's buffer of a UDP or Unix socket (SO_RCVBUF), as far as the system allows it."


class GraphiteConfig(ListenerConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listener for Graphite's plaintext protocol."""

    protocol: Annotated[Literal["tcp", "udp", "tls"], Meta(description="Transport.")] = "tcp"
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 2003
    receive_buffer_bytes: Annotated[Size, Meta(description=_RECEIVE_BUFFER)] = Size(8 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check(self.protocol)


class StatsdConfig(ListenerConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listener for StatsD and DogStatsD."""

    protocol: Annotated[Literal["udp", "tcp", "tls", "unix"], Meta(description="Transport.")] = "udp"
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 8125
    networks: Annotated[
        list[str],
        Meta(description="Networks whose senders are listened to, such as 10.0.0.0/8; a Unix socket has none."),
    ] = []
    path: Annotated[str, Meta(description="Path of the Unix socket (datagrams); its mode is 0660.")] = ""
    flush_interval: Annotated[Duration, Meta(description="How often samples are made of what was added up.")] = Duration(10)
    max_series: Annotated[
        int, Meta(ge=1, description="Series added up at a time; further ones are refused and counted.")
    ] = 100_000
    histogram_buckets: Annotated[
        list[float],
        Meta(
            description="Upper bounds of timers' and histograms' buckets, in seconds for timers; empty: native histograms."
        ),
    ] = []
    receive_buffer_bytes: Annotated[Size, Meta(description=_RECEIVE_BUFFER)] = Size(8 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check(self.protocol)
        if (self.protocol == "unix") != bool(self.path):
            raise ValueError("a `path` goes with protocol unix, and only with it")
        if self.protocol != "unix" and not self.networks:
            raise ValueError("`networks` names whose senders are listened to, such as 10.0.0.0/8")
        if self.flush_interval < 1:
            raise ValueError("`flush_interval` is at least 1s")
        bounds = self.histogram_buckets
        if sorted(set(bounds)) != bounds or not all(abs(bound) < float("inf") for bound in bounds):
            raise ValueError("`histogram_buckets` are finite and ascend")


class JaegerConfig(ListenerConfig, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listener for Jaeger's clients over UDP, as its agent was."""

    protocol: Annotated[
        Literal["compact", "binary"],
        Meta(description="Thrift's protocol: compact (most clients, to 6831) or binary (6832)."),
    ] = "compact"
    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")] = 6831
    receive_buffer_bytes: Annotated[Size, Meta(description=_RECEIVE_BUFFER)] = Size(8 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check(self.protocol)


class TracePortConfig(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A further HTTP port, for clients that know no other; senders need an API key there too."""

    port: Annotated[Port, Meta(description="Port; 0 picks a free one and prints it.")]
    host: Annotated[str, Meta(description="Address to listen on; empty means `http.host`.")] = ""


class PushConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Metrics pushed by batch jobs, as to a Pushgateway: a group stays until it is deleted."""

    interval: Annotated[Duration, Meta(description="How often the last values of groups are stored again.")] = Duration(30)
    max_bytes: Annotated[Size, Meta(description="Memory for all groups; beyond it pushes get a 503.")] = Size(64 << 20)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not 1 <= self.interval <= 240:
            raise ValueError("`interval` lies between 1s and 4m: an instant query looks 5 minutes back")


class SmtpConfig(Masked, forbid_unknown_fields=True, frozen=True):
    """The server by which mail to users goes: links to new passwords, and what happens to their account."""

    host: Annotated[str, Meta(description="Name of the server; empty sends no mail.", extra=RELOADS)] = ""
    port: Annotated[Port, Meta(description="Port: mostly 587 for starttls, 465 for tls.", extra=RELOADS)] = 587
    tls: Annotated[
        Literal["starttls", "tls", "off"],
        Meta(
            description="`starttls`: TLS is turned on before anything is said; `tls`: from the first byte; `off`: none, for "
            "a server on this machine.",
            extra=RELOADS,
        ),
    ] = "starttls"
    authorities: Annotated[
        str,
        Meta(description="File (PEM) with authorities trusted besides those of the system.", extra=RELOADS),
    ] = ""
    username: Annotated[str, Meta(description="User name there; empty logs in as nobody.", extra=RELOADS)] = ""
    password: Annotated[str, Meta(description="Password there.", extra={**RELOADS, **SECRET})] = ""
    sender: Annotated[str, Meta(description="Address that mails come from, such as nexus@example.com.", extra=RELOADS)] = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if self.host and not re.fullmatch(r"[^@\r\n]*[^@\s]+@[^@\s]+", self.sender):
            raise ValueError("mails need a `sender`, an address such as nexus@example.com")
        if self.password and self.tls == "off":
            raise ValueError("a `password` is not sent without TLS; write tls: starttls")


class SecurityConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Keys and how people are let in."""

    key_file: Annotated[
        str,
        Meta(
            description="File with the keys that seal secrets in metadata and configuration and sign the audit log, made at "
            "the first start; empty is `nexus.key` in the data directory. Elsewhere, a stolen copy of the data is of no "
            "use. Keep a copy of it apart from the data."
        ),
    ] = ""
    password_login: Annotated[
        bool,
        Meta(
            description="May users log in with a password? Off: by single sign-on and passkeys only, and with the link that "
            "`nexus admin login-link` prints.",
            extra=RELOADS,
        ),
    ] = True
    second_factor: Annotated[
        Literal["off", "optional", "required_for_admins", "required"],
        Meta(
            description="Second factors of those who log in with a password: `off`: none can be added, who has one is still "
            "asked for it; `optional`; required of whoever is an administrator somewhere, or of everybody: they can do "
            "nothing else before they have added one.",
            extra=RELOADS,
        ),
    ] = "optional"


class OutgoingConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Requests to addresses that users or this configuration name: providers of single sign-on, webhooks."""

    allow: Annotated[
        list[str],
        Meta(
            description="Networks (`10.0.0.0/8`), hosts (`idp.corp.example`) and domains (`.corp.example`) that are asked "
            "though they are not public addresses, on any port and by plain http, too. Without it only public addresses are."
        ),
    ] = []
    ports: Annotated[list[Port], Meta(description="Ports that are asked on what `allow` does not name.")] = msgspec.field(
        default_factory=lambda: list(PORTS)
    )
    authorities: Annotated[
        str, Meta(description="File (PEM) with certificate authorities that are trusted besides those of the system.")
    ] = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.rules()

    def rules(self) -> Rules:
        """What is allowed, as the client of `nexus.outgoing` takes it. Raises `ValueError`."""
        return rules(self.allow, self.ports)


class RoleIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A role in a tenant."""

    role: Annotated[str, Meta(min_length=1, description="Name of the role.")]
    tenant: Annotated[str, Meta(description="The tenant; `*` is every one.")] = "*"

    def __post_init__(self) -> None:
        """Check the name of the tenant."""
        if self.tenant != "*":
            try:
                parse_tenant(self.tenant)
            except InvalidRequest as error:
                raise ValueError(f"`tenant`: {error.message}") from error


class GroupRole(RoleIn, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a group of the provider stands for."""

    group: Annotated[str, Meta(min_length=1, description="The group, as the provider calls it.")]


class OidcConfig(Masked, forbid_unknown_fields=True, frozen=True):
    """A provider of OpenID Connect, at which users log in."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="Short name, part of the addresses that the provider is told."
        ),
    ]
    issuer: Annotated[str, Meta(description="The provider's issuer, exactly as it writes it.")]
    client_id: Annotated[str, Meta(min_length=1, description="How the provider knows Nexus.")]
    client_secret: Annotated[
        str, Meta(description="The secret that goes with it; empty for a public client.", extra=SECRET)
    ] = ""
    name: Annotated[str, Meta(description="What the button of the login page says; empty is the id.")] = ""
    scopes: Annotated[list[str], Meta(description="What is asked for besides `openid`.")] = msgspec.field(
        default_factory=lambda: ["profile", "email"]
    )
    username_claim: Annotated[str, Meta(description="Claim with the name of the user.")] = "preferred_username"
    name_claim: Annotated[str, Meta(description="Claim with the name that is shown.")] = "name"
    email_claim: Annotated[str, Meta(description="Claim with the e-mail address.")] = "email"
    groups_claim: Annotated[
        str, Meta(description="Claim with the groups, a list; `realm_access.roles` is one within another.")
    ] = "groups"
    roles: Annotated[
        list[GroupRole],
        Meta(
            description="Roles by group, applied at every login: entries of `group`, `role` and `tenant`; without a tenant "
            "in every one."
        ),
    ] = []
    default_roles: Annotated[
        list[RoleIn], Meta(description="Roles of everybody who logs in here: entries of `role` and `tenant`.")
    ] = []
    auto_create: Annotated[
        bool, Meta(description="Make a user at the first login, when he has a role by then; off: only users that are there.")
    ] = True
    email_domains: Annotated[
        list[str], Meta(description="Domains of e-mail addresses that are let in; empty lets every one in.")
    ] = []
    require_verified_email: Annotated[
        bool,
        Meta(description="Believe an e-mail address only when the provider says `email_verified`; some never do."),
    ] = True
    link_scim: Annotated[
        Literal["off", "external_id", "user_name"],
        Meta(
            description="Which users made by SCIM log in here: none, those whose externalId is the claim "
            "`external_id_claim`, or also those whose userName is the claim `username_claim`."
        ),
    ] = "off"
    external_id_claim: Annotated[str, Meta(description="Claim that equals SCIM's externalId.")] = "sub"
    clock_skew: Annotated[Duration, Meta(description="How much the provider's clock may differ.")] = Duration(60)

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        try:
            target = parse_target(self.issuer)
        except TargetRefused as error:
            raise ValueError(f"`issuer`: {error.message}") from error
        if "?" in target.rest or "#" in self.issuer:
            raise ValueError("`issuer` has neither a query nor a fragment")
        if not 0 <= self.clock_skew <= 600:
            raise ValueError("`clock_skew` lies between 0s and 10m")


class SsoConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Single sign-on; see the guide."""

    oidc: Annotated[list[OidcConfig], Meta(description="Providers of OpenID Connect.")] = []

    def __post_init__(self) -> None:
        """Check what a single provider does not show."""
        ids = [provider.id for provider in self.oidc]
        if len(set(ids)) < len(ids):
            raise ValueError("two providers have the same `id`")


class AuditForward(Masked, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Somewhere that the entries of the audit log go as they are written, in order, each at least once."""

    type: Annotated[Literal["otlp", "syslog"], Meta(description="OTLP/HTTP logs as JSON, or RFC 5424 messages.")]
    url: Annotated[
        str,
        Meta(
            description="Where to: udp://host:514, tcp://host:601, tls://host:6514 for syslog; the whole address for OTLP: "
            "https://host:4318/v1/logs."
        ),
    ]
    headers: Annotated[
        dict[str, str], Meta(description="Headers of OTLP requests, such as Authorization.", extra=SECRET)
    ] = {}
    ca: Annotated[
        str,
        Meta(description="File with the authorities (PEM) that the receiver's certificate is from; empty: the system's."),
    ] = ""
    certificate: Annotated[
        str, Meta(description="File with the certificate (PEM) shown to the receiver; empty is none.")
    ] = ""
    key: Annotated[str, Meta(description="File with its key (PEM); empty when it is in the same file.")] = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        parts = urlsplit(self.url)
        schemes = ("udp", "tcp", "tls") if self.type == "syslog" else ("http", "https")
        try:
            named = bool(parts.hostname) and (self.type == "otlp" or bool(parts.port))
        except ValueError:
            named = False
        if parts.scheme not in schemes or not named:
            example = "tls://collector:6514" if self.type == "syslog" else "https://collector:4318/v1/logs"
            raise ValueError(f"`url` of type {self.type} is written like {example}")
        if parts.username or parts.password:
            raise ValueError("`url` holds no credentials; write them into `headers`")
        if parts.scheme not in ("tls", "https") and (self.ca or self.certificate or self.key):
            raise ValueError(f"{parts.scheme} has no certificates; use {'tls' if self.type == 'syslog' else 'https'}")
        if self.headers and self.type == "syslog":
            raise ValueError("syslog has no `headers`")


class AuditConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """The audit log."""

    retention: Annotated[
        Duration, Meta(description="How long its entries are kept; 0 keeps them for ever.", extra=RELOADS)
    ] = Duration(400 * 86400)
    forward: Annotated[list[AuditForward], Meta(description="Where entries go besides.")] = []


class ReceiversConfig(Struct, forbid_unknown_fields=True, frozen=True):
    """Receivers for senders without credentials; each listener is off until it names a tenant and networks."""

    syslog: Annotated[list[SyslogConfig], Meta(description="Listeners for syslog.")] = []
    forward: Annotated[list[ForwardConfig], Meta(description="Listeners for Fluentd and Fluent Bit.")] = []
    graphite: Annotated[list[GraphiteConfig], Meta(description="Listeners for Graphite's plaintext protocol.")] = []
    statsd: Annotated[list[StatsdConfig], Meta(description="Listeners for StatsD and DogStatsD.")] = []
    jaeger: Annotated[list[JaegerConfig], Meta(description="Listeners for Jaeger's clients over UDP.")] = []
    jaeger_http: Annotated[
        list[TracePortConfig], Meta(max_length=1, description="A port for Jaeger's clients over HTTP, such as 14268.")
    ] = []
    zipkin: Annotated[
        list[TracePortConfig], Meta(max_length=1, description="A port for Zipkin's clients, such as 9411.")
    ] = []


class Config(Masked, forbid_unknown_fields=True, frozen=True):
    """Everything that can be configured; all of it is optional."""

    data_dir: Annotated[str, Meta(description="Directory of all data.")] = "./nexus-data"
    durability: Annotated[
        Literal["commit", "fsync"],
        Meta(description="What an acknowledgement survives: `commit` a killed process, `fsync` also a power cut."),
    ] = "commit"
    self_telemetry: Annotated[
        bool, Meta(description="Send Nexus' own logs and metrics through its pipeline into the tenant `_nexus`.")
    ] = True
    shutdown_timeout: Annotated[
        Duration, Meta(description="Longest wait for running requests and queued records at a stop.")
    ] = Duration(15)
    http: HttpConfig = HttpConfig()
    otlp: OtlpConfig = OtlpConfig()
    retention: RetentionConfig = RetentionConfig()
    log: LogConfig = LogConfig()
    bootstrap: BootstrapConfig = BootstrapConfig()
    tenants: TenantsConfig = TenantsConfig()
    ingest: IngestConfig = IngestConfig()
    pipelines: PipelinesConfig = PipelinesConfig()
    elasticsearch: ElasticsearchConfig = ElasticsearchConfig()
    splunk: SplunkConfig = SplunkConfig()
    query: QueryConfig = QueryConfig()
    limits: LimitsConfig = LimitsConfig()
    storage: StorageConfig = StorageConfig()
    metrics: MetricsConfig = MetricsConfig()
    traces: TracesConfig = TracesConfig()
    scrape: ScrapeConfig = ScrapeConfig()
    session: SessionConfig = SessionConfig()
    outgoing: OutgoingConfig = OutgoingConfig()
    sso: SsoConfig = SsoConfig()
    metadata: MetadataConfig = MetadataConfig()
    security: SecurityConfig = SecurityConfig()
    audit: AuditConfig = AuditConfig()
    smtp: SmtpConfig = SmtpConfig()
    push: PushConfig = PushConfig()
    receivers: ReceiversConfig = ReceiversConfig()

    @property
    def otlp_host(self) -> str:
        """Address of the OTLP receivers."""
        return self.otlp.host or self.http.host

    @property
    def otlp_tls(self) -> TlsConfig:
        """TLS of the OTLP receivers: their own, or that of the main port."""
        return self.otlp.tls if self.otlp.tls.certificate else self.http.tls

    @property
    def data_path(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data_dir).expanduser().resolve()

    @property
    def key_path(self) -> Path:
        """The key file, absolute."""
        return key_path(self.data_dir, self.security.key_file)


def key_path(data_dir: str, named: str) -> Path:
    """Where the key file is, absolute: the one named, or the one in the data directory."""
    return Path(named or Path(data_dir) / KEY_FILE).expanduser().absolute()


# ------------------------------------------------------------------------------------------------------------- fields


@dataclass(frozen=True, slots=True)
class Option:
    """One configurable value, as found in the structs: what loading, showing and documenting work from."""

    path: tuple[str, ...]
    type: Any
    default: Any
    description: str
    reloads: bool
    secret: bool

    @property
    def name(self) -> str:
        """Dotted path in the file."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Name in the environment."""
        return PREFIX + "_".join(self.path).upper()


def options(struct: type[Struct] = Config, path: tuple[str, ...] = ()) -> Iterator[Option]:
    """Every configurable value, in the order of the structs."""
    hints = get_type_hints(struct, include_extras=True)
    for info in msgspec.structs.fields(struct):
        here = (*path, info.name)
        annotated = hints[info.name]
        if isinstance(annotated, type) and issubclass(annotated, Struct):
            yield from options(annotated, here)
            continue
        metas = [meta for meta in get_args(annotated) if isinstance(meta, Meta)]
        extra = {key: value for meta in metas for key, value in (meta.extra or {}).items()}
        default = info.default
        if default is msgspec.NODEFAULT and info.default_factory is not msgspec.NODEFAULT:
            default = info.default_factory()
        description = next((meta.description for meta in reversed(metas) if meta.description), "")
        yield Option(here, annotated, default, description, bool(extra.get("reload")), bool(extra.get("secret")))


def kind_of(annotated: Any) -> Any:
    """The bare type beneath `Annotated`."""
    while get_origin(annotated) is Annotated:
        annotated = get_args(annotated)[0]
    return annotated


def item_struct(annotated: Any) -> type[Struct] | None:
    """The struct of which a list holds several; None for other types."""
    kind = kind_of(annotated)
    items = get_args(kind) if get_origin(kind) is list else ()
    return items[0] if items and isinstance(items[0], type) and issubclass(items[0], Struct) else None


# ------------------------------------------------------------------------------------------------------------ loading


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where each value that is not a default came from (`http.port` -> `NEXUS_HTTP_PORT`)."""

    config: Config
    sources: dict[str, str] = field(default_factory=dict)
    file: Path | None = None


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Loaded:
    """Read file and environment. `file` goes before `NEXUS_CONFIG`. Raises `ConfigError`."""
    raw, sources, path = _read(environment, file)
    open_secrets(raw, Config, lambda sealed: _vault(raw).unseal(sealed, CONTEXT))
    return Loaded(_convert(raw, sources), sources, path)


def sealed_secrets(environment: Mapping[str, str] | None = None, file: Path | None = None) -> dict[str, str]:
    """The values that are sealed, by name of their options, as they are written. Raises `ConfigError`."""
    raw, _, _ = _read(environment, file)
    return {name: holder[key] for holder, key, name in secrets_in(raw, Config) if is_sealed(holder[key])}


def key_file(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Path:
    """Where the key file is, without opening what is sealed with it. Raises `ConfigError`."""
    raw, _, _ = _read(environment, file)
    return _key_path(raw)


def _read(environment: Mapping[str, str] | None, file: Path | None) -> tuple[dict[str, Any], dict[str, str], Path | None]:
    """File and environment as one unchecked document, where its values are from, and the file."""
    environment = os.environ if environment is None else environment
    path = _find_file(environment, file)
    raw = _read_file(path) if path else {}
    sources: dict[str, str] = {}
    for option in options():
        if _lookup(raw, option.path) is not _MISSING:
            sources[option.name] = str(path)
    _overlay_environment(raw, sources, environment)
    return raw, sources, path


def reloaded(current: Config, fresh: Config) -> tuple[Config, list[str], list[str]]:
    """What of `fresh` can be taken over while running: the new configuration, the names taken, the names that wait."""
    taken: list[str] = []
    waiting: list[str] = []
    merged = msgspec.to_builtins(current, enc_hook=_as_builtin)
    for option in options():
        old, new = _attribute(current, option.path), _attribute(fresh, option.path)
        if old == new:
            continue
        (taken if option.reloads else waiting).append(option.name)
        if option.reloads:
            _store(merged, option.path, new)
    return msgspec.convert(merged, Config, dec_hook=_custom), taken, waiting


def shown(loaded: Loaded) -> Iterator[tuple[Option, str, str]]:
    """Every value as (option, text, source), secrets masked: for `nexus config show`."""
    for option in options():
        value = _attribute(loaded.config, option.path)
        text = "********" if option.secret and value else render(value)
        yield option, text, loaded.sources.get(option.name, "default")


def render(value: Any) -> str:
    """A value as it would be written in the file."""
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return "[" + ", ".join(map(render, value)) + "]"
        case Struct():
            return "{" + ", ".join(f"{name}: {text}" for name, text in _rendered_fields(value)) + "}"
        case "":
            return '""'
        case _:
            return str(value)


def _rendered_fields(value: Struct) -> Iterator[tuple[str, str]]:
    """Names and texts of the values that are not defaults, secrets masked."""
    hints = get_type_hints(type(value), include_extras=True)
    for info in msgspec.structs.fields(value):
        found = getattr(value, info.name)
        default = info.default if info.default is not msgspec.NODEFAULT else None
        if found in (default, []):
            continue
        yield info.name, "********" if secret_hint(hints[info.name]) else render(found)


_MISSING: Final = object()


def _vault(raw: dict[str, Any]) -> Vault:
    """The vault of an unchecked document, for what is sealed in it. Raises `ConfigError`."""
    return Vault(_key_path(raw), must_exist=True)


def _key_path(raw: dict[str, Any]) -> Path:
    data_dir, named = _lookup(raw, ("data_dir",)), _lookup(raw, ("security", "key_file"))
    return key_path(data_dir if isinstance(data_dir, str) else Config().data_dir, named if isinstance(named, str) else "")


def _quoted(value: Any, struct: type[Struct]) -> str:
    """A value where a struct belongs, for errors: only its kind when it may be a secret in the wrong place."""
    if not holds_secrets(struct):
        return repr(value)
    return {dict: "keys and values", list: "a list", str: "a text", bool: "on or off"}.get(type(value), "a number")


def _yaml_problem(error: Any) -> str:
    """What is wrong with a YAML document and where, without the lines around it."""
    mark = getattr(error, "problem_mark", None)
    place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    # The context quotes lines; the problem quotes what begins like an alias or a tag, as an unquoted password may.
    problem = re.sub(r"""(['"])(?!<).{2,}\1""", "...", str(getattr(error, "problem", None) or "it cannot be read"))
    return f"{problem}{place}"


def _find_file(environment: Mapping[str, str], file: Path | None) -> Path | None:
    named = file or (Path(environment["NEXUS_CONFIG"]) if environment.get("NEXUS_CONFIG") else None)
    if named is None:
        default = Path(DEFAULT_FILE)
        return default if default.is_file() else None
    if not named.is_file():
        raise ConfigError(f"there is no configuration file {named}.", hint="Correct NEXUS_CONFIG or create the file.")
    return named


def _read_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {_yaml_problem(error)}.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold keys and values, such as `http: {{port: 8080}}`.")
    _refuse_unknown_keys(document, Config, (), path)
    return document


def _refuse_unknown_keys(raw: dict[Any, Any], struct: type[Struct], path: tuple[str, ...], source: str | Path) -> None:
    hints = get_type_hints(struct)
    for key, value in list(raw.items()):
        name = ".".join((*path, str(key)))
        if key not in hints:
            raise ConfigError(f"{source}: there is no key `{name}`.", hint=_nearest(str(key), name, list(hints), path))
        inner = hints[key]
        if isinstance(inner, type) and issubclass(inner, Struct):
            if value is None:
                raw[key] = {}
            elif not isinstance(value, dict):
                raise ConfigError(f"{source}: `{name}` holds keys of its own, not {_quoted(value, inner)}.")
            else:
                _refuse_unknown_keys(value, inner, (*path, key), source)
        elif item := item_struct(inner):
            raw[key] = [] if value is None else value
            _check_items(raw[key], item, (*path, key), source)


def _check_items(value: Any, item: type[Struct], path: tuple[str, ...], source: str | Path) -> None:
    """Refuse unknown keys in a list of structs."""
    name = ".".join(path)
    if not isinstance(value, list):
        raise ConfigError(f"{source}: `{name}` is a list of entries with keys of their own, not {_quoted(value, item)}.")
    for number, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise ConfigError(f"{source}: `{name}[{number}]` holds keys of its own, not {_quoted(entry, item)}.")
        _refuse_unknown_keys(entry, item, (*path[:-1], f"{path[-1]}[{number}]"), source)


def _nearest(key: str, name: str, siblings: list[str], path: tuple[str, ...]) -> str:
    every = [option.name for option in options()] + list(get_type_hints(Config))
    near = difflib.get_close_matches(key, siblings, 1, 0.5)
    in_list = any("[" in part for part in path)
    guess = [] if in_list else [option for option in every if option.rpartition(".")[2] == key]
    if not guess and near:
        guess = [".".join((*path, near[0]))]
    if not guess and in_list:
        return f"Its keys are {', '.join(siblings)}."
    guess = guess or difflib.get_close_matches(name, every, 1, 0.5)
    return f"Did you mean `{guess[0]}`?" if guess else "`nexus config show` lists every key."


# Variables that are not configuration: the file's name, the client's side of `nexus ingest`, test and build harnesses,
# and what Kubernetes puts into every container when a service is called "nexus".
_NOT_OURS: Final = re.compile(
    r"NEXUS_(CONFIG|URL|TOKEN|TENANT|BIN|(TEST|BENCH|SOAK|DEMO)_\w+|SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?)"
)


def _overlay_environment(raw: dict[str, Any], sources: dict[str, str], environment: Mapping[str, str]) -> None:
    known = {option.variable: option for option in options()}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or _NOT_OURS.fullmatch(variable):
            continue
        option = known.get(variable)
        if option is None:
            near = difflib.get_close_matches(variable, list(known), 1, 0.6)
            hint = f"Did you mean {near[0]}?" if near else "`nexus config show` lists every name."
            raise ConfigError(f"the environment variable {variable} is not a setting.", hint=hint)
        if item := item_struct(option.type):
            value = _items_from_text(variable, environment[variable])
            _check_items(value, item, option.path, variable)
            _store(raw, option.path, value)
        else:
            _store(raw, option.path, _from_text(option, environment[variable]))
        sources[option.name] = variable


_BOOLEANS: Final = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False,
                    "0": False}  # fmt: skip


def _from_text(option: Option, text: str) -> Any:
    kind = kind_of(option.type)
    stripped = text.strip()
    if kind is bool and stripped.lower() in _BOOLEANS:
        return _BOOLEANS[stripped.lower()]
    if kind is int and re.fullmatch(r"-?\d+", stripped):
        return int(stripped)
    if get_origin(kind) is list:
        parts = [part.strip() for part in stripped.split(",") if part.strip()]
        numbers = kind_of(get_args(kind)[0]) is int
        return [int(part) if numbers and part.isdecimal() else part for part in parts]
    return text if option.secret else stripped


def _items_from_text(variable: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        raise ConfigError(f"{variable} is not YAML: {_yaml_problem(error)}.") from None


def _convert(raw: dict[str, Any], sources: dict[str, str]) -> Config:
    try:
        return msgspec.convert(raw, Config, dec_hook=_custom)
    except msgspec.ValidationError as error:
        text = str(error)
        place = re.search(r" - at `\$\.?([^`]*)`$", text)
        name = place[1] if place else ""
        reason = text[: place.start()] if place else text
        option = next((option for option in options() if option.name == re.sub(r"\[.*", "", name)), None)
        hint = f"It is: {option.description}" if option else ""
        shown_name = sources.get(name) or sources.get(re.sub(r"\[.*", "", name), "")
        where = f" (from {shown_name})" if shown_name else ""
        raise ConfigError(f"`{name}`{where} is wrong: {reason[0].lower() + reason[1:]}.", hint=hint) from error


def _custom(kind: type, value: Any) -> Any:
    if kind is Duration or kind is Size:
        return kind.parse(value)
    raise NotImplementedError(kind)


def _as_builtin(value: Any) -> Any:
    return float(value) if isinstance(value, Duration) else int(value)


def _lookup(raw: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(raw, dict) or part not in raw:
            return _MISSING
        raw = raw[part]
    return raw


def _store(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        raw = raw.setdefault(part, {})
    raw[path[-1]] = value


def _attribute(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = getattr(value, part)
    return value
