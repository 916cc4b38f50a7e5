"""Objects of a Kubernetes cluster as targets (`kubernetes_sd_configs`), through lightkube: they are listed once and watched
from then on; what the API server forgot is listed again."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import KubernetesDiscovery
from nexus.pipeline.discovery.group import Group
from nexus.pipeline.discovery.kubernetes_labels import BUILDERS, Stores, groups_of, key_of

SETTLE_SECONDS: Final = 0.1
MAX_OBJECTS: Final = 200_000
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_ROLES_OF: Final = {"nodes": "node", "services": "service", "pods": "pod", "endpoints": "endpoints",
                    "endpointslices": "endpointslice", "ingresses": "ingress"}  # fmt: skip


async def watch_cluster(settings: KubernetesDiscovery) -> AsyncIterator[Sequence[Group]]:
    """The groups of the role, one an object, now and whenever something changes. Raises `TargetFailed`."""
    import httpx2
    from lightkube import AsyncClient

    try:
        client: Any = AsyncClient(config=await asyncio.to_thread(connection, settings), trust_env=False)
        async with Watches(client, settings) as watches:
            while True:
                yield await watches.change()
    except (httpx2.HTTPError, OSError) as error:
        raise TargetFailed(f"Kubernetes could not be asked: {str(error)[:300] or type(error).__name__}") from error


def connection(settings: KubernetesDiscovery) -> Any:
    """Where the API server is and who asks. Raises `TargetFailed`."""
    from lightkube import KubeConfig
    from lightkube.config.models import Cluster, User
    from lightkube.core.exceptions import ConfigError as NoCluster

    try:
        if settings.kubeconfig_file:
            return KubeConfig.from_file(settings.kubeconfig_file).get()
        if not settings.api_server:
            return KubeConfig.from_service_account().get()
    except (NoCluster, OSError) as error:
        raise TargetFailed(f"there is no way to a Kubernetes cluster: {str(error)[:200]}") from error
    basic, tls = settings.basic_auth, settings.tls_config
    token = settings.bearer_token or (settings.authorization.credentials if settings.authorization else "")
    token_file = settings.bearer_token_file or (settings.authorization.credentials_file if settings.authorization else "")
    user = User(
        username=basic.username or None if basic else None,
        password=(basic.password or _read(basic.password_file)) if basic else None,
        token=token or None,
        token_file=token_file or None,
        client_cert=tls.cert_file or None,
        client_key=tls.key_file or None,
    )
    cluster = Cluster(server=settings.api_server, certificate_auth=tls.ca_file or None, insecure=tls.insecure_skip_verify)
    return KubeConfig.from_one(cluster=cluster, user=user).get()


def _read(path: str) -> str:
    return Path(path).read_text("utf-8").strip() if path else ""


def kinds_of(settings: KubernetesDiscovery) -> list[str]:
    """Kinds of objects that the role needs."""
    role, attach = settings.role or "", settings.attach_metadata
    kinds = [BUILDERS[role][0]]
    if role in ("endpoints", "endpointslice"):
        kinds += ["services", "pods"]
    if attach.node and role in ("pod", "endpoints", "endpointslice"):
        kinds.append("nodes")
    if attach.namespace and role != "node":
        kinds.append("namespaces")
    if "pods" in kinds:
        kinds += [kind for kind, wanted in (("replicasets", attach.deployment), ("jobs", attach.cronjob)) if wanted]
    return kinds


class Watches:
    """A list and a watch for each kind and namespace, each a task."""

    def __init__(self, client: Any, settings: KubernetesDiscovery) -> None:
        """Nothing is asked yet."""
        self._client = client
        self._settings = settings
        self._stores = Stores({}, settings.attach_metadata)
        self._changed = asyncio.Event()
        self._listed: set[tuple[str, str]] = set()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def __aenter__(self) -> Watches:
        """Begin."""
        for kind in kinds_of(self._settings):
            self._stores.kinds.setdefault(kind, {})
            for namespace in self._namespaces() if kind not in ("nodes", "namespaces") else [""]:
                key = (kind, namespace)
                self._tasks[key] = asyncio.create_task(self._watch(*key))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all tasks."""
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with contextlib.suppress(BaseException):
                await task
        with contextlib.suppress(Exception):
            await self._client.close()

    def _namespaces(self) -> list[str]:
        wanted = self._settings.namespaces
        names = list(wanted.names)
        if wanted.own_namespace and _NAMESPACE_FILE.is_file():
            names.append(_NAMESPACE_FILE.read_text("utf-8").strip())
        return names or ["*"]

    async def change(self) -> list[Group]:
        """The groups after the next change. Raises what a task failed with."""
        while True:
            waiting = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait((waiting, *self._tasks.values()), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for task in self._tasks.values():
                if task.done():
                    task.result()
            self._changed.clear()
            await asyncio.sleep(SETTLE_SECONDS)
            if self._listed >= set(self._tasks):
                return groups_of(self._settings.role or "", self._stores)

    async def _watch(self, kind: str, namespace: str) -> None:
        import httpx2

        resource, where = _resource(kind), self._where(kind, namespace)
        store = self._stores.kinds[kind]
        while True:
            found: dict[str, Any] = {}
            listing = self._client.list(resource, **where)
            async for one in listing:
                document = one.to_dict()
                found[key_of(document)] = document
                if len(found) > MAX_OBJECTS:
                    raise TargetFailed(f"there are more than {MAX_OBJECTS} {kind}")
            for key in [key for key in store if namespace in ("*", "", key.partition("/")[0]) and key not in found]:
                del store[key]
            store.update(found)
            self._listed.add((kind, namespace))
            self._changed.set()
            try:
                version = listing.resourceVersion
                async for event, one in self._client.watch(resource, resource_version=version, **where):
                    document = one.to_dict()
                    if event == "DELETED":
                        store.pop(key_of(document), None)
                    elif len(store) < MAX_OBJECTS:
                        store[key_of(document)] = document
                    self._changed.set()
            except httpx2.HTTPStatusError as error:
                # Gone: it has forgotten where we were.
                if _code(error) != 410:
                    raise

    def _where(self, kind: str, namespace: str) -> dict[str, Any]:
        where: dict[str, Any] = {"namespace": namespace} if namespace else {}
        for one in self._settings.selectors:
            if one.role == _ROLES_OF.get(kind):
                if one.label:
                    where["labels"] = label_selector(one.label)
                if one.field:
                    where["fields"] = field_selector(one.field)
        return where


def _code(error: Any) -> int:
    """The status, of the answer or of an event within it."""
    status = getattr(error, "status", None)
    return int(status.code if status is not None and status.code else error.response.status_code)


def _resource(kind: str) -> Any:
    from lightkube.resources import apps_v1, batch_v1, core_v1, discovery_v1, networking_v1

    return {
        "nodes": core_v1.Node,
        "services": core_v1.Service,
        "pods": core_v1.Pod,
        "endpoints": core_v1.Endpoints,
        "namespaces": core_v1.Namespace,
        "endpointslices": discovery_v1.EndpointSlice,
        "ingresses": networking_v1.Ingress,
        "replicasets": apps_v1.ReplicaSet,
        "jobs": batch_v1.Job,
    }[kind]


_SETS: Final = re.compile(r"\s*([^\s=!,()]+)\s+(notin|in)\s*\(([^()]*)\)\s*(?:,|$)")
_ONE: Final = re.compile(r"\s*(!?)\s*([^\s=!,()]+)\s*(?:(==|=|!=)\s*([^\s=!,()]*))?\s*(?:,|$)")


def label_selector(text: str) -> dict[str, Any]:
    """A selector of labels as lightkube takes it. Raises `TargetFailed`."""
    from lightkube import operators

    found: dict[str, Any] = {}
    at = 0
    while at < len(text):
        if match := _SETS.match(text, at):
            values = [value.strip() for value in match[3].split(",")]
            found[match[1]] = operators.in_(values) if match[2] == "in" else operators.not_in(values)
        elif match := _ONE.match(text, at):
            absent, name, operator, value = match.groups()
            if absent:
                found[name] = operators.not_exists()
            elif operator is None:
                found[name] = operators.exists()
            else:
                found[name] = operators.not_equal(value) if operator == "!=" else operators.equal(value)
        else:
            raise TargetFailed(f"{text[:80]!r} is no label selector")
        at = match.end()
    return found


def field_selector(text: str) -> dict[str, Any]:
    """A selector of fields as lightkube takes it."""
    from lightkube import operators

    found: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name.endswith("!"):
            found[name[:-1].strip()] = operators.not_equal(value.strip())
        else:
            found[name.strip()] = operators.equal(value.lstrip("=").strip())
    return found
