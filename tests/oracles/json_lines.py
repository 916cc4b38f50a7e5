"""Slow twin of `crates/nexus-core/src/json/lines.rs`: JSON lines to rows, by the standard library's parser."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.oracles import times

DEPTH = 64
MAX_ATTRIBUTES = 1024
MAX_KEY_BYTES = 512
DAYS = 366
DAY_NS = 86_400 * 10**9

DEFAULTS = {
    "time": ["_time", "timestamp", "@timestamp", "time"],
    "message": ["_msg", "message", "body", "log", "msg"],
    "level": ["level", "severity", "severity_text", "severityText", "log.level"],
    "number": ["severity_number", "severityNumber"],
    "syslog": ["PRIORITY", "syslog.severity", "syslog_severity"],
    "service": ["service", "service.name", "app"],
    "trace_id": ["trace_id", "traceId", "trace.id"],
    "span_id": ["span_id", "spanId", "span.id"],
}
LEVELS = {
    1: "trace trc t verbose finest finer silly", 5: "debug dbg d fine config",
    9: "info inf i information informational log default",
    10: "notice", 13: "warn wrn w warning", 17: "error e err severe failure", 18: "c crit critical", 19: "alert",
    21: "fatal ftl f emerg emergency panic",
}  # fmt: skip
NUMBERED = "trace trc debug dbg info inf warn wrn error fatal ftl".split()
PINO = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}
SYSLOG = [21, 19, 18, 17, 13, 10, 9, 5]


class Rejected(ValueError):
    """This record is not taken."""


class Number(str):
    """A JSON number as written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its members in order."""


@dataclass
class Mapping:
    """A sender's field mapping."""

    time: list[str] = field(default_factory=list)
    message: list[str] = field(default_factory=list)
    level: list[str] = field(default_factory=list)
    stream: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)

    def classes(self) -> dict[str, tuple[str, int]]:
        """Special fields: name to (meaning, rank)."""
        given = {"time": self.time, "message": self.message, "level": self.level}
        found: dict[str, tuple[str, int]] = {}
        for lists in (given, {kind: [] if given.get(kind) else names for kind, names in DEFAULTS.items()}):
            for kind, names in lists.items():
                for rank, name in enumerate(names):
                    found.setdefault(name, (kind, rank))
        for name in self.stream:
            found.setdefault(name, ("stream", 0))
        return found

    def ignores(self, name: str) -> bool:
        """Is the field left out?"""
        return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in self.ignore)


def mend(text: str) -> str:
    """Lone surrogates become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def load(text: str) -> Any:
    """JSON with numbers as written, objects as pairs, strings mended."""
    hooks = {"parse_int": Number, "parse_float": Number, "parse_constant": Number}
    return _mended(json.loads(text, strict=False, object_pairs_hook=Pairs, **hooks))  # type: ignore[arg-type]


def _mended(value: Any) -> Any:
    if isinstance(value, Pairs):
        return Pairs((mend(key), _mended(item)) for key, item in value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return mend(value) if type(value) is str else value


def in_array(value: Any) -> Any:
    """A value as it stands inside of an array attribute: no NaN, no infinities."""
    if isinstance(value, Pairs):
        return Pairs((key, in_array(item)) for key, item in value)
    if isinstance(value, list):
        return [in_array(item) for item in value]
    return None if isinstance(value, Number) and value[-1] in "Ny" else value


def rows(body: bytes, now_ns: int, mapping: Mapping) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows, and the numbers of the rejected lines."""
    taken: list[dict[str, Any]] = []
    rejected = []
    days: set[int] = set()
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip(b" \t\r"):
            continue
        try:
            row = record(line, now_ns, mapping)
            day = row["timestamp"] // DAY_NS
            if day not in days and len(days) == DAYS:
                raise Rejected("days")
        except (ValueError, RecursionError):
            rejected.append(number)
        else:
            days.add(day)
            taken.append(row)
    return taken, rejected


def leaves(value: Pairs, prefix: str = "", depth: int = 1) -> list[tuple[str, Any]]:
    """Dotted names and values of all members that are neither null nor objects."""
    found = []
    for key, item in value:
        if isinstance(item, Pairs):
            found += leaves(item, f"{prefix}{key}.", depth + 1) if depth < DEPTH else _too_deep()
        elif item is not None:
            if isinstance(item, list) and depth + _depth(item) > DEPTH:
                _too_deep()
            found.append((prefix + key, item))
    return found


def _too_deep() -> Any:
    raise Rejected("nested too deep")


def _depth(value: Any) -> int:
    if isinstance(value, Pairs):
        return 1 + max([0, *(_depth(item) for _, item in value)])
    return 1 + max([0, *(_depth(item) for item in value)]) if isinstance(value, list) else 0


def record(line: bytes, now_ns: int, mapping: Mapping) -> dict[str, Any]:
    """One row. Raises ValueError."""
    value = load(line.decode())
    if not isinstance(value, Pairs):
        raise Rejected("not an object")
    fields = leaves(value)
    if not fields:
        raise Rejected("no fields")
    reader = _Record(mapping)
    for name, item in fields:
        reader.field(name, item)
    for name, text in mapping.extra.items():
        reader.field(name, text, over=True)
    return reader.row(now_ns)


class _Record:
    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.classes = mapping.classes()
        self.slots: dict[str, tuple[int, str, Any]] = {}
        self.attributes: dict[str, Any] = {}
        self.stream: dict[str, Any] = {}
        self.dropped = 0

    def field(self, name: str, value: Any, over: bool = False) -> None:
        if self.mapping.ignores(name):
            return
        kind, rank = self.classes.get(name, ("attribute", 0))
        if kind == "attribute":
            self.attribute(name, value)
        elif kind == "stream":
            self.stream[name] = value
        elif value == "" and not isinstance(value, Number):
            pass
        elif not fits(kind, value):
            self.attribute(name, value)
        else:
            self.special(kind, 0 if over else rank, name, value)

    def special(self, kind: str, rank: int, name: str, value: Any) -> None:
        old = self.slots.get(kind)
        if old and rank > old[0]:
            self.attribute(name, value)
            return
        if old and old[1] != name:
            self.attribute(old[1], old[2])
        self.slots[kind] = (rank, name, value)

    def attribute(self, name: str, value: Any) -> None:
        if len(name.encode()) > MAX_KEY_BYTES or (name not in self.attributes and len(self.attributes) == MAX_ATTRIBUTES):
            self.dropped += 1
        else:
            self.attributes.pop(name, None)
            self.attributes[name] = value

    def row(self, now_ns: int) -> dict[str, Any]:
        time = self.slots.get("time", (0, "", None))[2]
        ns = now_ns if time is None else times.epoch(time) if isinstance(time, Number) else times.parse(time)
        if not 0 <= ns < 2**63:
            raise Rejected("time")
        severity, severity_text = self.severity()
        service = self.text("service")
        resource = {key: resource_value(value) for key, value in self.stream.items()}
        if service:
            resource["service.name"] = service
        typed = dict(typed_attribute(key, value) for key, value in self.attributes.items())
        if self.dropped:
            typed = {key: value for key, value in typed.items() if key[1] != "nexus.dropped_attributes"}
            typed["i", "nexus.dropped_attributes"] = self.dropped
        return {
            "timestamp": ns, "observed_timestamp": now_ns, "service": service, "severity_number": severity,
            "severity_text": severity_text, "body": self.text("message"),
            "trace_id": bytes.fromhex(self.text("trace_id")).ljust(16, b"\0"),
            "span_id": bytes.fromhex(self.text("span_id")).ljust(8, b"\0"),
            "resource": resource, "attributes": typed,
        }  # fmt: skip

    def text(self, kind: str) -> str:
        value = self.slots.get(kind, (0, "", ""))[2]
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)

    def severity(self) -> tuple[int, str]:
        number = self.slots.get("number", (0, "", ""))[2]
        text, code = self.text("level"), 0
        if "level" in self.slots:
            if "syslog" in self.slots:
                self.attribute(*self.slots["syslog"][1:])
            code = PINO.get(int(text), 0) if re.fullmatch("[0-9]{1,3}", text) else 0
        elif "syslog" in self.slots:
            text = self.text("syslog")
            code = SYSLOG[int(text)]
        code = int(number) if number != "" else code
        return code or named_level(text), text


def fits(kind: str, value: Any) -> bool:
    """Can this value mean this? A time that cannot is an error."""
    scalar = isinstance(value, str)
    small = int(value) if scalar and re.fullmatch("[0-9]{1,3}", value) else 1000
    if kind == "time" and not scalar:
        raise Rejected("time")
    plain = type(value) is str
    return {
        "time": scalar, "level": scalar, "message": not isinstance(value, list), "service": not isinstance(value, list),
        "number": small <= 24, "syslog": small <= 7,
        "trace_id": plain and re.fullmatch("[0-9a-fA-F]{32}", value) is not None,
        "span_id": plain and re.fullmatch("[0-9a-fA-F]{16}", value) is not None,
    }[kind]  # fmt: skip


def named_level(text: str) -> int:
    """OpenTelemetry number of a severity name."""
    word = text.strip(" \t\n\x0c\r").lower() if text.isascii() else text
    if len(word) > 16:
        return 0
    step = 0
    if word[-1:] in ("2", "3", "4") and word[:-1] in NUMBERED:
        word, step = word[:-1], int(word[-1]) - 1
    return next((number + step for number, words in LEVELS.items() if word in words.split()), 0)


def resource_value(value: Any) -> Any:
    """A stream field inside of the resource; NaN and infinities are text there."""
    if isinstance(value, Number):
        return str(value) if value[-1] in "Ny" else value
    return in_array(value)


def typed_attribute(key: str, value: Any) -> tuple[tuple[str, str], Any]:
    """((type letter, key), value) of an attribute."""
    if isinstance(value, bool):
        return ("b", key), value
    if isinstance(value, list):
        return ("j", key), in_array(value)
    if not isinstance(value, Number):
        return ("s", key), value
    if re.fullmatch("-?[0-9]+", value) and -(2**63) <= int(value) < 2**63:
        return ("i", key), int(value)
    return ("f", key), float(value)
