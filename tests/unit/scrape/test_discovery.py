"""Discovery against real servers: files, HTTP, a DNS server, EC2 (moto), Consul's and Kubernetes' APIs as they answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web
from tests.unit.scrape.targets_server import Kept, TargetServer, serving

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import (
    ConsulDiscovery,
    DnsDiscovery,
    Ec2Discovery,
    FileDiscovery,
    HttpDiscovery,
    KubernetesDiscovery,
)
from nexus.pipeline.discovery.group import ADDRESS, Group
from nexus.pipeline.discovery.running import provider
from nexus.pipeline.scrape.client import ScrapeClient
from nexus.pipeline.scrape.reading import read as read_yaml
from nexus.pipeline.scrape.values import Span


@pytest.fixture
async def client() -> AsyncIterator[ScrapeClient]:
    found = ScrapeClient()
    yield found
    await found.close()


@pytest.fixture
async def server() -> AsyncIterator[TargetServer]:
    async with serving() as found:
        yield found


def flat(groups: Sequence[Group]) -> list[dict[str, str]]:
    """The label sets of all targets, with those of their groups."""
    return [{**group.labels, **target} for group in groups for target in group.targets]


async def until(source: Any, condition: Callable[[list[dict[str, str]]], Any]) -> list[dict[str, str]]:
    """The targets of the first answer for which the condition holds."""
    async with asyncio.timeout(60):
        async for groups in source:
            if condition(found := flat(groups)):
                return found
    raise AssertionError("the source ended")


def settings(kind: Any, text: str) -> Any:
    """Settings as they are written in YAML."""
    return read_yaml(text, kind, "test.yml")


# ---------------------------------------------------------------------------------------------------------- files, HTTP


async def test_files(tmp_path: Path, client: ScrapeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.pipeline.discovery.files.LOOK_SECONDS", 0.02)
    (tmp_path / "a.json").write_text('[{"targets": ["x:1", "y:2"], "labels": {"env": "prod"}}]')
    (tmp_path / "b.yml").write_text("- targets: ['z:3']\n")
    source = provider(FileDiscovery(files=[str(tmp_path / "*.json"), str(tmp_path / "b.yml")]), client)
    async with aclosing(source):
        found = await until(source, len)
        assert [one[ADDRESS] for one in found] == ["x:1", "y:2", "z:3"]
        assert found[0]["env"] == "prod"
        assert found[0]["__meta_filepath"] == str(tmp_path / "a.json")
        # One that is wrong keeps what it said; one that is gone takes its targets with it.
        (tmp_path / "a.json").write_text("[{")
        (tmp_path / "b.yml").unlink()
        assert [one[ADDRESS] for one in await until(source, lambda found: len(found) == 2)] == ["x:1", "y:2"]
        (tmp_path / "a.json").write_text('[{"targets": ["new:1"]}]')
        assert [one[ADDRESS] for one in await until(source, lambda found: len(found) == 1)] == ["new:1"]


async def test_http(server: TargetServer, client: ScrapeClient) -> None:
    url = f"http://{server.address}/targets"
    server.say("/targets", '[{"targets": ["x:1"], "labels": {"a": "b"}}]', "application/json; charset=utf-8")
    wanted = HttpDiscovery(url=url, refresh_interval=Span(30_000), bearer_token="t")
    source = provider(wanted, client)
    async with aclosing(source):
        assert await until(source, len) == [{ADDRESS: "x:1", "a": "b", "__meta_url": url}]
    assert server.asked[0].headers["X-Prometheus-Refresh-Interval-Seconds"] == "30"
    assert server.asked[0].headers["Authorization"] == "Bearer t"
    for body, kind, message in (
        ("[]", "text/html", "unsupported content type"),
        ("[{", "application/json", "no list of target groups"),
        ('[{"targets": [1]}]', "application/json", "no list of target groups"),
        ('{"targets": []}', "application/json", "no list of target groups"),
    ):
        server.say("/targets", body, kind)
        source = provider(wanted, client)
        async with aclosing(source):
            with pytest.raises(TargetFailed, match=message):
                await anext(source)


async def test_failures_keep_the_last_list(server: TargetServer) -> None:
    """A job whose discovery fails is scraped on, and says why it fails."""
    from nexus.pipeline.scrape.manager import Scraping

    server.say("/targets", json.dumps([{"targets": [server.address]}]), "application/json")
    server.say("/metrics", "a 1\n")
    text = f"""
scrape_configs:
- job_name: j
  scrape_interval: 100ms
  scrape_timeout: 100ms
  http_sd_configs: [{{url: "http://{server.address}/targets", refresh_interval: 1s}}]
"""
    kept = Kept()
    scraping = Scraping("t", lambda: ("", text), ScrapeClient(), kept.append)
    await scraping.start()
    try:
        await kept.until(lambda: kept.of("a"))
        server.say("/targets", "no", status=500)
        async with asyncio.timeout(60):
            while not scraping.errors_of("j"):
                await asyncio.sleep(0.02)
        assert "HTTP status 500" in scraping.errors_of("j")[0]
        seen = len(kept.of("a"))
        await kept.until(lambda: len(kept.of("a")) > seen)
    finally:
        await scraping.stop()


# ----------------------------------------------------------------------------------------------------------------- DNS


class NameServer(asyncio.DatagramProtocol):
    """A DNS server with a few records."""

    RECORDS: ClassVar = {
        ("_m._tcp.example.", "SRV"): ["0 0 9100 one.example.", "0 0 9101 two.example."],
        ("a.example.", "A"): ["10.0.0.1", "10.0.0.2"],
        ("a.example.", "AAAA"): ["2001:db8::1"],
        ("example.", "MX"): ["10 mail.example."],
        ("example.", "NS"): ["ns.example."],
    }

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        import dns.message
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        query = dns.message.from_wire(data)
        question = query.question[0]
        answer = dns.message.make_response(query)
        kind = dns.rdatatype.to_text(question.rdtype)
        if records := self.RECORDS.get((str(question.name), kind)):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), address)


async def test_dns() -> None:
    import dns.asyncresolver

    from nexus.pipeline.discovery.dns import resolve

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        for kind, name, port, wanted in (
            ("SRV", "_m._tcp.example", 0, ["one.example:9100", "two.example:9101"]),
            ("A", "a.example", 80, ["10.0.0.1:80", "10.0.0.2:80"]),
            ("AAAA", "a.example", 80, ["[2001:db8::1]:80"]),
            ("MX", "example", 25, ["mail.example:25"]),
            ("NS", "example", 53, ["ns.example:53"]),
            ("A", "nobody.example", 80, []),
        ):
            source = resolve(DnsDiscovery(names=[name], type=kind, port=port), resolver)
            async with aclosing(source):
                found = flat(await anext(source))
            assert sorted(one[ADDRESS] for one in found) == wanted
            assert all(one["__meta_dns_name"] == name for one in found)
        source = resolve(DnsDiscovery(names=["_m._tcp.example"]), resolver)
        async with aclosing(source):
            labels = sorted(flat(await anext(source)), key=lambda one: one[ADDRESS])[0]
        assert labels["__meta_dns_srv_record_target"] == "one.example."
        assert labels["__meta_dns_srv_record_port"] == "9100"
    finally:
        transport.close()


# ----------------------------------------------------------------------------------------------------------------- EC2


@pytest.fixture
def moto() -> Any:
    from moto.server import ThreadedMotoServer

    found = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host}:{port}"
    found.stop()


async def test_ec2(moto: str, client: ScrapeClient) -> None:
    """moto's server speaks EC2's API to the real boto3."""
    import boto3

    given = {"region_name": "eu-central-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    ec2 = boto3.client("ec2", endpoint_url=moto, **given)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "team/x", "Value": "y"}]}]
    ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, InstanceType="t3.micro", TagSpecifications=tags)
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small")
    text = f"{{region: eu-central-1, endpoint: '{moto}', access_key: a, secret_key: b, port: 9100, filters: [{{name: 'tag:Name', values: [web]}}]}}"
    source = provider(settings(Ec2Discovery, text), client)
    async with aclosing(source):
        found = flat(await anext(source))
    assert len(found) == 2
    one = found[0]
    assert one[ADDRESS] == f"{one['__meta_ec2_private_ip']}:9100"
    for name, value in {
        "instance_type": "t3.micro", "region": "eu-central-1", "tag_Name": "web", "tag_team_x": "y", "ami": image,
        "instance_state": "running", "owner_id": "123456789012",
    }.items():  # fmt: skip
        assert one[f"__meta_ec2_{name}"] == value, name
    assert one["__meta_ec2_availability_zone"].startswith("eu-central-1")
    assert one["__meta_ec2_availability_zone_id"].startswith("euc1")
    assert one["__meta_ec2_subnet_id"] == f",{one['__meta_ec2_primary_subnet_id']},"
    wrong = Ec2Discovery(region="eu-central-1", endpoint="http://127.0.0.1:1", access_key="a", secret_key="b")
    source = provider(wrong, client)
    async with aclosing(source):
        with pytest.raises(TargetFailed, match="EC2 could not be asked"):
            await anext(source)


# -------------------------------------------------------------------------------------------------------------- Consul


class Consul:
    """Consul's HTTP API as far as discovery asks it, with blocking queries."""

    def __init__(self, server: TargetServer) -> None:
        self.services: dict[str, list[dict[str, Any]]] = {}
        self.index = 1
        self.changed = asyncio.Event()
        server.answers["/v1/agent/self"] = self.agent
        server.answers["/v1/catalog/services"] = self.catalog
        self._server = server

    def set(self, name: str, *entries: dict[str, Any]) -> None:
        if entries:
            self.services[name] = list(entries)
        else:
            self.services.pop(name, None)
        self._server.answers[f"/v1/health/service/{name}"] = self.health
        self.index += 1
        self.changed.set()
        self.changed = asyncio.Event()

    async def _wait(self, request: web.Request) -> dict[str, str]:
        if int(request.query.get("index", 0)) >= self.index:
            await self.changed.wait()
        return {"X-Consul-Index": str(self.index)}

    async def agent(self, request: web.Request) -> web.Response:
        return web.json_response({"Config": {"Datacenter": "dc1"}})

    async def catalog(self, request: web.Request) -> web.Response:
        headers = await self._wait(request)
        tags = {
            name: sorted({tag for one in found for tag in one["Service"]["Tags"]}) for name, found in self.services.items()
        }
        return web.json_response(tags, headers=headers)

    async def health(self, request: web.Request) -> web.Response:
        headers = await self._wait(request)
        return web.json_response(self.services.get(request.path.rpartition("/")[2], []), headers=headers)


def entry(node: str, port: int, status: str = "passing", **service: Any) -> dict[str, Any]:
    return {
        "Node": {"Node": node, "Address": "10.0.0.1", "Meta": {"rack-id": "r1"}, "TaggedAddresses": {"lan": "10.0.0.1"}},
        "Service": {"ID": f"{node}-1", "Address": "", "Port": port, "Tags": ["a", "b"], "Meta": {"v": "2"}, **service},
        "Checks": [{"CheckID": "x", "Status": status}],
    }


async def test_consul(server: TargetServer, client: ScrapeClient) -> None:
    consul = Consul(server)
    consul.set("web", entry("n1", 80), entry("n2", 81, "critical", Address="10.0.0.9"))
    consul.set("db", entry("n1", 5432))
    wanted = settings(ConsulDiscovery, f"{{server: '{server.address}', token: geheim, refresh_interval: 100ms}}")
    source = provider(wanted, client)
    async with aclosing(source):
        found = {one[ADDRESS]: one for one in await until(source, lambda found: len(found) == 3)}
        assert set(found) == {"10.0.0.1:80", "10.0.0.9:81", "10.0.0.1:5432"}
        prefix = "__meta_consul_"
        assert {name.removeprefix(prefix): value for name, value in found["10.0.0.9:81"].items() if name.startswith(prefix)} == {
            "address": "10.0.0.1", "node": "n2", "tags": ",a,b,", "service": "web", "service_address": "10.0.0.9",
            "service_port": "81", "service_id": "n2-1", "dc": "dc1", "health": "critical", "metadata_rack_id": "r1",
            "service_metadata_v": "2", "tagged_address_lan": "10.0.0.1",
        }  # fmt: skip
        assert all(asked.headers.get("X-Consul-Token") == "geheim" for asked in server.asked)
        consul.set("db")
        assert len(await until(source, lambda found: len(found) == 2)) == 2
        consul.set("web", entry("n1", 80))
        assert [one[ADDRESS] for one in await until(source, lambda found: len(found) == 1)] == ["10.0.0.1:80"]
    source = provider(ConsulDiscovery(server="127.0.0.1:1"), client)
    async with aclosing(source):
        with pytest.raises(TargetFailed):
            await anext(source)


# ---------------------------------------------------------------------------------------------------------- Kubernetes


class Cluster:
    """The API of Kubernetes as far as discovery asks it: lists and watches."""

    PATHS: ClassVar = {
        "nodes": "/api/v1/nodes", "pods": "/api/v1/pods", "services": "/api/v1/services", "endpoints": "/api/v1/endpoints",
        "namespaces": "/api/v1/namespaces", "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
        "ingresses": "/apis/networking.k8s.io/v1/ingresses", "replicasets": "/apis/apps/v1/replicasets",
    }  # fmt: skip

    def __init__(self, server: TargetServer) -> None:
        self.objects: dict[str, dict[str, Any]] = {kind: {} for kind in self.PATHS}
        self.version = 1
        self.watching: dict[str, list[asyncio.Queue[dict[str, Any]]]] = {kind: [] for kind in self.PATHS}
        self.gone = False
        for kind, path in self.PATHS.items():
            server.answers[path] = self.handler(kind)

    def put(self, kind: str, found: dict[str, Any], event: str = "ADDED") -> None:
        self.version += 1
        found["metadata"].setdefault("namespace", "shop")
        if kind in ("nodes", "namespaces"):
            del found["metadata"]["namespace"]
        found["metadata"]["resourceVersion"] = str(self.version)
        if event == "DELETED":
            self.objects[kind].pop(found["metadata"]["name"])
        else:
            self.objects[kind][found["metadata"]["name"]] = found
        for queue in self.watching[kind]:
            queue.put_nowait({"type": event, "object": found})

    def handler(self, kind: str) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != "Bearer token":
                return web.json_response({"kind": "Status", "code": 401, "message": "no", "status": "Failure"}, status=401)
            if request.query.get("watch") not in ("true", "1"):
                return web.json_response(
                    {"items": list(self.objects[kind].values()), "metadata": {"resourceVersion": str(self.version)}}
                )
            if self.gone:
                self.gone = False
                return web.json_response({"kind": "Status", "code": 410, "message": "gone", "status": "Failure"}, status=410)
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            self.watching[kind].append(queue)
            try:
                while True:
                    await response.write(json.dumps(await queue.get()).encode() + b"\n")
            finally:
                self.watching[kind].remove(queue)

        return answer


def kubernetes(server: TargetServer, role: str, more: str = "") -> KubernetesDiscovery:
    return settings(  # type: ignore[no-any-return]
        KubernetesDiscovery, f"{{role: {role}, api_server: 'http://{server.address}', bearer_token: token{more}}}"
    )


POD = {
    "metadata": {
        "name": "web-1", "uid": "u1", "labels": {"app.kubernetes.io/name": "web"}, "annotations": {"prometheus.io/scrape": "true"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc", "controller": True, "apiVersion": "apps/v1", "uid": "r"}],
    },
    "spec": {
        "nodeName": "node-1",
        "containers": [
            {"name": "app", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                                                          {"name": "admin", "containerPort": 9090, "protocol": "TCP"}]},
            {"name": "side", "image": "side:1"},
        ],
        "initContainers": [{"name": "init", "image": "init:1"}],
    },
    "status": {
        "podIP": "10.1.0.5", "hostIP": "10.0.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "app", "containerID": "containerd://1", "image": "web:1", "imageID": "", "ready": True,
                               "restartCount": 0}],
    },
}  # fmt: skip


async def first(server: TargetServer, client: ScrapeClient, role: str, more: str = "") -> list[dict[str, str]]:
    source = provider(kubernetes(server, role, more), client)
    async with aclosing(source):
        return await until(source, len)


async def test_kubernetes_pods_are_watched(server: TargetServer, client: ScrapeClient) -> None:
    cluster = Cluster(server)
    cluster.put("pods", json.loads(json.dumps(POD)))
    cluster.put("replicasets", {"metadata": {"name": "web-abc", "ownerReferences": [
        {"kind": "Deployment", "name": "web", "controller": True, "apiVersion": "apps/v1", "uid": "d"}]},
        "spec": {"selector": {}}})  # fmt: skip
    source = provider(kubernetes(server, "pod", ", attach_metadata: {deployment: true}"), client)
    async with aclosing(source):
        found = {one[ADDRESS]: one for one in await until(source, len)}
        assert set(found) == {"10.1.0.5:8080", "10.1.0.5:9090", "10.1.0.5"}
        one = {name.removeprefix("__meta_kubernetes_"): value for name, value in found["10.1.0.5:8080"].items()}
        assert one | {
            "namespace": "shop", "pod_name": "web-1", "pod_ip": "10.1.0.5", "pod_ready": "true", "pod_phase": "Running",
            "pod_node_name": "node-1", "pod_host_ip": "10.0.0.1", "pod_uid": "u1", "pod_controller_kind": "ReplicaSet",
            "pod_controller_name": "web-abc", "pod_deployment_name": "web", "pod_label_app_kubernetes_io_name": "web",
            "pod_labelpresent_app_kubernetes_io_name": "true", "pod_annotation_prometheus_io_scrape": "true",
            "pod_container_name": "app", "pod_container_image": "web:1", "pod_container_id": "containerd://1",
            "pod_container_init": "false", "pod_container_port_name": "http", "pod_container_port_number": "8080",
            "pod_container_port_protocol": "TCP",
        } == one  # fmt: skip
        second = json.loads(json.dumps(POD))
        second["metadata"]["name"], second["status"]["podIP"] = "web-2", "10.1.0.6"
        cluster.put("pods", second)
        assert len({one[ADDRESS] for one in await until(source, lambda found: len(found) > 4)}) == 6
        cluster.put("pods", second, "DELETED")
        assert {one[ADDRESS] for one in await until(source, lambda found: len(found) <= 4)} == set(found)


async def test_kubernetes_lists_again_what_the_server_forgot(server: TargetServer, client: ScrapeClient) -> None:
    cluster = Cluster(server)
    cluster.gone = True
    cluster.put("nodes", node("node-1"))
    source = provider(kubernetes(server, "node"), client)
    async with aclosing(source):
        await until(source, len)
        async with asyncio.timeout(60):
            while not cluster.watching["nodes"]:
                await asyncio.sleep(0.02)
        cluster.put("nodes", node("node-2"))
        found = await until(source, lambda found: len(found) == 2)
    assert found[1] | {
        ADDRESS: "10.0.0.1:10250", "instance": "node-2", "__meta_kubernetes_node_name": "node-2",
        "__meta_kubernetes_node_address_InternalIP": "10.0.0.1", "__meta_kubernetes_node_label_zone": "a",
        "__meta_kubernetes_node_provider_id": "aws://x",
    } == found[1]  # fmt: skip


def node(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"zone": "a"}},
        "spec": {"providerID": "aws://x"},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": "10.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }


async def test_kubernetes_services_and_their_endpoints(server: TargetServer, client: ScrapeClient) -> None:
    cluster = Cluster(server)
    cluster.put("pods", json.loads(json.dumps(POD)))
    cluster.put("nodes", node("node-1"))
    cluster.put("namespaces", {"metadata": {"name": "shop", "labels": {"team": "t"}}})
    service = {
        "metadata": {"name": "web", "labels": {"tier": "front"}},
        "spec": {"type": "ClusterIP", "clusterIP": "10.9.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
    }
    cluster.put("services", service)
    reference = {"kind": "Pod", "name": "web-1", "namespace": "shop"}
    cluster.put("endpoints", {"metadata": {"name": "web"}, "subsets": [{
        "addresses": [{"ip": "10.1.0.5", "nodeName": "node-1", "targetRef": reference}],
        "notReadyAddresses": [{"ip": "10.1.0.7"}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}]})  # fmt: skip
    cluster.put("endpointslices", {"metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": True, "serving": True, "terminating": False},
                       "nodeName": "node-1", "zone": "z1", "targetRef": reference}]})  # fmt: skip
    meta = "__meta_kubernetes_"
    (found,) = await first(server, client, "service", ", attach_metadata: {namespace: true}")
    assert found[ADDRESS] == "web.shop.svc:80"
    assert (found[f"{meta}service_cluster_ip"], found[f"{meta}service_label_tier"]) == ("10.9.0.1", "front")
    assert found[f"{meta}namespace_label_team"] == "t"
    by_address = {one[ADDRESS]: one for one in await first(server, client, "endpoints", ", attach_metadata: {node: true}")}
    # The pod's other port is a target as well, without what only endpoints have.
    assert set(by_address) == {"10.1.0.5:8080", "10.1.0.7:8080", "10.1.0.5:9090"}
    one = by_address["10.1.0.5:8080"]
    assert one[f"{meta}endpoint_ready"] == "true"
    assert one[f"{meta}pod_container_port_name"] == "http"
    assert one[f"{meta}service_name"] == "web"
    assert one[f"{meta}node_label_zone"] == "a"
    assert by_address["10.1.0.7:8080"][f"{meta}endpoint_ready"] == "false"
    assert f"{meta}endpoint_ready" not in by_address["10.1.0.5:9090"]
    slices = {one[ADDRESS]: one for one in await first(server, client, "endpointslice")}
    assert set(slices) == {"10.1.0.5:8080", "10.1.0.5:9090"}
    one = slices["10.1.0.5:8080"]
    assert one[f"{meta}endpointslice_endpoint_conditions_ready"] == "true"
    assert one[f"{meta}endpointslice_endpoint_zone"] == "z1"
    assert one[f"{meta}service_label_tier"] == "front"


async def test_kubernetes_ingresses_and_selectors(server: TargetServer, client: ScrapeClient) -> None:
    from nexus.pipeline.discovery.kubernetes import field_selector, label_selector

    cluster = Cluster(server)
    cluster.put("ingresses", {"metadata": {"name": "shop"}, "spec": {
        "ingressClassName": "nginx", "tls": [{"hosts": ["*.shop.example"]}],
        "rules": [{"host": "www.shop.example", "http": {"paths": [{"path": "/a", "pathType": "Prefix", "backend": {}},
                                                                  {"pathType": "Prefix", "backend": {}}]}},
                  {"host": "shop.example"}]}})  # fmt: skip
    found = await first(
        server, client, "ingress", ", selectors: [{role: ingress, label: 'a=b,c in (d, e),!f', field: 'metadata.name=x'}]"
    )
    shown = [tuple(one[f"__meta_kubernetes_ingress_{name}"] for name in ("scheme", "host", "path")) for one in found]
    assert shown == [
        ("https", "www.shop.example", "/a"),
        ("https", "www.shop.example", "/"),
        ("http", "shop.example", "/"),
    ]
    asked = server.asked[0].query
    assert sorted(asked["labelSelector"].replace(" ", "").split(",")) == sorted("a=b,cin(d,e),!f".split(","))
    assert asked["fieldSelector"] == "metadata.name=x"
    assert set(label_selector("a, b!=c, d notin (e)")) == {"a", "b", "d"}
    assert set(field_selector("a!=b,c==d")) == {"a", "c"}
    with pytest.raises(TargetFailed, match="no label selector"):
        label_selector("a=b,,=")


async def test_kubernetes_that_refuses_is_a_failure(server: TargetServer, client: ScrapeClient) -> None:
    Cluster(server)
    wrong = settings(KubernetesDiscovery, f"{{role: pod, api_server: 'http://{server.address}', bearer_token: no}}")
    source = provider(wrong, client)
    async with aclosing(source):
        with pytest.raises(TargetFailed, match="Kubernetes could not be asked"):
            await anext(source)
    source = provider(KubernetesDiscovery(role="pod"), client)
    async with aclosing(source):
        with pytest.raises(TargetFailed, match="no way to a Kubernetes cluster"):
            await anext(source)
