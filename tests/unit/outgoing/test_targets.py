"""Which addresses are asked: spellings, ranges, and what an operator allows."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.errors import TargetRefused
from nexus.outgoing.targets import Rules, check_address, check_scheme, check_target, is_public, parse_target, rules

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9", "169.254.169.254",
        "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "192.88.99.1",
        "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::", "3fff::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1", "5f00::1",
    ],
)  # fmt: skip
def test_what_is_inside_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(TargetRefused):
        check_address("name.example", ipaddress.ip_address(address), Rules())
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetRefused):
        check_target(parse_target(f"https://{shown}/"), Rules())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_asked(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    shown = f"[{address}]" if ":" in address else address
    check_target(parse_target(f"https://{shown}/x"), Rules())


@given(st.integers(0, 2**32 - 1))
def test_no_address_that_the_registry_calls_private_is_public(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    if is_public(address):
        assert not (
            address.is_private or address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved
            or address.is_unspecified
        )  # fmt: skip
    # The same address in IPv6's clothes is never one.
    for dressed in (f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"):
        assert not is_public(ipaddress.ip_address(dressed))
    assert not is_public(ipaddress.IPv6Address(0x2002 << 112 | number << 80))


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.1/",
        "https://127.0.1/", "https://127.0.0.01/", "https://017700000001/", "https://1.1.1.1.1/", "https://a.0x1/",
        "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://256.1.1.1/", "https://0/", "https://x.1/",
    ],
)  # fmt: skip
def test_odd_spellings_of_addresses_are_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_target(parse_target(url), Rules())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/", "/x", "",
        "https://", "https:///x", "https://user@example.com/", "https://user:secret@example.com/", "https://@example.com/",
        "https://good.example@127.0.0.1/", "https://127.0.0.1\\@good.example/", "https://good.example\\.evil.example/",
        "https://exa mple.com/", "https://example.com/\r\nHost: x", "https://example.com\t/", "https://[::1/", "https://[::1%25lo]/",
        "https://[fe80::1%eth0]/", "https://[127.0.0.1]/", "https://[v1.x]/", "https://example.com:0/", "https://example.com:/",
        "https://example.com:99999/", "https://example.com:-1/", "https://exa%6dple.com/", "https://.example.com/",
        "https://a..b/", "https://-a.example/", f"https://{'a' * 64}.example/", "https://example.com/ü", "https://ex\x00ample.com/",
        "https://" + "a" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        parse_target(url)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://good.example{text}"):
        try:
            target = parse_target(url)
        except TargetRefused:
            continue
        again = parse_target(target.url)
        assert (again.host, again.address, again.port, again.scheme) == (
            target.host,
            target.address,
            target.port,
            target.scheme,
        )


def test_a_url_is_taken_apart() -> None:
    target = parse_target("HTTPS://Idp.Example.:8443/a/b?c=d#part")
    assert (target.scheme, target.host, target.port, target.rest) == ("https", "idp.example", 8443, "/a/b?c=d")
    assert target.url == "https://idp.example:8443/a/b?c=d"
    assert parse_target("https://bücher.example").host == "xn--bcher-kva.example"
    assert parse_target("https://[2606:4700::1]:443/").url == "https://[2606:4700::1]/"


def test_plain_http_and_other_ports_are_only_for_what_is_allowed() -> None:
    for url in ("http://example.com/", "https://example.com:22/", "https://example.com:6379/"):
        with pytest.raises(TargetRefused):
            check_target(parse_target(url), Rules())
    allowed = rules(["example.com", ".corp.example", "10.0.0.0/8", "::1"])
    for url in ("http://example.com:22/", "http://a.b.corp.example/", "http://corp.example/", "http://10.1.2.3:9000/",
                "http://[::1]:3000/"):  # fmt: skip
        check_target(parse_target(url), allowed)
    for url in ("https://10.0.0.1.evil.example:22/", "http://evil-example.com/", "http://notcorp.example/"):
        target = parse_target(url)
        with pytest.raises(TargetRefused):
            check_scheme(target, allowed, [ipaddress.ip_address("93.184.215.14")])
    for url in ("http://127.0.0.1/", "https://11.0.0.1:1/"):
        with pytest.raises(TargetRefused):
            check_target(parse_target(url), allowed)


def test_an_allowed_name_may_be_inside_but_not_metadata() -> None:
    allowed = rules(["idp.corp.example"])
    for good in ("10.0.0.5", "127.0.0.1", "fd12::1", "::1"):
        check_address("idp.corp.example", ipaddress.ip_address(good), allowed)
    for bad in ("169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:10.0.0.5", "0.0.0.0", "224.0.0.1", "100.100.100.200"):
        with pytest.raises(TargetRefused):
            check_address("idp.corp.example", ipaddress.ip_address(bad), allowed)
    # By address somebody has to mean it.
    check_address("", ipaddress.ip_address("169.254.169.254"), rules(["169.254.169.254"]))


@pytest.mark.parametrize("entry", ["", "10.0.0.0/33", "http://x.example", "a b", "*", ".", "1.2.3.4.5", "0x7f.1", "x:80"])
def test_an_entry_that_is_neither_network_nor_name_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):
        rules([entry])
