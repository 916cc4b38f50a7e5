"""The native decoders of other systems' protocols: two encodings of one thing agree, half bodies, what is bounded."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.e2e.test_loki_push import protobuf
from tests.oracles import batches

from nexus import _native

NOW = 1_780_315_200_000_000_000
PLAIN = _native.FieldMapping()
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = st.sampled_from(["app", "env", "level", "job", "service_name", "trace_id", "user", "a.b", "detected_level"])
PAIRS = st.dictionaries(NAMES, TEXT.filter(bool), max_size=4)
ENTRIES = st.lists(st.tuples(st.integers(-5, 2**63 - 1), TEXT, PAIRS), max_size=4)
STREAMS = st.lists(st.tuples(PAIRS, ENTRIES), max_size=4)


def rows(decoded: _native.Decoded) -> list[dict[str, Any]]:
    return batches.rows(decoded.batch)


def quoted(text: str) -> str:
    """As Go quotes it."""
    return '"' + "".join(f"\\U{ord(c):08x}" if c in '"\\' or ord(c) < 32 else c for c in text) + '"'


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_loki_says_the_same_in_both_encodings(
    streams: list[tuple[dict[str, str], list[tuple[int, str, dict[str, str]]]]],
) -> None:
    labelled = [("{" + ",".join(f"{name}={quoted(value)}" for name, value in labels.items()) + "}", entries)
                for labels, entries in streams]  # fmt: skip
    in_json = {
        "streams": [
            {"stream": labels, "values": [[str(at), line, metadata] for at, line, metadata in entries]}
            for labels, entries in streams
        ]
    }
    one = _native.decode_loki_protobuf(protobuf(*labelled), now_ns=NOW, mapping=PLAIN)
    other = _native.decode_loki_json(json.dumps(in_json).encode(), now_ns=NOW, mapping=PLAIN)
    assert (one.accepted, one.errors) == (other.accepted, other.errors)
    assert rows(one) == rows(other)
    assert one.accepted == sum(at >= 0 for labels, entries in streams if labels for at, _, _ in entries)


DOCUMENTS = st.lists(
    st.dictionaries(
        st.sampled_from(["message", "log.level", "service.name", "trace.id", "a", "b.c", "@timestamp"]),
        TEXT | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.sampled_from(["2026-06-01T12:00:00Z", "ab" * 16]),
        min_size=1, max_size=4,
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_bulk_documents_are_those_of_json_lines(documents: list[dict[str, Any]]) -> None:
    lines = [json.dumps(document).encode() for document in documents]
    body = b"".join(b'{"create":{"_index":"i"}}\n' + line + b"\n" for line in lines)
    bulk, items = _native.decode_elasticsearch_bulk(body, now_ns=NOW, mapping=PLAIN)
    plain = _native.decode_json_lines(
        b"\n".join(lines), now_ns=NOW, time_fields=["@timestamp"], level_fields=["log.level"],
        extra_fields={"elasticsearch.index": "i"},
    )  # fmt: skip
    assert rows(bulk) == rows(plain)
    assert bulk.errors == plain.errors
    statuses = [item["create"]["status"] for item in json.loads(items.render(0))["items"]]
    rejected = {number for number, _ in plain.errors}
    assert statuses == [400 if number in rejected else 201 for number in range(1, len(lines) + 1)]
    busy = json.loads(items.render(0, compact=True, busy="full"))["items"]
    assert [item["create"]["status"] for item in busy] == [400 if status == 400 else 429 for status in statuses]


ENTRY = b"MESSAGE=x\nB\n" + struct.pack("<Q", 3) + b"a\nb\n__REALTIME_TIMESTAMP=1780315200000000\n\n"
CLOUD_WATCH = json.dumps(
    {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "g",
        "logEvents": [{"id": "1", "timestamp": 1, "message": "m"}],
    }
).encode()
FIREHOSE = {"records": [{"data": base64.b64encode(data).decode()} for data in (b'{"a":1}{"b":2}', b"text\n", CLOUD_WATCH)]}
Decode = Callable[[bytes], _native.Decoded]
WHOLE: dict[str, tuple[Decode, bytes, int]] = {
    "loki_protobuf": (
        lambda body: _native.decode_loki_protobuf(body, now_ns=NOW, mapping=PLAIN),
        protobuf(('{a="b"}', [(NOW, "one", {"c": "d"}), (NOW, "two", {})])), 2,
    ),
    "loki_json": (
        lambda body: _native.decode_loki_json(body, now_ns=NOW, mapping=PLAIN),
        b'{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"c":"d"}],["2","y"]]}]}', 2,
    ),
    "splunk_events": (
        lambda body: _native.decode_splunk_events(body, now_ns=NOW, mapping=PLAIN),
        b'{"event":"a","fields":{"x":1}}{"event":{"b":{"c":2}},"time":1.5}', 2,
    ),
    "splunk_raw": (lambda body: _native.decode_splunk_raw(body, now_ns=NOW, mapping=PLAIN), b"one\ntwo\n", 2),
    "datadog": (
        lambda body: _native.decode_datadog(body, now_ns=NOW, mapping=PLAIN),
        b'[{"message":"{\\"a\\":1}","ddtags":"x:y"},{"message":"b","timestamp":1780315200000}]', 2,
    ),
    "firehose": (
        lambda body: _native.decode_firehose(body, now_ns=NOW, mapping=PLAIN, limit=1 << 20),
        json.dumps(FIREHOSE).encode(), 4,
    ),
    "journald": (lambda body: _native.decode_journald(body, now_ns=NOW, mapping=PLAIN), ENTRY * 2, 2),
    "elasticsearch": (
        lambda body: _native.decode_elasticsearch_bulk(body, now_ns=NOW, mapping=PLAIN, index="i")[0],
        b'{"create":{}}\n{"a":1}\n{"index":{"_index":"x"}}\n{"b":{"c":[1]}}\n', 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_half_bodies(name: str) -> None:
    """However a body is cut: an error of the whole, or fewer records and an error for what is missing."""
    decode, body, records = WHOLE[name]
    assert (decode(body).accepted, decode(body).rejected) == (records, 0)
    for end in range(len(body)):
        try:
            decoded = decode(body[:end])
        except _native.DecodeError as error:
            assert str(error)
            continue
        assert decoded.accepted <= records
        assert all(message for _, message in decoded.errors)


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bodies(name: str, data: st.DataObject) -> None:
    """Nothing but `DecodeError` comes out, and what is counted adds up."""
    decode, body, _ = WHOLE[name]
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        damaged = damaged or bytearray(b"x")
    try:
        decoded = decode(bytes(damaged))
    except _native.DecodeError:
        return
    assert decoded.accepted == decoded.batch.num_rows
    assert len(decoded.errors) == min(decoded.rejected, 100)


def test_labels_and_resources_are_bounded() -> None:
    labels = '{a="' + "x" * 70_000 + '"}'
    decoded = _native.decode_loki_protobuf(protobuf((labels, [(NOW, "x", {})])), now_ns=NOW, mapping=PLAIN)
    assert decoded.accepted == 0 and "larger than 65536" in decoded.errors[0][1]
    # One label of 60 KB and many services must not become a resource of 60 KB each without end.
    records = b"".join(b'{"message":"x","service":"s%d"}' % number for number in range(6000))
    body = json.dumps({"records": [{"data": base64.b64encode(records).decode()}]}).encode()
    decoded = _native.decode_firehose(body, now_ns=NOW, mapping=PLAIN, limit=1 << 20, common={"k": "x" * 60_000})
    assert 0 < decoded.accepted < 6000
    assert "too large together" in decoded.errors[0][1]
    assert decoded.accepted + decoded.rejected == 6000


def test_unpacking_is_bounded() -> None:
    import gzip

    data = base64.b64encode(gzip.compress(bytes(1 << 20))).decode()
    body = json.dumps({"records": [{"data": data}, {"data": data}]}).encode()
    decoded = _native.decode_firehose(body, now_ns=NOW, mapping=PLAIN, limit=1 << 20)
    assert decoded.rejected >= 1 and "larger" in decoded.errors[-1][1]
