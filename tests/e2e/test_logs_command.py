"""`nexus logs search|tail|export` against a server that comes and goes."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import NexusProcess, command, environment, lines, wait_for

pytestmark = pytest.mark.e2e
START = 1_795_478_400 * 10**9
FIRST = "2026-11-24T00:00:00.000Z"


def run(nexus: NexusProcess, tenant: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return command(nexus.folder, "logs", *words, "--tenant", tenant)


@pytest.fixture
def filled(nexus: NexusProcess, tenant: str) -> str:
    """A tenant with some records."""
    nexus.ingest(
        lines(
            {"_time": str(START), "_msg": "boom\n  at x.py:12\x1b[2J", "level": "error", "service": "pay"},
            {"_time": str(START + 10**9), "_msg": "fine", "level": "info", "service": "pay", "n": 5},
            {"_time": str(START + 2 * 10**9), "_msg": "nobody's"},
        ),
        tenant=tenant,
    )
    return tenant


def test_search_as_text(nexus: NexusProcess, filled: str) -> None:
    """Oldest or newest first; nothing in it steers a terminal."""
    done = run(nexus, filled, "search", "--from", "0", "--order", "asc")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == (
        f"{FIRST} ERROR pay  boom\n      at x.py:12\\x1b[2J\n"
        f"{FIRST.replace('00.000', '01.000')} INFO  pay  fine\n{FIRST.replace('00.000', '02.000')}       -  nobody's\n"
    )
    newest = run(nexus, filled, "search", "--from", "0", "--limit", "1").stdout.decode()
    assert newest.endswith("nobody's\n") and newest.count("\n") == 1
    assert run(nexus, filled, "search", "level:error", "--from", "0", "--to", str(START)).stdout == b""


def test_search_as_json(nexus: NexusProcess, filled: str) -> None:
    found = run(nexus, filled, "search", "service:pay", "--from", "0", "--format", "json").stdout.splitlines()
    records = [json.loads(line) for line in found]
    assert [record["body"] for record in records] == ["fine", "boom\n  at x.py:12\x1b[2J"]
    assert records[0]["attributes"] == {"n": 5}


def test_export(nexus: NexusProcess, filled: str, tmp_path: Path) -> None:
    """To a file, which is there when all of it is, or to standard output."""
    file = tmp_path / "out.parquet"
    done = run(nexus, filled, "export", "--from", "0", "--format", "parquet", "--output", str(file))
    assert done.returncode == 0 and b"bytes in" in done.stderr, done.stderr
    assert pq.read_table(file).num_rows == 3
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.parquet"]
    csv = run(nexus, filled, "export", "service:pay", "--from", "0", "--format", "csv", "--columns", "severity,attributes.n",
              "--output", "-", "--order", "asc")  # fmt: skip
    assert csv.stdout == b'severity,attributes.n\r\n"error",""\r\n"info","5"\r\n'
    ndjson = run(nexus, filled, "export", "--from", "0")
    assert len(ndjson.stdout.splitlines()) == 3
    assert pq.read_table(io.BytesIO(run(nexus, filled, "export", "--from", "0", "--format", "parquet").stdout)).num_rows == 3


def test_what_goes_wrong(nexus: NexusProcess, filled: str, tmp_path: Path) -> None:
    """One sentence with the next step, and the exit code."""
    for words, code, text in (
        (("search", "level:"), 2, b"nexus: "),
        (("export", "x", "--columns", "a,a"), 2, b"named twice"),
        (("search", "x", "--url", "http://127.0.0.1:1"), 1, b"cannot be reached"),
        (("search", "x", "--url", "ftp://x"), 2, b"not an address"),
        (("search", "x", "--token", "wrong"), 1, b"--token"),
        (("tail", "level:"), 2, b"nexus: "),
        (("tail", "x", "--token", "wrong"), 1, b"--token"),
        (("search", "x", "--limit", "0"), 2, b"nexus: "),
        (("search", "--order", "up"), 2, b"nexus: "),
    ):
        done = run(nexus, filled, *words)
        assert done.returncode == code, (words, done.stderr)
        assert text in done.stderr and b"Traceback" not in done.stderr, (words, done.stderr)
        assert done.stdout == b""
    file = tmp_path / "no.csv"
    assert run(nexus, filled, "export", "level:", "--output", str(file)).returncode == 2
    assert not file.exists() and not Path(f"{file}.part").exists()


def test_who_reads_may_stop(nexus: NexusProcess, tenant: str) -> None:
    """As `| head` does."""
    nexus.ingest(lines(*({"_msg": "x" * 200, "n": n} for n in range(5000))), tenant=tenant)
    child = start(nexus, tenant, "search", "--limit", "5000")
    assert child.stdout is not None and child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(60) == 0
    assert child.stderr.read() == b""


def start(nexus: NexusProcess, tenant: str, *words: str, **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "nexus", "logs", *words, "--tenant", tenant],
        env=environment(nexus.folder, **settings),
        cwd=nexus.folder.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_tail(launch: Launch) -> None:
    """Stored records first, then new ones as they come; over a restart; until it is interrupted."""
    nexus = launch()
    nexus.ingest(lines({"_msg": "before one"}, {"_msg": "other"}), tenant="t")
    url = f"http://127.0.0.1:{nexus.port}"
    child = start(nexus, "t", "tail", "one", "--backlog", "5", NEXUS_URL=url)
    assert child.stdout is not None and child.stderr is not None
    try:
        assert child.stdout.readline().endswith(b"before one\n")
        nexus.ingest(lines({"_msg": "two"}, {"_msg": "another one"}), tenant="t")
        assert child.stdout.readline().endswith(b"another one\n")
        port = str(nexus.port)
        nexus.kill()
        assert b"the connection is lost" in child.stderr.readline()
        again = launch(NEXUS_HTTP_PORT=port)
        wait_for("the subscription", lambda: b"connected again" in (child.stderr.readline() if child.stderr else b""))
        again.ingest(lines({"_msg": "one after"}), tenant="t")
        assert child.stdout.readline().endswith(b"one after\n")
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
        assert child.stderr.read().endswith(b"nexus: interrupted.\n")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
