"""Exports over HTTP: by POST and by link, whole or visibly broken, cancelled when the client goes away."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import socket

import pyarrow.parquet as pq
import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, lines, wait_for

pytestmark = pytest.mark.e2e
DAY = 86_400 * 10**9
START = 1_795_478_400 * 10**9


@pytest.fixture
def filled(nexus: NexusProcess, tenant: str) -> str:
    records = ({"_time": str(START + n), "_msg": f"m {n}", "service": "s", "n": n} for n in range(300))
    nexus.ingest(lines(*records), tenant=tenant)
    return tenant


def test_formats_and_names(nexus: NexusProcess, filled: str) -> None:
    for format, media in (
        ("ndjson", "application/x-ndjson"), ("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet"),
    ):  # fmt: skip
        request = {"query": "service:s", "format": format, "limit": 200, "order": "asc"}
        answer = nexus.post(f"{API}/logs/export", request, tenant=filled)
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(media)
        name = answer.headers["Content-Disposition"]
        assert re.fullmatch(rf'attachment; filename="logs-{filled}-\d{{8}}T\d{{6}}Z\.{format}"', name), name
        if format == "ndjson":
            bodies = [json.loads(line)["body"] for line in answer.body.splitlines()]
        elif format == "csv":
            bodies = [row["body"] for row in csv.DictReader(io.StringIO(answer.body.decode(), newline=""))]
        else:
            bodies = pq.read_table(io.BytesIO(answer.body)).column("body").to_pylist()
        assert bodies == [f"m {n}" for n in range(200)]
        link = f"{API}/logs/export?query=service:s&format={format}&limit=200&order=asc&tenant={filled}"
        by_link = nexus.get(link)
        if format != "parquet":
            assert by_link.body == answer.body
        assert by_link.headers["Content-Type"] == answer.headers["Content-Type"]
    link = f"{API}/logs/export?columns=body,attributes.n&from={START + 5}&to={START + 6}&tenant={filled}"
    assert json.loads(nexus.get(link).body) == {"body": "m 5", "attributes.n": 5}


def test_requests_that_make_no_sense(nexus: NexusProcess, filled: str) -> None:
    for arguments in (
        "query=level:",
        "limit=0",
        "limit=x",
        "format=xml",
        "x=1",
        "columns=a,a",
        "from=2&to=1",
        "columns=" + ",".join(f"c{n}" for n in range(201)),
    ):
        answer = nexus.get(f"{API}/logs/export?{arguments}", tenant=filled)
        assert answer.status == 400, arguments
        assert answer.json["error"]["message"]
    assert nexus.get(f"{API}/logs/export?{'&'.join('a=1' for _ in range(150))}").status == 400


def test_a_failure_in_the_middle_is_seen(launch: Launch) -> None:
    """Cancelled by id: no format looks whole, and the server goes on."""
    nexus = launch()
    for day in range(6):
        nexus.ingest(lines(*({"_time": str(START - day * DAY + n), "_msg": f"{n} " + "x" * 800} for n in range(2500))))
        nexus.ingest(lines(*({"_time": str(START - day * DAY + n), "_msg": f"{n} " + "y" * 800} for n in range(2500))))
    for format in ("ndjson", "csv", "parquet"):
        connection = http.client.HTTPConnection("127.0.0.1", nexus.port, timeout=60)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.connect(("127.0.0.1", nexus.port))
        body = json.dumps({"format": format, "query_id": f"e-{format}", "order": "asc"}).encode()
        connection.request("POST", f"{API}/logs/export", body, {"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        assert response.status == 200
        response.read(4)
        if format != "parquet":
            wait_for(
                "the query", lambda: any(q["query_id"] == f"e-{format}" for q in nexus.get(f"{API}/queries").json["queries"])
            )
            assert nexus.request("DELETE", f"{API}/queries/e-{format}").status == 200
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()
        connection.close()
        wait_for("its end", lambda: nexus.get(f"{API}/queries").json["queries"] == [])
    assert nexus.count() == 30_000
    assert len(nexus.post(f"{API}/logs/export").body.splitlines()) == 30_000
