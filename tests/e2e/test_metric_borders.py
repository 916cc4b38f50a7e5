"""Metrics at their borders, with a real server: a label with a million values, help texts without end, labels in no order, and
what else no sender should send. Each is refused or stored as documented, in precise words, and nothing else is lost.

Bodies that never end and targets that lead to metadata services are in `test_scrape`.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.encodings import snappy
from tests.e2e.metric_bodies import HEADERS, get, message, number, varint, vector, write
from tests.e2e.nexus_process import API, Answer, NexusProcess, wait_for
from tests.e2e.test_scrape import job, targets
from tests.e2e.test_scrape import write as write_file
from tests.unit.scrape.targets_server import TargetServer

__all__ = ["targets"]
pytestmark = pytest.mark.e2e
NOW = int(time.time() * 1000)
VALUES = 1_000_000
LIMIT = 20_000
MOST_HELP = 4096


def resident(nexus: NexusProcess) -> int:
    """Bytes of memory of the process."""
    status = Path(f"/proc/{nexus.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) << 10


def imported(nexus: NexusProcess, body: bytes, tenant: str) -> Answer:
    return nexus.request("POST", "/api/v1/import/prometheus", body, tenant=tenant)


def test_a_label_with_a_million_values(launch: Launch, tenant: str) -> None:
    """The limit names label and numbers; memory stays; totals are right; other metrics and tenants do not notice."""
    nexus = launch(NEXUS_INGEST_MAX_BODY_BYTES="32MiB")
    limits = json.dumps({"limits": {"metric_values_per_label": LIMIT}}).encode()
    answer = nexus.request("PUT", f"{API}/limits/tenant/{tenant}", limits, {"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    known = {"__name__": "steady_total", "job": "j"}
    assert write(nexus, [(known, [(NOW - 1000, 1.0)])], tenant=tenant).status == 204
    pieces, taken = 10, 0
    before = 0
    for piece in range(pieces):
        first = piece * (VALUES // pieces)
        lines = (f'logins_total{{job="j",user="u{user}"}} 1 {NOW}\n' for user in range(first, first + VALUES // pieces))
        refused = imported(nexus, "".join(lines).encode(), tenant)
        assert refused.status in (400, 429), refused.body
        text = refused.body.decode()
        assert 'label "user" of metric "logins_total" has 20,000 values, the limit of a label is 20,000' in text, text
        if piece == 0:
            before = resident(nexus)
        # The same tenant's other metrics, and other tenants, go on.
        assert write(nexus, [(known, [(NOW + piece, 2.0)])], tenant=tenant).status == 204
        assert write(nexus, [({"__name__": "a", "u": str(piece)}, [(NOW, 1.0)])], tenant=f"{tenant}-b").status == 204
        taken += 1
    assert taken == pieces
    assert resident(nexus) - before < 300 << 20
    at = NOW / 1000 + 1
    assert number(nexus, 'count(logins_total{nexus_overflow=""})', at, tenant) == LIMIT
    # The last request's sum counts at one time; every request repeated the time, so it is the sum of all of them.
    assert number(nexus, "sum(logins_total)", at, tenant) == VALUES
    assert number(nexus, "count_over_time(steady_total[1m])", at, tenant) == 1 + pieces
    assert number(nexus, "count(a)", at, f"{tenant}-b") == pieces
    # Those that were taken go on being taken.
    assert imported(nexus, f'logins_total{{job="j",user="u5"}} 7 {NOW + 500}\n'.encode(), tenant).status // 100 == 2
    assert number(nexus, 'logins_total{user="u5"}', at, tenant) == 7
    told = get(nexus, "status/tsdb", tenant)
    assert told["seriesCountByMetricName"][0] == {"name": "logins_total", "value": LIMIT + 1}
    metrics = nexus.get("/metrics").body.decode()
    assert 'reason="label_values_limit"' in metrics


def test_help_texts_without_end(launch: Launch, targets: TargetServer, tmp_path: Path, tenant: str) -> None:
    """Scraped, imported and by remote write: they are cut; the samples are there."""
    text = "Explained: " + "é" * 1_000_000
    targets.say("/metrics", f"# HELP long_total {text}\n# TYPE long_total counter\nlong_total 5\nshort 1\n")
    top = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
    path = write_file(tmp_path / "p.yml", job("j", targets.address), top=top)
    nexus = launch(NEXUS_SCRAPE_FILE=str(path))
    wait_for("the scraped sample", lambda: vector(nexus, "long_total + on(job) short", time.time()))
    kept = wait_for("its metadata", lambda: get(nexus, "metadata", metric="long_total"))["long_total"]
    assert [(one["type"], len(one["help"].encode()) <= MOST_HELP, text.startswith(one["help"])) for one in kept] == [
        ("counter", True, True)
    ]
    body = f"# HELP pushed_total {text}\n# TYPE pushed_total counter\npushed_total 5\n".encode()
    assert imported(nexus, body, tenant).status // 100 == 2
    described = message(3, b"\x08\x01" + message(2, b"written_total") + message(4, text.encode()))
    assert nexus.request("POST", "/api/v1/write", snappy(described), HEADERS, tenant=tenant).status == 204
    for name in ("pushed_total", "written_total"):
        (one,) = get(nexus, "metadata", tenant, metric=name)[name]
        assert len(one["help"].encode()) <= MOST_HELP and text.startswith(one["help"]) and len(one["help"]) > 2000
    families = get(nexus, "targets/metadata", metric="long_total")
    assert all(len(one["help"].encode()) <= MOST_HELP for one in families)


def series(labels: list[tuple[bytes, bytes]], *samples: tuple[int, float]) -> bytes:
    """A series of `prometheus.WriteRequest` with its labels as they stand."""
    one = b"".join(message(1, message(1, name) + message(2, value)) for name, value in labels)
    one += b"".join(message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)) for at, value in samples)
    return message(1, one)


GOOD = series([(b"__name__", b"good"), (b"a", b"1")], (NOW, 1.0))


@pytest.fixture
def told(nexus: NexusProcess, tenant: str) -> Iterator[Any]:
    """Sends a series beside a good one; the good one is stored whatever the other is."""

    def send(*bodies: bytes) -> Answer:
        answer = nexus.request("POST", "/api/v1/write", snappy(b"".join(bodies) + GOOD), HEADERS, tenant=tenant)
        assert vector(nexus, "good", NOW / 1000, tenant) == {'{"__name__": "good", "a": "1"}': 1.0}
        return answer

    yield send


def test_labels_in_no_order(told: Any, nexus: NexusProcess, tenant: str) -> None:
    """The series is that of the sorted labels; empty values are none."""
    mixed = [(b"z", b"2"), (b"__name__", b"m"), (b"a", b"1"), (b"empty", b"")]
    assert told(series(mixed, (NOW - 2000, 1.0))).status == 204
    assert told(series(sorted(mixed), (NOW - 1000, 2.0))).status == 204
    assert get(nexus, "series", tenant, **{"match[]": "m"}) == [{"__name__": "m", "a": "1", "z": "2"}]
    assert number(nexus, "count_over_time(m[1m])", NOW / 1000, tenant) == 2


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([(b"__name__", b"m"), (b"a", b"1"), (b"a", b"2")], "twice"),
        ([(b"__name__", b"m"), (b"b", b"1"), (b"a", b"2"), (b"b", b"3")], "twice"),
        ([(b"__name__", b"m"), (b"", b"1")], "label"),
        ([(b"__name__", b"m"), (b"a", b"\xff")], "UTF-8"),
        ([(b"__name__", b"m\xff")], "UTF-8"),
        ([(b"__name__", b"")], "label"),
        ([(b"__name__", b"m"), (b"a", b"x" * 9000)], "8,192"),
        ([(b"__name__", b"m"), *((b"l%d" % number, b"1") for number in range(200))], "128"),
    ],
    ids=["twice", "twice-apart", "no-name", "no-text", "name-no-text", "nothing", "long", "many"],
)
def test_labels_that_are_refused(told: Any, nexus: NexusProcess, tenant: str, labels: Any, words: str) -> None:
    """With a sentence that names what is wrong; the other series of the request is stored."""
    answer = told(series(labels, (NOW, 1.0)))
    assert answer.status == 400, answer.body
    assert words in answer.body.decode(), answer.body
    assert get(nexus, "label/__name__/values", tenant) == ["good"]


def test_samples_in_any_order_and_of_any_value(told: Any, nexus: NexusProcess, tenant: str) -> None:
    """Out of order, twice, NaN and infinities, resets, markers of an end: each is what it was, the last of a time counts."""
    labels = [(b"__name__", b"m")]
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    assert told(series(labels, (NOW - 3000, 3.0), (NOW - 5000, 1.0), (NOW - 4000, 2.0), (NOW - 4000, 2.5))).status == 204
    assert told(series(labels, (NOW - 5000, 1.0), (NOW - 2000, float("nan")), (NOW - 1000, float("-inf")))).status == 204
    data = get(nexus, "query", tenant, query="m[1m]", time=str(NOW / 1000))
    assert [value for _, value in data["result"][0]["values"]] == ["1", "2.5", "3", "NaN", "-Inf"]
    assert number(nexus, "count_over_time(m[1m])", NOW / 1000, tenant) == 5
    assert told(series(labels, (NOW - 500, stale))).status == 204
    assert vector(nexus, "m", NOW / 1000, tenant) == {}
    counter = [(b"__name__", b"c_total")]
    assert told(series(counter, *((NOW - 10_000 + 1000 * n, float(n % 5)) for n in range(10)))).status == 204
    assert number(nexus, "resets(c_total[1m])", NOW / 1000, tenant) == 1
