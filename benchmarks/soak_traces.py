"""kill -9 while spans come in, many times: no acknowledged span is lost, none is doubled by a retry with its token.

Client threads send batches of spans through the receivers of traces (OTLP over HTTP as protobuf and as JSON, over gRPC, and
Zipkin's JSON), each under an idempotency key, some of them over several days. The process is killed at random moments and
started again on the same data; a batch without an answer is sent again with the same key until it is acknowledged, and now
and then an acknowledged one is repeated: the answer must be the first one. At the end traces are asked for by their ids, and
the tables of the stopped store are read: each span must be there once.

Run ``python benchmarks/soak_traces.py --rounds 100``. Exit code 0 means that nothing was lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from soak_kill import (
    API,
    SOURCE,
    Batch,
    Send,
    Server,
    SoakError,
    Verdict,
    kill_often,
    report,
    run,
    send_http,
    send_otlp_grpc,
)

SPANS_PER_TRACE: Final = 10
ASKED: Final = 40
"""Batches of which a trace is asked for."""


@dataclass(frozen=True)
class Span:
    """One span of a batch: ids as hex, ns."""

    trace_id: str
    span_id: str
    parent_id: str
    number: int
    start: int

    @property
    def end(self) -> int:
        """A ms and a bit after its start."""
        return self.start + 1_000_000 + self.number


def serial(name: str) -> int:
    """The number of a batch, of 32 bits: it is named by its client and a number of that client's."""
    client, number = name.removeprefix("c").split("-")
    return int(client) << 20 | int(number)


def spans_of(batch: Batch) -> Iterator[Span]:
    """The spans of a batch: ids say which batch and which number in it. A trace has ten spans, all children of the first."""
    of = serial(batch.name)
    for number, at in enumerate(batch.times()):
        first = number - number % SPANS_PER_TRACE
        yield Span(
            trace_id=f"{of:08x}{first:08x}{of ^ 0x5EED:08x}{first + 1:08x}",
            span_id=f"{of:08x}{number + 1:08x}",
            parent_id=f"{of:08x}{first + 1:08x}" if number > first else "",
            number=number,
            start=at,
        )


def _protobuf(batch: Batch) -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "soak"
    scope = resource.scope_spans.add()
    for one in spans_of(batch):
        span = scope.spans.add(name="soak", kind=2, start_time_unix_nano=one.start, end_time_unix_nano=one.end)
        span.trace_id, span.span_id = bytes.fromhex(one.trace_id), bytes.fromhex(one.span_id)
        span.parent_span_id = bytes.fromhex(one.parent_id)
        span.attributes.add(key="batch").value.string_value = batch.name
        span.attributes.add(key="number").value.int_value = one.number
    content: bytes = request.SerializeToString()
    return content


def _send_protobuf(server: Server, batch: Batch) -> tuple[str, bytes]:
    return send_http(server, "/v1/traces", _protobuf(batch), "application/x-protobuf", batch, server.ports[2])


def _send_json(server: Server, batch: Batch) -> tuple[str, bytes]:
    spans = [
        {
            "traceId": one.trace_id,
            "spanId": one.span_id,
            "parentSpanId": one.parent_id,
            "name": "soak",
            "kind": 2,
            "startTimeUnixNano": str(one.start),
            "endTimeUnixNano": str(one.end),
            "attributes": [
                {"key": "batch", "value": {"stringValue": batch.name}},
                {"key": "number", "value": {"intValue": str(one.number)}},
            ],
        }
        for one in spans_of(batch)
    ]
    service = [{"key": "service.name", "value": {"stringValue": "soak"}}]
    document = {"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
    return send_http(server, "/v1/traces", json.dumps(document).encode(), "application/json", batch, server.ports[2])


def _send_grpc(server: Server, batch: Batch) -> tuple[str, bytes]:
    return send_otlp_grpc(server, "trace.v1.TraceService", _protobuf(batch), batch)


def _send_zipkin(server: Server, batch: Batch) -> tuple[str, bytes]:
    spans = [
        {
            "traceId": one.trace_id,
            "id": one.span_id,
            **({"parentId": one.parent_id} if one.parent_id else {}),
            "name": "soak",
            "kind": "SERVER",
            "timestamp": one.start // 1000,
            "duration": (one.end - one.start) // 1000,
            "localEndpoint": {"serviceName": "soak"},
            "tags": {"batch": batch.name, "number": str(one.number)},
        }
        for one in spans_of(batch)
    ]
    return send_http(server, "/api/v2/spans", json.dumps(spans).encode(), "application/json", batch, server.ports[0])


SENDERS: Final[dict[str, Send]] = {
    "otlp_http_protobuf": _send_protobuf,
    "otlp_http_json": _send_json,
    "otlp_grpc": _send_grpc,
    "zipkin": _send_zipkin,
}


def ask_for_some(server: Server, batches: dict[str, Batch], seed: int) -> list[str]:
    """What is wrong with traces of some batches as the API answers them."""
    faults = []
    for batch in random.Random(seed).sample(sorted(batches.values(), key=lambda b: b.name), min(ASKED, len(batches))):
        spans = list(spans_of(batch))[:SPANS_PER_TRACE]
        status, answer = server.request("GET", f"{API}/traces/{spans[0].trace_id}", b"", {})
        found = sorted(json.loads(answer)["ids"]) if status == 200 else []
        if found != sorted(one.span_id for one in spans):
            faults.append(f"trace {spans[0].trace_id} of {batch.receiver}: {status}, {len(found)} of {len(spans)} spans")
    return faults


class SamplingServer(Server):
    """One whose tenant samples but keeps every trace: all spans are pending first, and move."""

    told = False

    def start(self) -> float:
        """As `Server.start`."""
        seconds = super().start()
        if not self.told:
            rule = {"name": "all", "where": "{ }", "perSecond": 1_000_000}
            body = json.dumps({"rules": [rule]}).encode()
            status, answer = self.request("PUT", f"{API}/traces/sampling", body, {"Content-Type": "application/json"})
            if status != 200:
                raise SoakError(f"the policy of sampling was refused: {answer!r}")
            self.told = True
        return seconds


def seen(folder: Path) -> str:
    """What queries see: spans of a slice that is settled may be there twice until it is dropped."""
    from nexus.storage.clickhouse.catalog import PendingView

    database = sqlite3.connect(folder / "ingest.sqlite")
    found = database.execute("SELECT value FROM state WHERE name = 'sampling_settled'").fetchone()
    database.close()
    return PendingView(int(found[0]), frozenset({"default"})).conditions("default")[0] if found else "1"


def check(folder: Path, batches: dict[str, Batch]) -> Verdict:
    """Compare the tables of a data directory, which no server has open, with what was acknowledged."""
    sys.path.insert(0, str(SOURCE))
    from nexus.storage.clickhouse.engine import Engine
    from nexus.storage.clickhouse.options import StoreOptions

    verdict = Verdict(records=sum(batch.rows for batch in batches.values()))
    engine = Engine.open(StoreOptions(data_dir=folder))
    try:
        connection = engine.connect()
        rows = connection.rows(
            "SELECT reinterpretAsUInt32(reverse(substring(span_id, 1, 4))), count(), uniqExact(span_id), "
            "max(reinterpretAsUInt32(reverse(substring(span_id, 5, 4)))) FROM nexus.spans "
            f"WHERE {seen(folder)} GROUP BY 1"
        )
        stored = {int(row[0]): [int(cell) for cell in row[1:]] for row in rows}
        engine.release(connection)
    finally:
        engine.close()
    for batch in batches.values():
        spans, distinct, last = stored.pop(serial(batch.name), [0, 0, 0])
        if last > batch.rows:
            raise SoakError(f"batch {batch.name} holds span {last} of {batch.rows}")
        verdict.lost += batch.rows - distinct
        verdict.doubled += spans - distinct
    # Every batch is sent until it is acknowledged: what is left was never sent.
    verdict.doubled += sum(spans for spans, _, _ in stored.values())
    return verdict


def soak(arguments: argparse.Namespace, folder: Path) -> int:
    """Run it all; the exit code."""
    settings = {"NEXUS_RETENTION_TRACES": "0"}
    if arguments.sampling:
        settings |= {"NEXUS_TRACES_SAMPLING_SLICE": "1s", "NEXUS_TRACES_SAMPLING_WAIT": "1s"}
    kind = SamplingServer if arguments.sampling else Server
    server = kind(folder / "data", fsync=arguments.fsync, settings=settings)
    senders = {name: SENDERS[name] for name in arguments.receivers}
    began = time.monotonic()
    tally, starts = kill_often(server, senders, arguments.clients, arguments.rounds, arguments.seed)
    tally.faults += ask_for_some(server, tally.acknowledged, arguments.seed)
    code = server.stop()
    if arguments.sampling and seen(folder / "data") == "1":
        raise SoakError("nothing was sampled")
    verdict = check(folder / "data", tally.acknowledged)
    print(
        f"rounds        {arguments.rounds} in {time.monotonic() - began:.0f} s ({'fsync' if arguments.fsync else 'commit'})"
    )
    return report(tally, starts, verdict, code)


def main() -> int:
    """Parse arguments, run in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=2 * len(SENDERS))
    parser.add_argument("--receivers", nargs="+", choices=SENDERS, default=tuple(SENDERS), help="only these")
    parser.add_argument("--sampling", action="store_true", help="with tail sampling that keeps everything")
    return run(parser, 100, soak)


if __name__ == "__main__":
    sys.exit(main())
