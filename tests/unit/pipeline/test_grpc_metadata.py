"""What a gRPC call says about who calls: once, or not at all."""

from __future__ import annotations

import pytest

from nexus.errors import InvalidRequest
from nexus.pipeline.receivers.otlp_grpc import peer_address, read_metadata


def test_metadata_are_texts_by_name() -> None:
    assert read_metadata([("authorization", "Bearer x"), ("user-agent", "a"), ("user-agent", "b"), ("x-bin", b"\0")]) == {
        "authorization": "Bearer x",
        "user-agent": "b",
    }


@pytest.mark.parametrize("name", ["authorization", "x-scope-orgid", "idempotency-key", "cookie"])
def test_what_decides_about_access_comes_once(name: str) -> None:
    with pytest.raises(InvalidRequest, match="comes twice"):
        read_metadata([(name, "a"), ("user-agent", "x"), (name, "b")])


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:192.0.2.1:50000", "192.0.2.1"), ("ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"), ("unix:/run/x", "")],
)
def test_addresses(peer: str, address: str) -> None:
    assert peer_address(peer) == address
