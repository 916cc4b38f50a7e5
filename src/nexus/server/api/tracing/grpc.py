"""Query services over gRPC, on the port of OTLP over gRPC.

Methods are served as streams of requests of which one is read: on the wire that is the same, and it lets the caller be
authenticated before the message is received. Each call becomes a `Call`, so identity, tenant, policy and limits are those of
the HTTP doors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import grpc

from nexus.errors import InvalidRequest, NexusError, Unauthenticated
from nexus.pipeline.body import BodyTimeout
from nexus.pipeline.otlp import rpc_code
from nexus.pipeline.receivers.otlp_grpc import peer_address, read_metadata
from nexus.security.limits.catalogue import EndpointClass
from nexus.security.permissions import Permission
from nexus.server.api.tracing.asking import Asker, asking
from nexus.server.call import Call
from nexus.server.protobuf import Message
from nexus.server.services import Services
from nexus.server.throttle import Throttle

MAX_REQUEST: Final = 1 << 20
REQUEST_SECONDS: Final = 10.0
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Send = Callable[[bytes], None]
"""Takes a message that comes before those of the answer. May be called from any thread; does not block."""

Method = Callable[[Call, Asker, Message, Send], Awaitable[list[bytes]]]
"""From a request to the messages of its answer."""

Single = Callable[[Call, Asker, Message], Awaitable[list[bytes]]]
"""The same of a method that sends nothing before."""

log = logging.getLogger(__name__)


def single(method: Single) -> Method:
    """A method that answers when it is done."""

    async def serve(call: Call, asker: Asker, message: Message, _send: Send) -> list[bytes]:
        return await method(call, asker, message)

    serve.__name__, serve.__doc__ = getattr(method, "__name__", ""), method.__doc__
    return serve


class QueryServices(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Handlers of query methods by their full names (`/jaeger.api_v2.QueryService/GetTrace`)."""

    def __init__(self, services: Services, methods: Mapping[str, Method]) -> None:
        """`methods` ask for the permission to read traces."""
        self._services = services
        self._throttle = Throttle(services.limiter)
        self._handlers = {name: self._handler(method) for name, method in methods.items()}
        self._calls = services.registry.counter("nexus_grpc_queries_total", "Queries over gRPC.", "method", "code")

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a call."""
        return self._handlers.get(handler_call_details.method)

    def _handler(self, method: Method) -> Any:
        async def serve(_requests: Any, context: Any) -> AsyncIterator[bytes]:
            name = getattr(method, "__name__", "")
            try:
                with contextlib.ExitStack() as held:
                    call = await self._enter(context, held)
                    async for answer in _answers(call, method, Message(await _read(context))):
                        yield answer
                self._calls.add(1, name, "OK")
            except NexusError as error:
                code = _CODES.get(rpc_code(error), grpc.StatusCode.INTERNAL)
                self._calls.add(1, name, code.name)
                await context.abort(code, str(error))
            except Exception:
                log.exception("a query over gRPC failed")
                self._calls.add(1, name, "INTERNAL")
                await context.abort(grpc.StatusCode.INTERNAL, "the query failed; the log of Nexus says why")

        return grpc.stream_stream_rpc_method_handler(serve)

    async def _enter(self, context: Any, held: contextlib.ExitStack) -> Call:
        metadata = read_metadata(context.invocation_metadata())
        peer = peer_address(context.peer())
        scope = {"type": "grpc", "client": (peer, 0), "query_string": b"", "method": "POST", "path": ""}
        address = self._throttle.knock(EndpointClass.QUERY, scope, peer)
        try:
            entry = await self._services.authenticator.enter(metadata, Permission.TRACES_READ)
        except Unauthenticated:
            self._throttle.failed(address, metadata)
            raise
        meter = self._throttle.enter(EndpointClass.QUERY, scope, address, entry, held)
        return Call(scope, _never, metadata, self._services, entry.principal, entry.tenant, access=entry.access, meter=meter)


async def _answers(call: Call, method: Method, message: Message) -> AsyncIterator[bytes]:
    """What a method sends before its answer as it comes, then the answer. Ends the work when nobody waits for it."""
    loop = asyncio.get_running_loop()
    # What is sent before the answer is a part of it, or an earlier state of it, a few times: that bounds what waits here.
    sent: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(part: bytes) -> None:
        # The loop may be gone when a thread of a query that nobody waits for comes to an end.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(sent.put_nowait, part)

    async def work(call: Call, asker: Asker) -> list[bytes]:
        return await method(call, asker, message, send)

    task = asyncio.ensure_future(asking(call, work))
    task.add_done_callback(lambda _: sent.put_nowait(None))
    try:
        while (part := await sent.get()) is not None:
            yield part
        for answer in task.result():
            yield answer
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))


async def _never() -> Any:
    """gRPC itself cancels what its client does not wait for."""
    await asyncio.Event().wait()


async def _read(context: Any) -> bytes:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            message = await context.read()
    except TimeoutError as error:
        raise BodyTimeout("the message did not arrive in time.") from error
    if not isinstance(message, bytes):
        raise InvalidRequest("the call carries no message.")
    if len(message) > MAX_REQUEST:
        raise InvalidRequest(f"the message is larger than {MAX_REQUEST} bytes.")
    return message
