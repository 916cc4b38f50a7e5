"""Forward messages in every mode mean what the same records mean as JSON lines; streams are cut anywhere."""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles.batches import rows

from nexus import _native

NOW_NS = 1_795_000_000_000_000_000
SECONDS = 1_794_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.sampled_from(["a", "b.c", "level", "message", "log", "trace_id", "span_id", "service", "severity_number", "é"])
# As a level a number becomes text, and Python writes 1e-07 what is 1e-7 elsewhere.
floats = st.floats(-1e9, 1e9).filter(lambda number: "e-0" not in repr(number))
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), floats, texts)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)), max_leaves=8
)
records = st.dictionaries(names, values, max_size=6)


def body_of(items: list[dict[str, Any]], mode: str) -> bytes:
    """A message, or several, in one of the modes."""
    entries = [[SECONDS, item] for item in items]
    packed = b"".join(map(msgpack.packb, entries))
    if mode == "message":
        return b"".join(msgpack.packb(["t", *entry]) for entry in entries)
    if mode == "forward":
        return bytes(msgpack.packb(["t", entries]))
    if mode == "packed":
        return bytes(msgpack.packb(["t", packed, {"chunk": "c"}]))
    return bytes(msgpack.packb(["t", gzip.compress(packed), {"compressed": "gzip"}]))


def as_lines(items: list[dict[str, Any]]) -> bytes:
    """The same as JSON lines: tag and time as fields, a line without its line feed."""
    lines = []
    for item in items:
        clean = {
            key: value.removesuffix("\n").removesuffix("\r")
            if key in ("log", "message") and isinstance(value, str)
            else value
            for key, value in item.items()
        }
        lines.append(json.dumps({"fluent.tag": "t", **clean, "nexus.forward.time": SECONDS}).encode() + b"\n")
    return b"".join(lines)


def loaded(batch: _native.LogBatch) -> list[dict[str, Any]]:
    """The rows, arrays as values: they may be written in more than one way."""
    found = rows(batch)
    for row in found:
        attributes = row["attributes"].items()
        row["attributes"] = {key: json.loads(value) if key[0] == "j" else value for key, value in attributes}
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(records, min_size=1, max_size=6), st.sampled_from(["message", "forward", "packed", "compressed"]))
def test_records_mean_what_json_lines_mean(items: list[dict[str, Any]], mode: str) -> None:
    found = _native.decode_forward(body_of(items, mode), now_ns=NOW_NS, limit=1 << 20)
    expected = _native.decode_json_lines(as_lines(items), now_ns=NOW_NS, time_fields=["nexus.forward.time"])
    assert (found.accepted, found.rejected) == (expected.accepted, expected.rejected), found.errors
    assert loaded(found.batch) == loaded(expected.batch)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(records, st.sampled_from(["message", "forward", "packed"])), max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_a_stream_gives_its_messages_however_it_is_cut(items: list[tuple[dict[str, Any], str]], cuts: list[int]) -> None:
    messages = [body_of([item], mode) for item, mode in items]
    stream = _native.ForwardStream(1 << 16)
    whole, at, number = b"".join(messages), 0, 0
    found: list[tuple[bytes, bytes]] = []
    while at < len(whole):
        size = cuts[number % len(cuts)]
        stream.feed(whole[at : at + size])
        found += stream.take()
        at, number = at + size, number + 1
    assert b"".join(body for body, _ in found) == whole
    chunks = [body for body, chunk in found if chunk]
    assert chunks == [message for message, (_, mode) in zip(messages, items, strict=True) if mode == "packed"]


def test_handshakes() -> None:
    stream = _native.ForwardStream(1000)
    stream.feed(msgpack.packb(["PING", "host", b"salt", "digest", "", 5])[:-1])
    assert stream.take_strings() is None
    stream.feed(b"\x05" + msgpack.packb(["t", 1, {}]))
    assert stream.take_strings() == [b"PING", b"host", b"salt", b"digest", b"", b""]
    assert [chunk for _, chunk in stream.take()] == [b""]
    stream.feed(b"\xc0")
    with pytest.raises(ValueError, match="something else than an array"):
        stream.take_strings()


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1", b"\x93\xa1t\xdb\xff\xff\xff\xff", b"\x91" * 200])
def test_what_is_foreign_is_refused(rubbish: bytes) -> None:
    with pytest.raises(ValueError):
        _native.ForwardStream(1000).feed(rubbish)
