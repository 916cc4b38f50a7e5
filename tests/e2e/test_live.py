"""The live WebSocket, as clients use it: real sockets against a real process."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, TOKEN, NexusProcess, lines, wait_for
from tests.e2e.test_access import log_in, make_key
from websockets.asyncio.client import ClientConnection, connect

pytestmark = pytest.mark.e2e


class Live:
    """A client: what it says, and what it has been told, by subscription."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.records: list[dict[str, Any]] = []
        self.dropped = 0

    async def say(self, type: str, id: str = "a", **more: Any) -> None:
        await self.socket.send(json.dumps({"type": type, "id": id, **more}))

    async def hear(self, timeout: float = 60.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        self.records += message.get("records", [])
        self.dropped += message.get("dropped", 0)
        return message

    async def subscribe(self, query: str = "", id: str = "a", **more: Any) -> None:
        await self.say("subscribe", id, query=query, **more)
        message = await self.hear()
        assert message == {"type": "subscribed", "id": id}, message

    async def until(self, count: int) -> list[dict[str, Any]]:
        """So many records in all, those dropped included."""
        while len(self.records) + self.dropped < count:
            message = await self.hear()
            assert message["type"] == "records", message
        return self.records

    async def silent(self, seconds: float = 0.4) -> None:
        with pytest.raises(TimeoutError):
            await self.hear(seconds)


def opened(nexus: NexusProcess, *, tenant: str = "", token: str = TOKEN, headers: dict[str, str] | None = None) -> connect:
    url = f"ws://127.0.0.1:{nexus.port}{API}/live" + (f"?tenant={tenant}" if tenant else "")
    given = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(url, additional_headers=given | (headers or {}), max_size=64 << 20, compression=None, max_queue=1)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


async def send(nexus: NexusProcess, tenant: str, *records: dict[str, Any]) -> None:
    answer = await asyncio.to_thread(nexus.ingest, lines(*records), {"X-Scope-OrgID": tenant})
    assert answer.status == 200, answer.body


def search(nexus: NexusProcess, tenant: str, query: str = "") -> list[dict[str, Any]]:
    answer = nexus.post(
        f"{API}/logs/search", {"query": query, "order": "asc", "limit": 1000}, headers={"X-Scope-OrgID": tenant}
    )
    assert answer.status == 200, answer.body
    return list(answer.json["records"])


def test_records_arrive_as_a_search_finds_them(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe("payment level:>=warn")
            await live.subscribe("status:500", "b")
            sent = [
                {"_msg": f"payment {n}", "level": "error" if n % 2 else "info", "status": 500 if n < 3 else "ok", "n": n}
                for n in range(10)
            ]
            await send(nexus, tenant, *sent, {"_msg": "other", "level": "error"})
            heard: dict[str, list[Any]] = {"a": [], "b": []}
            while len(heard["a"]) < 5 or len(heard["b"]) < 3:
                message = await live.hear()
                heard[message["id"]] += message["records"]
            assert [r["attributes"]["n"] for r in heard["a"]] == [1, 3, 5, 7, 9]
            assert [r["attributes"]["n"] for r in heard["b"]] == [0, 1, 2]
            by_id = {r["id"]: r for r in search(nexus, tenant)}
            assert len(by_id) == 11
            for record in heard["a"] + heard["b"]:
                assert by_id[record["id"]] == record
            await live.say("unsubscribe", "b")
            assert await live.hear() == {"type": "ended", "id": "b"}
            await send(nexus, tenant, {"_msg": "x", "status": 500})
            await live.silent()

    run(work)


def test_nobody_hears_another_tenant(nexus: NexusProcess, tenant: str) -> None:
    other = tenant + "-other"

    async def work() -> None:
        async with opened(nexus, tenant=tenant) as one, opened(nexus, headers={"X-Scope-OrgID": other}) as two:
            first, second = Live(one), Live(two)
            await first.subscribe()
            await second.subscribe()
            await send(nexus, tenant, {"_msg": "mine"})
            await send(nexus, other, {"_msg": "theirs"})
            assert [r["body"] for r in await first.until(1)] == ["mine"]
            assert [r["body"] for r in await second.until(1)] == ["theirs"]
            await first.silent(0.2)
        key = make_key(nexus, other, "logs:read")
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with opened(nexus, tenant=tenant, token=key):
                pass
        assert refused.value.response.status_code == 403

    run(work)


def test_the_backlog_and_live_records_neither_overlap_nor_leave_a_gap(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        start = time.time_ns()
        stop = threading.Event()
        count = 0

        def feed() -> None:
            nonlocal count
            while not stop.is_set():
                answer = nexus.ingest(
                    lines(*({"_time": str(start + count + n), "_msg": "x", "n": count + n} for n in range(5))),
                    {"X-Scope-OrgID": tenant},
                )
                assert answer.status == 200
                count += 5

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            for _ in range(8):
                async with opened(nexus, tenant=tenant) as socket:
                    live = Live(socket)
                    await live.subscribe(backlog=1000)
                    seen = await live.until(5)
                    until = count + 10
                    while seen[-1]["attributes"]["n"] < until:
                        await live.hear()
                    numbers = [record["attributes"]["n"] for record in seen]
                    assert numbers == list(range(numbers[0], numbers[-1] + 1))
                    assert live.dropped == 0
        finally:
            stop.set()
            await asyncio.to_thread(thread.join)

    run(work)


def test_pausing_holds_and_a_rate_drops(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe()
            await live.say("pause")
            await live.say("pause", "nobody")
            assert (await live.hear())["error"]["code"] == "not_found"
            await send(nexus, tenant, *({"_msg": f"held {n}"} for n in range(20)))
            await live.silent()
            await live.say("resume")
            assert [r["body"] for r in await live.until(20)] == [f"held {n}" for n in range(20)]
            assert live.dropped == 0
            await live.say("subscribe", "a", query="", rate=10)
            assert (await live.hear())["type"] == "subscribed"
            live.records.clear()
            await send(nexus, tenant, *({"_msg": f"fast {n}"} for n in range(100)))
            assert [r["body"] for r in await live.until(100)] == [f"fast {n}" for n in range(90, 100)]
            assert live.dropped == 90

    run(work)


def test_a_client_that_does_not_read_costs_a_bounded_buffer(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe(rate=20_000)
            for part in range(20):
                await send(nexus, tenant, *({"_msg": f"{part}-{n} " + "x" * 2000} for n in range(1500)))
            # What neither the sockets' buffers nor ours hold is gone, and counted.
            records = await live.until(30_000)
            assert live.dropped > 1000
            assert len(records) + live.dropped == 30_000
            assert records[0]["body"].startswith("0-0 ")
            assert records[-1]["body"].startswith("19-1499 ")

    run(work)


def lost(nexus: NexusProcess, tenant: str) -> int:
    """Records of a tenant that live subscriptions did not get, as the metrics say."""
    found = re.search(rf'nexus_live_dropped_total{{tenant="{tenant}"}} (\d+)', nexus.get("/metrics").body.decode())
    return int(found[1]) if found else 0


def test_a_paused_subscription_loses_the_oldest(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe(rate=20_000)
            await live.say("pause")
            await live.say("pause", "nobody")
            await live.hear()
            for part in range(6):
                await send(nexus, tenant, *({"_msg": f"{part}-{n} " + "x" * 300} for n in range(2500)))
            await asyncio.to_thread(wait_for, "all records to be handed out", lambda: lost(nexus, tenant) >= 5000)
            await live.say("resume")
            records = await live.until(15_000)
            assert live.dropped == 5000
            assert records[0]["body"].startswith("2-0 ")
            assert [r["body"].split()[0] for r in records[-2:]] == ["5-2498", "5-2499"]
        assert lost(nexus, tenant) == 5000

    run(work)


def test_thousands_of_records_arrive_in_order(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe(rate=20_000)
            for part in range(10):
                await send(nexus, tenant, *({"_msg": "x", "n": 800 * part + n} for n in range(800)))
            records = await live.until(8000)
            assert [record["attributes"]["n"] for record in records] == list(range(8000))

    run(work)


def test_mistakes_are_told_and_cost_only_their_subscription(nexus: NexusProcess, tenant: str) -> None:
    async def work() -> None:
        async with opened(nexus, tenant=tenant) as socket:
            live = Live(socket)
            await live.subscribe("x", "good")
            await live.say("subscribe", "bad", query="(a OR b")
            message = await live.hear()
            assert (message["type"], message["id"]) == ("error", "bad")
            assert message["error"]["position"] == {"offset": 0, "length": 1}
            await live.say("subscribe", "bad", query=r"/(\pL{100}){10}/")
            assert "cannot be followed" in (await live.hear())["error"]["message"]
            for nonsense in ("{", "[]", '{"type":"subscribe"}', '{"type":"shout","id":"a"}', '{"type":"pause","id":5}'):
                await socket.send(nonsense)
                message = await live.hear()
                assert (message["type"], message["id"]) == ("error", ""), message
            for n in range(19):
                await live.subscribe("y", f"s{n}")
            await live.say("subscribe", "one too many", query="y")
            assert "20 subscriptions" in (await live.hear())["error"]["message"]
            await send(nexus, tenant, {"_msg": "x"})
            assert (await live.hear())["id"] == "good"

    run(work)


def test_cookies_count_on_our_own_pages_only(nexus: NexusProcess) -> None:
    cookie, _ = log_in(nexus)
    here = f"http://127.0.0.1:{nexus.port}"

    async def work() -> None:
        async with opened(nexus, token="", headers={"Cookie": cookie, "Origin": here}) as socket:
            await Live(socket).subscribe()
        for origin in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {}):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with opened(nexus, token="", headers={"Cookie": cookie, **origin}):
                    pass
            assert refused.value.response.status_code == 403
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with opened(nexus, token=""):
                pass
        assert refused.value.response.status_code == 401

    run(work)


def test_a_stop_closes_sockets_and_credentials_end(launch: Launch) -> None:
    nexus = launch()

    async def work() -> None:
        made = nexus.post(f"{API}/keys", {"name": "k", "tenant": "t", "permissions": ["logs:read"]}).json
        async with opened(nexus, token=made["secret"]) as revoked, opened(nexus) as kept:
            await Live(revoked).subscribe()
            await Live(kept).subscribe()
            assert "nexus_live_sockets 2" in nexus.get("/metrics").body.decode()
            assert nexus.request("DELETE", f"{API}/keys/{made['key']['id']}").status in (200, 204)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await Live(revoked).hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
            stopping = asyncio.create_task(asyncio.to_thread(nexus.stop))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await Live(kept).hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            assert await stopping == 0
        assert "Traceback" not in nexus.output()

    run(work)
