"""kill -9 under load, many times: nothing that was acknowledged is lost, nothing is doubled by a retry with its token.

Client threads send batches through every receiver (JSON lines, OTLP over HTTP as protobuf and as JSON, OTLP over gRPC, Loki
push, Elasticsearch bulk, Splunk HEC, Datadog, Firehose, journald, Fluent forward with acknowledged chunks), each under an
idempotency key (a chunk's name is one), some of them over several days, and metrics by remote write, whose samples need no
key. At a random moment the process is killed; it is started again on the same data, and every batch without an answer is
sent again with the same key, until it is acknowledged. Now and then an acknowledged batch is repeated: the answer must be
the first one, byte for byte. At the end the store is asked for every batch: each must be there once, whole.

Run ``python benchmarks/soak_kill.py --rounds 100``. Exit code 0 means that nothing was lost or doubled.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

SOURCE: Final = Path(__file__).resolve().parent.parent / "src"
API: Final = "/api/nexus/v1"
TOKEN: Final = "soak"
DAY_NS: Final = 86_400 * 10**9
BASE_MS: Final = 1_795_000_000_000
START_SECONDS: Final = 60.0


class SoakError(Exception):
    """The run cannot go on, or the store is wrong."""


@dataclass
class Batch:
    """What one request carries: `rows` records named (batch name, 0 .. rows - 1), over `days` days."""

    name: str
    receiver: str
    rows: int
    days: int
    reply: bytes | None = None

    def times(self) -> Iterator[int]:
        """Timestamps of the records, ns."""
        base = BASE_MS * 10**6
        for number in range(self.rows):
            yield base - (number % self.days) * DAY_NS + number * 1000

    def times_ms(self) -> Iterator[int]:
        """Timestamps of the samples: each another ms."""
        for number in range(self.rows):
            yield BASE_MS - (number % self.days) * DAY_NS // 10**6 + number


@dataclass
class Tally:
    """What the clients saw. Guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    acknowledged: dict[str, Batch] = field(default_factory=dict)
    retries: int = 0
    replays: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Server:
    """`nexus up` on one data directory, with ports that stay the same. `settings` are variables of its environment."""

    def __init__(self, folder: Path, *, fsync: bool, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._settings = settings or {}
        self.log = folder.parent / "nexus.log"
        self.ports = _free_ports(4)
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until it is ready; returns the seconds that took."""
        http_port, grpc_port, otlp_port, forward_port = self.ports
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
        environment |= {
            "PYTHONPATH": str(SOURCE),
            "NEXUS_DATA_DIR": str(self.folder),
            "NEXUS_HTTP_PORT": str(http_port),
            "NEXUS_OTLP_GRPC_PORT": str(grpc_port),
            "NEXUS_OTLP_HTTP_PORT": str(otlp_port),
            "NEXUS_RECEIVERS_FORWARD": json.dumps(
                [{"port": forward_port, "tenant": "default", "networks": ["127.0.0.0/8"]}]
            ),
            "NEXUS_BOOTSTRAP_TOKEN": TOKEN,
            "NEXUS_BOOTSTRAP_ADMIN_PASSWORD": "soak password",
            "NEXUS_DURABILITY": "fsync" if self._fsync else "commit",
            "NEXUS_LOG_LEVEL": "warning",
            # Samples of fixed days; they go from the head into the tables all the time.
            "NEXUS_RETENTION_METRICS": "0",
            "NEXUS_METRICS_MAX_FUTURE": "0",
            "NEXUS_METRICS_CHUNK": "1s",
            "NEXUS_METRICS_FLUSH": "0.1s",
            **self._settings,
        }
        began = time.monotonic()
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "nexus", "up"]
            self._process = subprocess.Popen(
                command, env=environment, cwd=self.folder.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        while not self._ready():
            if self._process.poll() is not None:
                raise SoakError(f"Nexus ended with {self._process.returncode} at its start; see {self.log}")
            if time.monotonic() - began > START_SECONDS:
                raise SoakError(f"Nexus was not ready after {START_SECONDS:g} s; see {self.log}")
            time.sleep(0.02)
        return time.monotonic() - began

    def _ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/-/ready", b"", {})[0] == 200
        return False

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Stop it in order; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str], port: int = 0) -> tuple[int, bytes]:
        """One HTTP request on a connection of its own: (status, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.ports[0], timeout=30)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a SQL statement."""
        document = json.dumps({"query": query, "limit": 100_000}).encode()
        status, answer = self.request("POST", f"{API}/sql", document, {"Content-Type": "application/json"})
        if status != 200:
            raise SoakError(f"SQL answered {status}: {answer[:500]!r}")
        rows: list[list[Any]] = json.loads(answer)["rows"]
        return rows

    def promql(self, query: str, at: float) -> list[tuple[dict[str, str], float]]:
        """The vector of an instant query."""
        return [(one["metric"], float(one["value"][1])) for one in self._ask(query, at)]

    def samples(
        self, selector: str, at: float, tenant: str = "default"
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """The samples of a range selector: labels, and pairs of seconds and value."""
        found = self._ask(selector, at, tenant)
        return [(one["metric"], [(time, float(value)) for time, value in one["values"]]) for one in found]

    def _ask(self, query: str, at: float, tenant: str = "default") -> list[Any]:
        form = urlencode({"query": query, "time": str(at)}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Scope-OrgID": tenant}
        status, answer = self.request("POST", "/api/v1/query", form, headers)
        if status != 200:
            raise SoakError(f"PromQL answered {status}: {answer[:500]!r}")
        result: list[Any] = json.loads(answer)["data"]["result"]
        return result


# ---------------------------------------------------------------------------------------------------------- receivers

Send = Callable[[Server, Batch], tuple[str, bytes]]
"""Sends a batch; returns ("ok" or what came instead, answer). Raises OSError and the like when nobody answers."""


def _send_json_lines(server: Server, batch: Batch) -> tuple[str, bytes]:
    records = (
        {"_time": at, "_msg": f"soak record {number}", "service": "soak", "batch": batch.name, "number": number}
        for number, at in enumerate(batch.times())
    )
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return send_http(server, f"{API}/ingest/logs", body, "application/x-ndjson", batch, server.ports[0])


def _send_otlp_protobuf(server: Server, batch: Batch) -> tuple[str, bytes]:
    return send_http(server, "/v1/logs", _otlp(batch), "application/x-protobuf", batch, server.ports[2])


def _send_otlp_json(server: Server, batch: Batch) -> tuple[str, bytes]:
    records = [
        {
            "timeUnixNano": str(at),
            "severityNumber": 9,
            "body": {"stringValue": f"soak record {number}"},
            "attributes": [
                {"key": "batch", "value": {"stringValue": batch.name}},
                {"key": "number", "value": {"intValue": str(number)}},
            ],
        }
        for number, at in enumerate(batch.times())
    ]
    service = [{"key": "service.name", "value": {"stringValue": "soak"}}]
    document = {"resourceLogs": [{"resource": {"attributes": service}, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}
    return send_http(server, "/v1/logs", json.dumps(document).encode(), "application/json", batch, server.ports[2])


def send_http(server: Server, path: str, body: bytes, kind: str, batch: Batch, port: int) -> tuple[str, bytes]:
    """POST a body under the name of its batch as idempotency key."""
    headers = {"Content-Type": kind, "Idempotency-Key": batch.name}
    status, answer = server.request("POST", path, body, headers, port)
    return ("ok" if 200 <= status < 300 else str(status)), answer


def _send_loki(server: Server, batch: Batch) -> tuple[str, bytes]:
    values = [
        [str(at), f"soak record {number}", {"batch": batch.name, "number": str(number)}]
        for number, at in enumerate(batch.times())
    ]
    body = json.dumps({"streams": [{"stream": {"service": "soak"}, "values": values}]}).encode()
    return send_http(server, "/loki/api/v1/push", body, "application/json", batch, server.ports[0])


def _documents(batch: Batch) -> Iterator[dict[str, Any]]:
    for number, at in enumerate(batch.times()):
        message = f"soak record {number}"
        yield {"timestamp": at, "message": message, "service": "soak", "batch": batch.name, "number": number}


def _send_elasticsearch(server: Server, batch: Batch) -> tuple[str, bytes]:
    action = b'{"create":{"_index":"soak"}}\n'
    body = b"".join(action + json.dumps(document).encode() + b"\n" for document in _documents(batch))
    outcome, answer = send_http(server, "/_bulk", body, "application/x-ndjson", batch, server.ports[0])
    if outcome == "ok" and json.loads(answer)["errors"]:
        # Items that were refused for now.
        return "429", answer
    return outcome, answer


def _send_splunk(server: Server, batch: Batch) -> tuple[str, bytes]:
    events = (
        {"time": str(document.pop("timestamp")), "event": document.pop("message"), "fields": document}
        for document in _documents(batch)
    )
    body = "".join(json.dumps(event) for event in events).encode()
    path = f"/services/collector/event?channel={uuid.uuid5(uuid.NAMESPACE_OID, batch.name)}"
    return send_http(server, path, body, "application/json", batch, server.ports[0])


def _send_datadog(server: Server, batch: Batch) -> tuple[str, bytes]:
    body = json.dumps(list(_documents(batch))).encode()
    return send_http(server, "/api/v2/logs", body, "application/json", batch, server.ports[0])


def _send_firehose(server: Server, batch: Batch) -> tuple[str, bytes]:
    records = [{"data": base64.b64encode(json.dumps(document).encode()).decode()} for document in _documents(batch)]
    body = json.dumps({"requestId": batch.name, "timestamp": 0, "records": records}).encode()
    return send_http(server, "/aws/firehose", body, "application/json", batch, server.ports[0])


def _send_journald(server: Server, batch: Batch) -> tuple[str, bytes]:
    entries = (
        f"__REALTIME_TIMESTAMP={at // 1000}\nMESSAGE=soak record {number}\nSYSLOG_IDENTIFIER=soak\nbatch={batch.name}\n"
        f"number={number}\n\n"
        for number, at in enumerate(batch.times())
    )
    body = "".join(entries).encode()
    return send_http(server, "/insert/journald/upload", body, "application/vnd.fdo.journal", batch, server.ports[0])


def _send_grpc(server: Server, batch: Batch) -> tuple[str, bytes]:
    return send_otlp_grpc(server, "logs.v1.LogsService", _otlp(batch), batch)


def send_otlp_grpc(server: Server, service: str, body: bytes, batch: Batch) -> tuple[str, bytes]:
    """Export a request to a collector service of OTLP under the name of its batch as idempotency key."""
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{server.ports[1]}") as channel:
        export = channel.unary_unary(f"/opentelemetry.proto.collector.{service}/Export")
        metadata = (("authorization", f"Bearer {TOKEN}"), ("idempotency-key", batch.name))
        try:
            return "ok", export(body, metadata=metadata, timeout=30)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise ConnectionError(error.details()) from error
            return error.code().name, str(error.details()).encode()


def _otlp(batch: Batch) -> bytes:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "soak"
    scope = resource.scope_logs.add()
    for number, at in enumerate(batch.times()):
        record = scope.log_records.add(time_unix_nano=at, severity_number=9)
        record.body.string_value = f"soak record {number}"
        record.attributes.add(key="batch").value.string_value = batch.name
        record.attributes.add(key="number").value.int_value = number
    content: bytes = request.SerializeToString()
    return content


def _send_forward(server: Server, batch: Batch) -> tuple[str, bytes]:
    import socket

    import msgpack

    records = (
        {"message": f"soak record {number}", "service": "soak", "batch": batch.name, "number": number}
        for number in range(batch.rows)
    )
    entries = b"".join(
        msgpack.packb([msgpack.ExtType(0, struct.pack(">II", *divmod(at, 10**9))), record])
        for at, record in zip(batch.times(), records, strict=True)
    )
    with socket.create_connection(("127.0.0.1", server.ports[3]), timeout=30) as sock:
        sock.sendall(msgpack.packb(["soak", entries, {"chunk": batch.name}]))
        answer = sock.recv(4096)
    if not answer:
        raise ConnectionError("no acknowledgement")
    expected = msgpack.packb({"ack": batch.name})
    return ("ok" if answer == expected else "another acknowledgement"), answer


def _send_remote_write(server: Server, batch: Batch) -> tuple[str, bytes]:
    labels = (("__name__", "soak_samples"), ("batch", batch.name))
    samples = [(at, float(number)) for number, at in enumerate(batch.times_ms())]
    status, answer = server.request("POST", "/api/v1/write", *remote_write_body([(labels, samples)]), server.ports[0])
    return ("ok" if 200 <= status < 300 else str(status)), answer


Series = tuple[Sequence[tuple[str, str]], Sequence[tuple[int, float]]]
"""Labels, and pairs of ms and value."""


def remote_write_body(series: Iterable[Series]) -> tuple[bytes, dict[str, str]]:
    """A request of remote write 1.0, and its headers."""
    import cramjam

    written = bytearray()
    for labels, samples in series:
        one = b"".join(_protobuf(1, _protobuf(1, name.encode()) + _protobuf(2, value.encode())) for name, value in labels)
        one += b"".join(_protobuf(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at)) for at, value in samples)
        written += _protobuf(1, one)
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    return bytes(cramjam.snappy.compress_raw(bytes(written))), headers


def _protobuf(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SENDERS: Final[dict[str, Send]] = {
    "json_lines": _send_json_lines,
    "otlp_http_protobuf": _send_otlp_protobuf,
    "otlp_http_json": _send_otlp_json,
    "otlp_grpc": _send_grpc,
    "loki": _send_loki,
    "elasticsearch": _send_elasticsearch,
    "splunk": _send_splunk,
    "datadog": _send_datadog,
    "firehose": _send_firehose,
    "journald": _send_journald,
    "forward": _send_forward,
    "remote_write": _send_remote_write,
}
RECEIVERS: Final = tuple(_SENDERS)


# ------------------------------------------------------------------------------------------------------------- clients


class Client(threading.Thread):
    """Sends one batch after the other; each until it is acknowledged, whatever happens to the server meanwhile."""

    def __init__(self, number: int, receiver: str, send: Send, server: Server, tally: Tally, stop: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self._number = number
        self._receiver = receiver
        self._send = send
        self._server = server
        self._tally = tally
        self._enough = stop
        self._random = random.Random(number)
        self._mine: list[Batch] = []

    def run(self) -> None:
        """Send until told to stop; what was begun is finished."""
        for serial in itertools.count():
            if self._enough.is_set():
                return
            if self._mine and self._random.random() < 0.05:
                self._deliver(self._random.choice(self._mine))
            rows = self._random.choice((1, 3, 50, 400, 2000))
            days = self._random.choice((1, 1, 1, 2, 5))
            batch = Batch(f"c{self._number}-{serial}", self._receiver, rows, min(days, rows))
            self._deliver(batch)
            self._mine.append(batch)

    def _deliver(self, batch: Batch) -> None:
        for attempt in itertools.count():
            try:
                outcome, answer = self._send(self._server, batch)
            except (OSError, http.client.HTTPException):
                outcome, answer = "no answer", b""
            with self._tally.lock:
                self._tally.statuses[outcome] += 1
                self._tally.retries += attempt > 0
                if outcome == "ok":
                    self._acknowledged(batch, answer)
                    return
                if outcome not in ("no answer", "503", "429"):
                    self._tally.faults.append(f"{batch.receiver} answered {outcome}: {answer[:200]!r}")
                    return
            time.sleep(0.02 + 0.1 * self._random.random())

    def _acknowledged(self, batch: Batch, answer: bytes) -> None:
        if batch.reply is None:
            batch.reply = answer
            self._tally.acknowledged[batch.name] = batch
            return
        self._tally.replays += 1
        if batch.reply != answer:
            self._tally.faults.append(f"{batch.receiver} replayed {answer[:200]!r} for {batch.reply[:200]!r}")


# ---------------------------------------------------------------------------------------------------------- the check


@dataclass
class Verdict:
    """Records missing and records too many, over all acknowledged batches."""

    records: int = 0
    lost: int = 0
    doubled: int = 0


def check(server: Server, batches: dict[str, Batch], clients: int) -> Verdict:
    """Compare what is stored with what was acknowledged."""
    verdict = Verdict(records=sum(batch.rows for batch in batches.values()))
    samples = {name: batch for name, batch in batches.items() if batch.receiver == "remote_write"}
    batches = {name: batch for name, batch in batches.items() if name not in samples}
    _check_samples(server, samples, verdict, clients)
    seen: set[str] = set()
    for number in range(clients):
        rows = server.sql(
            "SELECT attributes['batch'] AS batch, count() AS records, uniqExact(attributes['number']) AS numbers "
            f"FROM logs WHERE service = 'soak' AND startsWith(attributes['batch'], 'c{number}-') GROUP BY batch"
        )
        for name, records, numbers in rows:
            seen.add(name)
            expected = batches[name].rows if name in batches else 0
            verdict.lost += max(expected - int(numbers), 0)
            verdict.doubled += int(records) - min(int(numbers), expected)
    verdict.lost += sum(batch.rows for name, batch in batches.items() if name not in seen)
    return verdict


def _check_samples(server: Server, batches: dict[str, Batch], verdict: Verdict, clients: int) -> None:
    """Metrics: the number and the sum of the samples of each batch."""
    found: dict[str, list[float]] = {}
    for number in range(clients):
        window = f'soak_samples{{batch=~"c{number}-.*"}}[8d]'
        for function in ("count_over_time", "sum_over_time"):
            query = f"sum by (batch) ({function}({window}))"
            for labels, value in server.promql(query, BASE_MS // 1000 + 60):
                found.setdefault(labels["batch"], []).append(value)
    for name, batch in batches.items():
        count, total = found.get(name, [0.0, 0.0])
        verdict.lost += max(batch.rows - int(count), 0)
        verdict.doubled += max(int(count) - batch.rows, 0)
        if count == batch.rows and total != batch.rows * (batch.rows - 1) / 2:
            raise SoakError(f"the samples of {name} have other values: their sum is {total}")


def kill_often(server: Server, senders: dict[str, Send], clients: int, rounds: int, seed: int) -> tuple[Tally, list[float]]:
    """Start clients, the receivers in turns, kill the server `rounds` times under them and let them finish: what they saw,
    and the seconds of each start. The server runs before (since a start of ours) and after."""
    choose, tally, stop = random.Random(seed), Tally(), threading.Event()
    starts = [server.start()]
    chosen = itertools.islice(itertools.cycle(senders.items()), clients)
    threads = [Client(number, receiver, send, server, tally, stop) for number, (receiver, send) in enumerate(chosen)]
    for thread in threads:
        thread.start()
    for number in range(1, rounds + 1):
        time.sleep(choose.uniform(0.05, 1.5))
        server.kill()
        starts.append(server.start())
        if number % 10 == 0 or number == rounds:
            with tally.lock:
                done = sum(batch.rows for batch in tally.acknowledged.values())
                print(f"  round {number}: {done:,} records acknowledged, {tally.retries} retries", file=sys.stderr)
    stop.set()
    for thread in threads:
        thread.join(120)
        if thread.is_alive():
            raise SoakError(f"{thread.name} is still waiting for an answer; see {server.log}")
    return tally, sorted(starts)


def report(tally: Tally, starts: list[float], verdict: Verdict, code: int) -> int:
    """Say what came of it; the exit code. `code` is that of the last stop."""
    print(f"acknowledged  {verdict.records:,} records in {len(tally.acknowledged):,} batches")
    print(f"retried       {tally.retries:,} requests; {tally.replays:,} acknowledged batches repeated on purpose")
    print(f"answers       {dict(tally.statuses)}")
    print(f"start         {starts[len(starts) // 2]:.2f} s median, {starts[-1]:.2f} s longest")
    print(f"lost          {verdict.lost}")
    print(f"duplicated    {verdict.doubled}")
    for fault in tally.faults[:10]:
        print(f"fault         {fault}")
    if code != 0:
        print(f"fault         the last stop ended with code {code}")
    return 1 if verdict.lost or verdict.doubled or tally.faults or code else 0


def soak(rounds: int, clients: int, folder: Path, receivers: Sequence[str], *, fsync: bool, seed: int) -> int:
    """Run it all; the exit code."""
    server = Server(folder / "data", fsync=fsync)
    began = time.monotonic()
    tally, starts = kill_often(server, {name: _SENDERS[name] for name in receivers}, clients, rounds, seed)
    verdict = check(server, tally.acknowledged, clients)
    code = server.stop()
    print(f"rounds        {rounds} in {time.monotonic() - began:.0f} s ({'fsync' if fsync else 'commit'})")
    return report(tally, starts, verdict, code)


def _free_ports(count: int) -> list[int]:
    import socket

    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def run(parser: argparse.ArgumentParser, rounds: int, soak: Callable[[argparse.Namespace, Path], int]) -> int:
    """Parse the arguments, those of every loop among them, and run in a temporary folder, which is kept when it fails."""
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--fsync", action="store_true", help="with durability: fsync")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the data directory")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nexus-soak-"))
    code = 1
    try:
        code = soak(arguments, folder)
    except SoakError as error:
        print(f"error         {error}")
    finally:
        if code == 0 and not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"data and log are kept in {folder}")
    return code


def main() -> int:
    """Parse arguments, run in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=len(RECEIVERS))
    parser.add_argument("--receivers", nargs="+", choices=RECEIVERS, default=RECEIVERS, help="only these")
    return run(
        parser,
        100,
        lambda given, folder: soak(given.rounds, given.clients, folder, given.receivers, fsync=given.fsync, seed=given.seed),
    )


if __name__ == "__main__":
    sys.exit(main())
