"""Scraping against real sockets: limits, staleness, credentials, the guard, hot reload."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import os
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiohttp import ClientConnectorError, TCPConnector, web
from aiohttp.client_reqrep import ConnectionKey
from tests.certificates import Authority
from tests.unit.scrape.targets_server import Kept, TargetServer, is_stale, serving

from nexus.errors import ConfigError, Overloaded
from nexus.outgoing.targets import Rules, rules
from nexus.pipeline.scrape.client import ScrapeClient
from nexus.pipeline.scrape.config import yaml_text
from nexus.pipeline.scrape.manager import Scraping
from nexus.pipeline.scrape.view import ScrapeView


@pytest.fixture
async def server() -> AsyncIterator[TargetServer]:
    async with serving() as found:
        found.say("/metrics", "a 1\nb 2\n")
        yield found


class Running:
    """A `Scraping` with a configuration that a test changes."""

    def __init__(self, allowed: Rules, limit: int) -> None:
        self.kept = Kept()
        self.jobs: list[dict[str, Any]] = []
        self.file = ""
        client = ScrapeClient(lambda: allowed)
        self.scraping = Scraping("t", self.source, client, self.kept.append, lambda: limit)

    def source(self) -> tuple[str, str]:
        return self.file, "" if self.file else yaml_text({"scrape_configs": self.jobs})

    def job(self, *targets: str, **keys: Any) -> None:
        """Scrape these, fast."""
        fast = {"scrape_interval": "300ms", "scrape_timeout": "300ms"}
        self.jobs = [{"job_name": "j", "static_configs": [{"targets": list(targets)}], **fast, **keys}]

    def error(self) -> str:
        """Why the only target's last scrape failed."""
        (loop,) = self.scraping.pools["j"].loops.values()
        return loop.state.error

    async def failed(self, expected: Callable[[str], bool]) -> None:
        """Wait until the only target's last scrape failed as expected: on a busy machine one may before for want of time."""
        await self.kept.until(lambda: expected(self.error()))

    async def up(self, value: float = 1.0) -> None:
        """Wait for the next `up` of this value."""
        seen = len(self.kept.of("up"))
        await self.kept.until(lambda: any(one[1] == value for one in self.kept.of("up")[seen:]))


@pytest.fixture
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    found = Running(getattr(request, "param", Rules()), 1 << 20)
    yield found
    await found.scraping.stop()


async def test_samples_and_what_is_said_about_the_scrape(server: TargetServer, running: Running) -> None:
    rules = [{"target_label": "zone", "replacement": "eu"}]
    once = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    running.job(server.address, params={"module": ["x"]}, relabel_configs=rules, **once)
    await running.scraping.start()
    await running.up()
    await running.up()
    kept = running.kept
    wanted = {"job": "j", "instance": server.address, "zone": "eu"}
    assert {value for _, value in kept.of("a", **wanted)} == {1}
    assert {value for _, value in kept.of("scrape_samples_scraped", **wanted)} == {2}
    assert [value for _, value in kept.of("scrape_series_added", **wanted)][:2] == [2, 0]
    times = [at for at, _ in kept.of("up")]
    assert times == sorted(set(times))
    assert {at for at, _ in kept.of("a")} <= set(times)
    asked = server.asked[0]
    assert asked.query["module"] == "x"
    assert asked.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "1"
    assert asked.headers["User-Agent"].startswith("Nexus")
    (target,) = ScrapeView(running.scraping).active("t")
    assert (target["health"], target["scrapePool"], target["scrapeInterval"]) == ("up", "j", "1s")
    assert ScrapeView(running.scraping).active("other") == []


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of this machine at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


async def test_a_target_that_is_not_there(nobody: str, running: Running) -> None:
    running.job(nobody)
    await running.scraping.start()
    await running.failed(lambda error: error == f"no connection to {nobody}: connection refused")


async def test_a_target_that_speaks_no_tls(server: TargetServer, running: Running) -> None:
    running.job(server.address, scheme="https")
    await running.scraping.start()
    await running.failed(lambda error: error.startswith(f"no TLS with {server.address}: "))
    assert "_" not in running.error() and "Errno" not in running.error()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"), "no connection to a:9: connection refused"),
        (OSError(errno.ENETUNREACH, "x"), "no connection to a:9: network is unreachable"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), [Errno 113] Connect call failed"
            ),
            f"no connection to a:9: {os.strerror(111).lower()}, {os.strerror(113).lower()}",
        ),
        (OSError("anything"), "no connection to a:9: the system does not say why"),
    ],
)
async def test_the_system_says_why_there_is_no_connection(
    error: OSError, words: str, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: TCPConnector, *_: object, **__: object) -> NoReturn:
        raise ClientConnectorError(ConnectionKey("a", 9, False, True, None, None, None), error)

    monkeypatch.setattr(TCPConnector, "connect", fails)
    running.job("a:9")
    await running.scraping.start()
    await running.failed(lambda error: error == words)


async def test_a_connection_that_breaks(running: Running) -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(resets, "127.0.0.1", 0) as listening:
        address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        running.job(address)
        await running.scraping.start()
        await running.failed(lambda error: error == f"the connection to {address} broke: connection reset by peer")


async def test_what_goes_away_is_marked_stale(server: TargetServer, running: Running) -> None:
    running.job(server.address)
    await running.scraping.start()
    await running.up()
    server.say("/metrics", "a 1\n")
    await running.kept.until(lambda: any(is_stale(value) for _, value in running.kept.of("b")))
    assert not any(is_stale(value) for _, value in running.kept.of("a"))
    server.say("/metrics", "a 1\nthis is wrong\n")
    await running.up(0)
    assert is_stale(running.kept.of("a")[-1][1])
    assert "line 2" in running.error()
    server.say("/metrics", "a 5\n")
    await running.kept.until(lambda: running.kept.of("a")[-1][1] == 5)
    # The target is gone from the configuration: everything of it is marked.
    running.jobs = []
    await running.scraping.reload()
    for name in ("a", "up", "scrape_duration_seconds"):
        assert is_stale(running.kept.of(name)[-1][1]), name
    assert [at for at, _ in running.kept.of("up")] == sorted(at for at, _ in running.kept.of("up"))


@pytest.mark.parametrize(
    ("keys", "body", "message"),
    [
        ({"sample_limit": 1}, "a 1\nb 1\n", "sample_limit exceeded: 2 samples"),
        ({"label_limit": 2}, "a{x='1'} 1\n".replace("'", '"'), "label_limit exceeded"),
        ({"body_size_limit": "10B"}, "a 1\nb 1\nc 1\n", "body_size_limit exceeded: more than 10 bytes"),
        ({"target_limit": 1}, "a 1\n", ""),
    ],
)
async def test_limits(server: TargetServer, running: Running, keys: dict[str, Any], body: str, message: str) -> None:
    server.say("/metrics", body)
    running.job(server.address, **keys)
    if "target_limit" in keys:
        running.job(server.address, f"localhost:{server.port}", **keys)
    await running.scraping.start()
    await running.up(0)
    if message:
        assert message in running.error()
    else:
        errors = {loop.state.error for loop in running.scraping.pools["j"].loops.values()}
        assert errors <= {"target_limit exceeded (number of targets: 2, limit: 1)", ""}


async def test_a_body_that_never_ends_and_one_that_unpacks_to_much(server: TargetServer, running: Running) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        while True:
            await response.write(b"a 1\n" * 20_000)

    server.answers["/metrics"] = endless
    running.job(server.address, scrape_interval="2s", scrape_timeout="2s")
    await running.scraping.start()
    await running.failed(lambda error: error == "body_size_limit exceeded: more than 1048576 bytes")
    bomb = gzip.compress(b"a 1\n" * 1_000_000)
    assert len(bomb) < 1 << 20
    server.say("/metrics", bomb, headers={"Content-Encoding": "gzip"})
    await running.failed(lambda error: error == "body_size_limit exceeded: more than 1048576 bytes")


async def test_a_target_that_says_nothing_in_time(server: TargetServer, running: Running) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"a 1\n")
        await asyncio.sleep(30)
        return response

    server.answers["/metrics"] = slow
    running.job(server.address)
    await running.scraping.start()
    await running.failed(lambda error: error == "timeout: no complete answer within 0.3 s")


async def test_statuses_and_content_types(server: TargetServer, running: Running) -> None:
    server.say("/metrics", "a 1\n", status=500)
    running.job(server.address)
    await running.scraping.start()
    await running.failed(lambda error: error == "server returned HTTP status 500 Internal Server Error")
    server.say("/metrics", "a 1\n", content_type="application/octet-stream")
    await running.kept.until(lambda: "no fallback_scrape_protocol" in running.error())
    running.job(server.address, fallback_scrape_protocol="PrometheusText0.0.4")
    await running.scraping.reload()
    await running.up()


# ------------------------------------------------------------------------------------------------------------ the guard


async def test_redirects_to_metadata_are_refused(server: TargetServer, running: Running) -> None:
    for where in ("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
                  "http://[::ffff:169.254.169.254]/"):  # fmt: skip
        server.say("/metrics", "", status=302, headers={"Location": where})
        running.job(server.address, metrics_path="/metrics")
        await running.scraping.reload()
        await running.failed(lambda error: "metadata service, link-local or reserved" in error)
    running.job("169.254.169.254")
    await running.scraping.reload()
    await running.failed(lambda error: "metadata service" in error)


@pytest.mark.parametrize("running", [rules(["169.254.169.254"])], indirect=True)
async def test_what_is_listed_may_be_asked(running: Running) -> None:
    """It is tried; here nobody is there."""
    running.job("169.254.169.254:1", scrape_interval="300ms", scrape_timeout="300ms")
    await running.scraping.start()
    await running.failed(lambda error: "metadata service" not in error)


async def test_redirects_are_followed_without_credentials(server: TargetServer, running: Running) -> None:
    async with serving() as other:
        other.say("/there", "a 3\n")
        server.say("/metrics", "", status=302, headers={"Location": f"http://{other.address}/there"})
        running.job(server.address, bearer_token="secret")
        await running.scraping.start()
        await running.up()
        assert server.asked[0].headers["Authorization"] == "Bearer secret"
        assert "Authorization" not in other.asked[0].headers
        running.job(server.address, follow_redirects=False)
        await running.scraping.reload()
        await running.failed(lambda error: "302" in error)


async def test_a_redirect_that_goes_round(server: TargetServer, running: Running) -> None:
    server.say("/metrics", "", status=301, headers={"Location": "/metrics"})
    running.job(server.address)
    await running.scraping.start()
    await running.failed(lambda error: error == "stopped after 10 redirects")


# ---------------------------------------------------------------------------------------------------------- credentials


async def test_credentials(server: TargetServer, running: Running, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-file\n")
    basic = base64.b64encode(b"me:from-file").decode()
    for keys, header in (
        ({"basic_auth": {"username": "me", "password_file": str(secret)}}, f"Basic {basic}"),
        ({"authorization": {"type": "Token", "credentials": "x"}}, "Token x"),
        ({"bearer_token_file": str(secret)}, "Bearer from-file"),
    ):
        server.asked.clear()
        running.job(server.address, **keys, http_headers={"X-Scope": {"values": ["t"]}})
        await running.scraping.reload()
        await running.up()
        assert server.asked[-1].headers["Authorization"] == header
        assert server.asked[-1].headers["X-Scope"] == "t"
    running.job(server.address, bearer_token_file=str(tmp_path / "missing"))
    await running.scraping.reload()
    await running.failed(lambda error: "cannot read" in error)


async def test_oauth2(server: TargetServer, running: Running) -> None:
    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        basic = "Basic " + base64.b64encode(b"id:secret").decode()
        if request.headers.get("Authorization") != basic or form["grant_type"] != "client_credentials":
            return web.Response(status=401)
        return web.json_response({"access_token": f"t-{form['scope']}", "token_type": "bearer", "expires_in": 3600})

    server.answers["/token"] = token
    oauth2 = {"client_id": "id", "client_secret": "secret", "scopes": ["a"], "token_url": f"http://{server.address}/token"}
    running.job(server.address, oauth2=oauth2)
    await running.scraping.start()
    await running.up()
    await running.up()
    scrapes = [asked for asked in server.asked if asked.path == "/metrics"]
    assert {asked.headers["Authorization"] for asked in scrapes} == {"Bearer t-a"}
    assert sum(asked.path == "/token" for asked in server.asked) == 1


async def test_tls(running: Running, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    certificate, key = authority.issue("target")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serving(context) as server:
        server.say("/metrics", "a 1\n")
        tls = {"ca_file": str(authority.certificate), "server_name": "localhost"}
        running.job(server.address, scheme="https", tls_config=tls)
        await running.scraping.start()
        await running.up()
        running.job(server.address, scheme="https", tls_config={**tls, "server_name": "other"})
        await running.scraping.reload()
        await running.failed(lambda error: "certificate" in error)
        running.job(server.address, scheme="https", tls_config={"insecure_skip_verify": True})
        await running.scraping.reload()
        await running.up()


# -------------------------------------------------------------------------------------------------------------- reload


async def test_a_reload_changes_only_what_it_says(server: TargetServer, running: Running) -> None:
    running.job(server.address)
    await running.scraping.start()
    await running.up()
    (before,) = running.scraping.pools["j"].loops.values()
    running.jobs = [*running.jobs, {"job_name": "k", "static_configs": [{"targets": [server.address]}]}]
    await running.scraping.reload()
    (after,) = running.scraping.pools["j"].loops.values()
    assert after is before
    # The job changes: its target goes on, and what is dropped now is marked stale.
    rule = {"source_labels": ["__name__"], "regex": "b", "action": "drop"}
    running.jobs[0] = {**running.jobs[0], "metric_relabel_configs": [rule]}
    await running.scraping.reload()
    await running.kept.until(lambda: any(is_stale(value) for _, value in running.kept.of("b")))
    await running.up()
    assert not any(is_stale(value) for _, value in running.kept.of("a"))
    times = [at for at, _ in running.kept.of("a")]
    assert times == sorted(set(times))


async def test_a_file_that_changes_and_one_that_is_wrong(server: TargetServer, running: Running, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"

    def write(job: str, interval: str = "300ms") -> None:
        path.write_text(
            f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
            f"scrape_configs: [{{job_name: {job}, static_configs: [{{targets: ['{server.address}']}}]}}]\n"
        )

    write("one")
    running.file = str(path)
    await running.scraping.start()
    await running.up()
    path.write_text("scrape_configs: [{job_nam: x}]")
    with pytest.raises(ConfigError, match="Did you mean `job_name`"):
        await running.scraping.reload()
    assert "job_nam" in running.scraping.reload_error
    await running.up()
    write("two")
    await running.scraping.reload()
    assert running.scraping.reload_error == ""
    await running.kept.until(lambda: running.kept.of("a", job="two"))
    assert is_stale(running.kept.of("a", job="one")[-1][1])


async def test_what_the_store_does_not_take(server: TargetServer, running: Running) -> None:
    running.job(server.address)
    await running.scraping.start()
    await running.up()
    running.kept.fault = Overloaded("no room")
    server.say("/metrics", "a 1\n")
    async with asyncio.timeout(60):
        while running.scraping.counts.lost == 0:
            await asyncio.sleep(0.02)
    (loop,) = running.scraping.pools["j"].loops.values()
    assert loop.state.refusal == "the samples were not stored: no room"
    # The marker that was lost comes with the next scrape.
    running.kept.fault = None
    await running.kept.until(lambda: any(is_stale(value) for _, value in running.kept.of("b")))


async def test_targets_are_spread_over_the_interval() -> None:
    from nexus.pipeline.discovery.group import ADDRESS, Group
    from nexus.pipeline.scrape.config import parse
    from nexus.pipeline.scrape.pool import Pool

    (job,) = parse("scrape_configs: [{job_name: j, scrape_interval: 15s}]", "x", Path("/")).jobs
    pool = Pool(
        job, ScrapeClient(), Kept().append, 1 << 20, Scraping("t", lambda: ("", ""), ScrapeClient(), Kept().append).counts
    )
    pool.update([Group("g", tuple({ADDRESS: f"host-{number}:9100"} for number in range(1000)))])
    phases = [loop.target.phase for loop in pool.loops.values()]
    await pool.close(mark=False)
    seconds = [sum(phase // 1000 == second for phase in phases) for second in range(15)]
    assert len(phases) == 1000
    assert max(seconds) < 2 * 1000 / 15
    assert min(seconds) > 1000 / 15 / 2


async def test_steps_of_relabelling_and_dropped_targets(server: TargetServer, running: Running) -> None:
    rules_of = [
        {"source_labels": ["__address__"], "regex": "drop.*", "action": "drop"},
        {"target_label": "zone", "replacement": "eu"},
    ]
    running.job(server.address, "drop-me:80", relabel_configs=rules_of)
    await running.scraping.start()
    view = ScrapeView(running.scraping)
    (page,) = view.page("t")
    assert (page["dropped"], page["discovery"], len(page["targets"])) == (1, ["static"], 1)
    steps, dropped_by = view.trace("t", "j", page["targets"][0]["id"])
    assert dropped_by == 0
    assert [step["action"] for step in steps] == ["drop", "replace"]
    assert steps[1]["after"]["zone"] == "eu"
    shown, total = view.dropped_page("t", "j", 10)
    assert total == 1
    assert shown[0]["dropped_by"] == 1
    assert view.trace("t", "j", shown[0]["id"])[1] == 1
    steps = view.relabel_steps("t", "j", {"__address__": "x:1"})
    assert [one["keep"] for one in steps or ()] == [True, True]
    assert steps is not None
    assert steps[1]["output"]["zone"] == "eu"
    await running.up()
    assert [one["metric"] for one in view.metadata("t")] == []
    assert time.time() - running.scraping.reloaded_at < 60
