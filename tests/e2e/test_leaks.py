"""Nothing of another tenant, nothing outside a policy and no masked value comes out of any door, whoever asks and whatever.

Doors, gRPC methods and live topics are those of the application; requests are made from shapes (`probes`). Every asker tries
every door; needles in the answers are leaks. The same requests made by somebody who may see everything show that they are
understood, and that the needles are there to be found.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
import secrets
import string
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow.parquet
import pytest
import websockets
from tests.e2e.metric_bodies import HEADERS, get, write_request
from tests.e2e.nexus_process import API, TOKEN, Answer, NexusProcess, lines, wait_for
from tests.e2e.probes import OF, SPAN_METRICS, SPARE_TENANT, TAGS, TRACEQL, Probe, distinct, probes
from tests.e2e.test_otlp import request_of
from websockets.asyncio.client import ClientConnection, connect

from nexus.components import http_receivers
from nexus.pipeline.receivers.otlp_grpc import METHODS
from nexus.security.permissions import ROLES, Permission
from nexus.server import protobuf as pb
from nexus.server.api.jaeger import grpc as jaeger_grpc
from nexus.server.api.nexus_v1.live import TOPICS
from nexus.server.api.tempo import grpc as tempo_grpc
from nexus.server.app import main_routes
from nexus.server.routes import KNOWN, SELF, WEBSOCKET, Route

pytestmark = pytest.mark.e2e

NOTHING: Any = None
PASSWORD = "Prevail-9-Orchard-Lantern"
ROUTES = main_routes(http_receivers(NOTHING, NOTHING, NOTHING))
DOORS = [route for route in ROUTES if route.method != WEBSOCKET]
OWN, OTHER = "own", "other"
ALL_BUT_ADMIN = [permission for permission in Permission if permission is not Permission.ADMIN]
NAMED = {
    "index": ["*"],
    "what": ["indices"],
    "date": ["x"],
    "metric": ["x"],
    "key": ["none"],
    "scope": ["tenant"],
    "tag": TAGS,
}
"""Parts of paths that are not identifiers."""
TRACES = ["aa0000000000000000000000000000aa", "bb0000000000000000000000000000bb"]
"""Ids of a trace with a visible span and one outside the policy, and of one that lies outside; the same in both tenants."""
SPANS = ["0101010101010101", "0202020202020202", "0303030303030303"]
NAMED |= {"span": SPANS, "service": ["visible"]}


def needle(beginning: str) -> str:
    """A word that is nowhere else and begins so; letters alone, because patterns put placeholders for digits."""
    return beginning + "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))


@dataclass
class Asker:
    """Somebody with credentials, and the words that no answer to him may hold."""

    name: str
    headers: dict[str, str]
    forbidden: list[str]
    permissions: frozenset[Permission]
    thorough: bool = False
    everywhere: bool = False


@dataclass
class World:
    """Two tenants with what may be seen and what not, and those who ask."""

    nexus: NexusProcess
    theirs: str = field(default_factory=lambda: needle("theirs"))
    hidden: str = field(default_factory=lambda: needle("hidden"))
    masked: str = field(default_factory=lambda: needle("masked"))
    objects: str = field(default_factory=lambda: needle("object"))
    ids: list[str] = field(default_factory=list)
    own_ids: list[str] = field(default_factory=list)
    askers: list[Asker] = field(default_factory=list)

    def records(self, tenant: str) -> list[dict[str, Any]]:
        """What is stored in a tenant: one visible record, and one outside the policy."""
        word = self.theirs if tenant == OTHER else "ours"
        hidden = dict.fromkeys(("_msg", "service", "event_name", "user.email", self.hidden, "pod"), self.hidden)
        visible = {"_msg": "a visible record", "service": "visible", "user.email": self.masked, "pod": self.masked}
        if tenant == OTHER:
            # Everything about it is a needle for those of the other tenant.
            visible |= {"_msg": f"a visible record {word}", word: word, "host.name": word}
        return [visible, {**hidden, "trace_id": "0af7651916cd43dd8448eb211c80319c"}]

    def series(self, tenant: str) -> list[dict[str, str]]:
        """What is measured in a tenant: a series that may be seen, and one outside the policy."""
        word = self.theirs if tenant == OTHER else "ours"
        visible = {"__name__": "visible_total", "service": "visible", "user_email": self.masked, "pod": self.masked}
        if tenant == OTHER:
            visible |= {word: word, "__name__": f"{word}_total"}
        return [visible, {**dict.fromkeys(("__name__", "service", "user_email", "pod", self.hidden), self.hidden)}]

    def spans(self, tenant: str) -> dict[str, Any]:
        """What is traced in a tenant, as OTLP in JSON."""
        word = self.theirs if tenant == OTHER else "ours"
        hidden = dict.fromkeys(("user.email", "pod", "exception.message", self.hidden), self.hidden)
        visible = {"user.email": self.masked, "pod": self.masked}
        name = "a visible span"
        if tenant == OTHER:
            visible |= {word: word, "host.name": word}
            name = f"a visible span {word}"
        return {
            "resourceSpans": [
                _resource("visible", visible, [_span(0, 0, "", name, visible)]),
                _resource(self.hidden, hidden, [
                    _span(0, 1, SPANS[0], self.hidden, hidden), _span(1, 2, "", self.hidden, hidden)]),
            ]
        }  # fmt: skip

    def found(self, answer: Answer, words: list[str]) -> list[str]:
        """Which of the words an answer holds."""
        body = answer.body
        if body[:4] == b"PAR1":
            body = repr(pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()).encode()
        text = (body.decode("utf-8", "replace") + repr(list(answer.headers.items()))).lower()
        return [word for word in words if word in text]


def _pairs(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _span(trace: int, number: int, parent: str, name: str, words: dict[str, str]) -> dict[str, Any]:
    now = time.time_ns() - (10 - number) * 10**9
    return {
        "traceId": TRACES[trace], "spanId": SPANS[number], "parentSpanId": parent, "name": name, "kind": 2,
        "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 10**9), "attributes": _pairs(words),
        "events": [{"timeUnixNano": str(now), "name": "exception", "attributes": _pairs(words)}],
        "links": [{"traceId": TRACES[1 - trace], "spanId": SPANS[2], "attributes": _pairs(words)}],
        "status": {"code": 2, "message": words.get("exception.message", "failed")},
    }  # fmt: skip


def _resource(service: str, words: dict[str, str], spans: list[dict[str, Any]]) -> dict[str, Any]:
    scope = {"name": service, "attributes": _pairs(words)}
    attributes = _pairs({**words, "service.name": service})
    return {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": scope, "spans": spans}]}


class Client:
    """Requests on one connection."""

    def __init__(self, nexus: NexusProcess) -> None:
        self.nexus = nexus
        self.connection = http.client.HTTPConnection("127.0.0.1", nexus.port, timeout=60)

    def ask(self, probe: Probe, headers: dict[str, str]) -> Answer:
        given = {"Content-Type": probe.media, **headers} if probe.body else headers
        for attempt in (1, 2):
            try:
                self.connection.request(probe.method, probe.path, probe.body, given)
                response = self.connection.getresponse()
                return Answer(response.status, response.headers, response.read())
            except (http.client.HTTPException, OSError):
                self.connection.close()
                if attempt == 2:
                    raise
        raise AssertionError


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "prometheus.yml").write_text(
        "scrape_configs: [{job_name: pool, scrape_interval: 1h, static_configs: [{targets: ['192.0.2.1:9']}]}]\n"
    )
    settings = {
        "NEXUS_SCRAPE_FILE": str(folder / "prometheus.yml"), "NEXUS_SCRAPE_TENANT": OWN, "NEXUS_METRICS_ADMIN_API": "true",
    }  # fmt: skip
    nexus = NexusProcess(folder / "data", **settings).start()
    try:
        yield _made(World(nexus))
    finally:
        nexus.stop()
    assert "Traceback" not in nexus.output(), nexus.output()


def _made(world: World) -> World:
    nexus = world.nexus

    def post(path: str, document: Any, tenant: str = "", method: str = "POST") -> Any:
        headers = {"Content-Type": "application/json"}
        answer = nexus.request(method, f"{API}/{path}", json.dumps(document).encode(), headers, tenant=tenant)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    for tenant in (OWN, OTHER):
        assert nexus.ingest(lines(*world.records(tenant)), tenant=tenant).status == 200
        body = json.dumps(world.spans(tenant)).encode()
        answer = nexus.request("POST", "/v1/traces", body, {"Content-Type": "application/json"}, tenant=tenant)
        assert answer.status == 200 and answer.json == {}, answer.body
        now = int(time.time() * 1000)
        measured = [(labels, [(now - 60_000, 1.0), (now, 2.0)]) for labels in world.series(tenant)]
        for labels, samples in measured:
            # Words about a metric are as secret as the metric.
            described = {labels["__name__"]: f"help of {labels['__name__']}"}
            exemplar = {name: value for name, value in labels.items() if name in ("pod", "user_email")}
            body = write_request([(labels, samples)], described, exemplar)
            answer = nexus.request("POST", "/api/v1/write", body, HEADERS, tenant=tenant)
            assert answer.status == 204, answer.body
    for tenant, name, ids in ((OTHER, world.objects, world.ids), (OWN, "ours", world.own_ids)):
        page = post("logs/search", {}, tenant)
        ids += [*TRACES, *(record["id"] for record in page["records"])]
        ids.append(post("views", {"name": name, "state": name}, tenant)["id"])
        ids.append(post("links", {"path": f"/logs?query={name}"}, tenant)["id"])
        ids.append(post("keys", {"name": name, "tenant": tenant, "permissions": ["logs:read"]}, tenant)["key"]["id"])
        ids.append(post("logs/deletions", {"query": name, "reason": name}, tenant)["id"])
        ids.append(post("traces/deletions", {"query": f'{{ name = "{name}" }}', "reason": name}, tenant)["id"])
        ids.append(nexus.post("/_search?scroll=1m", {"size": 1}, tenant=tenant).json["_scroll_id"])
    OF["PipelinesRequest", "version"] = [nexus.get(f"{API}/pipelines", tenant=OWN).json["version"]]
    grants = [{"permission": permission} for permission in ALL_BUT_ADMIN]
    restricted = {"grants": grants, "policy": "service:visible", "masked": ["user.email", "pod"]}
    post("roles/restricted", restricted, method="PUT")
    everything = [world.theirs, world.objects, world.hidden, world.masked]
    theirs = [world.theirs, world.objects]
    kinds: list[tuple[str, str, list[str], bool]] = [(role, OWN, theirs, role == "admin") for role in ROLES]
    kinds += [("restricted", OWN, everything, True), ("restricted", "*", [world.hidden, world.masked], True)]
    world.askers.append(Asker("nobody", {}, everything, frozenset()))
    for role, tenant, forbidden, thorough in kinds:
        name = f"{role}-{'everywhere' if tenant == '*' else tenant}"
        user = {"name": name, "password": PASSWORD, "roles": [{"role": role, "tenant": tenant}]}
        post("users", user)
        login = {"username": name, "password": PASSWORD}
        answer = nexus.post(f"{API}/auth/login", login, token="")
        assert answer.status == 200, answer.body
        headers = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0], "X-Nexus-Request": "1"}
        held = ROLES.get(role, frozenset(ALL_BUT_ADMIN))
        world.askers.append(Asker(name, headers, forbidden, held, thorough, tenant == "*"))
    for ids, name, shown, roles in (
        # What the one who may change users has not himself, so that he may not change these.
        (world.ids, "somebody", world.objects, [{"role": "admin", "tenant": OTHER}]),
        (world.own_ids, "spare", "ours", []),
    ):
        more = {"roles": roles}
        ids.append(post("users", {"name": name, "display_name": shown, "password": PASSWORD, **more})["user"]["name"])
        ids.append(post("teams", {"name": shown, "members": [name], **more})["id"])
        ids.append(post("accounts", {"name": shown, **more})["id"])
        for path, kind, named in (("Users", "User", f"{name}-scim"), ("Groups", "Group", "")):
            body = {
                "schemas": [f"urn:ietf:params:scim:schemas:core:2.0:{kind}"],
                "userName": named,
                "displayName": f"{shown}-scim",
            }
            made = nexus.post(f"/scim/v2/{path}", body, headers={"Content-Type": "application/scim+json"})
            assert made.status == 201, made.body
            ids.append(made.json["id"])
    post("roles/spare", {"grants": grants[:1]}, method="PUT")
    post("tenants", {"name": SPARE_TENANT})
    world.own_ids.append(SPARE_TENANT)
    world.own_ids += wait_for("the target to be known", lambda: [
        target["id"]
        for pool in nexus.get(f"{API}/targets", tenant=OWN).json["pools"] for target in pool["targets"]
    ])  # fmt: skip
    wait_for("deletions to end", lambda: all(
        one["state"] != "running" for tenant in (OWN, OTHER) for signal in ("logs", "traces")
        for one in nexus.get(f"{API}/{signal}/deletions", tenant=tenant).json["deletions"]
    ))  # fmt: skip
    return world


def plan(asker: Asker | None, world: World) -> Iterator[Probe]:
    """What an asker sends; None is who may see everything. Doors that need what he has not get one request of each path."""
    for routes in distinct(DOORS).values():
        for number, route in enumerate(routes):
            ids = ["none", *world.own_ids] if asker is None else ["none", *world.ids]
            parts = {name: values for name, values in NAMED.items() if name in route.path_parameters}
            if route.path.startswith(("/scim/v2/Schemas", "/scim/v2/ResourceTypes")):
                parts["id"] = ["User", "urn:ietf:params:scim:schemas:core:2.0:User"]
            if route.path.endswith("/label/{name}/values") and "/api/v1" in route.path:
                parts["name"] = ["service", "user_email", "pod", "__name__"]
            elif route.path.startswith("/loki") and "name" in route.path_parameters:
                parts["name"] = ["service_name", "user_email", "pod"]
            elif "/services/{+name}" in route.path:
                parts["name"] = ["visible"]
            elif "/index" in route.path or "/indices" in route.path or "indices" in parts.get("what", ()):
                parts |= {name: ["*"] for name in ("name",) if name in route.path_parameters}
            made = probes(route, parts, ids if not parts or asker is None else [*ids[:1], OTHER, *TRACES])
            allowed = asker is None or (
                asker.thorough and (not isinstance(route.permission, Permission) or route.permission in asker.permissions)
            )
            for probe in made:
                if (allowed and not number) or probe.first:
                    yield probe


# ---------------------------------------------------------------------------------------------------------------- doors


def test_no_door_leaks(world: World) -> None:
    """Every asker, every door, without naming a tenant and naming the other one."""
    before = _of_theirs(world)

    def ask_all(asker: Asker) -> list[str]:
        client, leaks = Client(world.nexus), []
        for probe in plan(asker, world):
            # A user's own session would end: asked in `test_doors_about_oneself`.
            if probe.route.permission is SELF or probe.path.endswith("/auth/logout"):
                continue
            tenants = ["", OTHER] if probe.first else [OTHER if asker.everywhere else ""]
            for tenant in tenants:
                headers = {**asker.headers, **({"X-Scope-OrgID": tenant} if tenant else {})}
                if asker.name != "nobody" and not tenant:
                    headers["X-Scope-OrgID"] = OWN
                answer = client.ask(probe, headers)
                told = f"{asker.name} of {tenant or OWN}: {probe} -> {answer.status}"
                if found := world.found(answer, asker.forbidden):
                    leaks.append(f"{told} {found} {answer.body[:500]!r}")
                if answer.status >= 500 and answer.status != 503 and answer.status != 501:
                    leaks.append(f"{told} {answer.body[:500]!r}")
                leaks += _let_in(asker, probe, tenant, answer, told)
        return leaks

    # Those of one tenant first: the one of every tenant may change what is theirs.
    for group in (False, True):
        with ThreadPoolExecutor(3) as pool:
            found = pool.map(ask_all, [asker for asker in world.askers if asker.everywhere is group])
            leaks = [leak for one in found for leak in one]
        assert not leaks, f"{len(leaks)} leaks:\n" + "\n".join(leaks[:20])
        if not group:
            assert _of_theirs(world) == before, "something of another tenant was changed"


def _let_in(asker: Asker, probe: Probe, tenant: str, answer: Answer, told: str) -> list[str]:
    """Was somebody let in who may not be?"""
    route = probe.route
    if route.public:
        return []
    refusals = (401, 403, 404) if route.path.endswith("/validate") else (401, 403)
    outside = tenant == OTHER and not asker.everywhere
    lacks = isinstance(route.permission, Permission) and route.permission not in asker.permissions
    if (asker.name == "nobody" or outside or lacks) and answer.status not in refusals:
        return [f"let in: {told} {answer.body[:300]!r}"]
    return []


def _of_theirs(world: World) -> Any:
    """What belongs to the other tenant, and everybody who can log in."""
    paths = ["views", "keys", "retention", "pipelines", "logs/deletions", "users", "teams", "accounts"]
    state = {path: world.nexus.get(f"{API}/{path}", tenant=OTHER).json for path in paths}
    state["count"] = world.nexus.count(tenant=OTHER)
    state["series"] = get(world.nexus, "series", OTHER, **{"match[]": '{__name__=~".+"}'})
    for key in state["keys"]["keys"]:
        key["last_used_at"] = ""
    state["keys"] = [key for key in state["keys"]["keys"] if key["tenant"] == OTHER]
    for one in state["logs/deletions"]["deletions"]:
        # Old files go in the background.
        for name in ("state", "parts_left", "finished_at"):
            one.pop(name)
    state["retention"].pop("applying", None)
    state["retention"].pop("parts_left", None)
    return state


def _handler(route: Route) -> str:
    assert route.handler is not None
    return route.path if "<locals>" in route.handler.__qualname__ else f"{route.handler.__module__}.{route.handler.__name__}"


NEVER_THERE = ("/queries/", "/link", "/scim/v2/{", "/rules/{")
"""What is reached through these doors cannot be made beforehand: a query that runs, a user of a single sign-on; and what SCIM
has no name for."""


def test_every_request_is_understood_by_those_who_may_see_everything(world: World) -> None:
    """Otherwise the test above tries doors with requests that never get far."""
    client = Client(world.nexus)
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Scope-OrgID": OWN}
    OF["PipelinesRequest", "version"] = [world.nexus.get(f"{API}/pipelines", tenant=OWN).json["version"]]
    telling: set[str] = set()
    wrong: list[str] = []
    reached: dict[str, bool] = {}
    guarded = [
        probe
        for probe in plan(None, world)
        if not probe.route.public and probe.route.permission not in (SELF, KNOWN) and probe.route.receiver is None
    ]
    # What removes things comes last, and first what is within others; then what tells of something removed.
    removing = [
        probe for probe in guarded if probe.method == "DELETE" or probe.route.path.endswith(("/delete", "/delete_series"))
    ]
    removing.sort(key=lambda probe: (not probe.path.startswith("/scim"), -probe.route.path.count("/")))
    guarded = [*(probe for probe in guarded if probe not in removing), *removing]
    for probe in [*guarded, *(probe for probe in guarded if probe.path.endswith(f"{SPARE_TENANT}/deletion"))]:
        route, body = probe.route, probe.body or b""
        answer = client.ask(probe, headers)
        if world.found(answer, [world.hidden, world.masked]):
            telling.add(f"{route.method} {route.path}")
        if route.path_parameters or "id=" in probe.path or b'"scroll_id"' in body or b'"id"' in body:
            # One of the identifiers is that of such a thing.
            name = f"{route.method} {_handler(route)}"
            reached[name] = reached.get(name, False) or answer.status < 400 or any(one in route.path for one in NEVER_THERE)
        elif answer.status >= 400:
            wrong.append(f"{probe} -> {answer.status} {answer.body[:300].decode()}")
    assert not wrong, "add a value for a field to tests/e2e/probes.py (VALUES, OF, WHOLE, QUERIES or BODIES):\n" + "\n".join(
        wrong[:20]
    )
    missing = [name for name, found in reached.items() if not found]
    assert not missing, f"make an object that these doors know, and add its id to `own_ids`: {missing}"
    assert len(telling) >= 40, sorted(telling)


def test_doors_about_oneself(world: World) -> None:
    """Last, because they may end the session that asks."""
    asker = next(one for one in world.askers if one.name == f"viewer-{OWN}")
    client = Client(world.nexus)
    for probe in plan(asker, world):
        if probe.route.permission is SELF:
            answer = client.ask(probe, {**asker.headers, "X-Scope-OrgID": OWN})
            assert not world.found(answer, [world.objects, world.theirs, world.hidden]), f"{probe} {answer.body[:500]!r}"
            assert answer.status < 500, f"{probe} {answer.body[:500]!r}"
            assert client.ask(probe, {}).status == 401
            assert client.ask(probe, {"Authorization": f"Bearer {TOKEN}"}).status == 403


# ----------------------------------------------------------------------------------------------------------- WebSockets


def _url(world: World, route: Route, tenant: str, query: str = "") -> str:
    return f"ws://127.0.0.1:{world.nexus.port}{route.path}?tenant={tenant}{query}"


async def _live(socket: ClientConnection, topic: str) -> None:
    for number, query in enumerate(("", "theirs* OR hidden*", "user.email:*")):
        await socket.send(
            json.dumps({"type": "subscribe", "id": str(number), "topic": topic, "query": query, "backlog": 50})
        )


SOCKETS: dict[str, tuple[list[str], bool]] = {
    f"{API}/live": ([""], True),
    "/loki/api/v1/tail": (
        ["&query=" + '{service_name=~".%2B"}', "&query=" + '{service_name=~".%2B"}|json&limit=100'],
        False,
    ),
}
"""Query strings of WebSockets, and whether topics are subscribed to."""


@dataclass(eq=False)
class _Talk:
    """A socket: who is asking whom, and what it has said so far."""

    asker: Asker
    tenant: str
    path: str
    wanted: list[str]
    """What it must say in the end; nothing when it is refused."""
    said: str = ""

    @property
    def satisfied(self) -> bool:
        """Whether it has said what it must."""
        return all(word in self.said.lower() for word in self.wanted)


async def _listen(world: World, talk: _Talk, route: Route, query: str, topic: str, done: asyncio.Event) -> None:
    """Note everything that a socket says until it is done, or how it was refused."""
    headers = {**talk.asker.headers, "Origin": f"http://127.0.0.1:{world.nexus.port}"}
    try:
        async with connect(_url(world, route, talk.tenant, query), additional_headers=headers) as socket:
            if topic:
                await _live(socket, topic)
            ending = asyncio.ensure_future(done.wait())
            while not ending.done():
                hearing = asyncio.ensure_future(socket.recv())
                await asyncio.wait((hearing, ending), return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                    break
                talk.said += str(hearing.result())
            ending.cancel()
    except websockets.InvalidStatus as error:
        talk.said = f"refused {error.response.status_code} {error.response.body!r}"
    except websockets.ConnectionClosed:
        pass


async def test_no_socket_leaks(world: World) -> None:
    routes = [route for route in ROUTES if route.method == WEBSOCKET]
    assert {route.path for route in routes} <= set(SOCKETS), "say in SOCKETS how to talk with the new WebSocket"
    done = asyncio.Event()
    talks: list[_Talk] = []
    tasks: list[asyncio.Task[None]] = []
    root = Asker("root", {"Authorization": f"Bearer {TOKEN}"}, [], frozenset(Permission), everywhere=True)
    for route in routes:
        queries, topics = SOCKETS[route.path]
        for asker in [root, *world.askers]:
            for tenant in (OWN, OTHER):
                for query in queries:
                    for topic in TOPICS if topics else [""]:
                        reads = Permission.LOGS_READ in asker.permissions
                        if asker.name == "nobody" or not reads or (tenant == OTHER and not asker.everywhere):
                            wanted = ["refused 40"]
                        else:
                            wanted = [world.hidden, world.masked] if asker is root else ["a visible record"]
                        talk = _Talk(asker, tenant, route.path, wanted)
                        talks.append(talk)
                        tasks.append(asyncio.ensure_future(_listen(world, talk, route, query, topic, done)))
    deadline = time.monotonic() + 60
    # Again until everybody has heard: on a busy machine a socket may be opened late.
    while time.monotonic() < deadline:
        await asyncio.sleep(1.0)
        heard = all(talk.satisfied for talk in talks)
        for tenant in (OWN, OTHER):
            await asyncio.to_thread(world.nexus.ingest, lines(*world.records(tenant)), tenant=tenant)
        if heard:
            break
    # Time for what should not be heard.
    await asyncio.sleep(1.0)
    done.set()
    await asyncio.gather(*tasks)
    for talk in talks:
        said = talk.said.lower()
        told = f"{talk.asker.name} of {talk.tenant} at {talk.path}: {said[:500]}"
        if talk.wanted == ["refused 40"]:
            assert said.startswith(("refused 401", "refused 403")), told
        assert talk.satisfied, told
        assert not [word for word in talk.asker.forbidden if word in said], told


def test_a_socket_ends_when_its_access_changes(world: World) -> None:
    """A role gets a mask, another one is taken away, a session ends: at once, and with a code that says whether to come again."""
    nexus = world.nexus

    def change(method: str, path: str, document: Any = None) -> None:
        body = None if document is None else json.dumps(document).encode()
        answer = nexus.request(method, f"{API}/{path}", body, {"Content-Type": "application/json"})
        assert answer.status == 200, answer.body

    async def watch(name: str, act: Any, path: str) -> int:
        login = nexus.post(f"{API}/auth/login", {"username": name, "password": PASSWORD}, token="")
        headers = {
            "Cookie": login.headers["Set-Cookie"].partition(";")[0],
            "Origin": f"http://127.0.0.1:{nexus.port}",
        }
        route = next(route for route in ROUTES if route.path == path)
        query = SOCKETS[path][0][0]
        async with connect(_url(world, route, OWN, query), additional_headers=headers) as socket:
            await asyncio.to_thread(act)
            with pytest.raises(websockets.ConnectionClosed) as caught:
                async with asyncio.timeout(60):
                    while True:
                        await socket.recv()
        assert caught.value.rcvd is not None
        return int(caught.value.rcvd.code)

    grants = [{"permission": "logs:read"}]
    for path in SOCKETS:
        change("PUT", "roles/changing", {"grants": grants})
        for name, roles in (("watcher", [("changing", OWN)]), ("leaver", [("viewer", OWN)]), ("ended", [("viewer", OWN)])):
            document = {"roles": [{"role": role, "tenant": tenant} for role, tenant in roles]}
            answer = nexus.post(f"{API}/users", {"name": name, "password": PASSWORD, **document})
            if answer.status == 409:
                change("PATCH", f"users/{name}", {"disabled": False, **document})
        acts = {
            "watcher": (lambda: change("PUT", "roles/changing", {"grants": grants, "masked": ["user.email"]}), 1012),
            "leaver": (lambda: change("PATCH", "users/leaver", {"roles": [{"role": "viewer", "tenant": OTHER}]}), 1008),
            "ended": (lambda: change("PATCH", "users/ended", {"disabled": True}), 1008),
        }
        for name, (act, code) in acts.items():
            assert asyncio.run(watch(name, act, path)) == code, (name, path)


# ----------------------------------------------------------------------------------------------------------------- gRPC


def _questions(method: str) -> list[bytes]:
    """Requests of a query method: for everything there is, and for what may not be seen."""
    ids, name = [bytes.fromhex(id) for id in TRACES], method.rpartition("/")[2]
    if method in tempo_grpc.METHODS:
        texts = TRACEQL if name.startswith("Search") else SPAN_METRICS
        if "TagValues" in name:
            return [pb.text(1, tag) + pb.text(2, TRACEQL[0]) for tag in TAGS]
        return [pb.text(8 if name == "Search" else 2 if "Tags" in name else 1, text) for text in texts]
    if name in ("GetTrace", "ArchiveTrace"):
        return [pb.text(1, id) for id in TRACES] if "v3" in method else [pb.message(1, id) for id in ids]
    if name == "GetOperations":
        return [b"", pb.text(1, "visible")]
    seconds = pb.message(4, pb.integer(1, int(time.time()) - 600)) + pb.message(5, pb.integer(1, int(time.time()) + 600))
    if name == "GetDependencies":
        return [b"".join(pb.message(n, pb.integer(1, int(time.time()) + at)) for n, at in ((1, -600), (2, 600)))]
    return [b""] if name == "GetServices" else [pb.message(1, seconds), pb.message(1, pb.text(1, "visible") + seconds)]


@pytest.mark.parametrize("method", [*jaeger_grpc.METHODS, *tempo_grpc.METHODS])
def test_no_query_over_grpc_leaks(world: World, method: str) -> None:
    """Nobody, those of the other tenant and those without the permission get nothing; a policy and masks hold."""
    nexus = world.nexus

    def key(**what: Any) -> str:
        answer = nexus.post(f"{API}/keys", {"name": "q", "tenant": OWN, **what})
        assert answer.status == 200, answer.body
        return f"Bearer {answer.json['secret']}"

    roles = [{"role": "restricted", "tenant": OWN}]
    account = nexus.post(f"{API}/accounts", {"name": f"asks-{secrets.token_hex(4)}", "roles": roles}).json["id"]
    everything = [world.theirs, world.hidden, world.masked, world.objects]
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        ask = channel.unary_stream(method)

        def told(authorization: str, question: bytes, tenant: str = OWN) -> tuple[Any, str]:
            metadata = [("x-scope-orgid", tenant)] + ([("authorization", authorization)] if authorization else [])
            try:
                return None, b"".join(ask(question, metadata=metadata, timeout=60)).decode("utf-8", "replace").lower()
            except grpc.RpcError as error:
                return error.code(), str(error.details()).lower()

        refused = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
        for number, question in enumerate(_questions(method)):
            restricted = told(key(account=account), question)
            assert not [word for word in everything if word in restricted[1]], (question, restricted)
            assert restricted[0] not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), (question, restricted)
            whole = told(f"Bearer {TOKEN}", question)
            assert whole[0] is None, (question, whole)
            assert not [word for word in (world.theirs, world.objects) if word in whole[1]]
            for authorization, tenant in (
                ("", OWN), ("Bearer wrong", OWN), (key(permissions=["traces:write"]), OWN), (key(permissions=["traces:read"]), OTHER),
            ):  # fmt: skip
                if not number:
                    assert told(authorization, question, tenant)[0] in refused, authorization


@pytest.mark.parametrize("method", METHODS)
def test_no_method_lets_anybody_in_who_may_not_write(world: World, method: str) -> None:
    nexus = world.nexus
    before = {tenant: nexus.count(tenant=tenant) for tenant in (OWN, OTHER)}
    keys = {
        "nobody": "",
        "wrong": "Bearer wrong",
        "reader": nexus.post(f"{API}/keys", {"name": "r", "tenant": OWN, "permissions": ["logs:read"]}).json["secret"],
        "writer": nexus.post(f"{API}/keys", {"name": "w", "tenant": OWN, "permissions": ["logs:write"]}).json["secret"],
    }
    with grpc.insecure_channel(f"127.0.0.1:{nexus.grpc_port}") as channel:
        export = channel.unary_unary(method, lambda request: request.SerializeToString(), lambda body: body)
        for name, key in keys.items():
            metadata = [("authorization", key if key.startswith("Bearer") else f"Bearer {key}")] if key else []
            for tenant in (OWN, OTHER):
                if name == "writer" and tenant == OWN:
                    continue
                with pytest.raises(grpc.RpcError) as caught:
                    export(request_of(world.theirs), metadata=[*metadata, ("x-scope-orgid", tenant)], timeout=60)
                expected = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
                if method != METHODS[0]:
                    expected.add(grpc.StatusCode.UNIMPLEMENTED)
                assert caught.value.code() in expected, (name, tenant, caught.value)
                assert not re.search(f"{world.theirs}|{world.hidden}|{world.masked}", str(caught.value.details()))
    assert {tenant: nexus.count(tenant=tenant) for tenant in (OWN, OTHER)} == before
