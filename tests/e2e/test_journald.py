"""journald's export format: systemd-journal-upload itself, where it is installed, and entries written by hand."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.nexus_process import API, TOKEN, NexusProcess

pytestmark = pytest.mark.e2e

UPLOAD = shutil.which("systemd-journal-upload", path="/lib/systemd:/usr/lib/systemd")
REMOTE = shutil.which("systemd-journal-remote", path="/lib/systemd:/usr/lib/systemd")
PATH = "/insert/journald/upload"
TIME = 1_780_315_200_000_123


def entry(**fields: str | bytes) -> bytes:
    out = bytearray()
    for name, value in fields.items():
        data = value.encode() if isinstance(value, str) else value
        if b"\n" in data or not data.isascii():
            out += name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
        else:
            out += name.encode() + b"=" + data + b"\n"
    return bytes(out) + b"\n"


def search(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = nexus.post(f"{API}/logs/search", {"query": query}, tenant=tenant).json["records"]
    return found


@pytest.mark.skipif(not (UPLOAD and REMOTE), reason="systemd-journal-remote is not installed")
def test_systemd_journal_upload(nexus: NexusProcess, tmp_path: Path) -> None:
    """A journal file is made with systemd-journal-remote and sent by systemd-journal-upload, as the guide has it."""
    assert UPLOAD and REMOTE
    boot = "0123456789abcdef" * 2
    entries = b"".join(
        entry(
            __REALTIME_TIMESTAMP=str(TIME + number), __MONOTONIC_TIMESTAMP=str(1000 + number), _BOOT_ID=boot,
            MESSAGE=f"unit started {number}", PRIORITY="4", SYSLOG_IDENTIFIER="journal-upload-test", _HOSTNAME="box-7",
            _SYSTEMD_UNIT="test.service", MULTI="two\nlines",
        )
        for number in range(50)
    )  # fmt: skip
    journal = tmp_path / "test.journal"
    subprocess.run([REMOTE, "-o", str(journal), "-"], input=entries, check=True, capture_output=True, timeout=60)
    url = f"http://journal:{TOKEN}@127.0.0.1:{nexus.port}/insert/journald"
    command = [UPLOAD, f"--url={url}", f"--file={journal}", f"--save-state={tmp_path / 'state'}", "--follow=no"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert nexus.count("service:journal-upload-test severity:warn", tenant="") == 50
    record = search(nexus, "", 'service:journal-upload-test "unit started 7"')[0]
    assert record["timestamp"] == str((TIME + 7) * 1000)
    assert record["resource"]["host.name"] == "box-7" and record["resource"]["_SYSTEMD_UNIT"] == "test.service"
    assert record["attributes"]["MULTI"] == "two\nlines"


def test_entries(nexus: NexusProcess, tenant: str) -> None:
    body = entry(
        __CURSOR="s=abc;i=1", __REALTIME_TIMESTAMP=str(TIME), MESSAGE="line one\nline two", PRIORITY="3", _HOSTNAME="box",
        _SYSTEMD_UNIT="ssh.service", SYSLOG_IDENTIFIER="sshd", _PID="7", BLOB=b"\xff\x00\n",
    ) + entry(MESSAGE=b"caf\xe9\n", _COMM="bash")  # fmt: skip
    for path in (PATH, f"{API}/ingest/journald"):
        answer = nexus.request("POST", path, body, {"Content-Type": "application/vnd.fdo.journal"}, tenant=tenant)
        assert answer.status == 200, answer.body
    packed = nexus.request("POST", f"{PATH}?extra_fields=region=eu&ignore_fields=BLOB", gzip.compress(body),
                           {"Content-Encoding": "gzip"}, tenant=tenant)  # fmt: skip
    assert packed.status == 200
    assert nexus.count("region:eu", tenant=tenant) == 2
    record = search(nexus, tenant, "service:sshd -region:eu")[0]
    assert (record["body"], record["severity"]) == ("line one\nline two", "error")
    assert record["timestamp"] == str(TIME * 1000)
    assert record["attributes"] == {"_PID": "7", "BLOB": "/wAK"}
    assert record["resource"] == {"_SYSTEMD_UNIT": "ssh.service", "host.name": "box", "service.name": "sshd"}
    bash = search(nexus, tenant, "service:bash -region:eu")[0]
    assert bash["body"] == "caf�\n" and bash["attributes"]["MESSAGE.base64"] == "Y2Fm6Qo="


@pytest.mark.parametrize(
    ("body", "status", "stored", "message"),
    [
        (b"", 400, 0, "no entries"),
        (b"\n\n\n", 400, 0, "no entries"),
        (b"garbage", 400, 0, "the body ends within"),
        (entry(MESSAGE="good") + b"FIELD\n\x05", 200, 1, "entry 2: the body ends within the length"),
        (entry(MESSAGE="good") + b"FIELD\n" + struct.pack("<Q", 2**63) + b"x\n", 200, 1, "the body ends after 2"),
        (entry(MESSAGE="good") + b"=x\n\n" + entry(MESSAGE="good too"), 200, 2, "entry 2: the field before byte"),
        (entry(MESSAGE="x", __REALTIME_TIMESTAMP="noon"), 400, 0, "cannot read the time"),
        (entry(__CURSOR="only"), 400, 0, "no fields besides its address"),
        (b" " * (5 << 20), 413, 0, "larger than"),
    ],
)
def test_bad_bodies(nexus: NexusProcess, tenant: str, body: bytes, status: int, stored: int, message: str) -> None:
    answer = nexus.request("POST", PATH, body, tenant=tenant)
    assert answer.status == status and message in answer.body.decode(), answer.body
    assert nexus.count(tenant=tenant) == stored


def test_a_repeat_counts_once(nexus: NexusProcess, tenant: str) -> None:
    body = entry(MESSAGE="once", __REALTIME_TIMESTAMP=str(TIME))
    answers = [nexus.request("POST", PATH, body, {"Idempotency-Key": "k"}, tenant=tenant) for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1 and answers[0].status == 200
    assert nexus.count(tenant=tenant) == 1
