"""From objects of Kubernetes to targets with the `__meta_kubernetes_` labels of Prometheus. Pure: objects are the documents
that the API has, stores are maps of them by `namespace/name`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nexus.pipeline.discovery.config import AttachMetadata
from nexus.pipeline.discovery.group import ADDRESS, Group, sanitized

Object = Mapping[str, Any]
Labels = dict[str, str]
META: Final = "__meta_kubernetes_"


@dataclass(slots=True)
class Stores:
    """Objects by kind (lower case, plural) and key."""

    kinds: dict[str, dict[str, Object]] = field(default_factory=dict)
    attach: AttachMetadata = field(default_factory=AttachMetadata)

    def get(self, kind: str, key: str) -> Object | None:
        """An object, if it is known."""
        return self.kinds.get(kind, {}).get(key)

    def all(self, kind: str) -> list[tuple[str, Object]]:
        """All of a kind, by key."""
        return sorted(self.kinds.get(kind, {}).items())


def key_of(found: Object) -> str:
    """`namespace/name`, or the name of what is in no namespace."""
    metadata = found.get("metadata", {})
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata.get('name', '')}" if namespace else str(metadata.get("name", ""))


def join(host: str, port: Any) -> str:
    """Host and port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _truth(value: Any) -> str:
    return "true" if value else "false"


def object_labels(found: Object, role: str) -> Labels:
    """Name, labels and annotations of an object."""
    metadata = found.get("metadata", {})
    labels = {f"{META}{role}_name": metadata.get("name", "")}
    return {**labels, **described(metadata, role)}


def described(metadata: Mapping[str, Any], role: str) -> Labels:
    """Labels and annotations."""
    labels: Labels = {}
    for what in ("label", "annotation"):
        for name, value in (metadata.get(f"{what}s") or {}).items():
            labels[f"{META}{role}_{what}_{sanitized(name)}"] = value
            labels[f"{META}{role}_{what}present_{sanitized(name)}"] = "true"
    return labels


def controller_of(found: Object) -> Object | None:
    """Who owns the object."""
    owners = found.get("metadata", {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def namespace_labels(stores: Stores, namespace: str) -> Labels:
    """Labels of the namespace, if they are asked for."""
    found = stores.get("namespaces", namespace) if stores.attach.namespace else None
    return described(found.get("metadata", {}), "namespace") if found else {}


def node_labels(stores: Stores, name: str | None) -> Labels:
    """Labels of the node, if they are asked for."""
    found = stores.get("nodes", name) if stores.attach.node and name else None
    return object_labels(found, "node") if found else {}


# --------------------------------------------------------------------------------------------------------------- roles


def node_group(node: Object, stores: Stores) -> Group | None:
    """A node: its kubelet."""
    status, spec = node.get("status", {}), node.get("spec", {})
    addresses: dict[str, str] = {}
    for one in status.get("addresses") or ():
        addresses.setdefault(one["type"], one["address"])
    order = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")
    address = next((addresses[kind] for kind in order if kind in addresses), None)
    if address is None:
        return None
    name = node["metadata"]["name"]
    port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port", 0)
    labels = {**object_labels(node, "node"), f"{META}node_provider_id": spec.get("providerID", "")}
    for condition in status.get("conditions") or ():
        labels[f"{META}node_condition_{sanitized(condition['type'])}"] = str(condition.get("status", "")).lower()
    target = {ADDRESS: join(address, port), "instance": name}
    target.update({f"{META}node_address_{sanitized(kind)}": value for kind, value in addresses.items()})
    return Group(f"node/{name}", (target,), labels)


def service_group(service: Object, stores: Stores) -> Group:
    """A service: each of its ports."""
    metadata, spec = service["metadata"], service.get("spec", {})
    name, namespace, kind = metadata["name"], metadata.get("namespace", ""), spec.get("type") or "ClusterIP"
    targets = []
    for port in spec.get("ports") or ():
        target = {
            ADDRESS: f"{name}.{namespace}.svc:{port['port']}",
            f"{META}service_port_name": port.get("name") or "",
            f"{META}service_port_number": str(port["port"]),
            f"{META}service_port_protocol": port.get("protocol") or "TCP",
            f"{META}service_type": kind,
        }
        if kind == "ExternalName":
            target[f"{META}service_external_name"] = spec.get("externalName") or ""
        else:
            target[f"{META}service_cluster_ip"] = spec.get("clusterIP") or ""
        if kind == "LoadBalancer":
            target[f"{META}service_loadbalancer_ip"] = spec.get("loadBalancerIP") or ",".join(
                one["ip"] for one in service.get("status", {}).get("loadBalancer", {}).get("ingress") or () if one.get("ip")
            )
        targets.append(target)
    labels = {f"{META}namespace": namespace, **object_labels(service, "service"), **namespace_labels(stores, namespace)}
    return Group(f"svc/{namespace}/{name}", tuple(targets), labels)


def pod_labels(pod: Object, stores: Stores) -> Labels:
    """Labels of a pod."""
    status, spec, metadata = pod.get("status", {}), pod.get("spec", {}), pod["metadata"]
    ready = next((one.get("status", "") for one in status.get("conditions") or () if one.get("type") == "Ready"), "unknown")
    labels = {
        f"{META}pod_ip": status.get("podIP") or "",
        f"{META}pod_ready": str(ready).lower(),
        f"{META}pod_phase": status.get("phase") or "",
        f"{META}pod_node_name": spec.get("nodeName") or "",
        f"{META}pod_host_ip": status.get("hostIP") or "",
        f"{META}pod_uid": metadata.get("uid") or "",
        **object_labels(pod, "pod"),
    }
    if (owner := controller_of(pod)) is not None:
        kind, name, attach = owner.get("kind", ""), owner.get("name", ""), stores.attach
        labels[f"{META}pod_controller_kind"] = kind
        labels[f"{META}pod_controller_name"] = name
        key = f"{metadata.get('namespace', '')}/{name}"
        if kind == "ReplicaSet" and attach.deployment:
            labels.update(_owner_label(stores.get("replicasets", key), "Deployment", "pod_deployment_name"))
        if kind == "Job":
            if attach.job:
                labels[f"{META}pod_job_name"] = name
            if attach.cronjob:
                labels.update(_owner_label(stores.get("jobs", key), "CronJob", "pod_cronjob_name"))
    return labels


def _owner_label(found: Object | None, kind: str, label: str) -> Labels:
    owner = controller_of(found) if found else None
    return {f"{META}{label}": owner.get("name", "")} if owner and owner.get("kind") == kind else {}


def _containers(pod: Object) -> Iterator[tuple[Object, bool]]:
    spec = pod.get("spec", {})
    yield from ((one, False) for one in spec.get("containers") or ())
    yield from ((one, True) for one in spec.get("initContainers") or ())


def _container_labels(container: Object, port: Object | None, *, is_init: bool) -> Labels:
    labels = {
        f"{META}pod_container_name": container.get("name", ""),
        f"{META}pod_container_image": container.get("image") or "",
        f"{META}pod_container_init": _truth(is_init),
    }
    if port is not None:
        labels[f"{META}pod_container_port_name"] = port.get("name") or ""
        labels[f"{META}pod_container_port_number"] = str(port["containerPort"])
        labels[f"{META}pod_container_port_protocol"] = port.get("protocol") or "TCP"
    return labels


def pod_group(pod: Object, stores: Stores) -> Group | None:
    """A pod: each port of each container; a container without ports once, by its address alone."""
    status, metadata = pod.get("status", {}), pod["metadata"]
    address = status.get("podIP")
    node = pod.get("spec", {}).get("nodeName")
    if not address or (stores.attach.node and stores.get("nodes", node or "") is None):
        return None
    states = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    ids = {one.get("name"): one.get("containerID") or "" for one in states}
    targets = []
    for container, is_init in _containers(pod):
        for port in container.get("ports") or (None,):
            labels = _container_labels(container, port, is_init=is_init)
            labels[f"{META}pod_container_id"] = ids.get(container.get("name"), "")
            labels[ADDRESS] = join(address, port["containerPort"]) if port else address
            targets.append(labels)
    namespace = metadata.get("namespace", "")
    labels = {
        **pod_labels(pod, stores),
        f"{META}namespace": namespace,
        **node_labels(stores, node),
        **namespace_labels(stores, namespace),
    }
    return Group(f"pod/{namespace}/{metadata['name']}", tuple(targets), labels)


def _service_labels(stores: Stores, key: str) -> Labels:
    service = stores.get("services", key)
    return object_labels(service, "service") if service else {}


class _Endpoints:
    """Targets of endpoints: addresses with ports, and every other port of the pods behind them."""

    def __init__(self, stores: Stores, namespace: str) -> None:
        self.targets: list[Labels] = []
        self._stores = stores
        self._namespace = namespace
        self._pods: dict[str, tuple[Object, set[int]]] = {}

    def add(self, target: Labels, reference: Object | None, node: str | None, port: int | None) -> None:
        on_node = (reference or {}).get("kind") == "Node"
        target.update(node_labels(self._stores, reference["name"] if reference and on_node else node))
        pod = None
        if reference and reference.get("kind") == "Pod":
            pod = self._stores.get("pods", f"{reference.get('namespace') or self._namespace}/{reference.get('name')}")
        if pod is not None:
            target.update(pod_labels(pod, self._stores))
            for container, is_init in _containers(pod):
                for one in container.get("ports") or ():
                    if one["containerPort"] == port:
                        target.update(_container_labels(container, one, is_init=is_init))
                        break
            _, seen = self._pods.setdefault(key_of(pod), (pod, set()))
            if port is not None:
                seen.add(port)
        self.targets.append(target)

    def finish(self) -> tuple[Labels, ...]:
        for pod, seen in self._pods.values():
            address = pod.get("status", {}).get("podIP")
            for container, is_init in _containers(pod) if address else ():
                for port in container.get("ports") or ():
                    if port["containerPort"] not in seen:
                        labels = _container_labels(container, port, is_init=is_init)
                        labels[ADDRESS] = join(str(address), port["containerPort"])
                        self.targets.append({**labels, **pod_labels(pod, self._stores)})
        return tuple(self.targets)


def endpoints_group(endpoints: Object, stores: Stores) -> Group:
    """Endpoints of a service."""
    metadata = endpoints["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    found = _Endpoints(stores, namespace)
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            for which, ready in (("addresses", "true"), ("notReadyAddresses", "false")):
                for address in subset.get(which) or ():
                    target = {
                        ADDRESS: join(address["ip"], port["port"]),
                        f"{META}endpoint_port_name": port.get("name") or "",
                        f"{META}endpoint_port_protocol": port.get("protocol") or "TCP",
                        f"{META}endpoint_ready": ready,
                        f"{META}endpoint_node_name": address.get("nodeName") or "",
                        f"{META}endpoint_hostname": address.get("hostname") or "",
                    }
                    if reference := address.get("targetRef"):
                        target[f"{META}endpoint_address_target_kind"] = reference.get("kind") or ""
                        target[f"{META}endpoint_address_target_name"] = reference.get("name") or ""
                    found.add(target, reference, address.get("nodeName"), port["port"])
    labels = {
        f"{META}namespace": namespace,
        **_service_labels(stores, f"{namespace}/{name}"),
        **object_labels(endpoints, "endpoints"),
        **namespace_labels(stores, namespace),
    }
    return Group(f"endpoints/{namespace}/{name}", found.finish(), labels)


def slice_group(found: Object, stores: Stores) -> Group:
    """A slice of the endpoints of a service."""
    metadata = found["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    prefix = f"{META}endpointslice_"
    collected = _Endpoints(stores, namespace)
    for endpoint in found.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        for port in found.get("ports") or ():
            for address in endpoint.get("addresses") or ():
                number = port.get("port")
                target = {
                    ADDRESS: address if number is None else join(address, number),
                    f"{prefix}port_name": port.get("name") or "",
                    f"{prefix}port_protocol": port.get("protocol") or "",
                    f"{prefix}port": "" if number is None else str(number),
                    f"{prefix}port_app_protocol": port.get("appProtocol") or "",
                    f"{prefix}endpoint_hostname": endpoint.get("hostname") or "",
                    f"{prefix}endpoint_node_name": endpoint.get("nodeName") or "",
                    f"{prefix}endpoint_zone": endpoint.get("zone") or "",
                }
                for condition in ("ready", "serving", "terminating"):
                    if conditions.get(condition) is not None:
                        target[f"{prefix}endpoint_conditions_{condition}"] = _truth(conditions[condition])
                for topology, value in (endpoint.get("deprecatedTopology") or {}).items():
                    target[f"{prefix}endpoint_topology_{sanitized(topology)}"] = value
                    target[f"{prefix}endpoint_topology_present_{sanitized(topology)}"] = "true"
                if reference := endpoint.get("targetRef"):
                    target[f"{prefix}address_target_kind"] = reference.get("kind") or ""
                    target[f"{prefix}address_target_name"] = reference.get("name") or ""
                collected.add(target, reference, endpoint.get("nodeName"), number)
    service = (metadata.get("labels") or {}).get("kubernetes.io/service-name", "")
    labels = {
        f"{META}namespace": namespace,
        f"{prefix}address_type": found.get("addressType") or "",
        **object_labels(found, "endpointslice"),
        **_service_labels(stores, f"{namespace}/{service}"),
        **namespace_labels(stores, namespace),
    }
    return Group(f"endpointslice/{namespace}/{name}", collected.finish(), labels)


def ingress_group(ingress: Object, stores: Stores) -> Group:
    """An ingress: each path of each of its hosts."""
    metadata, spec = ingress["metadata"], ingress.get("spec", {})
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    secure = [host for one in spec.get("tls") or () for host in one.get("hosts") or ()]
    targets = []
    for rule in spec.get("rules") or ():
        host = rule.get("host") or ""
        scheme = "https" if any(covers(pattern, host) for pattern in secure) else "http"
        paths = (
            [one.get("path") or "/" for one in (rule.get("http") or {}).get("paths") or ()] if rule.get("http") else ["/"]
        )
        targets += [
            {ADDRESS: host, f"{META}ingress_scheme": scheme, f"{META}ingress_host": host, f"{META}ingress_path": path}
            for path in paths
        ]
    labels = {
        f"{META}namespace": namespace,
        f"{META}ingress_class_name": spec.get("ingressClassName") or "",
        **object_labels(ingress, "ingress"),
        **namespace_labels(stores, namespace),
    }
    return Group(f"ingress/{namespace}/{name}", tuple(targets), labels)


def covers(pattern: str, host: str) -> bool:
    """Is the host the pattern, or one of the names that its `*.` stands for?"""
    return pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


BUILDERS: Final[Mapping[str, tuple[str, Callable[[Object, Stores], Group | None]]]] = {
    "node": ("nodes", node_group),
    "service": ("services", service_group),
    "pod": ("pods", pod_group),
    "endpoints": ("endpoints", endpoints_group),
    "endpointslice": ("endpointslices", slice_group),
    "ingress": ("ingresses", ingress_group),
}


def groups_of(role: str, stores: Stores) -> list[Group]:
    """Every group of a role."""
    kind, build = BUILDERS[role]
    found = (build(one, stores) for _, one in stores.all(kind))
    return [
        Group(group.source, tuple(_filled(target) for target in group.targets), _filled(group.labels))
        for group in found
        if group is not None
    ]


def _filled(labels: Mapping[str, str]) -> Labels:
    """Without labels that say nothing."""
    return {name: value for name, value in labels.items() if value}
