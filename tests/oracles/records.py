"""Believable and nasty log records for tests of searching, and the rows they become in the table."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.oracles.search import Record, text_of
from tests.oracles.template import skeleton

HOUR = 3_600_000_000_000
FIRST_DAY = 20_000 * 24 * HOUR

WORDS = (
    "payment failed retry timeout Timeout user42 0xdeadbeef order-17 v1.2.3 É école École ошибка ОШИБКА 日本語 snake_case "
    'foo-bar a*b 100% C:\\temp say("hi") end. x1y 500 -> it\'s [info] /api/v1 tab\tx line\nbreak * prepayment failedover'
).split(" ")
TEXTS = [
    "GET",
    "get",
    "500",
    "500.0",
    "-3",
    "1e3",
    "007",
    "true",
    "",
    "ä b",
    "a%b_c",
    "x\\y",
    "v10",
    "v9",
    "[1]",
    "1_000",
    "{x}",
]
KEYS = ["status", "color", "ratio", "ok", "odd key", "host.name", "pod", "level", "http.method"]
SERVICES = ["", "api", "API", "shop-42", "zürich"]
TRACES = ["", "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f00000000000000000000000001", "0000000000000000a3ce929d0e0e4736"]

LEARNED = {
    ("color", "s"): ("s_color", "LowCardinality(Nullable(String))", "attributes_string"),
    ("status", "i"): ("i_status", "Nullable(Int64)", "attributes_int"),
    ("ratio", "f"): ("f_ratio", "Nullable(Float64)", "attributes_float"),
    ("ok", "b"): ("b_ok", "Nullable(Bool)", "attributes_bool"),
    ("http.method", "s"): ("s_http_method", "Nullable(String)", "attributes_string"),
    ("retries", "i"): ("i_retries", "Nullable(Int64)", "attributes_int"),
}
"""(key, type letter) -> (column, its type, the map its DEFAULT reads)."""

_MAPS = {
    "s": "attributes_string",
    "i": "attributes_int",
    "f": "attributes_float",
    "b": "attributes_bool",
    "j": "attributes_json",
}


def value(random: random.Random) -> Any:
    """An attribute value of any type."""
    kind = random.randrange(6)
    if kind <= 1:
        return random.choice(TEXTS)
    if kind == 2:
        return random.choice([0, 1, -3, 200, 404, 500, 2**62 + 1])
    if kind == 3:
        return random.choice([0.0, 0.5, -3.0, 500.0, 1000.0, 99.25])
    if kind == 4:
        return random.random() < 0.5
    return random.choice([[1, 2], {"a": "b"}, [], ["x"], {"team": [{"team": ["deep"]}]}])


def record(number: int, random: random.Random) -> Record:
    """One record; three days, with many on the edges of hours."""
    time = FIRST_DAY + random.randrange(72) * HOUR + random.choice([0, 1, HOUR // 2, HOUR - 1, random.randrange(HOUR)])
    body = random.choice([" ", "  ", ", "]).join(random.choice(WORDS) for _ in range(random.randrange(7)))
    if random.random() < 0.03:
        body += " pad" * 300
    return Record(
        number=number,
        timestamp=time,
        body=body,
        service=random.choice(SERVICES),
        severity_number=random.randrange(25),
        trace_id=random.choice(TRACES),
        span_id="" if random.random() < 0.3 else f"{random.randrange(1, 5):016x}",
        event_name=random.choice(["", "click", "Click"]),
        template_id=f"{random.randrange(3):016x}",
        scope_name=random.choice(["", "lib.http"]),
        attributes={key: value(random) for key in KEYS if random.random() < 0.4}
        | ({"retries": random.randrange(4)} if random.random() < 0.5 else {}),
        resource={key: value(random) for key in (*KEYS, "team", 'q"k', "a nest") if random.random() < 0.25},
    )


def type_of(value: Any) -> str:
    """The type letter of an attribute value."""
    letters = ((bool, "b"), (int, "i"), (float, "f"), (str, "s"))
    return next((letter for kind, letter in letters if isinstance(value, kind)), "j")


def row(record: Record, *, promoted: bool, with_skeleton: bool) -> dict[str, Any]:
    """The row of a record; `promoted`: written after the columns were learned, `with_skeleton`: its kind is common."""
    result: dict[str, Any] = {
        "tenant": "t",
        "hour": record.timestamp // HOUR,
        "timestamp": _decimal(record.timestamp),
        "observed_timestamp": _decimal(record.timestamp),
        "service": record.service,
        "severity": record.severity,
        "severity_number": record.severity_number,
        "body": record.body,
        "skeleton": skeleton(record.body.encode()).decode() if with_skeleton else "",
        "template_id": int(record.template_id, 16),
        "event_name": record.event_name,
        "resource": json.dumps(record.resource, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
        "scope_name": record.scope_name,
        "commit_id": record.number,
        "trace_hex": record.trace_id,
        "span_hex": record.span_id,
        **{name: {} for name in _MAPS.values()},
    }
    for key, held in record.attributes.items():
        letter = type_of(held)
        if promoted and (key, letter) in LEARNED:
            result[LEARNED[key, letter][0]] = held
        else:
            result[_MAPS[letter]][key] = text_of(held) if letter == "j" else held
    return result


def _decimal(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
