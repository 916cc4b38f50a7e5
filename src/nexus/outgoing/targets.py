"""Which addresses may be asked, so that nobody makes Nexus ask what only Nexus can reach (SSRF). Pure.

Allowed are public unicast addresses (after the IANA special-purpose registries, RFC 6890) on a few ports, by https. What an
operator names in `outgoing.allow` is allowed besides, on any port and by plain http. A host name stands for what it resolves
to: every one of its addresses must be allowed. Addresses are read in their one canonical spelling; `0x7f.1`, `2130706433`
and whatever else a resolver might take for an address are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nexus.errors import TargetRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL: Final = 4096
PORTS: Final = (80, 443, 8080, 8443)
"""Ports that are asked where the configuration does not say others."""

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMERIC: Final = re.compile(r"\d+|0x[0-9a-f]*")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\ufffd\u2028\u2029]")

_PRIVATE_4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers (CGNAT); metadata of one cloud
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # metadata and agents of one cloud
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; metadata of one cloud
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
# Outside of 2000::/3 are loopback, IPv4-mapped and -compatible (::/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), unique local
# (fc00::/7 with the metadata at fd00:ec2::254), link-local and multicast.
_PRIVATE_6: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Not even for a host name that an operator allows: where no service of a company is, but the metadata of a cloud.
_NEVER_BY_NAME: Final[tuple[Network, ...]] = (
    *(ipaddress.IPv4Network(text) for text in ("0.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "224.0.0.0/4",
                                               "240.0.0.0/4", "100.100.100.200/32", "192.0.0.192/32")),
    *(ipaddress.IPv6Network(text) for text in ("::/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16",
                                               "fe80::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `host` is an ASCII name in lower case, or empty with an `address`; `rest` is path and query."""

    scheme: str
    host: str
    address: Address | None
    port: int
    rest: str

    @property
    def authority(self) -> str:
        """Host and port, the port of the scheme left out."""
        host = self.host or (f"[{self.address}]" if isinstance(self.address, ipaddress.IPv6Address) else str(self.address))
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The URL, canonical."""
        return self.origin + self.rest


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed: `networks` and `hosts` are named by the operator (`.corp.example` is a domain with all below it);
    `ports` are those of every other target."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset(PORTS)

    def names(self, host: str) -> bool:
        """Did the operator name this host?"""
        parts = host.split(".")
        return host in self.hosts or any("." + ".".join(parts[at:]) in self.hosts for at in range(len(parts)))

    def lists(self, address: Address) -> bool:
        """Did the operator name this address?"""
        return any(address.version == network.version and address in network for network in self.networks)


def rules(allow: Iterable[str], ports: Iterable[int] = PORTS) -> Rules:
    """Read `outgoing.allow` and `outgoing.ports`. Raises `ValueError` for an entry that is neither network nor host name."""
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in allow:
        text = entry.strip().lower()
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
            continue
        except ValueError:
            pass
        name = text.removeprefix("*")
        if not _HOST.fullmatch(name.removeprefix(".")) or _NUMERIC.fullmatch(name.rpartition(".")[2]):
            raise ValueError(f"{entry!r} is neither a network such as 10.0.0.0/8 nor a host name")
        hosts.add(name)
    return Rules(tuple(networks), frozenset(hosts), frozenset(ports))


def parse_target(url: str) -> Target:
    """Take a URL apart. Raises `TargetRefused` for one that is not http or https, has a user name, or an odd host."""
    if len(url) > MAX_URL or _FORBIDDEN.search(url):
        raise TargetRefused("the address holds characters that no URL has, or is too long.", hint=_HINT)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetRefused("the address is no URL.", hint=_HINT) from error
    if parts.scheme not in ("http", "https"):
        raise TargetRefused("only http and https are asked.", hint=_HINT)
    if "@" in parts.netloc:
        raise TargetRefused("an address with a user name or a password in it is not asked.", hint="Leave them out.")
    netloc = parts.netloc
    host, address = _host_of(parts.hostname or "", bracketed=netloc.startswith("["))
    if port == 0 or netloc.endswith(":"):
        raise TargetRefused("the port of the address is wrong.", hint=_HINT)
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not rest.isascii():
        raise TargetRefused("the path of the address has to be percent-encoded.", hint=_HINT)
    return Target(parts.scheme, host, address, port or (443 if parts.scheme == "https" else 80), rest)


def check_target(target: Target, allowed: Rules) -> None:
    """What is known before its name is resolved. Raises `TargetRefused`."""
    if target.address is not None:
        check_address(target.host, target.address, allowed)
    named = allowed.lists(target.address) if target.address is not None else allowed.names(target.host)
    # A name in one of the allowed networks is not known yet: `check_scheme` asks again.
    if named or (target.address is None and allowed.networks):
        return
    check_scheme(target, allowed)


def check_scheme(target: Target, allowed: Rules, addresses: Iterable[Address] = ()) -> None:
    """Scheme and port, for what the operator did not name: neither the host, nor all of its addresses. Raises
    `TargetRefused`."""
    known = list(addresses) or ([target.address] if target.address is not None else [])
    if allowed.names(target.host) or (known and all(allowed.lists(address) for address in known)):
        return
    if target.scheme != "https":
        raise TargetRefused(f"{target.authority} is asked by https only.", hint=ALLOW_HINT)
    if target.port not in allowed.ports:
        raise TargetRefused(f"port {target.port} of {target.host or target.address} is not asked.", hint=ALLOW_HINT)


def check_address(host: str, address: Address, allowed: Rules) -> None:
    """May this address be asked, as one of the host's, or by itself when `host` is empty? Raises `TargetRefused`,
    which does not say what the name resolved to."""
    if allowed.lists(address):
        return
    if host and allowed.names(host):
        if not any(address.version == network.version and address in network for network in _NEVER_BY_NAME):
            return
    elif is_public(address):
        return
    raise TargetRefused(f"{host or address} is not a public address.", hint=ALLOW_HINT)


def check_configured(host: str, address: Address, allowed: Rules) -> None:
    """May this address be asked for what an administrator configured (a scrape target)? Private networks and loopback may;
    metadata services, link-local and the like only when they are listed. Raises `TargetRefused`."""
    plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
    if allowed.lists(address) or allowed.lists(plain):
        return
    if any(plain.version == network.version and plain in network for network in _NEVER_BY_NAME):
        raise TargetRefused(
            f"{host or address} is the address of a metadata service, link-local or reserved.", hint=ALLOW_HINT
        )


def is_public(address: Address) -> bool:
    """Is it a unicast address of the internet, by which nothing inside is reached?"""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _PRIVATE_4)
    return address.scope_id is None and address in _GLOBAL_6 and not any(address in network for network in _PRIVATE_6)


def _host_of(text: str, *, bracketed: bool) -> tuple[str, Address | None]:
    """The host name, or the address. Raises `TargetRefused`."""
    if bracketed:
        try:
            if "%" in text:
                raise ValueError(text)
            return "", ipaddress.IPv6Address(text)
        except ValueError as error:
            raise TargetRefused("the IPv6 address is wrong.", hint=_HINT) from error
    host = text.removesuffix(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError as error:
            raise TargetRefused("the host name is wrong.", hint=_HINT) from error
    if not _HOST.fullmatch(host):
        raise TargetRefused("the host name is wrong.", hint=_HINT)
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        # Resolvers take many things for an IPv4 address; only the dotted form without leading zeros is one here.
        try:
            return "", ipaddress.IPv4Address(host)
        except ValueError as error:
            raise TargetRefused("the IPv4 address is spelled in an unusual way.", hint="Write it like 192.0.2.1.") from error
    return host, None


_HINT: Final = "Give a URL such as https://host.example/path."
ALLOW_HINT: Final = "An administrator can name it in outgoing.allow."
