"""The native decoder of JSON lines: against its slow twin, and at its limits."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracles import batches
from tests.oracles import json_lines as oracle

from nexus import _native

NOW = 1_780_315_200_000_000_000
SPECIAL = [name for names in oracle.DEFAULTS.values() for name in names]
OTHER = ["k", "host", "user.id", "a", "a.b", "", "é", 'q"', "\\", "nexus.dropped_attributes"]
KEYS = st.sampled_from([*SPECIAL, *OTHER]) | st.text(max_size=8)
TIMES = st.sampled_from(
    [
        *"""0 1780315200 1780315200123 1780315200.5 1780315200123456789 -1 -0 1e9 1.5e12 99999999999999999999 1e999 1e-9 .5
        5. + now 2026-06-01T12:00:00Z 2026-06-01T12:00:00.123456789Z 2026-06-01T12:00:00.1234567891+02:00
        2026-06-01T12:00:00,5-0130 1969-12-31T23:59:59Z 2262-04-11T23:47:16.854775807Z 2262-04-11T23:47:16.854775808Z
        2026-02-29T00:00:00Z 2026-06-01 2026-06-01T25:00:00Z 2016-12-31T23:59:60Z 2026-06-01T12:00z 2026-06-01T12:00:00.Z
        2026-6-1T12:00:00Z 0000-01-01T00:00:00Z 2026-06-01T12:00:00+2 ２０２６-06-01""".split(),
        *["2026-06-01 12:00:00,123", " 1780315200 ", "2026-06-01 12:00:00 UTC", "2026-06-01 12:00:00 +0200", "2026-06-01 "],
    ]
)
LEVELS = st.sampled_from(
    [*"info WARN Error fatal2 DEBUG4 err crit panic 30 10 7 3 24 25 003 verbose notice high E t".split(), " info "]
)
IDS = st.sampled_from(["0123456789abcdef" * 2, "0123456789ABCDEF", "0" * 32, "xyz", "0123456789abcdeg"])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=True) | st.sampled_from([0, 1, 30, 17, -0.0, 2**63, -(2**63)])
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=12) | TIMES | LEVELS | IDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=8)


@st.composite
def objects(draw: st.DrawFn) -> str:
    """A record's text; keys may repeat, separators and escapes vary."""
    ascii_only, colon = draw(st.booleans()), draw(st.sampled_from([":", ": ", " :\t"]))
    comma = draw(st.sampled_from([",", ", ", " ,"]))

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(comma, colon))

    pairs = [f"{text(key)}{colon}{text(value)}" for key, value in draw(PAIRS)]
    return "{" + comma.join(pairs) + "}"


NAMES = st.lists(KEYS.filter(lambda key: key.isprintable()), max_size=3, unique=True)
MAPPINGS = st.just(oracle.Mapping()) | st.builds(
    oracle.Mapping, time=NAMES, message=NAMES, level=NAMES, stream=NAMES,
    ignore=st.lists(st.sampled_from(["a*", "k", "host", "le*", "*", "x*"]), max_size=2),
    extra=st.dictionaries(KEYS, st.text(max_size=5) | TIMES, max_size=2),
)  # fmt: skip


def decode(body: bytes, mapping: oracle.Mapping) -> _native.Decoded:
    return _native.decode_json_lines(
        body, now_ns=NOW, time_fields=mapping.time or None, message_fields=mapping.message or None,
        level_fields=mapping.level or None, stream_fields=mapping.stream, ignore_fields=mapping.ignore,
        extra_fields=mapping.extra,
    )  # fmt: skip


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """A native row in the twin's terms."""
    row = {key: value for key, value in row.items() if not key.startswith(("scope", "template", "trace_flags", "event"))}
    resource = oracle.load(row["resource"])
    assert [key for key, _ in resource] == sorted({key for key, _ in resource}, key=str.encode)
    row["attributes"] = {key: oracle.load(value) if key[0] == "j" else value for key, value in row["attributes"].items()}
    return row | {"resource": dict(resource)}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """With NaN made comparable."""

    def item(value: Any) -> Any:
        return "NaN" if isinstance(value, float) and math.isnan(value) else repr(value)

    return row | {"attributes": {key: item(value) for key, value in row["attributes"].items()}}


def check(body: bytes, mapping: oracle.Mapping) -> None:
    expected, rejected = oracle.rows(body, NOW, mapping)
    decoded = decode(body, mapping)
    assert [number for number, _ in decoded.errors] == rejected[:100]
    assert (decoded.accepted, decoded.rejected) == (len(expected), len(rejected))
    found = [plain(comparable(row)) for row in batches.rows(decoded.batch)]
    assert found == [plain(row) for row in expected]
    assert sum(rows for _, rows in decoded.batch.days()) == len(expected) == sum(s[1] for s in decoded.batch.services())


@settings(max_examples=500, deadline=None)
@given(st.lists(objects(), min_size=1, max_size=4), MAPPINGS)
@example(['{"a":"\\ud83d\\ude00\\ud800","b":["\\udc00"]}'], oracle.Mapping())
@example(['{"log":{"level":"warn"},"body":"x","msg":"y"}'], oracle.Mapping())
def test_records_are_those_of_the_twin(records: list[str], mapping: oracle.Mapping) -> None:
    check("\n".join(records).encode("utf-8", "replace"), mapping)


@settings(max_examples=500, deadline=None)
@given(st.lists(objects(), min_size=1, max_size=3), st.data())
def test_damaged_lines_cost_themselves_only(records: list[str], data: st.DataObject) -> None:
    body = bytearray("\n".join(records).encode("utf-8", "replace"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b"{", b"}", b"\\", b",", b"\xff", b"1", b"\0", b" "])
        )
        body = body or bytearray(b"x")
    # A first line that begins an array is read as one; the twin knows lines only.
    if not bytes(body).lstrip(b" \t\r\n").startswith(b"["):
        check(bytes(body), oracle.Mapping())


@settings(max_examples=300, deadline=None)
@given(st.lists(objects(), max_size=5))
def test_an_array_is_like_its_lines(records: list[str]) -> None:
    lines = decode("\n".join(records).encode("utf-8", "replace"), oracle.Mapping())
    array = decode(f"[ {' , '.join(records)}\n]".encode("utf-8", "replace"), oracle.Mapping())
    assert (array.accepted, array.rejected) == (lines.accepted, lines.rejected)
    assert repr(batches.rows(array.batch)) == repr(batches.rows(lines.batch))


def test_errors_say_where_and_what() -> None:
    body = b"""{"_time":"yesterday","a":1}
{"a":1

[1]
{"a":1} x
{}
{"a":"\xff"}
{"_time":1e40,"a":1}
{"a":tru}
{"_msg":"kept"}"""
    decoded = decode(body, oracle.Mapping())
    assert (decoded.accepted, decoded.rejected) == (1, 8)
    messages = dict(decoded.errors)
    assert messages[1] == (
        'cannot read the time "yesterday": expected RFC 3339 such as 2026-01-31T23:59:59.123Z, '
        "or a number of seconds, ms, us or ns since 1970-01-01"
    )
    assert messages[2] == "invalid JSON: input ends inside of a value at column 7"
    assert messages[4] == "expected a JSON object, found an array"
    assert messages[5] == "invalid JSON: text after the object at column 9"
    assert messages[6] == "the object has no fields"
    assert messages[7] == "invalid UTF-8 at byte 7"
    assert messages[8] == "the time 1e40 is outside of 1970-01-01 to 2262-04-11"
    assert messages[9] == "invalid JSON: expected a value at column 6"


def test_arrays_lose_what_follows_a_syntax_error() -> None:
    decoded = decode(b'[{"a":1},{"_time":"x"},3,{"a":2},{"a":]', oracle.Mapping())
    assert (decoded.accepted, decoded.rejected) == (2, 3)
    assert [number for number, _ in decoded.errors] == [2, 3, 5]
    assert decoded.errors[2][1].endswith("the rest of the array was not read")
    decoded = decode(b'[{"a":"\xff"},{"a":1}] x', oracle.Mapping())
    assert (decoded.accepted, decoded.rejected) == (1, 2)


def test_large_lines_and_many_attributes() -> None:
    line = json.dumps({"_msg": "x" * (20 << 20), "k": "v"})
    many = json.dumps({f"k{number}": number for number in range(20_000)})
    huge = json.dumps({"_msg": "x" * (33 << 20)})
    decoded = decode("\n".join([line, many, huge, '{"_msg":"last"}']).encode(), oracle.Mapping())
    assert (decoded.accepted, decoded.rejected) == (3, 1)
    assert decoded.errors == [(3, f"body of {33 << 20} bytes is larger than {32 << 20}")]
    rows = batches.rows(decoded.batch)
    assert len(rows[0]["body"]) == 20 << 20
    assert len(rows[1]["attributes"]) == 1025
    assert rows[1]["attributes"]["i", "nexus.dropped_attributes"] == 20_000 - 1024
    assert batches.rows(_native.LogBatch.from_ipc(decoded.batch.to_ipc())) == rows


@pytest.mark.parametrize("depth", [63, 64, 5000, 200_000])
def test_deep_nesting(depth: int) -> None:
    objects_ = '{"a":' * depth + "1" + "}" * depth
    arrays = '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"
    decoded = decode(f'{objects_}\n{arrays}\n{{"b":1}}'.encode(), oracle.Mapping())
    taken = 3 if depth <= 64 else 1
    assert (decoded.accepted, decoded.rejected) == (taken, 3 - taken)
    if taken == 1:
        assert decoded.errors[0][1] in ("nested deeper than 64 levels",)


def test_hostile_shapes_take_linear_time() -> None:
    long = "k" * (1 << 20)
    body = '{"%s":{%s}}' % (long, ",".join(f'"{number}":1' for number in range(100_000)))  # noqa: UP031
    again = "{" + ",".join(f'"a{number % 1500}":"x"' for number in range(300_000)) + "}"
    decoded = decode(f"{body}\n{again}".encode(), oracle.Mapping())
    assert decoded.accepted == 2
    rows = batches.rows(decoded.batch)
    assert rows[0]["attributes"] == {("i", "nexus.dropped_attributes"): 100_000}
    assert len(rows[1]["attributes"]) == 1025


def test_more_than_366_days() -> None:
    lines = [json.dumps({"_time": day * 86400, "n": day}) for day in range(400)]
    check("\n".join(lines).encode(), oracle.Mapping())


def test_empty_bodies() -> None:
    for body in (b"", b"\n\n", b"\xef\xbb\xbf", b"[]", b" [ ] "):
        decoded = decode(body, oracle.Mapping())
        assert (decoded.accepted, decoded.rejected, decoded.errors) == (0, 0, [])


def test_stream_fields_make_the_resource() -> None:
    decoded = decode(b'{"app":"shop","host":"h1","zone":3,"x":"y"}', oracle.Mapping(stream=["zone", "host"]))
    row = batches.rows(decoded.batch)[0]
    assert row["resource"] == '{"host":"h1","service.name":"shop","zone":3}'
    assert row["service"] == "shop"
    assert row["attributes"] == {("s", "x"): "y"}
    assert decoded.batch.services() == [("shop", 1, 2)]


def test_a_replaced_value_counts_with_the_bytes_of_the_last() -> None:
    """Else a small first value would hide a large one from the accounts."""
    for first, last in (('"b"', '"' + "x" * 1000 + '"'), ('"' + "x" * 1000 + '"', "1"), ("true", "[1,2]")):
        once = decode(f'{{"app":"shop","a":{last}}}'.encode(), oracle.Mapping())
        twice = decode(f'{{"app":"shop","a":{first},"a":{last}}}'.encode(), oracle.Mapping())
        assert twice.batch.services() == once.batch.services()


def test_records_beyond_the_limit_of_a_request_are_refused() -> None:
    """A line of a few bytes becomes a hundred in a batch."""
    limit = 2 << 20
    decoded = decode(b'{"a":1}\n' * (limit + 3), oracle.Mapping())
    assert (decoded.accepted, decoded.rejected) == (limit, 3)
    assert "send smaller batches" in str(decoded.errors[0])
