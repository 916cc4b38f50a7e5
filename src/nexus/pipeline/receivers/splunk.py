"""Splunk's HTTP Event Collector: events, raw lines, health, and acknowledgements by channel.

A request is acknowledged when its events are durable, which is before it is answered: an `ackId` is true from the start.
"""

from __future__ import annotations

import itertools
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from time import time_ns
from typing import Any, Final

import msgspec
from msgspec import Struct

from nexus.errors import (
    InvalidRequest,
    NexusError,
    PayloadTooLarge,
    PermissionDenied,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
)
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.receivers.json_lines import MAPPING_PARAMETERS, native_mapping
from nexus.pipeline.topology import Delivery, Outcome, Topology

JSON: Final = "application/json"
MAX_CHANNELS: Final = 1000
MAX_ACKS: Final = 10_000
_BASES: Final = ("/services/collector", "/splunk/services/collector")
_EVENTS: Final = ("", "/event", "/event/1.0")
_RAW: Final = ("/raw", "/raw/1.0")
_HEALTH: Final = ("/health", "/health/1.0")
_MEDIA: Final = (JSON, "text/plain")
_SCHEMES: Final = ("splunk", "bearer", "basic", "apikey")

_TEXTS: Final = {
    0: "Success", 2: "Token is required", 3: "Invalid authorization", 4: "Invalid token", 5: "No data",
    6: "Invalid data format", 8: "Internal server error", 9: "Server is busy", 10: "Data channel is missing",
    11: "Invalid data channel", 12: "Event field is required", 13: "Event field cannot be blank", 14: "ACK is disabled",
    15: "Error in handling indexed fields", 17: "HEC is healthy", 18: "HEC is unhealthy, queues are full",
    404: "Not Found", 405: "Method Not Allowed", 23: "Server is shutting down", 27: "Request entity too large",
}  # fmt: skip
_RECORD_CODES: Final = {_TEXTS[code]: code for code in (12, 13, 15)}

# Query arguments of both kinds of request -> fields of the decoder.
_DEFAULTS: Final = {
    "host": "host.name",
    "source": "com.splunk.source",
    "sourcetype": "com.splunk.sourcetype",
    "index": "com.splunk.index",
    "time": "splunk.time",
}


class HecError(InvalidRequest):
    """A refusal with a code of the collector's own."""

    code = "splunk_hec"

    def __init__(self, number: int) -> None:
        """`number` is a code of the collector."""
        super().__init__(_TEXTS[number])
        self.number = number


class AckQuery(Struct):
    """The ids that a sender asks about."""

    acks: list[int]


class Acknowledgements:
    """Ids given out by channel. Bounded: the oldest are forgotten, and count as true from then on, because an id is only
    given out for what is durable. So do ids from before a restart: they begin at the time of the start."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Begin at milliseconds since the epoch."""
        first = now_ns() // 1_000_000
        self._next = itertools.count(first)
        self._floor = first - 1
        self._channels: OrderedDict[tuple[str, str], tuple[deque[int], set[int]]] = OrderedDict()

    def give(self, tenant: str, channel: str) -> int:
        """A new id of a channel."""
        key = (tenant, channel)
        order, known = self._channels.setdefault(key, (deque(), set()))
        self._channels.move_to_end(key)
        number = next(self._next)
        order.append(number)
        known.add(number)
        if len(order) > MAX_ACKS:
            self._forget(order.popleft(), known)
        if len(self._channels) > MAX_CHANNELS:
            _, (oldest, _) = self._channels.popitem(last=False)
            self._floor = max(self._floor, oldest[-1])
        return number

    def _forget(self, number: int, known: set[int]) -> None:
        known.discard(number)
        self._floor = max(self._floor, number)

    def known(self, tenant: str, channel: str, number: int) -> bool:
        """Was the id given out for this channel?"""
        _, known = self._channels.get((tenant, channel), (None, frozenset()))
        return number in known or 0 <= number <= self._floor


def _endpoints() -> tuple[Endpoint, ...]:
    found: list[Endpoint] = []
    for base in _BASES:
        shown = base == _BASES[0]
        for path in (*_EVENTS, *_RAW):
            what = "lines of text" if path in _RAW else "events"
            parameters = MAPPING_PARAMETERS if path not in _RAW else (
                *((name, f"The field {name} of every event.") for name in _DEFAULTS), *MAPPING_PARAMETERS
            )  # fmt: skip
            found.append(Endpoint(base + path, f"Send {what} as to Splunk", _MEDIA, shown, parameters))
            # Docker's log driver asks so whether its token is good.
            found.append(Endpoint(base + path, "May I send?", (), False, method="OPTIONS", handshake=True))
        for path in _HEALTH:
            found.append(Endpoint(base + path, "Is the collector healthy?", (), False, method="GET", handshake=True))
        found.append(Endpoint(f"{base}/ack", "Which requests are durable?", (JSON,), False, base=base, handshake=True))
    return tuple(found)


class Splunk:
    """Receiver of the HTTP Event Collector's requests; without `acknowledgements` it answers that they are disabled."""

    name = "splunk"
    endpoints = _endpoints()

    def __init__(self, topology: Topology, acknowledgements: Acknowledgements | None) -> None:
        """Deliver into this pipeline."""
        self._topology = topology
        self._acks = acknowledgements

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store events, or answer a question."""
        path = request.path.partition("/services/collector")[2]
        if path in _HEALTH:
            return _reply(200, 17)
        if request.method == "OPTIONS":
            return _reply(200, 0)
        channel = _channel(request)
        if path == "/ack":
            return self._ask(delivery, channel)
        if not delivery.body:
            raise HecError(5)
        native = native_module()
        decode = native.decode_splunk_raw if path in _RAW else native.decode_splunk_events
        decoder = partial(decode, now_ns=time_ns(), mapping=native_mapping(request), defaults=_defaults(request))

        def answer(outcome: Outcome) -> bytes:
            return _answer(outcome, self._give(delivery.tenant, channel) if outcome.accepted else None)

        outcome = await self._topology.deliver(delivery, decoder, answer)
        return Reply(200 if b'"code":0' in outcome.reply else 400, outcome.reply, JSON)

    def _give(self, tenant: str, channel: str) -> int | None:
        return self._acks.give(tenant, channel) if self._acks and channel else None

    def _ask(self, delivery: Delivery, channel: str) -> Reply:
        if self._acks is None:
            raise HecError(14)
        if not channel:
            raise HecError(10)
        try:
            query = msgspec.json.decode(delivery.body, type=AckQuery)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HecError(6) from error
        acks = {str(number): self._acks.known(delivery.tenant, channel, number) for number in query.acks[:MAX_ACKS]}
        return Reply(200, msgspec.json.encode({"acks": acks}), JSON)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """The collector's shape of an error; `hint` beside it says what to do."""
        status, number = _code(request, error, draining=self._topology.draining)
        document = {"text": _TEXTS[number], "code": number}
        if not isinstance(error, HecError):
            document["message"] = str(error)
        return Reply(status, msgspec.json.encode(document), JSON, retry_headers(error))


def _reply(status: int, number: int) -> Reply:
    return Reply(status, msgspec.json.encode({"text": _TEXTS[number], "code": number}), JSON)


def _code(request: Request, error: NexusError, *, draining: bool) -> tuple[int, int]:
    """HTTP status and code."""
    match error:
        case HecError():
            return 400, error.number
        case Unauthenticated():
            authorization = request.headers.get("authorization", "")
            if not authorization:
                return 401, 2
            known = authorization.partition(" ")[0].lower() in _SCHEMES
            return (403, 4) if known else (401, 3)
        case PermissionDenied():
            return 403, 4
        case PayloadTooLarge():
            return 413, 27
        case Unavailable():
            return 503, 23 if draining else 9
        case TooManyAttempts():
            return 429, 9
    if error.http_status in (404, 405):
        return error.http_status, error.http_status
    return error.http_status, 6 if error.http_status < 500 else 8


def _channel(request: Request) -> str:
    """The channel of a request, a GUID; empty without one. Raises `HecError`."""
    text = request.headers.get("x-splunk-request-channel") or dict(request.query).get("channel", "")
    if not text:
        return ""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise HecError(11) from error


def _defaults(request: Request) -> dict[str, str]:
    return {_DEFAULTS[name]: value for name, value in request.query if name in _DEFAULTS and value}


def _answer(outcome: Outcome, ack: int | None) -> bytes:
    """What the sender is told: of bad events the first one's code, and its place."""
    if not outcome.rejected:
        if not outcome.accepted:
            return msgspec.json.encode({"text": _TEXTS[5], "code": 5})
        return msgspec.json.encode({"text": _TEXTS[0], "code": 0, **({"ackId": ack} if ack is not None else {})})
    number, message = outcome.errors[0]
    code = _RECORD_CODES.get(message, 6)
    document: dict[str, Any] = {"text": _TEXTS[code], "code": code, "invalid-event-number": number - 1}
    if message not in _RECORD_CODES:
        document["message"] = message
    return msgspec.json.encode(document)
