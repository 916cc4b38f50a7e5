"""Services of Consul's catalogue (`consul_sd_configs`). Consul's API is spoken by py-consul; its requests go through the
HTTP client of scraping, with its guard, TLS and credentials. Changes are waited for with blocking queries."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from msgspec.structs import replace

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import ConsulDiscovery
from nexus.pipeline.discovery.group import ADDRESS, Group, sanitized
from nexus.pipeline.scrape.client import Profile, ScrapeClient
from nexus.pipeline.scrape.http_config import BasicAuth

WAIT_SECONDS: Final = 120
MAX_ANSWER: Final = 64 << 20
MAX_SERVICES: Final = 10_000
_META: Final = "__meta_consul_"


def connect(settings: ConsulDiscovery, client: ScrapeClient) -> Any:
    """py-consul's client over our transport."""
    from consul import base

    profile = Profile(_with_basic(settings), client)
    parts = urlsplit(settings.server if "://" in settings.server else f"{settings.scheme}://{settings.server}")
    origin = f"{parts.scheme}://{parts.netloc}{settings.path_prefix.rstrip('/')}"
    common = [(name, value) for name, value in (("ns", settings.namespace), ("partition", settings.partition)) if value]

    class Transport:
        """What py-consul asks with."""

        async def get(
            self,
            callback: Callable[[Any], Any],
            path: str,
            params: Sequence[tuple[str, Any]] | None = None,
            headers: Mapping[str, str] | None = None,
            **_: Any,
        ) -> Any:
            query = urlencode([*(params or ()), *common])
            url = origin + quote(path, safe="/:") + (f"?{query}" if query else "")
            sent = {**({"X-Consul-Token": settings.token} if settings.token else {}), **(headers or {})}
            answer = await client.fetch(profile, url, sent, WAIT_SECONDS + 20.0, MAX_ANSWER)
            names = {"x-consul-index": answer.headers.get("X-Consul-Index", "0")}
            return callback(base.Response(answer.status, _CaseLess(names), answer.body.decode("utf-8", "replace")))

    class Client(base.Consul):  # type: ignore[misc]
        """The client."""

        def http_connect(self, *_: Any, **__: Any) -> Any:
            return Transport()

        def connect(self, *_: Any, **__: Any) -> Any:
            return Transport()

    return Client(
        token=settings.token or None,
        consistency="stale" if settings.allow_stale else "default",
        dc=settings.datacenter or None,
    )


class _CaseLess(dict[str, str]):
    """Headers by name in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


def _with_basic(settings: ConsulDiscovery) -> ConsulDiscovery:
    if not settings.username and not settings.password:
        return settings
    basic = BasicAuth(username=settings.username, password=settings.password)
    return replace(settings, basic_auth=basic, username="", password="")


async def watch_catalog(settings: ConsulDiscovery, client: ScrapeClient) -> AsyncIterator[Sequence[Group]]:
    """The groups, one a service, now and whenever something changes. Raises `TargetFailed`, `TargetRefused`."""
    from consul.exceptions import ConsulException

    try:
        consul = connect(settings, client)
        datacenter = settings.datacenter or await _datacenter(consul)
        async with Watch(settings, consul, datacenter) as watch:
            while True:
                yield await watch.change()
    except ConsulException as error:
        raise TargetFailed(f"Consul could not be asked: {str(error)[:200]}") from error


async def _datacenter(consul: Any) -> str:
    found = await consul.agent.self()
    return str(found["Config"]["Datacenter"])


class Watch:
    """The services being watched, each by a task of its own."""

    def __init__(self, settings: ConsulDiscovery, consul: Any, datacenter: str) -> None:
        """Nothing is asked yet."""
        self._settings = settings
        self._consul = consul
        self._datacenter = datacenter
        self._groups: dict[str, Group] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._catalog: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watch:
        """Begin."""
        self._catalog = asyncio.create_task(self._watch_names())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all tasks."""
        tasks = [task for task in (self._catalog, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(BaseException):
                await task

    async def change(self) -> list[Group]:
        """The groups after the next change. Raises what a task failed with."""
        while True:
            waiting = asyncio.ensure_future(self._changed.wait())
            tasks = [task for task in (self._catalog, *self._tasks.values()) if task is not None]
            await asyncio.wait((waiting, *tasks), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
            if self._changed.is_set():
                self._changed.clear()
                # What changes together is told together.
                await asyncio.sleep(0.1)
                if all(name in self._groups for name in self._tasks):
                    return [self._groups[name] for name in sorted(self._tasks)]

    async def _watch_names(self) -> None:
        settings = self._settings
        if settings.services and not settings.tags and not settings.filter:
            self._set_names(settings.services)
            await asyncio.Event().wait()
        index = None
        while True:
            index, found = await self._consul.catalog.services(
                index=index,
                wait=f"{WAIT_SECONDS}s",
                node_meta=settings.node_meta or None,
                filter_expr=settings.filter or None,
            )
            wanted = [
                name
                for name, tags in found.items()
                if (not settings.services or name in settings.services) and set(settings.tags) <= set(tags)
            ]
            self._set_names(wanted[:MAX_SERVICES])
            # A catalogue in motion is asked at most once a refresh interval.
            await asyncio.sleep(max(settings.refresh_interval.seconds, 0.1) if index is not None else 1.0)

    def _set_names(self, names: Sequence[str]) -> None:
        for name in set(self._tasks) - set(names):
            self._tasks.pop(name).cancel()
            self._groups.pop(name, None)
        for name in names:
            if name not in self._tasks:
                self._tasks[name] = asyncio.create_task(self._watch_service(name))
        self._changed.set()

    async def _watch_service(self, name: str) -> None:
        settings = self._settings
        index = None
        while True:
            index, found = await self._consul.health.service(
                name,
                index=index,
                wait=f"{WAIT_SECONDS}s",
                tag=settings.tags or None,
                node_meta=settings.node_meta or None,
                filter_expr=settings.health_filter or None,
            )
            targets = tuple(labels_of(node, settings.tag_separator) for node in found)
            labels = {f"{_META}service": name, f"{_META}dc": self._datacenter}
            group = Group(name, targets, labels)
            if self._groups.get(name) != group:
                self._groups[name] = group
                self._changed.set()
            await asyncio.sleep(0.1)


def labels_of(entry: Mapping[str, Any], separator: str) -> dict[str, str]:
    """The labels of a service on a node, as Consul's health API tells of it."""
    node, service = entry["Node"], entry["Service"]
    host = service.get("Address") or node.get("Address", "")
    tags = f"{separator}{separator.join(service.get('Tags') or ())}{separator}"
    found = {
        ADDRESS: f"[{host}]:{service['Port']}" if ":" in host else f"{host}:{service['Port']}",
        f"{_META}address": node.get("Address", ""),
        f"{_META}node": node.get("Node", ""),
        f"{_META}namespace": service.get("Namespace", ""),
        f"{_META}partition": service.get("Partition", ""),
        f"{_META}tags": tags,
        f"{_META}service_address": service.get("Address", ""),
        f"{_META}service_port": str(service["Port"]),
        f"{_META}service_id": service.get("ID", ""),
        f"{_META}health": health_of(entry.get("Checks") or ()),
    }
    for prefix, values in (
        ("metadata", node.get("Meta")),
        ("service_metadata", service.get("Meta")),
        ("tagged_address", node.get("TaggedAddresses")),
    ):
        found.update({f"{_META}{prefix}_{sanitized(name)}": value for name, value in (values or {}).items()})
    return {name: value for name, value in found.items() if value}


def health_of(checks: Sequence[Mapping[str, Any]]) -> str:
    """The worst of several checks."""
    states = {check.get("Status", "") for check in checks}
    if any(check.get("CheckID") in ("_node_maintenance",) or str(check.get("CheckID", "")).startswith("_service_maintenance")
           for check in checks):  # fmt: skip
        return "maintenance"
    for state in ("critical", "warning"):
        if state in states:
            return state
    return "passing"
