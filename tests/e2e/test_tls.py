"""TLS on every port, with real certificates and real clients: curl, openssl, the OpenTelemetry SDK, the command line."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.certificates import Authority
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, NexusProcess, command, lines, wait_for

from nexus.pipeline.receivers.otlp_grpc import LOGS_METHOD

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates of clients."""
    return Authority.make(tmp_path_factory.mktemp("agents"), "agents")


@pytest.fixture(scope="module")
def secure(authority: Authority, agents: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """TLS everywhere; who sends records has a certificate, who looks at them needs none."""
    certificate, key = authority.issue("server")
    process = NexusProcess(
        tmp_path_factory.mktemp("tls") / "data",
        NEXUS_HTTP_TLS_CERTIFICATE=str(certificate),
        NEXUS_HTTP_TLS_KEY=str(key),
        NEXUS_HTTP_TLS_CLIENT_CA=str(agents.certificate),
        NEXUS_HTTP_TLS_CLIENT_CERTIFICATES="receivers",
    )
    process.tls = authority.client(agents.issue("agent"))
    process.start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.output(), process.output()


def channel(nexus: NexusProcess, authority: Authority, pair: tuple[Path, Path] | None) -> grpc.Channel:
    certificate, key = (pair[0].read_bytes(), pair[1].read_bytes()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)
    return grpc.secure_channel(f"localhost:{nexus.grpc_port}", credentials)


def export(nexus: NexusProcess, authority: Authority, pair: tuple[Path, Path] | None) -> None:
    with channel(nexus, authority, pair) as opened:
        opened.unary_unary(LOGS_METHOD)(b"", metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=60)


def served_by(port: int, context: ssl.SSLContext) -> int:
    """Serial number of the certificate that a port shows."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        found = sock.getpeercert()
        assert found
        return int(str(found["serialNumber"]), 16)


def test_what_is_announced_and_what_answers_say(secure: NexusProcess) -> None:
    assert secure.facts["url"] == f"https://127.0.0.1:{secure.port}"
    assert f"https://127.0.0.1:{secure.port}" in secure.output()
    answer = secure.get(f"{API}/info")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    login = secure.post(f"{API}/auth/login", {"username": "admin", "password": PASSWORD}, token="")
    assert login.status == 200, login.body
    cookie = login.headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(secure: NexusProcess, authority: Authority, agents: Authority) -> None:
    certificate, key = agents.path("agent")

    def curl(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", str(authority.certificate), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    healthy = curl(f"https://localhost:{secure.port}/-/healthy")
    assert json.loads(healthy.stdout) == {"status": "healthy"}, healthy.stderr
    send = ["--header", f"Authorization: Bearer {TOKEN}", "--data-binary", '{"_msg":"x"}', "--write-out", " %{http_code}"]
    url = f"https://localhost:{secure.port}{API}/ingest/logs"
    without = curl(*send, url)
    assert without.stdout.endswith(" 401"), without.stdout
    assert "certificate" in without.stdout
    own = curl("--cert", str(certificate), "--key", str(key), *send, url)
    assert own.stdout.endswith(" 200"), own.stdout
    # The OTLP port lets nobody in without one.
    assert curl(f"https://localhost:{secure.otlp_port}/-/healthy").returncode != 0
    own = curl("--cert", str(certificate), "--key", str(key), f"https://localhost:{secure.otlp_port}/-/healthy")
    assert own.returncode == 0, own.stderr
    plain = curl("--include", f"http://localhost:{secure.port}/-/healthy")
    assert plain.stdout.startswith("HTTP/1.1 400 ")
    assert "use https://" in plain.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize(
    ("words", "good"),
    [
        (["-tls1_3"], True),
        (["-tls1_2"], True),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], False),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
    ],
)
def test_openssl(secure: NexusProcess, authority: Authority, words: list[str], good: bool) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-CAfile", str(authority.certificate)]
    found = subprocess.run([*command, *words], input=b"", capture_output=True, timeout=60, check=False)
    assert (b"Verify return code: 0 (ok)" in found.stdout and b"Cipher is (NONE)" not in found.stdout) is good, found.stdout


def test_the_opentelemetry_sdk_over_grpc_and_http(
    secure: NexusProcess, authority: Authority, agents: Authority, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as OverGrpc
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as OverHttp
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        # They would go before what the exporter is told.
        monkeypatch.delenv(name, raising=False)
    certificate, key = agents.path("agent")
    headers = {"authorization": f"Bearer {TOKEN}", "x-scope-orgid": tenant}
    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(), key.read_bytes(), certificate.read_bytes()
    )
    exporters = (
        OverGrpc(endpoint=f"https://localhost:{secure.grpc_port}", credentials=credentials, headers=headers),
        OverHttp(
            endpoint=f"https://localhost:{secure.otlp_port}/v1/logs",
            certificate_file=str(authority.certificate),
            client_certificate_file=str(certificate),
            client_key_file=str(key),
            headers=headers,
        ),
    )
    for exporter in exporters:
        provider = LoggerProvider()
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = logging.Logger("over tls")
        logger.addHandler(LoggingHandler(logger_provider=provider))
        logger.warning("sealed")
        provider.shutdown()
    assert secure.count("sealed", tenant=tenant) == 2


def test_grpc_wants_a_certificate_of_the_right_authority(
    secure: NexusProcess, authority: Authority, agents: Authority, tmp_path: Path
) -> None:
    export(secure, authority, agents.path("agent"))
    for pair in (None, Authority.make(tmp_path, "stranger").issue("agent")):
        with pytest.raises(grpc.RpcError) as caught:
            export(secure, authority, pair)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
    with grpc.insecure_channel(f"localhost:{secure.grpc_port}") as plain, pytest.raises(grpc.RpcError):
        plain.unary_unary(LOGS_METHOD)(b"", timeout=2)


def test_certificates_are_read_again(secure: NexusProcess, authority: Authority, agents: Authority) -> None:
    context = authority.client(agents.path("agent"))
    ports = (secure.port, secure.otlp_port)
    kept = http.client.HTTPSConnection("127.0.0.1", secure.port, timeout=10, context=context)
    kept.request("GET", "/-/healthy")
    kept.getresponse().read()
    before = [served_by(port, context) for port in ports]

    def exchanged(old: list[int]) -> bool:
        return all(served_by(port, context) != serial for port, serial in zip(ports, old, strict=True))

    # By themselves, when the files change.
    authority.issue("server")
    wait_for("the new certificate", lambda: exchanged(before), timeout=60)
    export(secure, authority, agents.path("agent"))
    # A key that does not belong to the certificate changes nothing but the log.
    current = [served_by(port, context) for port in ports]
    certificate, key = authority.path("server")
    good = key.read_bytes()
    key.write_bytes(authority.issue("other")[1].read_bytes())
    wait_for("the complaint", lambda: "http.tls keeps its certificate" in secure.output(), timeout=60)
    assert not exchanged(current)
    assert secure.get("/-/healthy").status == 200
    key.write_bytes(good)
    # At once, on SIGHUP; a busy machine may take its time, but not always.
    for _ in range(10):
        current = [served_by(port, context) for port in ports]
        authority.issue("server")
        began = time.monotonic()
        secure.signal(signal.SIGHUP)
        wait_for("the new certificate", lambda current=current: exchanged(current))
        if (seconds := time.monotonic() - began) < 1.5:
            break
    assert seconds < 1.5
    export(secure, authority, agents.path("agent"))
    # Connections that were open go on.
    kept.request("GET", "/-/healthy")
    assert kept.getresponse().status == 200
    kept.close()
    assert certificate.exists()


def test_commands_speak_tls(secure: NexusProcess, authority: Authority, tmp_path: Path) -> None:
    words = ["logs", "search", "nothing", "--url", f"https://localhost:{secure.port}", "--token", TOKEN]
    trusting = command(secure.folder, *words, SSL_CERT_FILE=str(authority.certificate))
    assert trusting.returncode == 0, trusting.stderr
    distrusting = command(secure.folder, *words)
    assert distrusting.returncode != 0
    assert b"certificate verify failed" in distrusting.stderr.lower()


def test_doctor_looks_at_certificates(secure: NexusProcess, authority: Authority, tmp_path: Path) -> None:
    def findings(**settings: str) -> list[dict[str, str]]:
        found = command(secure.folder, "doctor", "--json", **{**secure.settings, **settings})
        return [one for one in json.loads(found.stdout) if one["check"] in ("tls", "storage")]

    certificate, ready = findings()
    assert certificate["level"] == "ok"
    assert "valid until" in certificate["message"]
    assert ready["level"] == "ok", ready
    short, ended = authority.issue("short", days=5), authority.issue("ended", days=-1)
    for pair, level, text in ((short, "warn", "valid until"), (ended, "fail", "ended on")):
        found = findings(NEXUS_HTTP_TLS_CERTIFICATE=str(pair[0]), NEXUS_HTTP_TLS_KEY=str(pair[1]))[0]
        assert (found["level"], text in found["message"]) == (level, True)
    mismatch = findings(NEXUS_HTTP_TLS_KEY=str(short[1]))[0]
    assert mismatch["level"] == "fail"
    assert "mismatch" in mismatch["message"]


def test_a_start_with_a_certificate_that_cannot_be_used_says_why(authority: Authority, tmp_path: Path) -> None:
    certificate, _ = authority.issue("lonely")
    _, key = authority.issue("stranger")
    found = command(tmp_path / "data", "up", NEXUS_HTTP_TLS_CERTIFICATE=str(certificate), NEXUS_HTTP_TLS_KEY=str(key))
    assert found.returncode != 0
    assert b"cannot use the certificate" in found.stderr
    assert b"Traceback" not in found.stderr


def test_behind_a_trusted_proxy(tmp_path: Path) -> None:
    nexus = NexusProcess(tmp_path / "data", NEXUS_HTTP_TRUSTED_PROXIES="127.0.0.1")
    nexus.start()
    try:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.9"}
        document = {"username": "admin", "password": PASSWORD}
        over_tls = nexus.post(f"{API}/auth/login", document, token="", headers=forwarded)
        assert "; Secure" in over_tls.headers["Set-Cookie"]
        assert over_tls.headers["Strict-Transport-Security"]
        assert nexus.ingest(lines({"_msg": "x"}), forwarded).status == 200
        plain = nexus.post(f"{API}/auth/login", document, token="")
        assert "Secure" not in plain.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in plain.headers
    finally:
        assert nexus.stop() == 0


def test_strangers_are_not_believed_about_tls(nexus: NexusProcess) -> None:
    answer = nexus.post(
        f"{API}/auth/login",
        {"username": "admin", "password": PASSWORD},
        token="",
        headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.9"},
    )
    assert answer.status == 200
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in answer.headers
