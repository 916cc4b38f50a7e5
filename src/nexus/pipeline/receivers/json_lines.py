"""JSON lines: one JSON object a line, with the field mapping of VictoriaLogs as query arguments or headers."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest, NexusError
from nexus.pipeline.answers import IngestAnswer, LineError
from nexus.pipeline.decode import native_module
from nexus.pipeline.http import Endpoint, Reply, Request, retry_headers
from nexus.pipeline.topology import Delivery, Outcome, Topology

JSON: Final = "application/json"
_MEDIA: Final = ("application/x-ndjson", "application/stream+json", "application/json")

# Query argument -> header names after their prefix, `VL-` or `X-Nexus-`.
_MAPPING: Final = {
    "_time_field": "time-field",
    "_msg_field": "msg-field",
    "_level_field": "level-field",
    "_stream_fields": "stream-fields",
    "ignore_fields": "ignore-fields",
    "extra_fields": "extra-fields",
}
MAPPING_PARAMETERS: Final = (
    (
        "_time_field",
        "Fields that hold the time, the first one found counts; header VL-Time-Field or X-Nexus-Time-Field.",
    ),
    ("_msg_field", "Fields that hold the message; header VL-Msg-Field or X-Nexus-Msg-Field."),
    ("_level_field", "Fields that hold the severity; header VL-Level-Field or X-Nexus-Level-Field."),
    ("_stream_fields", "Fields that become resource attributes; header VL-Stream-Fields or X-Nexus-Stream-Fields."),
    ("ignore_fields", "Fields to leave out, `name*` by prefix; header VL-Ignore-Fields or X-Nexus-Ignore-Fields."),
    ("extra_fields", "Fields to add, as name=value,...; header VL-Extra-Fields or X-Nexus-Extra-Fields."),
)


class JsonLines:
    """Receiver of newline-delimited JSON."""

    name = "json_lines"
    endpoints = (
        Endpoint("/api/nexus/v1/ingest/logs", "Send logs as JSON lines", _MEDIA, True, MAPPING_PARAMETERS, IngestAnswer),
        Endpoint(
            "/insert/jsonline",
            "Send logs as JSON lines, at VictoriaLogs' path",
            _MEDIA,
            True,
            MAPPING_PARAMETERS,
            IngestAnswer,
        ),
    )

    def __init__(self, topology: Topology) -> None:
        """Deliver into this pipeline."""
        self._topology = topology

    async def receive(self, request: Request, delivery: Delivery) -> Reply:
        """Store the good lines. 200 when there are any, 400 when there are none."""
        decoder = partial(native_module().decode_json_lines, now_ns=time.time_ns(), **field_mapping(request))
        outcome = await self._topology.deliver(delivery, decoder, _answer)
        if outcome.accepted:
            return Reply(200, outcome.reply, JSON)
        if not outcome.rejected:
            raise InvalidRequest("the body holds no records.", hint="Send one JSON object a line.")
        return Reply(400, _wholly_bad(outcome), JSON)

    def refuse(self, request: Request, error: NexusError) -> Reply:
        """The one error shape of the native API."""
        return Reply(error.http_status, msgspec.json.encode({"error": _error(error)}), JSON, retry_headers(error))


def field_mapping(request: Request) -> dict[str, Any]:
    """The decoder's arguments from query and headers; a query argument goes before its header.

    Raises `InvalidRequest`.
    """
    given = dict.fromkeys(_MAPPING, "")
    for argument, suffix in _MAPPING.items():
        given[argument] = request.headers.get(f"x-nexus-{suffix}") or request.headers.get(f"vl-{suffix}") or ""
    for argument, value in request.query:
        if argument in given:
            given[argument] = value
    return {
        "time_fields": _names(given["_time_field"]) or None,
        "message_fields": _names(given["_msg_field"]) or None,
        "level_fields": _names(given["_level_field"]) or None,
        "stream_fields": _names(given["_stream_fields"]),
        "ignore_fields": _names(given["ignore_fields"]),
        "extra_fields": _pairs(given["extra_fields"]),
    }


def native_mapping(request: Request) -> Any:
    """The field mapping as decoders of other protocols take it. Raises `InvalidRequest`."""
    return native_module().FieldMapping(**field_mapping(request))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in _names(text):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"extra_fields holds {part[:60]!r}.", hint="Write extra_fields=name=value,other=value.")
        pairs[name] = value
    return pairs


def _body(outcome: Outcome) -> IngestAnswer:
    errors = [LineError(line, message) for line, message in outcome.errors]
    return IngestAnswer(outcome.accepted, outcome.rejected, errors)


def _answer(outcome: Outcome) -> bytes:
    return msgspec.json.encode(_body(outcome))


def _wholly_bad(outcome: Outcome) -> bytes:
    line, message = outcome.errors[0] if outcome.errors else (1, "not a record")
    error = {
        "code": "no_valid_record",
        "message": f"none of the {outcome.rejected} lines is a log record; line {line}: {message}",
    }
    return msgspec.json.encode({**msgspec.to_builtins(_body(outcome)), "error": error})


def _error(error: NexusError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, **({"hint": error.hint} if error.hint else {})}
