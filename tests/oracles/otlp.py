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
            taken.append(resource_row(resource) | scope_row(scope) | _record(record, now_ns))
        except Rejected:
            rejected.append(number)
    return taken, rejected


def lenient(name: str, *modules: Any) -> type[Any]:
    """The class of a message whose strings, and those of all that it holds, are bytes."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, *modules):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in nested(file.message_type):
            kept = [field for field in message.field if field.name not in IGNORED_FIELDS]
            for field in kept:
                if field.type == field.TYPE_STRING:
                    field.type = field.TYPE_BYTES
            fields = [descriptor_pb2.FieldDescriptorProto.FromString(field.SerializeToString()) for field in kept]
            del message.field[:]
            message.field.extend(fields)
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def nested(messages: Any) -> Iterator[Any]:
    """Message types and those declared in them."""
    for message in messages:
        yield message
        yield from nested(message.nested_type)


LENIENT_REQUEST = lenient("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest", logs_pb2, logs_service_pb2)


def _records(request: Any) -> Iterator[tuple[Any, Any, Any]]:
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield resource_logs.resource, scope_logs.scope, record


def resource_row(resource: Any) -> Row:
    attributes = mapping(resource.attributes, 0)
    service = attributes.get("service.name")
    if service is None or service == "":
        service = "unknown_service"
    return {
        "service": service if isinstance(service, str) else as_json(service),
        "resource": as_json(attributes),
    }


def scope_row(scope: Any) -> Row:
    return {
        "scope_name": as_text(scope.name),
        "scope_version": as_text(scope.version),
        "scope_attributes": as_json(mapping(scope.attributes, 0)) if scope.attributes else "",
    }


def _record(record: Any, now_ns: int) -> Row:
    time, observed = record.time_unix_nano, record.observed_time_unix_nano
    if time > MAX_NS or observed > MAX_NS:
        raise Rejected
    severity_text = as_text(record.severity_text)
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
        "event_name": as_text(record.event_name),
    }
    return row | attribute_rows(record.attributes)


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
            return as_text(body.string_value)
        case _:
            return as_json(_value(body, 0))


def attribute_rows(attributes: Any) -> Row:
    """Maps by type. The last value of a key stays, in its place."""
    last: dict[str, tuple[str, Any]] = {}
    for attribute in attributes:
        key = as_text(attribute.key)
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
                last[key] = ("json", as_json(value))
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
            return as_text(any_value.string_value)
        case "bytes_value":
            return base64.b64encode(any_value.bytes_value).decode()
        case "double_value":
            return _double(any_value.double_value)
        case "array_value":
            return [_value(value, depth + 1) for value in any_value.array_value.values]
        case "kvlist_value":
            return mapping(any_value.kvlist_value.values, depth + 1)
        case _:
            return getattr(any_value, kind)


def mapping(pairs: Any, depth: int) -> dict[str, Any]:
    return {as_text(pair.key): _value(pair.value, depth) for pair in pairs}


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def as_text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Rejected from error


def as_json(value: Any) -> str:
    """Compact, keys sorted, and of the short escapes only those that people know."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return re.sub(r"\\.", lambda escape: {r"\b": r"\u0008", r"\f": r"\u000c"}.get(escape[0], escape[0]), text)
