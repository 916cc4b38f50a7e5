"""The module's edges: fingerprints, envelopes from strangers, statistics, threads."""

from __future__ import annotations

import json
import threading
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import _native

BODY = b"\n".join(
    json.dumps(
        {"_time": 1 + n % 2 * 86400, "_msg": f"took {n} ms", "app": f"s{n % 3}", "k": f"v{n % 7}", "n": n, "j": [n]}
    ).encode()
    for n in range(3000)
)


def batch() -> _native.LogBatch:
    return _native.decode_json_lines(BODY, now_ns=0).batch


def test_fingerprint_is_xxh3() -> None:
    assert _native.fingerprint(b"") == 0x2D06800538D394C2
    assert _native.fingerprint(b"a") == 0xE6C632B61E964E1F
    assert _native.mask_template("")[1] == _native.fingerprint(b"")


def test_batches_describe_themselves() -> None:
    found = batch()
    assert (len(found), found.num_rows, repr(found)) == (3000, 3000, "<LogBatch of 3000 records>")
    assert found.days() == [(0, 1500), (1, 1500)]
    assert [(name, rows) for name, rows, _ in found.services()] == [("s0", 1000), ("s1", 1000), ("s2", 1000)]
    assert found.attribute_stats() == [("k", "s", 3000, 7), ("n", "i", 3000, 1000), ("j", "j", 3000, 1)]
    size = sum(size for _, _, size in found.services())
    assert size == sum(len(f"took {n} ms") + len(f"v{n % 7}") + len(f"[{n}]") + len("knj") + 8 for n in range(3000))
    assert found.num_bytes > size


def test_envelopes_are_arrow() -> None:
    found = batch()
    table = pa.ipc.open_stream(found.to_ipc()).read_all()
    assert table.schema.metadata == {b"nexus.signal": b"logs", b"nexus.envelope": b"1"}
    assert table.to_pylist() == pa.record_batch(found).to_pylist()  # type: ignore[call-overload]
    again = pa.BufferOutputStream()
    with pa.ipc.new_stream(again, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    assert _native.LogBatch.from_ipc(again.getvalue().to_pybytes()).to_ipc() == found.to_ipc()


def test_other_envelopes_are_refused() -> None:
    table = pa.ipc.open_stream(batch().to_ipc()).read_all()

    def refused(changed: pa.Table, message: str) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, changed.schema) as writer:
            writer.write_table(changed)
        with pytest.raises(_native.DecodeError, match=message):
            _native.LogBatch.from_ipc(sink.getvalue().to_pybytes())

    refused(table.replace_schema_metadata({"nexus.signal": "logs", "nexus.envelope": "2"}), "nexus.envelope is")
    refused(table.drop_columns(["body"]), "columns are others")
    early = pa.array([-1] + [0] * 2999, pa.int64())
    field = pa.field("timestamp", pa.int64(), nullable=False)
    refused(table.set_column(0, field, early), "row 0: timestamp -1 ns is outside")
    with pytest.raises(_native.DecodeError):
        _native.LogBatch.from_ipc(b"")


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_envelopes_are_errors(data: st.DataObject) -> None:
    bytes_ = bytearray(_native.decode_json_lines(BODY[:300], now_ns=0).batch.to_ipc())
    for _ in range(data.draw(st.integers(1, 3))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    try:
        _native.LogBatch.from_ipc(bytes(bytes_)).to_ipc()
    except _native.DecodeError:
        pass


def test_the_interpreter_runs_on() -> None:
    """Decoding releases the GIL: a Python thread gets on meanwhile."""
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    while time.perf_counter() - began < 0.3:
        _native.decode_json_lines(BODY * 20, now_ns=0)
    stop.set()
    thread.join()
    assert ticks > 20


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError):
        _native.decode_json_lines("text", now_ns=0)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        _native.decode_json_lines(b"", now_ns=2**63)
    assert _native.version() == "0.1.0"
