"""Content encodings: against the reference implementations, within limits, and on garbage."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import _native


def bare_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    return encoder.compress(data) + encoder.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "two gzip members": ("x-gzip", lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:])),
    "zlib": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "zstd": ("zstd", lambda data: bytes(cramjam.zstd.compress(data))),
    "snappy block": ("snappy", lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "snappy frames": ("Snappy", lambda data: bytes(cramjam.snappy.compress(data))),
    "identity": ("identity", bytes),
}
KINDS = sorted(ENCODERS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(min_size=1, max_size=2000)
    | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=5), st.integers(1, 50_000))
)
def test_round_trip_and_limit(kind: str, data: bytes) -> None:
    name, encode = ENCODERS[kind]
    body = encode(data)
    assert _native.decompress(body, name, len(data)) == data
    with pytest.raises(_native.TooLarge, match=f"larger than {len(data) - 1} bytes"):
        _native.decompress(body, name, len(data) - 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "identity"])
@settings(max_examples=100, deadline=None)
@given(data=st.binary(min_size=20, max_size=3000), cut=st.integers(1, 15), more=st.binary(min_size=1, max_size=20))
def test_truncated_and_trailing_bytes(kind: str, data: bytes, cut: int, more: bytes) -> None:
    name, encode = ENCODERS[kind]
    body = encode(data)
    # Snappy frames do not say how many there are: only a cut within one can be noticed.
    cut = min(cut, 7) if kind == "snappy frames" else cut
    with pytest.raises(_native.BadEncoding, match="not valid"):
        _native.decompress(body[:-cut], name, 1 << 20)
    with pytest.raises(_native.BadEncoding, match="not valid"):
        _native.decompress(body + b"\x00" + more, name, 1 << 20)


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "snappy"])
@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60))
def test_garbage_never_crashes(name: str, body: bytes) -> None:
    try:
        assert len(_native.decompress(body, name, 1000)) <= 1000
    except (_native.BadEncoding, _native.TooLarge):
        pass


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "identity"])
def test_bombs(kind: str) -> None:
    name, encode = ENCODERS[kind]
    with pytest.raises(_native.TooLarge):
        _native.decompress(encode(bytes(200 << 20)), name, 1 << 20)


def test_unknown_encoding() -> None:
    with pytest.raises(_native.UnknownEncoding, match='unknown encoding "br": use gzip'):
        _native.decompress(b"", "br", 10)
