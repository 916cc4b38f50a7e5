"""OTLP over gRPC: `LogsService`, `MetricsService` and `TraceService` as generic handlers, and Jaeger's `CollectorService`;
request bytes go straight to the native decoder.

The method is served as a stream of requests of which one is read: on the wire that is the unary method, and it lets the
caller be authenticated, and the shared budget be asked, before the message is received.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.body import BodyLimits, BodyTimeout, Budget, Lease
from nexus.pipeline.decode import native_module
from nexus.pipeline.intake import MetricIntake
from nexus.pipeline.metrics import raise_if_retryable
from nexus.pipeline.otlp import PROTOBUF, export_response, metrics_response, retry_seconds, rpc_code, status, traces_response
from nexus.pipeline.receivers.tls import Tls
from nexus.pipeline.topology import Delivery, Outcome, Topology
from nexus.pipeline.traces import TracePipeline
from nexus.security.limits.limiter import Meter
from nexus.security.permissions import Permission

NAME: Final = "otlp_grpc"
JAEGER_NAME: Final = "jaeger_grpc"
_SERVICE: Final = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
LOGS_METHOD: Final = _SERVICE.format("logs", "Logs")
METRICS_METHOD: Final = _SERVICE.format("metrics", "Metrics")
TRACES_METHOD: Final = _SERVICE.format("trace", "Trace")
JAEGER_METHOD: Final = "/jaeger.api_v2.CollectorService/PostSpans"
METHODS: Final = (LOGS_METHOD, METRICS_METHOD, TRACES_METHOD, JAEGER_METHOD)
"""Every method that is answered."""

_ONCE: Final = frozenset({"authorization", "cookie", "idempotency-key", "x-scope-orgid"})
_STATUS_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Enter = Callable[[Mapping[str, str], str, Permission], Awaitable[tuple[str, Meter]]]
"""From call metadata, the client's address and what it asks for to the tenant that is written to and its limits. Raises
`Unauthenticated`, `PermissionDenied`, `RateLimited`."""

Serve = Callable[[Any], Awaitable[bytes]]
"""From a call's context to its answer."""

log = logging.getLogger(__name__)


class OtlpGrpc:
    """Receiver of OTLP/gRPC, a server of its own."""

    name = NAME

    def __init__(
        self,
        topology: Topology,
        metrics: MetricIntake,
        traces: TracePipeline,
        enter: Enter,
        limits: Callable[[], BodyLimits],
        budget: Budget,
        more: Sequence[grpc.GenericRpcHandler] = (),
    ) -> None:
        """`enter` is the identity seam; `budget` is shared with the HTTP receivers, `more` are other services on the
        port."""
        self._topology = topology
        self._metrics = metrics
        self._traces = traces
        self._enter = enter
        self._limits = limits
        self._budget = budget
        self._more = tuple(more)
        self._server: Any = None

    async def start(self, host: str, port: int, tls: Tls | None = None) -> int:
        """Listen; the port that was bound. Raises `OSError` when it is taken."""
        # gRPC reports every call that its client broke as an error with a traceback; our own defects are logged below.
        logging.getLogger("grpc").setLevel(logging.CRITICAL)
        self._server = grpc.aio.server(
            options=[
                # Without this a second process could silently share the port.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._limits().max_bytes),
                ("grpc.max_concurrent_streams", 128),
                ("grpc.max_metadata_size", 16 << 10),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ]
        )
        self._server.add_generic_rpc_handlers(
            (
                _Methods(
                    {
                        LOGS_METHOD: self._logs,
                        METRICS_METHOD: self._points,
                        TRACES_METHOD: self._spans,
                        JAEGER_METHOD: self._jaeger_spans,
                    },
                    self._export,
                ),
                *self._more,
            )
        )
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                bound = int(self._server.add_insecure_port(address))
            else:
                bound = int(self._server.add_secure_port(address, credentials(tls)))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await self._server.start()
        return bound

    async def stop(self, grace: float) -> None:
        """Refuse new calls, wait for those in progress."""
        if self._server is not None:
            await self._server.stop(grace)

    async def _export(self, serve: Serve, _requests: Any, context: Any) -> bytes:
        try:
            return await serve(context)
        except NexusError as error:
            self._topology.statistics.refused(NAME, error.code)
            await _abort(context, error)
        except Exception:
            # A defect: the sender may retry, since nothing says that the records were bad.
            log.exception("an OTLP/gRPC export failed")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the export failed; see the log of Nexus")
        raise AssertionError("unreachable")

    async def _logs(self, context: Any) -> bytes:
        async with self._delivered(context, Permission.LOGS_WRITE) as delivery:
            decoder = partial(native_module().decode_otlp_logs_protobuf, now_ns=time.time_ns())
            outcome = await self._topology.deliver(delivery, decoder, _answer)
            return outcome.reply

    async def _points(self, context: Any) -> bytes:
        async with self._delivered(context, Permission.METRICS_WRITE) as delivery:
            decoder = partial(self._metrics.otlp.decode_protobuf, now_ns=time.time_ns(), tenant=delivery.tenant)
            outcome = await self._metrics.pipeline.deliver(delivery, decoder)
            raise_if_retryable(outcome)
            return metrics_response(outcome, PROTOBUF)

    async def _spans(self, context: Any) -> bytes:
        async with self._delivered(context, Permission.TRACES_WRITE) as delivery:
            decoder = partial(native_module().decode_otlp_traces_protobuf, now_ns=time.time_ns())
            return (await self._traces.deliver(delivery, decoder, _traces_answer)).reply

    async def _jaeger_spans(self, context: Any) -> bytes:
        async with self._delivered(context, Permission.TRACES_WRITE, JAEGER_NAME) as delivery:
            decoder = partial(native_module().decode_jaeger_protobuf, now_ns=time.time_ns())
            # `PostSpansResponse` has no fields: there is no way to tell of spans that were refused.
            return (await self._traces.deliver(delivery, decoder, lambda outcome: b"")).reply

    @contextlib.asynccontextmanager
    async def _delivered(self, context: Any, permission: Permission, receiver: str = NAME) -> AsyncIterator[Delivery]:
        """The message of a call whose sender may send it."""
        metadata = read_metadata(context.invocation_metadata())
        tenant, meter = await self._enter(metadata, peer_address(context.peer()), permission)
        self._topology.check_open()
        with Lease(self._budget, meter.take_bytes) as lease:
            body = await self._read(context)
            lease.take(len(body))
            delivery = Delivery(receiver, tenant, body, key=metadata.get("idempotency-key", ""), lease=lease)
            delivery.meter = meter.take_records
            del body
            yield delivery

    async def _read(self, context: Any) -> bytes:
        try:
            async with asyncio.timeout(self._limits().timeout):
                message = await context.read()
        except TimeoutError as error:
            raise BodyTimeout("the message did not arrive in time.", hint="Send smaller messages.") from error
        if not isinstance(message, bytes):
            # The transport has refused the message and told the client why; or there was none.
            raise InvalidRequest("the call carries no message.")
        return message


def read_metadata(pairs: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Texts of a call's metadata. Raises `InvalidRequest` when one that decides about access comes twice."""
    metadata: dict[str, str] = {}
    for name, value in pairs:
        if name in metadata and name in _ONCE:
            raise InvalidRequest(f"the metadata {name} comes twice.")
        if isinstance(value, str):
            metadata[name] = value
    return metadata


def peer_address(peer: str) -> str:
    """The address in what gRPC calls a peer (`ipv4:192.0.2.1:50000`, `ipv6:%5B2001:db8::1%5D:50000`); empty for others."""
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return urllib.parse.unquote(rest).rpartition(":")[0].strip("[]")


def credentials(tls: Tls) -> Any:
    """What gRPC needs for TLS: before each handshake it asks whether there are other files than before."""
    used = tls.number

    def configuration() -> Any:
        certificate, key, authorities = tls.material
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authorities)

    def fetch() -> Any:
        nonlocal used
        if tls.number == used:
            return None
        used = tls.number
        return configuration()

    return grpc.dynamic_ssl_server_credentials(configuration(), fetch, bool(tls.files.client_ca))


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the handler of a method."""

    def __init__(self, methods: Mapping[str, Serve], export: Callable[[Serve, Any, Any], Awaitable[bytes]]) -> None:
        self._methods = {
            name: grpc.stream_unary_rpc_method_handler(partial(export, serve)) for name, serve in methods.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        return self._methods.get(method)


def _answer(outcome: Outcome) -> bytes:
    return export_response(outcome, PROTOBUF)


def _traces_answer(outcome: Outcome) -> bytes:
    return traces_response(outcome, PROTOBUF)


async def _abort(context: Any, error: NexusError) -> None:
    code = _STATUS_CODES.get(rpc_code(error), grpc.StatusCode.INTERNAL)
    trailing: tuple[tuple[str, bytes], ...] = ()
    if retry_seconds(error) is not None:
        trailing = (("grpc-status-details-bin", status(error, PROTOBUF)),)
    await context.abort(code, str(error), trailing)
