"""The forward protocol with a real client (fluent-logger), in every mode, with handshake, and with broken clients."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import ssl
import struct
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from fluent import event, sender
from fluent.asyncsender import FluentSender as AsyncSender
from tests.e2e.conftest import Launch
from tests.e2e.listeners import Certificates, arrived, listeners, make_authority, metric, port_of
from tests.e2e.nexus_process import NexusProcess, wait_for

pytestmark = pytest.mark.e2e

KEY = "a shared key"
NOW = int(time.time())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = make_authority(tmp_path_factory.mktemp("certificates"))
    made.issue("server")
    return made


@pytest.fixture(scope="module")
def nexus(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[NexusProcess]:
    certificate, key = map(str, certificates.path("server"))
    settings = listeners(
        forward=[
            {"tenant": "plain", "max_message_bytes": "1MiB"},
            {"tenant": "keyed", "shared_key": KEY},
            {"tenant": "users", "shared_key": KEY, "users": [{"username": "bit", "password": "pw"}]},
            {"tenant": "tls", "protocol": "tls", "certificate": certificate, "key": key, "shared_key": KEY},
        ]
    )
    process = NexusProcess(tmp_path_factory.mktemp("forward") / "data", **settings).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def unique() -> str:
    return f"m{uuid.uuid4().hex[:10]}"


class Client:
    """A small forward client of our own: what fluent-logger does not do, chunks and handshakes."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self._unpacker = msgpack.Unpacker(raw=False)

    def send(self, message: Any, pieces: int = 0) -> None:
        payload = msgpack.packb(message)
        for at in range(0, len(payload), pieces or len(payload)):
            self.sock.sendall(payload[at : at + (pieces or len(payload))])

    def receive(self) -> Any:
        """The next message; None when the connection has ended."""
        while True:
            for message in self._unpacker:
                return message
            data = self.sock.recv(65536)
            if not data:
                return None
            self._unpacker.feed(data)

    def handshake(self, key: str = KEY, username: str = "", password: str = "") -> Any:
        """The PONG."""
        kind, options = self.receive()
        assert kind == "HELO" and options["keepalive"] is True
        salt = b"0123456789abcdef"
        nonce = options["nonce"]

        def digest(*parts: bytes) -> str:
            return hashlib.sha512(b"".join(parts)).hexdigest()

        proof = digest(salt, b"test-client", nonce, key.encode())
        auth = options["auth"]
        user_proof = digest(auth, username.encode(), password.encode()) if auth else ""
        self.send(["PING", "test-client", salt, proof, username, user_proof])
        pong = self.receive()
        if pong[1]:
            assert pong[4] == digest(salt, pong[3].encode(), nonce, key.encode())
        return pong

    def close(self) -> None:
        self.sock.close()


def event_time(nanoseconds: int) -> msgpack.ExtType:
    return msgpack.ExtType(0, struct.pack(">II", *divmod(nanoseconds, 10**9)))


def entries(word: str, count: int) -> list[list[Any]]:
    return [
        [event_time((NOW * 10**9) + number), {"log": f"{word} {number}\n", "level": "warn", "n": number}]
        for number in range(count)
    ]


def packed(items: list[list[Any]]) -> bytes:
    return b"".join(msgpack.packb(item) for item in items)


# ------------------------------------------------------------------------------------------------------- fluent-logger


def test_fluent_logger(nexus: NexusProcess) -> None:
    word = unique()
    client = sender.FluentSender("shop", host="127.0.0.1", port=port_of(nexus, "plain"), nanosecond_precision=True)
    for number in range(200):
        record = {"message": f"{word} order {number}", "level": "error", "order": {"id": number, "paid": False}}
        assert client.emit_with_time("orders", time.time(), record), client.last_error
    client.close()
    records = arrived(nexus, "plain", 200, word)
    first = next(record for record in records if record["attributes"]["order.id"] == 0)
    assert first["body"] == f"{word} order 0"
    assert first["severity"] == "error"
    assert first["attributes"]["fluent.tag"] == "shop.orders"
    assert first["attributes"]["order.paid"] is False


def test_fluent_logger_in_the_background(nexus: NexusProcess) -> None:
    word = unique()
    client = AsyncSender("shop", host="127.0.0.1", port=port_of(nexus, "plain"))
    for number in range(100):
        client.emit("x", {"msg": f"{word} {number}", "@timestamp": "2026-11-01T00:00:00.5Z"})
    client.close()
    records = arrived(nexus, "plain", 100, word)
    assert {int(record["timestamp"]) for record in records} == {1_793_491_200_500_000_000}


def test_fluent_event(nexus: NexusProcess) -> None:
    word = unique()
    sender.setup("site", host="127.0.0.1", port=port_of(nexus, "plain"))
    event.Event("follow", {"from": word, "to": "b"})
    sender.close()
    (record,) = arrived(nexus, "plain", 1, f"from:{word}")
    assert record["attributes"]["fluent.tag"] == "site.follow"


# ---------------------------------------------------------------------------------------------------- @fluent-org/logger


SECURITY = {"clientHostname": "test-client", "sharedKey": KEY}
USER = {**SECURITY, "username": "bit", "password": "pw"}


@pytest.mark.parametrize(
    ("tenant", "mode", "security"),
    [
        ("plain", "Message", None),
        ("plain", "Forward", None),
        ("keyed", "PackedForward", SECURITY),
        ("users", "CompressedPackedForward", USER),
        ("tls", "PackedForward", SECURITY),
    ],
)
def test_fluent_org_logger(
    nexus: NexusProcess, certificates: Certificates, tenant: str, mode: str, security: dict[str, str] | None
) -> None:
    word = unique()
    options = {"security": security, "authority": str(certificates.authority) if tenant == "tls" else None}
    done = subprocess.run(
        ["node", "forward.mjs", str(port_of(nexus, tenant)), mode, word, json.dumps(options)],
        cwd=Path(__file__).parent / "javascript",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert nexus.count(word, tenant=tenant) == 50, "what is acknowledged is visible"
    assert nexus.count(f"{word} level:error order.express:true order.id:>=10", tenant=tenant) == 4


# --------------------------------------------------------------------------------------------------------------- modes


def gzipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(data)
    return buffer.getvalue()


@pytest.mark.parametrize("pieces", [0, 7])
@pytest.mark.parametrize("mode", ["message", "forward", "packed", "compressed"])
def test_modes(nexus: NexusProcess, mode: str, pieces: int) -> None:
    word, chunk = unique(), uuid.uuid4().hex
    items = entries(word, 20)
    client = Client(port_of(nexus, "plain"))
    if mode == "message":
        for moment, record in items[:-1]:
            client.send(["app", moment, record], pieces)
        client.send(["app", *items[-1], {"chunk": chunk}], pieces)
    elif mode == "forward":
        client.send(["app", items, {"chunk": chunk}], pieces)
    elif mode == "packed":
        client.send(["app", packed(items), {"chunk": chunk, "size": 20}], pieces)
    else:
        client.send(["app", gzipped(packed(items)), {"chunk": chunk, "compressed": "gzip"}], pieces)
    assert client.receive() == {"ack": chunk}
    client.close()
    if mode != "message":
        assert nexus.count(word, tenant="plain") == 20, "acknowledged is visible"
    records = arrived(nexus, "plain", 20, word)
    assert [record["attributes"]["n"] for record in records] == list(range(20))
    assert records[0]["body"] == f"{word} 0"


def test_a_chunk_that_comes_again_is_stored_once(nexus: NexusProcess) -> None:
    word, chunk = unique(), uuid.uuid4().hex
    message = ["app", packed(entries(word, 10)), {"chunk": chunk}]
    for _ in range(3):
        client = Client(port_of(nexus, "plain"))
        client.send(message)
        assert client.receive() == {"ack": chunk}
        client.close()
    assert nexus.count(word, tenant="plain") == 10
    # The same name for something else is something else.
    client = Client(port_of(nexus, "plain"))
    for _ in range(2):
        client.send(["app", packed(entries(word, 5)), {"chunk": chunk}])
        assert client.receive() == {"ack": chunk}
    client.close()
    assert nexus.count(word, tenant="plain") == 15


def test_kubernetes_becomes_the_resource(nexus: NexusProcess) -> None:
    word = unique()
    client = Client(port_of(nexus, "plain"))
    kubernetes = {
        "pod_name": "cart-1", "namespace_name": "shop", "container_name": "cart", "host": "node-7",
        "labels": {"app.kubernetes.io/name": "cart-service"},
    }  # fmt: skip
    record = {"log": f"{word} x\n", "stream": "stderr", "kubernetes": kubernetes}
    client.send(["kube.x", [[event_time(NOW * 10**9), record]], {"chunk": word}])
    assert client.receive() == {"ack": word}
    client.close()
    (found,) = arrived(nexus, "plain", 1, word)
    assert found["service"] == "cart-service"
    assert found["resource"]["k8s.pod.name"] == "cart-1"
    assert found["resource"]["k8s.namespace.name"] == "shop"
    assert found["resource"]["k8s.node.name"] == "node-7"
    assert found["attributes"]["stream"] == "stderr"
    assert "kubernetes.pod_name" not in found["attributes"]


# ----------------------------------------------------------------------------------------------------------- handshake


@pytest.mark.parametrize("tenant", ["keyed", "users", "tls"])
def test_handshake(nexus: NexusProcess, certificates: Certificates, tenant: str) -> None:
    word = unique()
    context = ssl.create_default_context(cafile=str(certificates.authority)) if tenant == "tls" else None
    client = Client(port_of(nexus, tenant), context)
    pong = client.handshake(username="bit", password="pw")
    assert pong[:4] == ["PONG", True, "", "nexus"]
    client.send(["app", entries(word, 3), {"chunk": word}])
    assert client.receive() == {"ack": word}
    client.close()
    assert nexus.count(word, tenant=tenant) == 3


@pytest.mark.parametrize(
    ("tenant", "options", "reason"),
    [
        ("keyed", {"key": "wrong"}, "shared_key mismatch"),
        ("users", {"username": "bit", "password": "wrong"}, "username/password mismatch"),
        ("users", {"username": "nobody", "password": "pw"}, "username/password mismatch"),
    ],
)
def test_handshakes_that_fail(nexus: NexusProcess, tenant: str, options: dict[str, str], reason: str) -> None:
    client = Client(port_of(nexus, tenant))
    pong = client.handshake(**options)
    assert pong == ["PONG", False, reason, "nexus", ""]
    assert client.receive() is None
    client.close()


def test_records_before_a_handshake_are_refused(nexus: NexusProcess) -> None:
    word = unique()
    client = Client(port_of(nexus, "keyed"))
    client.send(["app", NOW, {"log": word}])
    assert client.receive()[0] == "HELO"
    assert client.receive()[:2] == ["PONG", False]
    assert client.receive() is None
    client.close()
    assert nexus.count(word, tenant="keyed") == 0


# -------------------------------------------------------------------------------------------------------------- faults


def test_a_bad_record_costs_that_record(nexus: NexusProcess) -> None:
    word = unique()
    line = 'nexus_ingest_rejected_records_total{tenant="plain",receiver="forward_tcp",reason="invalid_record"}'
    before = metric(nexus, line)
    good = entries(word, 2)
    client = Client(port_of(nexus, "plain"))
    client.send(["app", packed([good[0], [5, "no map"], good[1]]), {"chunk": word}])
    assert client.receive() == {"ack": word}
    bomb = gzipped(packed([[NOW, {"log": "x" * (80 << 20)}]]))
    client.send(["app", bomb, {"chunk": word + "-bomb", "compressed": "gzip"}])
    assert client.receive() == {"ack": word + "-bomb"}
    client.send(["app", b"not gzip", {"chunk": word + "-rubbish", "compressed": "gzip"}])
    assert client.receive() == {"ack": word + "-rubbish"}
    client.close()
    assert nexus.count(word, tenant="plain") == 2
    assert metric(nexus, line) == before + 3


@pytest.mark.parametrize("payload", [b"GET / HTTP/1.1\r\n\r\n", b"\x91" * 200, b"\xdd\xff\xff\xff\xff", b"\x93\xa1t\xc1"])
def test_other_protocols_are_refused(nexus: NexusProcess, payload: bytes) -> None:
    line = 'nexus_ingest_refused_requests_total{receiver="forward_tcp",reason="protocol_error"}'
    before = metric(nexus, line)
    client = Client(port_of(nexus, "plain"))
    client.sock.sendall(payload)
    assert client.receive() is None
    client.close()
    wait_for("it to be counted", lambda: metric(nexus, line) == before + 1)


def test_half_a_message_is_none(nexus: NexusProcess) -> None:
    word = unique()
    client = Client(port_of(nexus, "plain"))
    client.sock.sendall(msgpack.packb(["app", NOW, {"log": f"{word} whole"}]))
    client.sock.sendall(msgpack.packb(["app", NOW, {"log": f"{word} half"}])[:-3])
    client.close()
    (record,) = arrived(nexus, "plain", 1, word)
    assert record["body"] == f"{word} whole"


def test_a_killed_nexus_loses_no_acknowledged_chunk(launch: Launch, tmp_path: Path) -> None:
    settings = listeners(forward=[{"tenant": "t"}])
    nexus = launch(**settings)
    client = Client(port_of(nexus, "t"))
    acknowledged = set()
    for number in range(40):
        client.send(["app", packed(entries(f"c{number}", 25)), {"chunk": f"c{number}"}])
    for _ in range(10):
        acknowledged.add(client.receive()["ack"])
    nexus.kill()
    client.close()
    nexus.start()
    again = Client(port_of(nexus, "t"))
    for number in range(40):
        again.send(["app", packed(entries(f"c{number}", 25)), {"chunk": f"c{number}"}])
        again.receive()
    again.close()
    assert len(acknowledged) == 10
    assert nexus.count(tenant="t") == 40 * 25
