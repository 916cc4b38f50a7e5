"""Syslog with real senders (rsyslog, logger, Python's SysLogHandler), and with what broken ones send."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import shutil
import signal
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.listeners import Certificates, arrived, listeners, make_authority, metric, port_of
from tests.e2e.nexus_process import API, NexusProcess, command, wait_for

pytestmark = pytest.mark.e2e

needs_rsyslog = pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="needs rsyslog")
needs_logger = pytest.mark.skipif(shutil.which("logger") is None, reason="needs logger of util-linux")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = make_authority(tmp_path_factory.mktemp("certificates"))
    made.issue("server")
    made.issue("client")
    return made


@pytest.fixture(scope="module")
def nexus(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[NexusProcess]:
    certificate, key = map(str, certificates.path("server"))
    tls = {"protocol": "tls", "certificate": certificate, "key": key}
    settings = listeners(
        [
            {"protocol": "udp", "tenant": "udp"},
            {"protocol": "tcp", "tenant": "tcp", "max_message_bytes": "64KiB", "max_connections": 20},
            {**tls, "tenant": "tls"},
            {**tls, "tenant": "mutual", "client_ca": str(certificates.authority)},
            {"protocol": "udp", "tenant": "far-udp", "networks": ["192.0.2.0/24"]},
            {"protocol": "tcp", "tenant": "far-tcp", "networks": ["192.0.2.0/24"]},
            {"protocol": "tcp", "tenant": "berlin", "timezone": "Europe/Berlin", "idle_timeout": "1s"},
        ]
    )
    process = NexusProcess(tmp_path_factory.mktemp("syslog") / "data", **settings).start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def unique() -> str:
    return f"m{uuid.uuid4().hex[:10]}"


# --------------------------------------------------------------------------------------------------------------- logger


@needs_logger
@pytest.mark.parametrize("form", ["--rfc3164", "--rfc5424"])
@pytest.mark.parametrize("transport", [["--udp"], ["--tcp"], ["--tcp", "--octet-count"]])
def test_logger(nexus: NexusProcess, form: str, transport: list[str]) -> None:
    word = unique()
    tenant = "udp" if "--udp" in transport else "tcp"
    text = f"{word} disk is full"
    subprocess.run(
        ["logger", "--server", "127.0.0.1", "--port", str(port_of(nexus, tenant)), *transport, form, "--id=4711",
         "--tag", "backup", "--priority", "local3.err", text],
        check=True,
    )  # fmt: skip
    (record,) = arrived(nexus, tenant, 1, word)
    assert record["body"] == text
    assert record["service"] == "backup"
    assert record["severity"] == "error"
    assert record["attributes"]["syslog.facility"] == "local3"
    assert record["attributes"]["process.pid"] == 4711
    assert record["attributes"]["network.peer.address"] == "127.0.0.1"
    assert record["resource"]["host.name"]
    if form == "--rfc5424":
        assert record["attributes"]["timeQuality.tzKnown"] == "1"


# --------------------------------------------------------------------------------------------------------------- Python


def python_logger(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger(unique())
    logger.addHandler(handler)
    return logger


@pytest.mark.parametrize("tenant", ["udp", "tcp"])
def test_python(nexus: NexusProcess, tenant: str) -> None:
    word = unique()
    kind = socket.SOCK_DGRAM if tenant == "udp" else socket.SOCK_STREAM
    handler = logging.handlers.SysLogHandler(("127.0.0.1", port_of(nexus, tenant)), socktype=kind)
    handler.ident = "shop: "
    logger = python_logger(handler)
    logger.error("%s order\n  of two lines", word)
    logger.info("%s grüße", word)
    handler.close()
    records = arrived(nexus, tenant, 2, word)
    found = {record["body"]: (record["service"], record["severity"]) for record in records}
    assert found == {f"{word} order\n  of two lines": ("shop", "error"), f"{word} grüße": ("shop", "info")}


# -------------------------------------------------------------------------------------------------------------- rsyslog

RSYSLOG = """
global(workDirectory="{folder}" defaultNetstreamDriverCAFile="{authority}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log.sock")
input(type="imfile" File="{folder}/app.log" Tag="app:" Severity="warning" Facility="local5")
"""
UDP = '*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="udp")'
TCP = """*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
  template="RSYSLOG_SyslogProtocol23Format"
  queue.type="LinkedList" queue.filename="nexus" queue.saveOnShutdown="on" action.resumeRetryCount="-1")"""
TLS = """*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"
  TCP_Framing="octet-counted" StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"
  queue.type="LinkedList" queue.filename="nexus" queue.saveOnShutdown="on" action.resumeRetryCount="-1")"""


@needs_rsyslog
@pytest.mark.parametrize(("action", "tenant"), [(UDP, "udp"), (TCP, "tcp"), (TLS, "tls"), (TLS, "mutual")])
def test_rsyslog(nexus: NexusProcess, certificates: Certificates, tmp_path: Path, action: str, tenant: str) -> None:
    word = unique()
    certificate, key = certificates.path("client")
    config = tmp_path / "rsyslog.conf"
    head = RSYSLOG.format(folder=tmp_path, authority=certificates.authority, certificate=certificate, key=key)
    config.write_text(head + action.format(port=port_of(nexus, tenant)) + "\n")
    (tmp_path / "app.log").write_text(f"{word} from a file\n")
    daemon = subprocess.Popen(
        ["rsyslogd", "-n", "-f", config, "-i", tmp_path / "rsyslog.pid"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        sock = tmp_path / "log.sock"
        wait_for("rsyslog's socket", sock.exists)
        handler = logging.handlers.SysLogHandler(str(sock))
        handler.ident = "cart[77]: "
        python_logger(handler).critical("%s from a socket", word)
        handler.close()
        records = arrived(nexus, tenant, 2, word)
    finally:
        daemon.send_signal(signal.SIGTERM)
        output, _ = daemon.communicate(timeout=60)
    found = {record["body"]: record for record in records}
    file, sock_record = found[f"{word} from a file"], found[f"{word} from a socket"]
    assert (file["service"], file["severity"], file["attributes"]["syslog.facility"]) == ("app", "warn", "local5"), output
    assert (sock_record["service"], sock_record["severity"]) == ("cart", "error")
    assert sock_record["attributes"]["process.pid"] == 77
    assert file["resource"]["host.name"] == sock_record["resource"]["host.name"] != ""


@needs_rsyslog
@needs_logger
def test_rsyslog_waits_while_nexus_is_away(launch: Launch, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{tmp_path}")\nmodule(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{tmp_path}/log.sock" RateLimit.Interval="0")\n'
        + TCP.format(port=port).replace(
            'action.resumeRetryCount="-1"', 'action.resumeRetryCount="-1" action.resumeInterval="1"'
        )
        + "\n"
    )
    daemon = subprocess.Popen(["rsyslogd", "-n", "-f", config, "-i", tmp_path / "rsyslog.pid"])
    try:
        wait_for("rsyslog's socket", (tmp_path / "log.sock").exists)
        handler = logging.handlers.SysLogHandler(str(tmp_path / "log.sock"))
        logger = python_logger(handler)
        for number in range(500):
            logger.warning("app[1]: waiting %d", number)
        handler.close()
        settings = listeners([{"protocol": "tcp", "tenant": "late", "port": port}])
        nexus = launch(**settings)
        # After a connection that failed rsyslog may send a message twice.
        wait_for("all of them", lambda: nexus.count(tenant="late") >= 500)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    records = nexus.post(f"{API}/logs/search", {"limit": 1000}, tenant="late").json["records"]
    assert {record["body"] for record in records} == {f"waiting {number}" for number in range(500)}


# ---------------------------------------------------------------------------------------------------------------- limits


def send(port: int, payload: bytes, pieces: int = 0) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        for at in range(0, len(payload), pieces or len(payload)):
            sock.sendall(payload[at : at + (pieces or len(payload))])


def test_what_broken_senders_send(nexus: NexusProcess) -> None:
    word, port = unique(), port_of(nexus, "tcp")
    send(port, f"<13>{word} one\n<999>{word} two\n{word} three\n".encode(), pieces=3)
    send(port, f"<13>1 2026-99-99T00:00:00Z h a - - - {word} half a mess".encode())
    send(port, b"<13>\xff\xfe " + word.encode() + b" \x80\n")
    send(port, b"60 <13>" + word.encode() + b" counts more than it sends")
    records = arrived(nexus, "tcp", 6, word)
    bodies = sorted(record["body"] for record in records)
    assert bodies == sorted(
        [
            f"{word} one",
            f"<999>{word} two",
            f"{word} three",
            f"{word} half a mess",
            f"ÿþ {word} €",
            f"{word} counts more than it sends",
        ]
    )


def test_a_line_of_20_mb_is_cut(nexus: NexusProcess) -> None:
    word, port = unique(), port_of(nexus, "tcp")
    before = metric(nexus, 'nexus_ingest_truncated_records_total{tenant="tcp",receiver="syslog_tcp"}')
    send(port, f"<13>{word} ".encode() + b"x" * (20 << 20) + f"\n<13>{word} next\n".encode())
    records = arrived(nexus, "tcp", 2, word)
    long = next(record for record in records if "next" not in record["body"])
    assert len(long["body"]) == (64 << 10) - len("<13>")
    kept = 64 << 10
    assert long["attributes"]["nexus.truncated_bytes"] == (20 << 20) + len(f"<13>{word} ") - kept
    after = metric(nexus, 'nexus_ingest_truncated_records_total{tenant="tcp",receiver="syslog_tcp"}')
    assert after == before + 1


def test_peers_of_other_networks_are_refused(nexus: NexusProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"<13>x", ("127.0.0.1", port_of(nexus, "far-udp")))
    with (
        pytest.raises(ConnectionError),
        socket.create_connection(("127.0.0.1", port_of(nexus, "far-tcp")), timeout=60) as far,
    ):
        far.sendall(b"<13>x\n")
        assert far.recv(1) == b"never"
    line = 'nexus_ingest_refused_requests_total{receiver="%s",reason="network_not_allowed"}'
    wait_for("both to be counted", lambda: metric(nexus, line % "syslog_udp") == 1 == metric(nexus, line % "syslog_tcp"))
    assert nexus.count(tenant="far-udp") == nexus.count(tenant="far-tcp") == 0


def test_a_flood_of_connections_is_refused(nexus: NexusProcess) -> None:
    port, word = port_of(nexus, "tcp"), unique()
    open_ones = []
    for _ in range(40):
        with contextlib.suppress(ConnectionError):
            open_ones.append(socket.create_connection(("127.0.0.1", port), timeout=60))
    line = 'nexus_ingest_refused_requests_total{receiver="syslog_tcp",reason="too_many_connections"}'
    wait_for("the flood to be counted", lambda: metric(nexus, line) >= 20)
    for sock in open_ones:
        sock.close()
    wait_for("room", lambda: metric(nexus, "nexus_listener_connections") == 0)
    send(port, f"<13>{word}\n".encode())
    arrived(nexus, "tcp", 1, word)


def test_silent_connections_are_closed_and_local_times_understood(nexus: NexusProcess) -> None:
    word = unique()
    with socket.create_connection(("127.0.0.1", port_of(nexus, "berlin")), timeout=60) as sock:
        sock.sendall(f"<13>{datetime.now(UTC).year}-01-10T12:00:00 host app[1]: {word} half".encode())
        assert sock.recv(1) == b""
    (record,) = arrived(nexus, "berlin", 1, word)
    noon = datetime(datetime.now(UTC).year, 1, 10, 11, tzinfo=UTC)
    assert int(record["timestamp"]) == int(noon.timestamp()) * 10**9


def test_tls_is_what_it_says(nexus: NexusProcess, certificates: Certificates) -> None:
    word = unique()
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    with socket.create_connection(("127.0.0.1", port_of(nexus, "tls")), timeout=60) as plain:
        with trusting.wrap_socket(plain, server_hostname="localhost") as sock:
            assert sock.version() == "TLSv1.3"
            sock.sendall(f"<13>{word}\n".encode())
    arrived(nexus, "tls", 1, word)
    line = 'nexus_ingest_refused_requests_total{receiver="syslog_tls",reason="tls_handshake"}'
    before = metric(nexus, line)
    send(port_of(nexus, "tls"), b"<13>not TLS at all\n")
    with socket.create_connection(("127.0.0.1", port_of(nexus, "mutual")), timeout=60) as plain:
        # With TLS 1.3 the client learns late, or not at all, that it lacks a certificate.
        with contextlib.suppress(OSError), trusting.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"<13>no certificate of mine\n")
            assert sock.recv(1) == b""
    wait_for("both to be counted", lambda: metric(nexus, line) >= before + 2)
    assert nexus.count("certificate", tenant="mutual") == 0


def test_certificates_are_read_again(launch: Launch, certificates: Certificates, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"

    def install(name: str, days: int = 30) -> None:
        for target, source in zip((certificate, key), certificates.issue(name, days), strict=True):
            shutil.copy(source, target)

    install("first")
    tls = {"protocol": "tls", "tenant": "t", "certificate": str(certificate), "key": str(key)}
    settings = listeners([tls])
    nexus = launch(**settings)
    trusting = ssl.create_default_context(cafile=str(certificates.authority))

    def name() -> str:
        with socket.create_connection(("127.0.0.1", port_of(nexus, "t")), timeout=60) as plain:
            with trusting.wrap_socket(plain, server_hostname="localhost") as sock:
                subject = sock.getpeercert()["subject"]  # type: ignore[index]
                return str(dict(pair[0] for pair in subject)["commonName"])

    old = trusting.wrap_socket(
        socket.create_connection(("127.0.0.1", port_of(nexus, "t")), timeout=60), server_hostname="localhost"
    )
    assert name() == "first"
    install("second")
    nexus.signal(signal.SIGHUP)
    wait_for("the new certificate", lambda: name() == "second")
    certificate.write_text("rubbish")
    nexus.signal(signal.SIGHUP)
    wait_for("the complaint", lambda: "keeps its certificate" in nexus.output())
    assert name() == "second"
    old.sendall(b"<13>the old connection goes on\n")
    arrived(nexus, "t", 1, "old")
    old.close()

    doctor = command(nexus.folder, "doctor", **settings)
    assert b"FAIL  listeners" in doctor.stdout, doctor.stdout
    install("third", days=3)
    doctor = command(nexus.folder, "doctor", **settings)
    assert b"WARN  listeners" in doctor.stdout and b"is valid until" in doctor.stdout, doctor.stdout


def test_what_was_read_is_stored_at_a_stop(launch: Launch) -> None:
    nexus = launch(**listeners([{"protocol": "tcp", "tenant": "t"}, {"protocol": "udp", "tenant": "u"}]))
    assert "Syslog, TCP" in nexus.output()
    sock = socket.create_connection(("127.0.0.1", port_of(nexus, "t")), timeout=60)
    sock.sendall(b"".join(b"<13>line %d\n" % number for number in range(1000)) + b"<13>half")
    wait_for("the connection", lambda: metric(nexus, "nexus_listener_connections") == 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", port_of(nexus, "u")))
        udp.send(b"<13>datagram")
    wait_for("all of it to be read", lambda: nexus.count(tenant="t") == 1000)
    assert nexus.stop() == 0
    sock.close()
    again = launch()
    assert again.count(tenant="t") == 1001
    assert again.count(tenant="u") == 1


def test_a_listener_needs_tenant_and_networks(tmp_path: Path) -> None:
    wrong = command(tmp_path / "data", "config", "check", NEXUS_RECEIVERS_SYSLOG='[{"protocol": "udp", "tenant": "t"}]')
    assert wrong.returncode == 2
    assert b"missing required field `networks`" in wrong.stderr, wrong.stderr
