"""The parts of the process that handlers use, put together once by `nexus.app`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nexus.config import Config
from nexus.server.metric_use import MetricUse
from nexus.telemetry import Registry

if TYPE_CHECKING:
    from nexus.mailing import Mailer
    from nexus.outgoing.client import Outgoing
    from nexus.pipeline.body import Budget
    from nexus.pipeline.intake import MetricIntake
    from nexus.pipeline.live import LiveHub
    from nexus.pipeline.metrics import MetricPipeline
    from nexus.pipeline.topology import Topology
    from nexus.pipeline.traces import TracePipeline
    from nexus.security.audit.log import Audit
    from nexus.security.authority import Authorities
    from nexus.security.identity import Authenticator
    from nexus.security.keys import Keys
    from nexus.security.limits.limiter import Limiter
    from nexus.security.login.logins import Logins
    from nexus.security.login.passkeys import Passkeys
    from nexus.security.login.profiles import Profiles
    from nexus.security.login.resets import Resets
    from nexus.security.login.sessions import Sessions
    from nexus.security.sso.signon import SingleSignOn
    from nexus.security.tenants import Tenants
    from nexus.security.users import Users
    from nexus.server.api.prometheus.targets import Scraping
    from nexus.server.deletions import Deletions
    from nexus.server.queries import RunningQueries
    from nexus.server.removals import Removals
    from nexus.server.sockets import Sockets
    from nexus.storage.api import LogLifecycle, LogStore, RunningQuery
    from nexus.storage.metadata.api import MetadataStore
    from nexus.storage.metric_api import MetricLifecycle, MetricStore
    from nexus.storage.trace_api import TraceLifecycle, TraceStore


@dataclass(frozen=True, slots=True)
class Listening:
    """A listener for senders without credentials: its receiver (`syslog_udp`), tenant and address."""

    receiver: str
    tenant: str
    host: str
    port: int


@dataclass(slots=True)
class Addresses:
    """Where the process listens; ports are the bound ones."""

    http_host: str = ""
    http_port: int = 0
    otlp_host: str = ""
    otlp_http_port: int = 0
    otlp_grpc_port: int = 0
    trace_ports: dict[str, int] = field(default_factory=dict)
    """Further HTTP ports by the name of their receiver."""
    listeners: list[Listening] = field(default_factory=list)


@dataclass(slots=True)
class Readiness:
    """Why the process is not ready, by part; ready when nothing is left."""

    waiting: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Can requests be served?"""
        return not self.waiting


@dataclass(slots=True)
class Services:
    """Everything a handler may need. `config` gives the current configuration, which a reload replaces."""

    config: Callable[[], Config]
    registry: Registry
    store: LogStore
    keys: Keys
    tenants: Tenants
    authorities: Authorities
    authenticator: Authenticator
    sessions: Sessions
    logins: Logins
    passkeys: Passkeys
    profiles: Profiles
    resets: Resets
    mailer: Mailer
    topology: Topology
    intake: MetricIntake
    budget: Budget
    queries: RunningQueries
    live: LiveHub
    sockets: Sockets
    readiness: Readiness
    addresses: Addresses
    started_ns: int
    version: str
    now_ns: Callable[[], int]
    metadata: MetadataStore
    audit: Audit
    users: Users
    lifecycle: LogLifecycle
    metrics: MetricStore
    metric_lifecycle: MetricLifecycle
    traces: TraceStore
    trace_lifecycle: TraceLifecycle
    metric_pipeline: MetricPipeline
    trace_pipeline: TracePipeline
    deletions: Deletions
    removals: Removals
    limiter: Limiter
    outgoing: Outgoing
    sso: SingleSignOn
    metric_use: MetricUse = field(default_factory=MetricUse)
    scraping: Scraping | None = None
    """What is scraped, and how it goes."""
    running: Callable[[str], Sequence[RunningQuery]] = lambda tenant: ()
    """What the engine says of a tenant's running queries."""
    openapi: Callable[[], bytes] = lambda: b"{}"
