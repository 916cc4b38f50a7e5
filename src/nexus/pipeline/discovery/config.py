"""What discovery is told: the `*_sd_configs` of a scrape job. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from nexus.pipeline.scrape.http_config import HttpSettings, Quiet
from nexus.pipeline.scrape.values import Span

_FILES: Final = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")
_SECOND: Final = 1000


class StaticGroup(Quiet, frozen=True):
    """Targets written down, and labels of all of them."""

    targets: list[str] = []
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Check the addresses."""
        for target in self.targets:
            if "/" in target:
                raise ValueError(f"{target[:80]!r} is not a valid hostname")


class FileDiscovery(Quiet, frozen=True):
    """Files with groups of targets."""

    files: list[str] = []
    refresh_interval: Span = Span(300 * _SECOND)

    def __post_init__(self) -> None:
        """Check the names."""
        if not self.files:
            raise ValueError("`file_sd_configs` needs `files`")
        for name in self.files:
            if not _FILES.fullmatch(name):
                raise ValueError(f"{name[:80]!r} is not the path of a .json, .yml or .yaml file (`*` in its last part only)")


class HttpDiscovery(HttpSettings, frozen=True):
    """A server that answers with groups of targets."""

    url: str = ""
    refresh_interval: Span = Span(60 * _SECOND)

    def __post_init__(self) -> None:
        """Check the address."""
        self.check_http()
        parts = urlsplit(self.url)
        if not self.url:
            raise ValueError("`http_sd_configs` needs a `url`")
        if parts.scheme not in ("http", "https"):
            raise ValueError("the scheme of `url` must be http or https")
        if not parts.hostname:
            raise ValueError("`url` names no host")


class DnsDiscovery(Quiet, frozen=True):
    """Records of names."""

    names: list[str] = []
    refresh_interval: Span = Span(30 * _SECOND)
    type: str = "SRV"
    port: int = 0

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not self.names:
            raise ValueError("`dns_sd_configs` needs `names`")
        kind = self.type.upper()
        if kind not in ("A", "AAAA", "MX", "NS", "SRV"):
            raise ValueError(f"`type` {self.type[:20]!r} is none of A, AAAA, MX, NS, SRV")
        if kind != "SRV" and not self.port:
            raise ValueError("a `port` is needed for all types but SRV")


class Namespaces(Quiet, frozen=True):
    """Namespaces of Kubernetes."""

    own_namespace: bool = False
    names: list[str] = []


class Selector(Quiet, frozen=True):
    """Restricts the objects of a role."""

    role: str = ""
    label: str = ""
    field: str = ""


class AttachMetadata(Quiet, frozen=True):
    """Labels of objects that a target belongs to."""

    node: bool = False
    namespace: bool = False
    deployment: bool = False
    job: bool = False
    cronjob: bool = False


Role = Literal["node", "service", "pod", "endpoints", "endpointslice", "ingress"]
_ALLOWED_SELECTORS: Final = {
    "pod": {"pod", "node"},
    "service": {"service"},
    "endpointslice": {"pod", "service", "endpointslice"},
    "endpoints": {"pod", "service", "endpoints"},
    "node": {"node"},
    "ingress": {"ingress"},
}


class KubernetesDiscovery(HttpSettings, frozen=True):
    """Objects of a Kubernetes cluster."""

    role: Role | None = None
    api_server: str = ""
    kubeconfig_file: str = ""
    namespaces: Namespaces = Namespaces()
    selectors: list[Selector] = []
    attach_metadata: AttachMetadata = AttachMetadata()

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check_http()
        if self.role is None:
            raise ValueError("`role` is missing (one of pod, service, endpoints, endpointslice, node or ingress)")
        http = self.basic_auth or self.authorization or self.oauth2 or self.bearer_token or self.bearer_token_file
        set_here = bool(http) or self.tls_config != type(self.tls_config)() or not self.follow_redirects
        if self.kubeconfig_file and (self.api_server or set_here):
            raise ValueError("`kubeconfig_file` excludes `api_server` and HTTP settings")
        if set_here and not self.api_server:
            raise ValueError("HTTP settings need an `api_server`")
        if self.api_server and self.namespaces.own_namespace:
            raise ValueError("`api_server` excludes `namespaces.own_namespace`")
        if self.kubeconfig_file and self.namespaces.own_namespace:
            raise ValueError("`kubeconfig_file` excludes `namespaces.own_namespace`")
        seen: set[str] = set()
        for one in self.selectors:
            if one.role in seen:
                raise ValueError(f"two selectors have the role {one.role!r}")
            if one.role not in _ALLOWED_SELECTORS[self.role]:
                raise ValueError(f"the role {self.role} takes no selector of the role {one.role!r}")
            seen.add(one.role)
            check_selector(one)


def check_selector(selector: Selector) -> None:
    """Raise `ValueError` when a selector cannot be read."""
    part = re.compile(r"[^=!,\s()]+\s*((==|=|!=)\s*[^=!,\s]*)?")
    for part_text in filter(None, selector.field.split(",")):
        if not re.fullmatch(r"[^=!,\s]+(==|=|!=)[^=!,]*", part_text.strip()):
            raise ValueError(f"{selector.field[:60]!r} is no field selector")
    text = re.sub(r"\S+\s+(not)?in\s*\([^()]*\)", "in", selector.label)
    for part_text in filter(None, text.split(",")):
        if not part.fullmatch(part_text.strip().removeprefix("!")):
            raise ValueError(f"{selector.label[:60]!r} is no label selector")


class Filter(Quiet, frozen=True):
    """A filter of EC2 instances."""

    name: str = ""
    values: list[str] = []

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.values:
            raise ValueError("a filter needs `values`")


class Ec2Discovery(HttpSettings, frozen=True):
    """Instances of EC2."""

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    refresh_interval: Span = Span(60 * _SECOND)
    port: int = 80
    filters: list[Filter] = []

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check_http()
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("`access_key` and `secret_key` come together")


class ConsulDiscovery(HttpSettings, frozen=True):
    """Services of Consul's catalogue."""

    server: str = "localhost:8500"
    path_prefix: str = ""
    token: str = ""
    datacenter: str = ""
    namespace: str = ""
    partition: str = ""
    tag_separator: str = ","
    scheme: str = "http"
    username: str = ""
    password: str = ""
    allow_stale: bool = True
    refresh_interval: Span = Span(30 * _SECOND)
    services: list[str] = []
    tags: list[str] = []
    node_meta: dict[str, str] = {}
    filter: str = ""
    health_filter: str = ""

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        self.check_http()
        if not self.server.strip():
            raise ValueError("`consul_sd_configs` needs a `server`")
        if (self.username or self.password) and self.basic_auth is not None:
            raise ValueError("at most one of `username`/`password` and `basic_auth` may be set")
        if self.token and (self.authorization is not None or self.oauth2 is not None):
            raise ValueError("at most one of `token`, `authorization` and `oauth2` may be set")


UNSUPPORTED: Final = (
    "aws", "azure", "digitalocean", "docker", "dockerswarm", "eureka", "gce", "hetzner", "ionos", "kuma", "lightsail",
    "linode", "marathon", "nerve", "nomad", "oci", "openstack", "outscale", "ovhcloud", "puppetdb", "scaleway", "serverset",
    "stackit", "triton", "uyuni", "vultr",
)  # fmt: skip
"""Kinds of discovery that Prometheus has and Nexus has not: they are read over, and a warning names them."""


class DiscoveryKeys(HttpSettings, frozen=True):
    """Base of a job: the keys of every kind of discovery."""

    static_configs: list[StaticGroup] = []
    file_sd_configs: list[FileDiscovery] = []
    http_sd_configs: list[HttpDiscovery] = []
    dns_sd_configs: list[DnsDiscovery] = []
    kubernetes_sd_configs: list[KubernetesDiscovery] = []
    ec2_sd_configs: list[Ec2Discovery] = []
    consul_sd_configs: list[ConsulDiscovery] = []
    aws_sd_configs: list[Any] = []
    azure_sd_configs: list[Any] = []
    digitalocean_sd_configs: list[Any] = []
    docker_sd_configs: list[Any] = []
    dockerswarm_sd_configs: list[Any] = []
    eureka_sd_configs: list[Any] = []
    gce_sd_configs: list[Any] = []
    hetzner_sd_configs: list[Any] = []
    ionos_sd_configs: list[Any] = []
    kuma_sd_configs: list[Any] = []
    lightsail_sd_configs: list[Any] = []
    linode_sd_configs: list[Any] = []
    marathon_sd_configs: list[Any] = []
    nerve_sd_configs: list[Any] = []
    nomad_sd_configs: list[Any] = []
    oci_sd_configs: list[Any] = []
    openstack_sd_configs: list[Any] = []
    outscale_sd_configs: list[Any] = []
    ovhcloud_sd_configs: list[Any] = []
    puppetdb_sd_configs: list[Any] = []
    scaleway_sd_configs: list[Any] = []
    serverset_sd_configs: list[Any] = []
    stackit_sd_configs: list[Any] = []
    triton_sd_configs: list[Any] = []
    uyuni_sd_configs: list[Any] = []
    vultr_sd_configs: list[Any] = []

    def unsupported(self) -> list[str]:
        """Keys of discovery that Nexus has not."""
        return [f"{kind}_sd_configs" for kind in UNSUPPORTED if getattr(self, f"{kind}_sd_configs")]
