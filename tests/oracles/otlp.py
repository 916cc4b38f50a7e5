"""The slow twin of the OTLP log decoders: the official protobuf library, then plain Python from message to rows.

The library refuses a request with any text that is not UTF-8, where Nexus refuses the record. So the twin parses with a
copy of OpenTelemetry's schema in which every string is bytes, and looks at the texts itself.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

Row = dict[str, Any]

MAX_NS = 2**63 - 1
MAX_DEPTH = 64
SEVERITIES = {
    1: "trace trc t verbose finest finer silly",
    5: "debug dbg d fine config",
    9: "info inf i information informational log default",
    10: "notice",
    13: "warn wrn w warning",
    17: "error e err severe failure",
    18: "c crit critical",
    19: "alert",
    21: "fatal ftl f emerg emergency panic",
}
"""The names of a severity that is sent without a number."""

IGNORED_FIELDS = {"entity_refs", "string_value_strindex", "key_strindex"}
"""Fields of other signals, which are unknown fields to a receiver of logs."""


class Refused(Exception):
    """The whole request cannot be decoded."""


class Rejected(Exception):
    """The record cannot be taken."""


def rows(body: bytes, now_ns: int) -> tuple[list[Row], list[int]]:
    """Rows of a protobuf request, and the numbers of rejected records; raises `Refused`."""
    request = LENIENT_REQUEST()
    try:
        request.ParseFromString(body)
    except ProtobufError as error:
        raise Refused from error
    taken: list[Row] = []
    rejected: list[int] = []
    for number, (resource, scope, record) in enumerate(_records(request), 1):
        try:
            taken.append(_resource(resource) | _scope(scope) | _record(record, now_ns))
        except Rejected:
            rejected.append(number)
    return taken, rejected


def _lenient_request() -> type[Any]:
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, logs_pb2, logs_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            kept = [field for field in message.field if field.name not in IGNORED_FIELDS]
            for field in kept:
                if field.type == field.TYPE_STRING:
                    field.type = field.TYPE_BYTES
            fields = [descriptor_pb2.FieldDescriptorProto.FromString(field.SerializeToString()) for field in kept]
            del message.field[:]
            message.field.extend(fields)
        pool.Add(file)
    name = "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


LENIENT_REQUEST = _lenient_request()


def _records(request: Any) -> Iterator[tuple[Any, Any, Any]]:
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield resource_logs.resource, scope_logs.scope, record


def _resource(resource: Any) -> Row:
    attributes = _map(resource.attributes, 0)
    service = attributes.get("service.name")
    if service is None or service == "":
        service = "unknown_service"
    return {
        "service": service if isinstance(service, str) else _json(service),
        "resource": _json(attributes),
    }


def _scope(scope: Any) -> Row:
    return {
        "scope_name": _text(scope.name),
        "scope_version": _text(scope.version),
        "scope_attributes": _json(_map(scope.attributes, 0)) if scope.attributes else "",
    }


def _record(record: Any, now_ns: int) -> Row:
    time, observed = record.time_unix_nano, record.observed_time_unix_nano
    if time > MAX_NS or observed > MAX_NS:
        raise Rejected
    severity_text = _text(record.severity_text)
    number = record.severity_number if 0 < record.severity_number <= 24 else _named_severity(severity_text)
    row: Row = {
        "timestamp": time or observed or now_ns,
        "observed_timestamp": observed or now_ns,
        "severity_number": number,
        "severity_text": severity_text,
        "body": _body(record.body),
        "trace_id": record.trace_id if len(record.trace_id) == 16 else bytes(16),
        "span_id": record.span_id if len(record.span_id) == 8 else bytes(8),
        "trace_flags": record.flags & 0xFF,
        "event_name": _text(record.event_name),
    }
    return row | _attributes(record.attributes)


def _named_severity(text: str) -> int:
    name = re.sub(r"[A-Z]", lambda letter: letter[0].lower(), text.strip(" \t\n\f\r"))
    numbered = re.fullmatch("(trace|trc|debug|dbg|info|inf|warn|wrn|error|fatal|ftl)([2-4])", name)
    name, step = (numbered[1], int(numbered[2]) - 1) if numbered else (name, 0)
    return next((number + step for number, names in SEVERITIES.items() if name in names.split()), 0)


def _body(body: Any) -> str:
    match body.WhichOneof("value"):
        case None:
            return ""
        case "string_value":
            return _text(body.string_value)
        case _:
            return _json(_value(body, 0))


def _attributes(attributes: Any) -> Row:
    """Maps by type. The last value of a key stays, in its place."""
    last: dict[str, tuple[str, Any]] = {}
    for attribute in attributes:
        key = _text(attribute.key)
        last.pop(key, None)
        kind = attribute.value.WhichOneof("value")
        value = _value(attribute.value, 0)
        match kind:
            case "string_value" | "bytes_value":
                last[key] = ("string", value)
            case "int_value":
                last[key] = ("int", value)
            case "double_value":
                last[key] = ("float", attribute.value.double_value)
            case "bool_value":
                last[key] = ("bool", value)
            case _:
                last[key] = ("json", _json(value))
    maps: Row = {f"attributes_{kind}": [] for kind in ("string", "int", "float", "bool", "json")}
    for key, (kind, value) in last.items():
        maps[f"attributes_{kind}"].append((key, value))
    return maps


def _value(any_value: Any, depth: int) -> Any:
    """What the JSON text is made of."""
    kind = any_value.WhichOneof("value")
    if kind in ("array_value", "kvlist_value") and depth >= MAX_DEPTH:
        raise Rejected
    match kind:
        case None:
            return None
        case "string_value":
            return _text(any_value.string_value)
        case "bytes_value":
            return base64.b64encode(any_value.bytes_value).decode()
        case "double_value":
            return _double(any_value.double_value)
        case "array_value":
            return [_value(value, depth + 1) for value in any_value.array_value.values]
        case "kvlist_value":
            return _map(any_value.kvlist_value.values, depth + 1)
        case _:
            return getattr(any_value, kind)


def _map(pairs: Any, depth: int) -> dict[str, Any]:
    return {_text(pair.key): _value(pair.value, depth) for pair in pairs}


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Rejected from error


def _json(value: Any) -> str:
    """Compact, keys sorted, and of the short escapes only those that people know."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return re.sub(r"\\.", lambda escape: {r"\b": r"\u0008", r"\f": r"\u000c"}.get(escape[0], escape[0]), text)
