"""The one place where the concrete parts become a process: start, serve, reload, drain, stop.

Order of the start: configuration, data directory and engine with its migrations, metadata, receivers, HTTP. The engine
opens in a thread while the rest is imported; the HTTP port answers from then on, with 503 until everything is ready.
Order of the stop: refuse new records, store those handed over, finish requests, close the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexus import __version__, runtime
from nexus.config import Config, Loaded, load, reloaded
from nexus.errors import ConfigError, NexusError, TenantDeleted
from nexus.telemetry import Logging, Registry, process_metrics

if TYPE_CHECKING:
    from nexus.pipeline.decode import DecodePool
    from nexus.pipeline.receivers.listener import SocketReceiver
    from nexus.pipeline.receivers.tls import Tls
    from nexus.pipeline.self_telemetry import SelfTelemetry
    from nexus.pipeline.span_metrics import SpanMetrics
    from nexus.security.audit.forwarding import Forwarding
    from nexus.security.audit.ledger import Ledger
    from nexus.security.audit.log import Audit
    from nexus.security.vault import Vault
    from nexus.server.http import HttpServer
    from nexus.server.services import Services
    from nexus.storage.metric_router import MetricRouter
    from nexus.storage.trace_router import TraceRouter

TIDY_INTERVAL: Final = 60.0
QUERY_GRACE: Final = 3.0
OPEN_FILES: Final = 65_536

_TITLES: Final = {
    "syslog_udp": "Syslog, UDP",
    "syslog_tcp": "Syslog, TCP",
    "syslog_tls": "Syslog, TLS",
    "forward_tcp": "Forward, TCP",
    "forward_tls": "Forward, TLS",
    "graphite_tcp": "Graphite, TCP",
    "graphite_udp": "Graphite, UDP",
    "graphite_tls": "Graphite, TLS",
    "statsd_udp": "StatsD, UDP",
    "statsd_tcp": "StatsD, TCP",
    "statsd_tls": "StatsD, TLS",
    "statsd_unix": "StatsD, Unix",
    "jaeger_compact": "Jaeger, UDP",
    "jaeger_binary": "Jaeger, UDP",
    "jaeger_http": "Jaeger, HTTP",
    "zipkin": "Zipkin",
}

log = logging.getLogger("nexus.app")


def up(file: Path | None = None) -> int:
    """Run in the foreground until a signal; the exit code. Raises `NexusError` when it cannot start."""
    began = time.perf_counter()
    loaded = load(file=file)
    logs = Logging(loaded.config.log.level, loaded.config.log.format)
    _raise_open_files()
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(Process(loaded, logs, file, began).run())
    finally:
        logs.close()


def migrate(file: Path | None, *, dry_run: bool) -> int:
    """Bring the data directory to this version's format, or print what that would run. Raises `NexusError`."""
    from nexus import components

    config = load(file=file).config
    Logging(config.log.level, config.log.format)
    with _working("opening the data directory"):
        statements = components.migrate(config, dry_run=dry_run)
    for statement in statements:
        print(f"{statement};\n" if dry_run else statement)
    if not statements:
        print(f"{config.data_path} is up to date.")
    return 0


def login_link(file: Path | None, username: str) -> int:
    """Print a link that logs a user in once. Raises `NexusError`."""
    from nexus import components
    from nexus.security.login.logins import login_link as make

    config = load(file=file).config
    running = runtime.read(config.data_path)
    if running and running.get("version") != __version__:
        raise ConfigError(f"Nexus {running.get('version')} is running, this is {__version__}.", hint="Use the same version.")
    metadata = components.open_metadata(config)
    try:
        token = make(metadata, username, time.time_ns())
    finally:
        metadata.close()
    base = config.http.public_url or (running["url"] if running else f"http://{config.http.host}:{config.http.port}")
    print(f"This link logs {username} in once, within 15 minutes:\n{base.rstrip('/')}/login#link={token}")
    return 0


class Process:
    """A running Nexus. Lives on one event loop, from `run` to its end."""

    def __init__(self, loaded: Loaded, logs: Logging, file: Path | None, began: float) -> None:
        """Nothing happens yet. `began` is the `perf_counter` of the process' start."""
        self._loaded = loaded
        self._config = loaded.config
        self._logs = logs
        self._file = file
        self._began = began
        self._stop = asyncio.Event()
        self._registry = Registry()
        self._exits = contextlib.AsyncExitStack()
        self._reloaders: list[Callable[[], object]] = []
        self._listeners: list[SocketReceiver] = []
        self._tls: dict[str, Tls] = {}
        self._vault: Vault | None = None
        self._ledger: Ledger | None = None
        self._audit: Audit | None = None
        self._forwarding: Forwarding | None = None
        self._metrics: MetricRouter | None = None
        self._traces: TraceRouter | None = None
        self._span_metrics: SpanMetrics | None = None

    def config(self) -> Config:
        """The configuration in force."""
        return self._config

    async def run(self) -> int:
        """Start, serve until a signal, stop."""
        self._handle_signals()
        async with self._exits:
            await self._start()
            await self._stop.wait()
            log.info("stopping")
        log.info("stopped")
        return 0

    # --------------------------------------------------------------------------------------------------------- start

    async def _start(self) -> None:
        # What is pushed first is stopped last.
        self._exits.callback(runtime.remove, self._config.data_path)
        with _working("opening the data directory"):
            opening = asyncio.ensure_future(asyncio.to_thread(self._open_storage))
            self._exits.push_async_callback(_close_storage, opening)
            self._exits.push_async_callback(self._close_audit)
            # Imported while the engine opens.
            from nexus import components
            from nexus.pipeline.decode import DecodePool
            from nexus.server import app as server_app
            from nexus.server.services import Addresses, Readiness

            readiness = Readiness({"storage": "the engine is opening"})
            addresses = Addresses(self._config.http.host, 0, self._config.otlp_host)
            pool = DecodePool(self._config.ingest.decode_threads)
            self._exits.callback(pool.close)
            await asyncio.sleep(0)
            if opening.done():
                opening.result()
            try:
                doors = await self._open_doors(readiness, addresses)
            except ConfigError:
                # When another Nexus has the data directory as well as the port, that is the better thing to say.
                await opening
                raise
            store, metadata, password = await opening
        services = self._services(store, metadata, pool, readiness, addresses)
        pipelines = (services.topology, services.intake, services.trace_pipeline)
        doors["http"].app = server_app.main_app(services, components.http_receivers(*pipelines, services.config()))
        doors["otlp_http"].app = server_app.otlp_app(services, components.otlp_receivers(*pipelines))
        for name in components.trace_ports(self._config):
            doors[name].app = server_app.otlp_app(services, [components.trace_receiver(name, services.trace_pipeline)])
        await self._start_grpc(services)
        assert self._metrics is not None and self._traces is not None
        self._metrics.start()
        self._traces.start()
        assert self._span_metrics is not None
        self._span_metrics.start()
        self._exits.push_async_callback(self._metrics.close)
        self._exits.push_async_callback(self._traces.close)
        self._exits.push_async_callback(self._drain, services)
        await self._start_listeners(services)
        await self._start_scraping(services)
        if self._config.self_telemetry:
            self._start_self_telemetry(services)
        self._background(services)
        readiness.waiting.clear()
        self._exits.callback(readiness.waiting.__setitem__, "process", "Nexus is stopping")
        self._announce(services, password)

    def _open_storage(self) -> tuple[Any, Any, str | None]:
        """Engine, metadata, and the first password when it was made up. Runs in a thread."""
        from functools import cache

        from nexus import components
        from nexus.security.users import bootstrap_admin

        # First asked for when the store has the data directory.
        opened = cache(lambda: components.open_metadata(self._config, serving=True))
        store = components.open_store(self._config, self._registry, self.config, opened)
        try:
            metadata = opened()
            self._vault, self._ledger = components.open_ledger(self._config, metadata)
            password = bootstrap_admin(metadata, self._config.bootstrap.admin_password, time.time_ns())
        except BaseException:
            store.close()
            raise
        return store, metadata, password

    async def _open_doors(self, readiness: Any, addresses: Any) -> dict[str, _Door]:
        from nexus import components
        from nexus.server.http import HttpServer, bind
        from nexus.server.tls import http_tls

        http, otlp = self._config.http, self._config.otlp
        optional = http.tls.client_certificates == "receivers"
        for name, tls in (
            ("http", http_tls("http.tls", http.tls, optional=optional)),
            ("otlp", http_tls("otlp.tls", self._config.otlp_tls)),
        ):
            if tls is not None:
                self._tls[name] = tls
        doors = {}
        places = [
            ("http", http.host, http.port, "http.port (NEXUS_HTTP_PORT)"),
            ("otlp_http", self._config.otlp_host, otlp.http_port, "otlp.http_port (NEXUS_OTLP_HTTP_PORT)"),
        ]
        for name, one in components.trace_ports(self._config).items():
            places.append((name, one.host or http.host, one.port, f"receivers.{name}"))
        for name, host, port, setting in places:
            try:
                sock = bind(host, port)
            except OSError as error:
                raise ConfigError(
                    f"{error.strerror}.", hint=f"Stop what uses it, or choose another port with {setting}."
                ) from error
            door = _Door(readiness)
            server = HttpServer(door, sock, http.trusted_proxies, self._tls.get("otlp" if name == "otlp_http" else "http"))
            await server.start()
            self._exits.push_async_callback(self._stop_server, server)
            if name in ("http", "otlp_http"):
                setattr(addresses, f"{name}_port", server.port)
            else:
                addresses.trace_ports[name] = server.port
            self._registry.gauge(f"nexus_{name}_connections", "Open connections.", read=_count_of(server))
            doors[name] = door
        return doors

    def _opened_vault(self) -> Vault:
        assert self._vault is not None
        return self._vault

    def _services(self, store: Any, metadata: Any, pool: DecodePool, readiness: Any, addresses: Any) -> Services:
        from nexus import components
        from nexus.mailing import Mailer
        from nexus.outgoing.client import Outgoing
        from nexus.pipeline.body import Budget
        from nexus.pipeline.live import LiveHub
        from nexus.pipeline.metric_statistics import MetricStatistics
        from nexus.pipeline.metrics import MetricPipeline
        from nexus.pipeline.pipelines import PipelineSets
        from nexus.pipeline.span_metrics import SpanMetrics, SpanMetricsOptions
        from nexus.pipeline.statistics import TRACES, IngestStatistics
        from nexus.pipeline.topology import Topology
        from nexus.pipeline.traces import TracePipeline
        from nexus.security.access import ANY_TENANT
        from nexus.security.audit.log import Audit
        from nexus.security.authority import Authorities
        from nexus.security.identity import Authenticator
        from nexus.security.keys import Keys
        from nexus.security.limits.limiter import Limiter, Meter, Subjects
        from nexus.security.login import passwords
        from nexus.security.login.logins import Logins
        from nexus.security.login.passkeys import Passkeys
        from nexus.security.login.profiles import Profiles
        from nexus.security.login.resets import Resets
        from nexus.security.login.sessions import Sessions
        from nexus.security.sso.signon import SingleSignOn
        from nexus.security.tenants import Tenants
        from nexus.security.users import Users
        from nexus.server.deletions import Deletions
        from nexus.server.queries import RunningQueries
        from nexus.server.removals import Removals
        from nexus.server.services import Services
        from nexus.server.sockets import Sockets

        live, sockets = LiveHub(self._registry), Sockets()
        audit = self._audit = Audit(
            metadata, time.time_ns, self._ledger, self._registry, lambda: self._config.audit.retention
        )
        if targets := self._config.audit.forward:
            from nexus.security.audit.forwarding import Forwarding

            self._forwarding = Forwarding(targets, audit, metadata, self._registry, __version__)
        authorities = Authorities(metadata)
        vault = self._opened_vault
        sessions = Sessions(metadata, self.config, time.time_ns, lambda: authorities.generation, authorities.forget)
        passkeys = Passkeys(metadata, time.time_ns)
        users = Users(
            metadata,
            authorities,
            audit,
            time.time_ns,
            lambda: ANY_TENANT,
            lambda password, name: passwords.check(password, [name]),
        )
        logins = Logins(metadata, sessions, passkeys, vault, audit, self.config, time.time_ns, changing=users.changing)
        mailer = Mailer(lambda: self._config.smtp, self._registry)
        resets = Resets(metadata, sessions, mailer, audit, self.config, time.time_ns, changing=users.changing)
        limiter = Limiter(self._registry, time.monotonic_ns, metadata.list_limits, lambda: self._config.limits.numbers)
        tenants = Tenants(metadata, self.config, time.time_ns, audit)
        keys = Keys(
            metadata, authorities, audit, time.time_ns, tenants.active, lambda name: limiter.rules.value("key", "*", name)
        )
        allowed = self._config.outgoing.rules()
        outgoing = Outgoing(
            lambda: allowed, authorities=self._config.outgoing.authorities, user_agent=f"Nexus/{__version__}"
        )
        profiles = Profiles(
            metadata,
            sessions,
            logins,
            passkeys,
            resets,
            authorities,
            vault,
            audit,
            self.config,
            time.time_ns,
            users.changing,
        )
        sso = SingleSignOn(
            self._config.sso.oidc,
            outgoing,
            metadata,
            sessions,
            vault,
            users,
            audit,
            time.time_ns,
            authorities.forget,
        )
        pipelines = PipelineSets(
            metadata.get_setting,
            metadata.put_setting,
            lambda: self._config.pipelines.file,
            lambda: self._config.pipelines.route_tenants,
            self._registry,
        )
        self._reloaders.append(pipelines.reload)
        topology = Topology(
            store,
            IngestStatistics(self._registry),
            pool,
            tenants.ensure,
            pipelines,
            lambda: self._config.ingest.max_body_bytes,
            live.publish,
            lambda tenant: Meter(limiter, Subjects(tenant=tenant)),
            tenants.check_active,
        )
        store.series.use_limits(components.series_limits(lambda: limiter.rules))
        metrics = self._metrics = components.metric_router(self._config, store.series, self._registry)
        metric_pipeline = MetricPipeline(
            metrics,
            MetricStatistics(self._registry),
            pool,
            tenants.ensure,
            lambda: self._config.ingest.max_body_bytes,
            lambda tenant: Meter(limiter, Subjects(tenant=tenant)),
            tenants.check_active,
        )
        intake = components.metric_intake(self._config, metric_pipeline)
        traces = self._traces = components.trace_router(self._config, store.traces, self._registry)
        span_metrics = self._span_metrics = SpanMetrics(metric_pipeline, SpanMetricsOptions(), self._registry)
        trace_pipeline = TracePipeline(
            traces,
            IngestStatistics(self._registry, signal=TRACES),
            pool,
            tenants.ensure,
            lambda: self._config.ingest.max_body_bytes,
            span_metrics.observe,
            lambda tenant: Meter(limiter, Subjects(tenant=tenant)),
            tenants.check_active,
        )
        deletions = Deletions(metadata, {"logs": store, "traces": traces}, audit, time.time_ns)
        # What remembers something of a tenant drops it when the tenant is gone.
        forget = (
            pipelines.forget,
            topology.statistics.forget,
            metric_pipeline.statistics.forget,
            trace_pipeline.statistics.forget,
            intake.groups.forget,
            self._registry.forget_tenant,
            lambda tenant: keys.forget(),
            lambda tenant: authorities.forget(),
        )

        async def settle(seconds: float) -> None:
            pipelines = (topology, metric_pipeline, trace_pipeline)
            await asyncio.gather(*(one.settle(seconds) for one in pipelines))

        removals = Removals(
            metadata, store, store, metrics, traces, deletions, audit, time.time_ns, settle, forget, tenants.removed
        )
        budget = Budget(self._config.ingest.receiving_bytes, "bodies being received")
        queries = RunningQueries()
        process_metrics(self._registry)
        self._registry.gauge("nexus_receiving_bytes", "Body bytes being received.", read=lambda: budget.used)
        self._registry.gauge("nexus_queries_running", "Queries in progress.", read=lambda: len(queries))
        self._registry.gauge("nexus_live_sockets", "Live sockets.", read=lambda: len(sockets))
        self._registry.gauge("nexus_log_lines_dropped", "Own log lines not written.", read=lambda: self._logs.dropped)
        self._registry.gauge("nexus_build_info", "Always 1.", "version").set(1, __version__)
        return Services(
            config=self.config,
            registry=self._registry,
            store=store,
            authorities=authorities,
            keys=keys,
            tenants=tenants,
            authenticator=Authenticator(
                sessions, keys, authorities, metadata, self.config, time.time_ns, logins.duty, tenants.active
            ),
            sessions=sessions,
            logins=logins,
            passkeys=passkeys,
            profiles=profiles,
            resets=resets,
            mailer=mailer,
            topology=topology,
            budget=budget,
            queries=queries,
            live=live,
            sockets=sockets,
            readiness=readiness,
            addresses=addresses,
            started_ns=time.time_ns(),
            version=__version__,
            now_ns=time.time_ns,
            metadata=metadata,
            audit=audit,
            users=users,
            lifecycle=store,
            metrics=metrics,
            metric_lifecycle=store.series,
            traces=traces,
            trace_lifecycle=traces,
            metric_pipeline=metric_pipeline,
            trace_pipeline=trace_pipeline,
            intake=intake,
            limiter=limiter,
            deletions=deletions,
            removals=removals,
            outgoing=outgoing,
            sso=sso,
            running=store.running,
        )

    async def _start_grpc(self, services: Services) -> None:
        from nexus import components

        receiver = components.grpc_receiver(services)
        try:
            port = await receiver.start(self._config.otlp_host, self._config.otlp.grpc_port, self._tls.get("otlp"))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {self._config.otlp_host}:{self._config.otlp.grpc_port} for OTLP over gRPC.",
                hint="Stop what uses it, or choose another port with otlp.grpc_port (NEXUS_OTLP_GRPC_PORT).",
            ) from error
        services.addresses.otlp_grpc_port = port
        self._exits.push_async_callback(receiver.stop, QUERY_GRACE)

    async def _start_listeners(self, services: Services) -> None:
        """Those for senders without credentials. They stop before the pipeline refuses new records."""
        from nexus import components
        from nexus.server.services import Listening

        self._exits.push_async_callback(self._stop_listeners)
        for receiver in components.socket_receivers(services):
            try:
                await services.tenants.ensure(receiver.tenant)
            except TenantDeleted as error:
                log.warning("%s refuses records: %s", receiver.name, error.message)
            except NexusError as error:
                raise ConfigError(
                    f"{receiver.name} writes to the tenant {receiver.tenant!r}: {error.message}", hint=error.hint
                ) from error
            host, port = await receiver.start()
            self._listeners.append(receiver)
            services.addresses.listeners.append(Listening(receiver.name, receiver.tenant, host, port))
        if self._listeners:
            self._registry.gauge(
                "nexus_listener_connections",
                "Open connections of syslog and forward senders.",
                read=lambda: sum(receiver.connections for receiver in self._listeners),
            )

    async def _start_scraping(self, services: Services) -> None:
        """Also when there is nothing to scrape yet: a reload may name something."""
        from nexus import components
        from nexus.pipeline.scrape.view import ScrapeView

        allowed = self._config.outgoing.rules()
        scraping = components.scraping(self.config, services.metric_pipeline, lambda: allowed, self._registry, __version__)
        self._exits.push_async_callback(scraping.stop)
        services.scraping = ScrapeView(scraping)
        await scraping.start()
        self._reloaders.append(scraping.reload_soon)
        self._exits.push_async_callback(_cancelled, asyncio.create_task(scraping.watch()))

    def _start_self_telemetry(self, services: Services) -> None:
        from nexus.pipeline.self_telemetry import SelfTelemetry

        resource = {
            "service.name": "nexus",
            "service.version": __version__,
            "service.instance.id": secrets.token_hex(8),
        }
        own = SelfTelemetry(services.topology, services.metric_pipeline, self._registry, resource, socket.gethostname())
        self._logs.attach(own.take)
        own.start()
        self._exits.push_async_callback(self._stop_self_telemetry, own)

    def _background(self, services: Services) -> None:
        async def tidy() -> None:
            while True:
                await asyncio.sleep(TIDY_INTERVAL)
                try:
                    await asyncio.to_thread(services.keys.tidy)
                    await services.tenants.refresh()
                    await asyncio.to_thread(services.sessions.tidy)
                except NexusError as error:
                    log.warning("housekeeping failed: %s", error)

        async def warm() -> None:
            # The SQL parser takes a while to load: before its first use, but after the start.
            await asyncio.sleep(1.0)
            await asyncio.to_thread(_import_sql)

        services.mailer.start()
        self._exits.push_async_callback(services.mailer.stop)
        self._exits.push_async_callback(services.resets.stop)
        pipelines = services.topology.pipelines
        assert pipelines is not None
        works = [
            tidy(),
            warm(),
            services.deletions.run(),
            services.removals.run(),
            services.limiter.watch(),
            pipelines.watch(),
            services.intake.groups.run(),
        ]
        if self._tls or any(receiver.certificates for receiver in self._listeners):
            from nexus.pipeline.receivers.tls import watch

            works.append(watch(self._certificates, self._reload_certificates))
        works.append(services.audit.run())
        if self._forwarding:
            works.append(self._forwarding.run())
        for work in works:
            task = asyncio.create_task(work)
            self._exits.push_async_callback(_cancelled, task)

    def _announce(self, services: Services, password: str | None) -> None:
        addresses = services.addresses
        seconds = time.perf_counter() - self._began
        host = _shown_host(addresses.http_host)
        otlp = _shown_host(addresses.otlp_host)
        secure = {name: "https" if name in self._tls else "http" for name in ("http", "otlp")}
        url = f"{secure['http']}://{host}:{addresses.http_port}"
        runtime.write(
            self._config.data_path,
            {
                "url": url,
                "version": __version__,
                "http_port": addresses.http_port,
                "otlp_http_port": addresses.otlp_http_port,
                "otlp_grpc_port": addresses.otlp_grpc_port,
                **{f"{name}_port": port for name, port in addresses.trace_ports.items()},
                "listeners": [
                    {"receiver": one.receiver, "tenant": one.tenant, "host": one.host, "port": one.port}
                    for one in addresses.listeners
                ],
            },
        )
        lines = [
            f"Nexus {__version__} is ready after {seconds:.1f} s",
            f"  Web UI and API  {url}",
            f"  OTLP over gRPC  {otlp}:{addresses.otlp_grpc_port}{'   (TLS)' if 'otlp' in self._tls else ''}",
            f"  OTLP over HTTP  {secure['otlp']}://{otlp}:{addresses.otlp_http_port}",
            *(f"  {_TITLES[name]:<16}{secure['http']}://{host}:{port}" for name, port in addresses.trace_ports.items()),
            *(
                f"  {_TITLES[one.receiver]:<16}{_shown_address(one.host, one.port)}   (tenant {one.tenant})"
                for one in addresses.listeners
            ),
            f"  Data            {self._config.data_path}",
        ]
        if password:
            lines.append(f"  First login     admin / {password}   (shown this once)")
        print("\n".join(lines), flush=True)
        log.info("ready", extra={"fields": {"seconds": round(seconds, 2), "url": url}})

    # ------------------------------------------------------------------------------------------------ reload and stop

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _on_stop_signal(self) -> None:
        if self._stop.is_set():
            # Asked twice: at once. What was acknowledged is durable, as after any kill.
            os._exit(1)
        self._stop.set()

    def _reload(self) -> None:
        try:
            fresh = load(file=self._file)
        except ConfigError as error:
            log.error("the configuration was not reloaded: %s", error)
            return
        self._config, taken, waiting = reloaded(self._config, fresh.config)
        self._logs.set_level(self._config.log.level)
        self._reload_certificates()
        log.info("configuration reloaded", extra={"fields": {"changed": ", ".join(taken) or "nothing"}})
        if waiting:
            log.warning("these settings need a restart: %s", ", ".join(waiting))
        for reload in self._reloaders:
            reload()

    def _certificates(self) -> list[str]:
        """Every file with certificates and keys."""
        ports = [path for tls in self._tls.values() for path in tls.files.paths]
        return [*ports, *(path for receiver in self._listeners for path in receiver.certificates)]

    def _reload_certificates(self) -> None:
        every: list[Tls | SocketReceiver] = [*self._tls.values(), *self._listeners]
        for one in every:
            try:
                one.reload()
            except ConfigError as error:
                log.error("%s keeps its certificate: %s", one.name, error)
        if self._certificates():
            log.info("certificates read again")

    async def _drain(self, services: Services) -> None:
        """Refuse new records and wait for those handed over."""
        try:
            async with asyncio.timeout(self._config.shutdown_timeout):
                await asyncio.gather(services.topology.drain(), services.trace_pipeline.drain())
                # What was derived from the last spans is stored before metrics are refused.
                assert self._span_metrics is not None
                await self._span_metrics.stop()
                await services.metric_pipeline.drain()
        except TimeoutError:
            log.error("some records were not stored in time; their senders were not told otherwise")
        asyncio.get_running_loop().call_later(QUERY_GRACE, services.queries.cancel_all)
        await asyncio.to_thread(services.keys.tidy)

    async def _close_audit(self) -> None:
        if self._audit is not None:
            await self._audit.close()

    async def _stop_self_telemetry(self, own: SelfTelemetry) -> None:
        self._logs.detach()
        await own.stop()

    async def _stop_listeners(self) -> None:
        await asyncio.gather(*(receiver.stop(self._config.shutdown_timeout) for receiver in self._listeners))

    async def _stop_server(self, server: HttpServer) -> None:
        await server.stop(self._config.shutdown_timeout)


class _Door:
    """An ASGI application that can be exchanged; until then it says that Nexus is starting."""

    def __init__(self, readiness: Any) -> None:
        self._readiness = readiness
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.app is not None:
            await self.app(scope, receive, send)
            return
        from nexus.errors import Unavailable
        from nexus.server.errors import error_response, json_response

        if scope["path"] == "/-/healthy":
            response = json_response({"status": "healthy"})
        else:
            response = error_response(Unavailable("Nexus is starting.", hint="/-/ready says when it is done."))
        await response(scope, receive, send)


async def _close_storage(opening: asyncio.Future[tuple[Any, Any, str | None]]) -> None:
    try:
        store, metadata, _ = await opening
    except Exception:
        # It did not open, which the start has reported.
        return
    await asyncio.to_thread(store.close)
    metadata.close()


def _raise_open_files() -> None:
    """Use as many open files as the system lets this process have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _import_sql() -> None:
    import nexus.query.sql  # noqa: F401


def _count_of(server: HttpServer) -> Any:
    return lambda: server.connections


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _shown_address(host: str, port: int) -> str:
    """A Unix socket has a path and no port."""
    return host if host.startswith("/") else f"{_shown_host(host)}:{port}"


@contextlib.contextmanager
def _working(what: str) -> Any:
    """Show on a terminal what takes long."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield
