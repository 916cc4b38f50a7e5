"""OTLP over gRPC: `LogsService/Export` as generic handlers, request bytes straight to the native decoder.

The method is served as a stream of requests of which one is read: on the wire that is the unary method, and it lets the
caller be authenticated, and the shared budget be asked, before the message is received.
"""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio

from nexus.errors import InvalidRequest, NexusError, NotFound
from nexus.pipeline.body import BodyLimits, BodyTimeout, Budget, Lease
from nexus.pipeline.decode import native_module
from nexus.pipeline.otlp import PROTOBUF, export_response, retry_seconds, rpc_code, status
from nexus.pipeline.receivers.tls import Tls
from nexus.pipeline.topology import Delivery, Outcome, Topology
from nexus.security.limits.limiter import Meter

NAME: Final = "otlp_grpc"
_SERVICE: Final = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
LOGS_METHOD: Final = _SERVICE.format("logs", "Logs")
_OTHER_METHODS: Final = {
    _SERVICE.format("trace", "Trace"): "traces",
    _SERVICE.format("metrics", "Metrics"): "metrics",
}
METHODS: Final = (LOGS_METHOD, *_OTHER_METHODS)
"""Every method that is answered."""

_ONCE: Final = frozenset({"authorization", "cookie", "idempotency-key", "x-scope-orgid"})
_STATUS_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Enter = Callable[[Mapping[str, str], str], Awaitable[tuple[str, Meter]]]
"""From call metadata and the client's address to the tenant that is written to and its limits. Raises `Unauthenticated`,
`PermissionDenied`, `RateLimited`."""

log = logging.getLogger(__name__)


class OtlpGrpc:
    """Receiver of OTLP/gRPC, a server of its own."""

    name = NAME

    def __init__(self, topology: Topology, enter: Enter, limits: Callable[[], BodyLimits], budget: Budget) -> None:
        """`enter` is the identity seam; `budget` is shared with the HTTP receivers."""
        self._topology = topology
        self._enter = enter
        self._limits = limits
        self._budget = budget
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
        self._server.add_generic_rpc_handlers((_Methods(self._export),))
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

    async def _export(self, _requests: Any, context: Any) -> bytes:
        try:
            return await self._serve(context)
        except NexusError as error:
            self._topology.statistics.refused(NAME, error.code)
            await _abort(context, error)
        except Exception:
            # A defect: the sender may retry, since nothing says that the records were bad.
            log.exception("an OTLP/gRPC export failed")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the export failed; see the log of Nexus")
        raise AssertionError("unreachable")

    async def _serve(self, context: Any) -> bytes:
        metadata = read_metadata(context.invocation_metadata())
        tenant, meter = await self._enter(metadata, peer_address(context.peer()))
        self._topology.check_open()
        with Lease(self._budget, meter.take_bytes) as lease:
            body = await self._read(context)
            lease.take(len(body))
            delivery = Delivery(NAME, tenant, body, key=metadata.get("idempotency-key", ""), lease=lease)
            delivery.meter = meter.take_records
            del body
            decoder = partial(native_module().decode_otlp_logs_protobuf, now_ns=time.time_ns())
            outcome = await self._topology.deliver(delivery, decoder, _answer)
            return outcome.reply

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

    def __init__(self, export: Callable[[Any, Any], Awaitable[bytes]]) -> None:
        self._logs = grpc.stream_unary_rpc_method_handler(export)

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        if method == LOGS_METHOD:
            return self._logs
        if method in _OTHER_METHODS:
            return grpc.stream_unary_rpc_method_handler(partial(_unimplemented, _OTHER_METHODS[method]))
        return None


async def _unimplemented(signal: str, _requests: Any, context: Any) -> bytes:
    error = NotFound(f"OTLP {signal} are not accepted.", hint="Nexus accepts logs.")
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
    raise AssertionError("unreachable")


def _answer(outcome: Outcome) -> bytes:
    return export_response(outcome, PROTOBUF)


async def _abort(context: Any, error: NexusError) -> None:
    code = _STATUS_CODES.get(rpc_code(error), grpc.StatusCode.INTERNAL)
    trailing: tuple[tuple[str, bytes], ...] = ()
    if retry_seconds(error) is not None:
        trailing = (("grpc-status-details-bin", status(error, PROTOBUF)),)
    await context.abort(code, str(error), trailing)
