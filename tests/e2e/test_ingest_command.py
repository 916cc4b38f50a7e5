"""`nexus ingest` with files and standard input, against a server that comes and goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import NexusProcess, command, environment, lines, wait_for

pytestmark = pytest.mark.e2e

TEXT = """\

2026-07-29 17:41:44,747 - INFO  [main] started
2026-07-29 17:41:45,001 - ERROR [main] boom
  at module.py:12
no time at all
"""


def run(nexus: NexusProcess, tenant: str, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return command(nexus.folder, "ingest", *words, "--tenant", tenant, stdin=stdin)


def test_a_text_file(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    file.write_text(TEXT)
    done = run(nexus, tenant, str(file))
    assert (done.returncode, done.stdout) == (0, b"4 accepted, 0 rejected\n"), done.stderr
    assert nexus.count("service:worker", tenant=tenant) == 4
    assert nexus.count("level:error boom", tenant=tenant) == 1
    found = nexus.post("/api/nexus/v1/logs/search", {"order": "asc"}, tenant=tenant).json["records"]
    assert [record["body"].strip() for record in found] == [line.strip() for line in TEXT.splitlines() if line]


def test_json_lines_with_line_numbers(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    file = tmp_path / "app.jsonl"
    file.write_bytes(b"\n" + lines({"_msg": "a", "app": "x"}) + b"{broken\n\n" + lines({"_msg": "b"}))
    done = run(nexus, tenant, str(file), "--stream-fields", "app", "--batch-bytes", "1KiB")
    assert done.returncode == 3
    assert done.stdout == b"2 accepted, 1 rejected\n"
    assert b"line 3:" in done.stderr
    assert nexus.count("a", tenant=tenant) == 1


def test_many_batches(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_bytes(lines(*({"_msg": f"line {number}", "pad": "x" * 100} for number in range(5000))))
    done = run(nexus, tenant, str(file), "--batch-bytes", "64KiB")
    assert done.stdout == b"5000 accepted, 0 rejected\n"
    assert nexus.count(tenant=tenant) == 5000


def test_standard_input_that_stays_open(nexus: NexusProcess, tenant: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "nexus", "ingest", "-", "--tenant", tenant, "--service", "tail"],
        env=environment(nexus.folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(b"first line\n")
    child.stdin.flush()
    wait_for("the line", lambda: nexus.count("service:tail", tenant=tenant) == 1)
    child.stdin.write(b"second line, no end")
    output, _ = child.communicate(timeout=60)
    assert output == b"2 accepted, 0 rejected\n"


def test_what_is_wrong_is_said(nexus: NexusProcess, tenant: str, tmp_path: Path) -> None:
    assert b"there is no file" in run(nexus, tenant, str(tmp_path / "nothing")).stderr
    assert b"is a directory" in run(nexus, tenant, str(tmp_path)).stderr
    refused = run(nexus, tenant, "-", "--token", "wrong", stdin=b"x\n")
    assert refused.returncode == 1
    assert b"--token" in refused.stderr
    assert run(nexus, tenant, "-", "--batch-bytes", "huge", stdin=b"x\n").returncode == 2
    assert run(nexus, tenant, "-", stdin=b"").stdout == b"0 accepted, 0 rejected\n"


def test_it_waits_for_a_server_that_is_away(launch: Launch, tmp_path: Path) -> None:
    process = launch()
    port = str(process.port)
    process.stop()
    file = tmp_path / "patient.log"
    file.write_text("one\ntwo\n")
    child = subprocess.Popen(
        [sys.executable, "-m", "nexus", "ingest", str(file), "--url", f"http://127.0.0.1:{port}"],
        env=environment(process.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stderr is not None
    assert b"waiting" in child.stderr.readline()
    os.set_blocking(child.stderr.fileno(), False)
    again = launch(NEXUS_HTTP_PORT=port)
    assert child.communicate(timeout=60)[0] == b"2 accepted, 0 rejected\n"
    assert again.count("service:patient") == 2
